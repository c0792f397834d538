"""``onecard``: every command, found by looking at ``tui/commands``."""

from __future__ import annotations

import importlib
import pkgutil

import typer

import tui.commands

__all__ = ["app", "build_app", "main"]

HELP = """一卡通台架：社保卡自助终端的硬件在环仿真与符合性测试。

Onecard HIL: hardware-in-the-loop simulator and conformance test harness for social security card kiosks.
"""

EPILOG = """先运行 onecard certify。退出码：0 全部通过，1 判为不通过，2 用法、配置或环境问题。 /
Start with: onecard certify. Exit codes: 0 all passed, 1 a verdict of fail, 2 usage, configuration or environment."""


def build_app() -> typer.Typer:
    """A typer application with every command."""
    application = typer.Typer(
        name="onecard",
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    for info in sorted(pkgutil.iter_modules(tui.commands.__path__), key=lambda each: each.name):
        importlib.import_module(f"tui.commands.{info.name}").register(application)
    return application


app = build_app()


def main() -> None:
    """Entry point of the command ``onecard``."""
    app(prog_name="onecard")


if __name__ == "__main__":
    main()

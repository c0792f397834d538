"""``python -m reference_impl.backend``: the command line of the reference backend."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from reference_impl.backend.settings import Settings, SettingsError, load_settings

__all__ = ["main", "parse"]

DESCRIPTION = "一卡通台架参考后台 / the reference backend of Onecard HIL"
EXIT_USAGE = 2


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Ends the process with code 2 when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m reference_impl.backend", description=DESCRIPTION)
    parser.add_argument(
        "command",
        nargs="?",
        default="serve",
        choices=("serve", "administrator", "provision", "verify-audit", "openapi"),
        help="serve: 提供服务 / answer requests (default); administrator: 建立或恢复管理员 / make or restore an administrator; "
        "provision: 批量建立机构与终端 / make institutions and terminals; "
        "verify-audit: 校验审计链 / verify the audit trail; openapi: 输出接口文档 / print the OpenAPI document",
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="YAML 或 JSON 设置 / settings as YAML or JSON")
    parser.add_argument("--database", metavar="URL", help="数据库 / database: sqlite:///FILE or postgresql://...")
    parser.add_argument("--keys-file", metavar="FILE", help="密钥文件，首次启动时生成 / keys, made at the first start")
    parser.add_argument("--host", help="监听地址 / address to listen on")
    parser.add_argument("--port", type=int, help="端口，0 为自动 / port, 0 to choose a free one")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="就绪后写入地址 / written with the URL when ready"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="已有后台运行时不等待 / do not stand by for a running backend"
    )
    parser.add_argument("--user", default="admin", help="管理员用户名 / login name of the administrator (admin)")
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="管理员密码，- 为标准输入；不给则随机生成 / the administrator's password, - for standard input; made up without it",
    )
    parser.add_argument(
        "--first-administrator",
        action="store_true",
        help="serve: 没有用户时先建立管理员 / make the administrator first when there is no user (with --password-file)",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="serve, provision: 机构与终端清单 / institutions and terminals as JSON",
    )
    parser.add_argument(
        "--codes", type=Path, metavar="FILE", help="serve, provision: 写入登记码 / gets the enrolment codes (mode 600)"
    )
    options = parser.parse_args(arguments)
    if (options.plan is None) != (options.codes is None) or (options.command == "provision" and options.plan is None):
        parser.error("--plan and --codes go together, and provision needs both")
    if options.first_administrator and not options.password_file:
        parser.error("--first-administrator needs --password-file: nobody would read a password that was made up")
    return options


def settings_of(options: argparse.Namespace) -> Settings:
    """Raises SettingsError."""
    overrides = {
        "database": options.database,
        "keys_file": options.keys_file,
        "listen.host": options.host,
        "listen.port": options.port,
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    return load_settings(options.settings, os.environ, given)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 at a normal end, 1 when the database, the keys or a check refuse, 2 for settings that make no sense, 3 when the
    process had to stop (another one has taken over, the database failed)."""
    options = parse(arguments)
    try:
        settings = settings_of(options)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    from reference_impl.backend.process import carry_out  # costly, and of no use before the command makes sense

    return carry_out(options, settings)


if __name__ == "__main__":
    sys.exit(main())

"""How a command is made: ``--json`` and ``--lang`` for all of them, errors as one clear message, Ctrl-C clean."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tui.console import EXIT_CONFIGURATION, EXIT_INTERRUPTED, Console
from tui.errors import describe
from tui.language import choose_language

__all__ = ["CommandFunction", "command", "group", "option_help"]

CommandFunction = Callable[..., int | None]

JsonOption = Annotated[
    bool, typer.Option("--json", help="只向标准输出写一个 JSON 文档 / write one JSON document and nothing else")
]
LangOption = Annotated[
    str, typer.Option("--lang", metavar="zh|en", help="语言 / language", callback=lambda v: _known(v))
]


def _known(value: str) -> str:
    if value not in ("", "zh", "en"):
        raise typer.BadParameter("zh | en")
    return value


def option_help(zh: str, en: str) -> str:
    return f"{zh} / {en}"


def group(zh: str, en: str) -> typer.Typer:
    """A group of commands (``onecard bench ...``)."""
    return typer.Typer(
        help=f"{zh}\n\n{en}",
        short_help=f"{zh} / {en}",
        no_args_is_help=True,
        rich_markup_mode=None,
        add_completion=False,
    )


def command(app: typer.Typer, name: str, zh: str, en: str, *, epilog: str = "") -> Callable[[CommandFunction], Any]:
    """Register ``function(console, ...)`` as command *name*. It gives its exit code, None for 0.

    The options ``--json`` and ``--lang`` are added here; errors that a person can mend become a message and exit code 2,
    Ctrl-C ends with 130. A defect of ours keeps its traceback but never the exit code of a failed device.
    """

    def register(function: CommandFunction) -> CommandFunction:
        signature = inspect.signature(function, eval_str=True)
        own = [each for each in signature.parameters.values() if each.name != "console"]

        def run(**given: Any) -> None:
            console = Console(choose_language(given.pop("lang_")), bool(given.pop("json_")))
            raise typer.Exit(guarded(console, lambda: function(console, **given)))

        added = [
            inspect.Parameter("json_", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption),
            inspect.Parameter("lang_", inspect.Parameter.KEYWORD_ONLY, default="", annotation=LangOption),
        ]
        keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        run.__signature__ = inspect.Signature(keyword + added)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in keyword + added}
        run.__name__ = function.__name__
        app.command(name, help=f"{zh}\n\n{en}", short_help=f"{zh} / {en}", epilog=epilog or None)(run)
        return function

    return register


def guarded(console: Console, body: Callable[[], int | None]) -> int:
    """Run *body*; give its exit code, or that of what went wrong."""
    try:
        return body() or 0
    except typer.Exit as stop:
        return stop.exit_code
    except KeyboardInterrupt:
        console.complain([{"where": "", "what": console.text("已中断", "interrupted"), "remedy": ""}], EXIT_INTERRUPTED)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return 0  # the reader of our output (head, less) has seen enough
    except Exception as error:  # every error ends here: known ones as text, others as a defect with its traceback
        problems = describe(error, console)
        if problems is None:
            traceback.print_exception(error)
            what = console.text(f"内部错误：{error}", f"internal error: {error}")
            remedy = console.text("请附上以上信息报告此缺陷", "this is a defect: report it with the lines above")
            problems = [{"where": type(error).__name__, "what": what, "remedy": remedy}]
        console.complain(problems, EXIT_CONFIGURATION)
        return EXIT_CONFIGURATION

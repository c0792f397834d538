"""``onecard tui``: the screens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from protocols.wire.base import Label
from tui.command import command, option_help
from tui.console import Console, UserError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "tui",
        "终端界面：首页、台架、符合性、跟踪、报告、负载、终端、流程。",
        "The screens: Home, Bench, Conformance, Trace, Reports, Load, Kiosk, Scenario.",
    )
    def tui(
        console: Console,
        dossier: Annotated[
            Path | None, typer.Option("--dossier", metavar="DIR", help=option_help("打开这份档案", "open this dossier"))
        ] = None,
        keys: Annotated[
            bool, typer.Option("--keys", help=option_help("打印按键表", "print the table of keys"))
        ] = False,
    ) -> None:
        from tui.actions import ACTIONS, cheat_sheet

        if keys or console.as_json:
            console.say(cheat_sheet())
            console.document(ACTIONS)
            return
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UserError(
                Label("界面需要一个终端", "the screens need a terminal"),
                Label("在终端中运行，或用 onecard 的其他命令", "run it in a terminal, or use the other commands"),
            )
        if dossier is not None and not (dossier / "manifest.json").is_file():
            raise UserError(
                Label("不是档案目录", "not a dossier folder"),
                Label("onecard dossier list 列出档案", "onecard dossier list lists them"),
                str(dossier),
            )
        from tui.app import OnecardApp
        from tui.runner import prepare_processes

        prepare_processes()
        OnecardApp(console.language, dossier=dossier).run()

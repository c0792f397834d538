"""``onecard schema``: JSON schemas of the files people write, for editors and reviewers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tui.command import command, option_help
from tui.console import Console

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "schema", "台架与计划文件的 JSON schema。", "JSON schemas of bench and plan files.")
    def schema(
        console: Console,
        write: Annotated[
            Path | None, typer.Option("--write", metavar="DIR", help=option_help("写到目录", "write them to a folder"))
        ] = None,
    ) -> None:
        from scenarios.service import schemas, write_schemas

        if write is not None:
            written = write_schemas(write)
            for path in written:
                console.say(str(path))
            console.document({"written": written})
            return
        for name, text in schemas().items():
            console.say(f"# {name}", style="bold")
            console.say(text)
        console.document({name: json.loads(text) for name, text in schemas().items()})

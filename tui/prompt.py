"""A person's hand in the command line: shows the prompt with its id and waits for done or cannot."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

from protocols.wire.base import Label
from tui.console import Console
from tui.lines import StdinLines

__all__ = ["person_at_terminal"]


def person_at_terminal(console: Console) -> Callable[[str, str, Label], Awaitable[bool]] | None:
    """The ``ask_person`` of a run; None where nobody sits at a terminal."""
    if not sys.stdin.isatty():
        return None
    held: list[StdinLines] = []

    async def ask(prompt: str, action: str, text: Label) -> bool:
        if not held:
            held.append(StdinLines())
        console.say(f"\n[{prompt}] {console.of(text)}  ({action})", style="bold yellow")
        console.say(console.text("  做完按回车；做不到输入 n 再按回车", "  Enter when done; n and Enter if you cannot"))
        answer = await held[0].next()
        return answer is not None and answer.lower() not in ("n", "no", "否")

    return ask

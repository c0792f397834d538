"""Something simulated stands until Ctrl-C: says where it is, and does what it is told, one line an action."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from tui.console import Console
from tui.lines import StdinLines, until_signalled

if TYPE_CHECKING:
    from scenarios.service import Standing

__all__ = ["serve"]


async def serve(
    console: Console,
    standing: AbstractAsyncContextManager[Standing],
    *,
    hand: bool,
    url_first: bool = False,
    end_with_input: bool = False,
) -> None:
    """Bring *standing* up, print its places, obey lines if *hand*, until SIGINT or SIGTERM.

    *url_first* prints the bare link URL as the first line, for programs that start this one; *end_with_input* ends
    when standard input does, as a hand program must when the harness lets go of it.
    """
    with until_signalled() as signalled:
        async with standing as up:
            if url_first:
                console.say(up.places[0].link)
            _show(console, up, brief=url_first)
            console.document({"places": up.places, "pcsc_socket": up.pcsc_socket, "services": up.services})
            waiting = [asyncio.create_task(signalled.wait())]
            if hand:
                waiting.append(asyncio.create_task(_obey(console, up)))
            try:
                await _until(waiting, signalled, end_with_input)
            finally:
                for task in waiting:
                    task.cancel()
    if not url_first:
        console.say(console.text("已收起，没有留下任何东西。", "taken down; nothing is left."))


async def _until(waiting: list[asyncio.Task[Any]], signalled: asyncio.Event, end_with_input: bool) -> None:
    """Until the signal, the end of the input where that counts, or a defect in either, which is raised."""
    running = set(waiting)
    while running and not signalled.is_set():
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if end_with_input:
            return


def _show(console: Console, up: Standing, brief: bool) -> None:
    if not brief:
        heads = [
            console.text(*pair)
            for pair in (("槽位", "slot"), ("设备类", "class"), ("协议/镜像", "dialect/image"), ("链路", "link"))
        ]
        rows = []
        for each in up.places:
            reader = f"  ({each.reader})" if each.reader else ""
            rows.append([each.slot, each.device_class, each.dialect, each.link + reader])
        console.table(heads, rows)
        for name, url in up.services.items():
            console.say(f"{name}  {url}")
        if up.pcsc_socket:
            console.say(f"PCSCLITE_CSOCK_NAME={up.pcsc_socket}")
        words = sorted({word for each in up.places for word in each.actions})
        console.say(console.text("动作：", "actions: ") + ", ".join(words))
        first = up.places[0]
        example = f"{first.slot} {'insert 3.0' if 'insert' in first.actions else 'press 1'}"
        console.say(
            console.text(
                f"每行一个动作，如：{example}。按 Ctrl-C 结束。", f"one action a line, such as: {example}. Ctrl-C ends."
            )
        )


async def _obey(console: Console, up: Standing) -> None:
    lines = StdinLines()
    while (line := await lines.next()) is not None:
        if line:
            answer = await up.say(line)
            # "ok" is the word that a hand program answers with (docs/hand.md).
            console.say({"done": "ok"}.get(answer, answer))

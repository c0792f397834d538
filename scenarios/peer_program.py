"""Peers as a process of their own: ``python -m scenarios.peer_program JSON``.

The wish: ``{"names", "ports", "control_port", "journal", "settings", "seed", "faults"}``, all but the names optional. Its first line of
standard output says where they are; it ends on SIGTERM, or when its standard input does.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from scenarios.peers import stand_peers

__all__ = ["main"]

YOUNG_OBJECTS = 200_000
"""So many new objects are looked through at a time, and not 700."""


async def _stand(wish: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    input_ = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(input_), sys.stdin)
    journal = wish.get("journal")
    async with stand_peers(
        wish["names"],
        ports=wish.get("ports"),
        control_port=wish.get("control_port", 0),
        journal=Path(journal) if journal else None,
        settings=[f"{name}={value}" for name, value in wish.get("settings", {}).items()],
        faults=wish.get("faults", ()),
        seed=wish.get("seed", 1),
    ) as standing:
        places = {each.name: each.url for each in standing.places}
        files = {each.name: each.files for each in standing.places if each.files}
        gc.collect()
        gc.freeze()  # what stands now stays; looking through it again and again would be time that a backend waits
        gc.set_threshold(YOUNG_OBJECTS)
        sys.stdout.write(json.dumps({"places": places, "files": files, "control": standing.control}) + "\n")
        sys.stdout.flush()
        ended = [asyncio.ensure_future(input_.read()), asyncio.ensure_future(over.wait())]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        for each in ended:
            each.cancel()


def main(arguments: Sequence[str] | None = None) -> int:
    wish = json.loads((sys.argv[1:] if arguments is None else arguments)[0])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_stand(wish))
    return 0


if __name__ == "__main__":
    sys.exit(main())

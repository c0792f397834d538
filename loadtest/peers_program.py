"""All peers of a load in one process: ``python -m loadtest.peers_program JSON``. Says where they are on its first line of
standard output, and ends with its standard input."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from typing import Any

import uvloop

from scenarios.peers import stand_peers

__all__ = ["PEERS", "main"]

YOUNG_OBJECTS = 20_000
"""So many new objects are looked through at a time, and not 700."""
PEERS = ("his", "insurance", "bank", "qr", "credential", "notify")


async def _stand(wish: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    input_ = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(input_), sys.stdin)
    settings = [f"{name}={value}" for name, value in wish["settings"].items()]
    async with stand_peers(PEERS, control_port=0, settings=settings, seed=wish["seed"]) as standing:
        places = {each.name: each.url for each in standing.places}
        files = {each.name: each.files for each in standing.places if each.files}
        gc.collect()
        gc.freeze()  # what stands now stays; looking through it again and again would be time that the backend waits
        gc.set_threshold(YOUNG_OBJECTS)
        said = {"places": places, "files": files, "control": standing.control}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        over = asyncio.ensure_future(input_.read())
        signalled = asyncio.ensure_future(ended.wait())
        await asyncio.wait({over, signalled}, return_when=asyncio.FIRST_COMPLETED)
        for each in (over, signalled):
            each.cancel()


def main() -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_stand(json.loads(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A program that commits without end and says after each commit which one is durable. To be killed by its test.

Each commit writes one trade and its two attempts, from sixty-four tasks at once: whole or not at all.
"""

from __future__ import annotations

import asyncio
import sys

from test_storage import attempt, trade

from reference_impl.backend.settlement.rows import attempt_write, trade_write
from reference_impl.backend.storage import open_store


async def main(url: str) -> None:
    store = await open_store(url)
    sys.stdout.write(f"epoch {store.epoch}\n")
    sys.stdout.flush()

    async def work(lane: int) -> None:
        for step in range(10_000):
            number = store.epoch * 1_000_000 + step * 64 + lane
            one = trade(number)
            await store.commit([trade_write(one), *(attempt_write(attempt(one, seq)) for seq in (1, 2))])
            sys.stdout.write(f"{one.trade_no}\n")
            sys.stdout.flush()

    await asyncio.gather(*(work(lane) for lane in range(64)))


asyncio.run(main(sys.argv[1]))

"""The backend fetches bills from the simulated gateway: what was paid is what the bill says."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from protocols.clock import run_virtual
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.channels.qr_bills import NoBill, QrBills
from simulators.peer.base import PeerOptions
from simulators.peer.faults import PeerFault

from .qr_bench import MERCHANTS, MORNING, Bench
from .world import Network, World, config, new_clock

DAY = date(2026, 11, 22)


def fetched(family: Family, faults: list[PeerFault] | None = None, hours: float = 27, **options: Any) -> Any:
    world = World(PeerOptions(**options), faults or [])
    bench = Bench()
    bench.peer = world.peer
    merchant = MERCHANTS[family](bench)
    merchant.pay("A1", 1250, bench.code(family))
    bench.now = MORNING + 60
    merchant.refund("A1", "R1", 250, 1250)

    async def main() -> Any:
        clock = new_clock()
        await asyncio.sleep(hours * 3600)
        bills = QrBills(config(), Network(world, clock), clock, lambda count: bytes(count))
        return await bills.fetch(family, DAY)

    return run_virtual(main())


@pytest.mark.parametrize("family", list(Family))
class TestFetch:
    def test_the_bill_of_yesterday(self, family: Family) -> None:
        bill = fetched(family)
        assert bill.day == "2026-11-22"
        assert [(line.kind, line.reference, line.original, line.amount_fen) for line in bill.lines] == [
            ("pay", "A1", "", 1250),
            ("refund", "R1", "A1", 250),
        ]
        assert bill.lines[0].institution == "H44190000001"

    def test_too_soon(self, family: Family) -> None:
        with pytest.raises(NoBill, match="after 10:00"):
            fetched(family, hours=25)

    @pytest.mark.parametrize("fault", ["file-not-ready", "refuse"])
    def test_not_ready(self, family: Family, fault: Any) -> None:
        with pytest.raises(NoBill):
            fetched(family, [PeerFault(fault)])

    def test_a_spoiled_answer(self, family: Family) -> None:
        with pytest.raises(WireError):
            fetched(family, [PeerFault("malformed")])

    def test_a_spoiled_file(self, family: Family) -> None:
        with pytest.raises(WireError):
            fetched(family, [PeerFault("malformed", "file")])

    def test_an_address_that_has_expired(self, family: Family) -> None:
        with pytest.raises(WireError, match="403"):
            fetched(family, [PeerFault("delay-then-commit", "file", delay_s=31)])


def test_an_address_elsewhere_is_asked_of_the_configured_gateway_only() -> None:
    """A reply cannot send the backend to another host."""
    asked: list[tuple[str, str]] = []

    class Recorder:
        async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
            asked.append((peer, request.target))
            return HttpReply(404)

    async def main() -> None:
        bills = QrBills(config(), Recorder(), new_clock(), lambda count: bytes(count))
        with pytest.raises(WireError, match="404"):
            await bills._file("http://elsewhere.test/etc/passwd?x=1")
        for url in ("", "file", "http://[", "//["):
            with pytest.raises(WireError):
                await bills._file(url)

    run_virtual(main())
    assert asked == [("qr", "/etc/passwd?x=1")]

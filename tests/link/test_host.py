"""The shell around a pure device: bytes, timers and events meet it at the right instants, under either clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from protocols.clock import LoopClock, RealClock, cpu_seconds, run_virtual
from protocols.link.base import LinkClosed, LinkError, open_link
from protocols.link.memory import memory_pair
from protocols.link.pty import open_pty
from protocols.link.tcp import listen_tcp
from simulators.device.base import Physical
from simulators.host import DeviceHost


class Kettle:
    """Answers at once in capitals; ``boil`` is followed by a whistle 90 s later; a jam makes it cry."""

    def __init__(self) -> None:
        self.out = b""
        self.due: float | None = None
        self.seen: list[tuple[str, float]] = []
        self.powered = True
        self.stuck = False

    def receive(self, data: bytes, now: float) -> None:
        self.seen.append(("receive", now))
        if not self.powered:
            return
        if data == b"crash":
            raise ArithmeticError("the device has a defect")
        if data == b"boil":
            self.due = now + 90.0
        self.out += data.upper()

    def advance(self, now: float) -> None:
        self.seen.append(("advance", now))
        if self.due is not None and now >= self.due and not self.stuck:
            self.due = None
            self.out += b"whistle"

    def deadline(self) -> float | None:
        return self.due

    def take(self) -> bytes:
        out, self.out = self.out, b""
        return out

    def apply(self, event: Physical, now: float) -> None:
        if event.action not in ("jam", "poweroff"):
            raise ValueError(f"a kettle knows no {event.action}")
        self.seen.append((event.action, now))
        if event.action == "poweroff":
            self.powered, self.due, self.out = False, None, b""
        else:
            self.out += b"ouch"

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def violations(self) -> list[str]:
        return ["shouted at"] if self.seen and self.seen[-1][0] == "jam" else []


def test_bytes_and_timers_under_the_virtual_clock():
    async def main() -> None:
        clock = LoopClock()
        near, far = memory_pair()
        kettle = Kettle()
        async with DeviceHost(kettle, far, clock):
            await near.send(b"hello")
            assert await near.receive() == b"HELLO"
            await clock.sleep_until(10.0)
            await near.send(b"boil")
            assert await near.receive() == b"BOIL"
            assert await near.receive() == b"whistle"
            assert clock.now() == 100.0
            assert kettle.seen[-1] == ("advance", 100.0)
        with pytest.raises(LinkClosed):
            await near.receive()

    before = cpu_seconds()
    run_virtual(main())
    assert cpu_seconds() - before < 5.0


def test_a_new_deadline_replaces_the_old_one():
    async def main() -> list[tuple[str, float]]:
        clock = LoopClock()
        near, far = memory_pair()
        kettle = Kettle()
        async with DeviceHost(kettle, far, clock):
            await near.send(b"boil")
            await near.receive()
            await clock.sleep_until(60.0)
            await near.send(b"boil")
            await near.receive()
            assert await near.receive() == b"whistle"
            assert clock.now() == 150.0
        return kettle.seen

    first, second = run_virtual(main()), run_virtual(main())
    assert [kind for kind, _ in first] == ["receive", "receive", "advance"]
    assert first == second


def test_physical_events_reach_the_device_and_its_answer_the_link():
    async def main() -> None:
        clock = LoopClock()
        near, far = memory_pair()
        kettle = Kettle()
        heard: list[str] = []
        async with DeviceHost(kettle, far, clock, heard.append) as host:
            await clock.sleep_until(3.0)
            host.apply(Physical("jam"))
            assert await near.receive() == b"ouch"
            assert kettle.seen == [("jam", 3.0)]
            assert heard == ["shouted at"]
            with pytest.raises(ValueError, match="knows no fly"):
                host.apply(Physical("fly"))
            assert host.running

    run_virtual(main())


def test_power_off_stops_the_timer_and_silences_the_device():
    async def main() -> None:
        clock = LoopClock()
        near, far = memory_pair()
        kettle = Kettle()
        async with DeviceHost(kettle, far, clock) as host:
            await near.send(b"boil")
            await near.receive()
            host.apply(Physical("poweroff"))
            await near.send(b"hello?")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1000.0):
                    await near.receive()
            assert [kind for kind, _ in kettle.seen] == ["receive", "poweroff", "receive"]

    run_virtual(main())


def test_a_defect_of_the_device_is_not_swallowed():
    async def main() -> None:
        near, far = memory_pair()
        host = DeviceHost(Kettle(), far, LoopClock())
        host.start()
        await near.send(b"crash")
        with pytest.raises(ArithmeticError, match="defect"):
            await host.wait()
        assert not host.running
        with pytest.raises(ArithmeticError, match="defect"):
            await host.aclose()

    run_virtual(main())


def test_a_device_that_stops_the_clock_is_found_out():
    async def main() -> None:
        near, far = memory_pair()
        kettle = Kettle()
        kettle.stuck = True
        host = DeviceHost(kettle, far, LoopClock())
        host.start()
        await near.send(b"boil")
        with pytest.raises(RuntimeError, match="again and again"):
            await host.wait()

    run_virtual(main())


def test_the_host_ends_when_the_cable_is_pulled():
    async def main() -> None:
        near, far = memory_pair()
        host = DeviceHost(Kettle(), far, LoopClock())
        host.start()
        with pytest.raises(LinkError, match="already"):
            host.start()
        await near.aclose()
        await host.wait()
        assert not host.running
        await host.aclose()

    run_virtual(main())


@pytest.mark.parametrize("hosting", ["pty", "tcp"])
async def test_the_same_host_serves_real_lines(hosting: str):
    clock = RealClock()
    far = open_pty() if hosting == "pty" else await listen_tcp()
    async with DeviceHost(Kettle(), far, clock), asyncio.timeout(5.0):
        for _ in range(2):  # the client may come back
            near = await open_link(far.url, clock)
            await near.send(b"hello")
            got = b""
            while len(got) < 5:
                got += await near.receive()
            assert got == b"HELLO"
            await near.aclose()


def test_the_shell_costs_little():
    async def main() -> int:
        near, far = memory_pair()
        async with DeviceHost(Kettle(), far, LoopClock()):
            for _ in range(3000):
                await near.send(b"x")
                await near.receive()
        return 3000

    before = cpu_seconds()
    rounds = run_virtual(main())
    # Far above what it costs, so that only a change of kind (a thread, a poll) is noticed.
    assert (cpu_seconds() - before) / rounds < 0.001

"""The terminal's pulse: what it tells, and what it does about commands (spec/services.md 7.1)."""

from __future__ import annotations

import asyncio

from business_bench import NOON
from fake_platform import FakePlatform

from protocols.clock import LoopClock, run_virtual
from protocols.wire.platform.models import Command, HeartbeatReply
from reference_impl.kiosk.business.session import Session, Stage
from reference_impl.kiosk.heartbeat import Pulse
from reference_impl.kiosk.state import Phase, State


def beating(seconds: float, *, down_until: float = 0.0, period_s: float = 30.0, state: State | None = None):
    """The heartbeats of so many seconds, and how often keys were renewed."""

    async def main():
        clock = LoopClock(NOON)
        platform = FakePlatform(clock)
        renewed: list[float] = []
        verbs = ["sign_in", "restart_host", "sync_clock"]

        def take(beat):
            platform.beats.append(beat)
            commands = tuple(
                Command(command_id=f"C{number}", verb=verb, expires_at=NOON + 600)  # type: ignore[arg-type]
                for number, verb in enumerate(verbs)
            )
            verbs.clear()
            return HeartbeatReply(server_time=clock.now(), period_s=period_s, commands=commands)

        async def heartbeat(beat):
            return platform._through("heartbeat", lambda: take(beat))

        platform.heartbeat = heartbeat  # type: ignore[method-assign]
        platform.down = down_until > 0
        asyncio.get_running_loop().call_later(down_until, lambda: setattr(platform, "down", False))
        now = state or State(phase=Phase.IDLE)
        pulse = Pulse(platform, clock, "boot", lambda: now, lambda: 2, lambda: renewed.append(clock.now()))
        running = asyncio.create_task(pulse.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return platform.beats, renewed

    return run_virtual(main())


def test_a_terminal_tells_how_it_is_and_counts() -> None:
    beats, _ = beating(100.0)
    assert [each.seq for each in beats] == [0, 1, 2, 3]
    assert [round(each.uptime_s) for each in beats] == [0, 30, 60, 90]
    assert {(each.boot_id, each.mode, each.queue, each.open_session) for each in beats} == {
        ("boot", "serving", 2, False)
    }


def test_commands_are_answered_once_with_what_became_of_them() -> None:
    beats, renewed = beating(100.0)
    assert [(each.command_id, each.result, each.code) for each in beats[1].results] == [
        ("C0", "done", ""),
        ("C1", "refused", "not-supported"),
        ("C2", "done", ""),
    ]
    assert beats[2].results == ()
    assert len(renewed) == 1


def test_a_silent_platform_stops_no_pulse() -> None:
    beats, _ = beating(200.0, down_until=100.0)
    assert len(beats) == 3
    assert beats[0].seq == 4


def test_the_platform_says_how_often_within_reason() -> None:
    assert len(beating(100.0, period_s=10.0)[0]) == 10
    assert len(beating(100.0, period_s=0.001)[0]) == 20


def test_a_citizen_who_is_served_and_a_fault_are_told() -> None:
    served = State(phase=Phase.BUSINESS, session=Session(Stage.MENU))
    assert beating(10.0, state=served)[0][0].open_session
    assert beating(10.0, state=State(phase=Phase.FAULT))[0][0].mode == "fault"

"""The terminal's pulse: every so often it tells the platform that it is there and how it is (spec/services.md 7.1).

Commands that come back are answered with what became of them. This kiosk takes over keys and time anew when it is told to;
what it cannot do, it refuses, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.clock import Clock
from protocols.wire.platform.models import Command, CommandResult, Heartbeat
from reference_impl.kiosk.platform import Platform, PlatformRefused, PlatformSilent
from reference_impl.kiosk.state import Phase, State

__all__ = ["APP_VERSION", "Pulse"]

APP_VERSION = "0.1.0"
MOST_RESULTS = 32
LEAST_PERIOD_S, MOST_PERIOD_S = 5.0, 600.0


class Pulse:
    """:meth:`run` beats until it is cancelled. *state* gives the kiosk's state, *undecided* how many trades wait to be
    decided; *renew_keys* is called for the command ``sign_in``."""

    def __init__(
        self,
        platform: Platform,
        clock: Clock,
        boot_id: str,
        state: Callable[[], State],
        undecided: Callable[[], int],
        renew_keys: Callable[[], None] = lambda: None,
        period_s: float = 30.0,
    ) -> None:
        self._platform, self._clock, self._boot_id = platform, clock, boot_id
        self._state, self._undecided, self._renew_keys = state, undecided, renew_keys
        self._period_s = period_s
        self._born = clock.now()
        self._seq = 0
        self._results: list[CommandResult] = []

    async def run(self) -> None:
        while True:
            try:
                await self.beat()
            except (PlatformRefused, PlatformSilent):
                pass  # the next one says the same; whoever is being served hears of the silence anyway
            await self._clock.sleep_until(self._clock.now() + self._period_s)

    async def beat(self) -> None:
        """One heartbeat. Raises PlatformRefused and PlatformSilent."""
        told = tuple(self._results)
        reply = await self._platform.heartbeat(self._message(told))
        self._results = [each for each in self._results if each not in told]
        self._period_s = min(max(reply.period_s, LEAST_PERIOD_S), MOST_PERIOD_S)
        for command in reply.commands:
            self._results = [*self._results, self._obey(command)][-MOST_RESULTS:]

    def _message(self, results: tuple[CommandResult, ...]) -> Heartbeat:
        state, now = self._state(), self._clock.now()
        beat = Heartbeat(
            seq=self._seq,
            boot_id=self._boot_id,
            sent_at=now,
            uptime_s=now - self._born,
            app_version=APP_VERSION,
            mode="fault" if state.phase is Phase.FAULT else "serving",
            queue=self._undecided(),
            open_session=state.session is not None or state.identity is not None,
            results=results,
        )
        self._seq += 1
        return beat

    def _obey(self, command: Command) -> CommandResult:
        match command.verb:
            case "sign_in":
                self._renew_keys()
                return CommandResult(command_id=command.command_id, result="done")
            case "sync_clock":
                # The answer that carried the command has brought the time already.
                return CommandResult(command_id=command.command_id, result="done")
            case _:
                return CommandResult(command_id=command.command_id, result="refused", code="not-supported")

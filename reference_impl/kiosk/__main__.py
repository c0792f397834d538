"""``python -m reference_impl.kiosk``: the reference kiosk as a process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from protocols.clock import Clock, RealClock
from protocols.link.base import CardPort, LinkError
from protocols.link.pcsc import PcscCardPort
from reference_impl.kiosk.assembly import Counter, bay_of, counter_of, policy_of, second_reader_of
from reference_impl.kiosk.business.flow import Business
from reference_impl.kiosk.business.journal import JournalDamaged
from reference_impl.kiosk.citizen import KeyCitizen, LineCitizen
from reference_impl.kiosk.command_line import dialects, parse
from reference_impl.kiosk.events import EventView
from reference_impl.kiosk.flow import Flow
from reference_impl.kiosk.front import BusinessFront
from reference_impl.kiosk.heartbeat import Pulse
from reference_impl.kiosk.outbox import OutboxFailed
from reference_impl.kiosk.pad_citizen import PadCitizen
from reference_impl.kiosk.page_events import PageView
from reference_impl.kiosk.platform import PlatformRefused, PlatformSilent
from reference_impl.kiosk.runtime import Citizen, Kiosk, View
from reference_impl.kiosk.screen import ScreenView
from reference_impl.kiosk.state import State
from reference_impl.kiosk.terminal_key import KeyFileProblem

__all__ = ["dialects", "main", "parse"]

EXIT_OK, EXIT_CARD_INSIDE, EXIT_USAGE, EXIT_PLATFORM = 0, 1, 2, 3


async def serve(options: argparse.Namespace) -> State:
    """Run the kiosk until it is stopped."""
    async with AsyncExitStack() as stack:
        psam_port: CardPort | None = None
        if options.psam_pcsc is not None:
            psam_port = PcscCardPort(options.psam_pcsc)
            stack.push_async_callback(psam_port.aclose)
        return await _serve(options, psam_port, stack)


async def _serve(options: argparse.Namespace, psam_port: CardPort | None, stack: AsyncExitStack) -> State:
    clock: Clock = RealClock()
    bay, psam = bay_of(options, clock, psam_port)
    second = second_reader_of(options)
    if second is not None:
        stack.push_async_callback(second.aclose)
    counter = await counter_of(options, bay, second) if options.backend is not None else None
    clock = counter.desk.clock if counter is not None else clock
    terms = counter.terms if counter is not None else None
    flow = Flow(policy_of(options, bay, psam=psam is not None), Business(terms) if counter is not None else None)
    keypad = counter.desk.keypad if counter is not None else None

    keys = stack.enter_context(KeyCitizen(sys.stdin.fileno(), terms)) if sys.stdin.isatty() else None
    lines = None if keys is not None else await LineCitizen.of_standard_input(terms, cards=not options.headless)
    entering = keys or lines
    assert entering is not None, "somebody answers"
    citizen: Citizen = entering if keypad is None else PadCitizen(entering, keypad, options.pin_s)

    def entered() -> int:
        return (keypad.entered if keypad is not None else 0) or (keys.entered if keys is not None else 0)

    view: View
    if options.json:
        start = clock.now() if counter is not None else 0.0
        events = PageView(sys.stdout, start, terms, entered) if options.pages else EventView(sys.stdout, start, terms)
        view = events
        if lines is not None:
            lines.on_ignored = lambda word: events.ignored(word, clock.now())
    else:
        view = ScreenView(sys.stdout, options.lang, entered, lambda: keys.typed if keys is not None else "", terms)

    front = BusinessFront(entering, counter.desk) if counter is not None else None
    kiosk = Kiosk(bay, flow, clock, citizen, view, psam, front)
    for each in (keys, keypad):
        if each is not None:
            each.on_key = kiosk.show
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, kiosk.stop)
    async with _beating(counter, kiosk):
        return await kiosk.run()


@asynccontextmanager
async def _beating(counter: Counter | None, kiosk: Kiosk) -> AsyncIterator[None]:
    """The heartbeat beside the kiosk."""
    if counter is None:
        yield
        return
    desk = counter.desk
    renew = desk.keypad.renew if desk.keypad is not None else lambda: None
    pulse = Pulse(
        counter.platform, desk.clock, os.urandom(8).hex(), lambda: kiosk.state, lambda: len(desk.outbox), renew
    )
    beating = asyncio.create_task(pulse.run())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating


def main(arguments: Sequence[str] | None = None) -> int:
    """0 at a normal end, 1 when a card is still inside, 2 for a command line that makes no sense or a file that cannot be
    used, 3 where the platform does not take this terminal."""
    options = parse(arguments)
    try:
        state = asyncio.run(serve(options))
    except (KeyFileProblem, OutboxFailed, JournalDamaged, LinkError) as problem:
        print(problem, file=sys.stderr)  # noqa: T201  the last word of a process that does not start
        return EXIT_USAGE
    except (PlatformRefused, PlatformSilent) as problem:
        print(f"{options.backend}: {problem}", file=sys.stderr)  # noqa: T201
        return EXIT_PLATFORM
    return EXIT_CARD_INSIDE if state.stuck else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())

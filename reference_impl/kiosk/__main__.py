"""``python -m reference_impl.kiosk``: the command line of the reference kiosk."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from protocols.clock import RealClock
from protocols.link.base import CardPort, LinkError, LinkUrl, schemes
from protocols.link.pcsc import PcscCardPort
from protocols.wire.base import discover
from protocols.wire.card_reader import CardReaderDialect
from reference_impl.kiosk.bays import CardBay, MotorBay, SlotBay
from reference_impl.kiosk.citizen import KeyCitizen, LineCitizen
from reference_impl.kiosk.events import EventView
from reference_impl.kiosk.flow import Flow
from reference_impl.kiosk.runtime import Citizen, Kiosk, View
from reference_impl.kiosk.screen import ScreenView
from reference_impl.kiosk.state import Policy, State

__all__ = ["main", "parse"]

DESCRIPTION = (
    "Reads a social security card, verifies its PIN and shows its holder. "
    "The PIN comes from the keyboard, or from standard input: one line for each question."
)
EXIT_OK, EXIT_CARD_INSIDE, EXIT_USAGE = 0, 1, 2


def dialects() -> dict[str, CardReaderDialect]:
    """Every card reader dialect that the protocols know, by name."""
    found = [each for each in discover("protocols.wire", "DIALECT") if each.device_class == "card_reader"]
    return {each.name: each for each in found}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Ends the process with code 2 and a remedy when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m reference_impl.kiosk", description=DESCRIPTION)
    parser.add_argument(
        "--reader", metavar="URL", help="link of a motorised reader, e.g. serial:///dev/ttyUSB0?baud=9600"
    )
    parser.add_argument("--dialect", choices=sorted(dialects()), default="crt591", help="what that reader speaks")
    parser.add_argument("--psam-socket", type=int, metavar="N", help="SAM socket of that reader with the PSAM, from 1")
    parser.add_argument("--pcsc", metavar="NAME", help="PC/SC reader for the card, instead of --reader")
    parser.add_argument("--psam-pcsc", metavar="NAME", help="PC/SC reader with the PSAM")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh", help="language that comes first on the screen")
    parser.add_argument("--once", action="store_true", help="end after one card")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the screen")
    for name, what in (
        ("pin", "PIN entry"),
        ("confirm", "the question before the last try"),
        ("holder", "showing the holder"),
        ("take", "taking the card, which is captured afterwards"),
        ("fault", "the pause before the reader is tried again"),
    ):
        default = getattr(Policy(), f"{name}_s")
        parser.add_argument(
            f"--{name}-s", type=float, default=default, metavar="S", help=f"{what}: limit, {default:g} s"
        )
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if (options.reader is None) == (options.pcsc is None):
        parser.error("name one place for the card: --reader URL or --pcsc NAME")
    if options.psam_socket is not None and (options.reader is None or options.psam_socket < 1):
        parser.error("--psam-socket counts the SAM sockets of the --reader, from 1")
    if options.psam_socket is not None and options.psam_pcsc is not None:
        parser.error("there is one PSAM: --psam-socket or --psam-pcsc")
    if options.reader is not None:
        try:
            scheme = LinkUrl.parse(options.reader).scheme
        except LinkError as error:
            parser.error(str(error))
        if scheme not in schemes() or scheme in ("pcsc", "vpcd", "pty"):
            parser.error(f"--reader {options.reader}: a reader stands behind serial:// or tcp://")


Psams = Callable[[], CardPort]


def build(options: argparse.Namespace, clock: RealClock, psam_port: CardPort | None) -> tuple[CardBay, Psams | None]:
    """The bay for the card, and how to reach the PSAM if there is one; *psam_port* is the one of --psam-pcsc."""

    def from_port() -> CardPort:
        assert psam_port is not None
        return psam_port

    beside = from_port if psam_port is not None else None
    if options.pcsc is not None:
        return SlotBay(options.pcsc), beside
    bay = MotorBay(options.reader, dialects()[options.dialect], clock)
    if options.psam_socket is None:
        return bay, beside
    return bay, lambda: bay.sam(options.psam_socket)


async def serve(options: argparse.Namespace) -> State:
    """Run the kiosk until it is stopped."""
    psam_port = PcscCardPort(options.psam_pcsc) if options.psam_pcsc is not None else None
    try:
        return await _serve(options, psam_port)
    finally:
        if psam_port is not None:
            await psam_port.aclose()


async def _serve(options: argparse.Namespace, psam_port: CardPort | None) -> State:
    clock = RealClock()
    bay, psam = build(options, clock, psam_port)
    policy = Policy(
        pin_s=options.pin_s,
        confirm_s=options.confirm_s,
        holder_s=options.holder_s,
        take_s=options.take_s,
        fault_s=options.fault_s,
        psam=psam is not None,
        motorised=bay.motorised,
        once=options.once,
    )

    def entered() -> int:
        return keys.entered if keys is not None else 0

    with ExitStack() as stack:
        keys = KeyCitizen(sys.stdin.fileno()) if sys.stdin.isatty() else None
        citizen: Citizen = stack.enter_context(keys) if keys is not None else await LineCitizen.of_standard_input()
        view: View = EventView(sys.stdout) if options.json else ScreenView(sys.stdout, options.lang, entered)

        kiosk = Kiosk(bay, Flow(policy), clock, citizen, view, psam)
        if keys is not None:
            keys.on_key = kiosk.show
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, kiosk.stop)
        return await kiosk.run()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 at a normal end, 1 when a card is still inside, 2 for a command line that makes no sense."""
    state = asyncio.run(serve(parse(arguments)))
    return EXIT_CARD_INSIDE if state.stuck else EXIT_OK


if __name__ == "__main__":
    sys.exit(main())

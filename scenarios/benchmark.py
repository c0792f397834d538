"""``make bench``: speed as ratios, measured in one run. Prints; asserts nothing.

An APDU round trip through the real pcscd and vpcd, beside a card that does not re-arm TCP_QUICKACK and beside the bare
vpcd exchange without a daemon; reader transactions in process, by CPU time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

from protocols.clock import cpu_seconds, stopwatch_s
from protocols.link.pcsc import PcscCardPort, wait_card
from protocols.link.vpcd import FrameSocket, VpcdCard
from protocols.wire.card_reader import Op, Request
from scenarios.pcscd import PrivatePcscd, missing
from scenarios.postgres import PrivatePostgres
from scenarios.postgres import missing as missing_database
from simulators.card.social_security import build_card
from simulators.device.card_reader import build_reader

__all__ = ["main"]

GET_CHALLENGE = bytes.fromhex("0084000008")
ROUNDS, NAIVE_ROUNDS, TRANSACTIONS = 4000, 40, 40_000
PROGRAM_LIMIT_S = 900
ACK = b"\x06"


@dataclass(frozen=True, slots=True)
class Spread:
    """Microseconds of one kind of exchange."""

    count: int
    median_us: float
    p99_us: float

    @staticmethod
    def of(samples_s: list[float]) -> Spread:
        ranked = sorted(samples_s)
        return Spread(len(ranked), ranked[len(ranked) // 2] * 1e6, ranked[int(len(ranked) * 0.99)] * 1e6)


def _timed(exchange: Callable[[], object], rounds: int) -> Spread:
    samples: list[float] = []
    for _ in range(rounds):
        begin = stopwatch_s()
        exchange()
        samples.append(stopwatch_s() - begin)
    return Spread.of(samples)


def through_pcscd(quickack: bool, rounds: int) -> Spread:
    """Round trips of GET CHALLENGE through pyscard, a private pcscd, Debian's vpcd and a simulated card."""

    async def main() -> Spread:
        async with PrivatePcscd(1) as daemon:
            place = daemon.slots[0]
            card = VpcdCard(build_card("3.0"), quickack=quickack)
            card.start(place.host, place.port)
            port = PcscCardPort(place.reader, socket=daemon.socket)
            try:
                await wait_card(place.reader, True, _Clock(), socket=daemon.socket)
                await port.power_on()
                return await asyncio.to_thread(_timed, lambda: port.transmit_blocking(GET_CHALLENGE), rounds)
            finally:
                await port.aclose()
                card.stop()

    return asyncio.run(main())


class _Clock:
    kind = "real"

    def now(self) -> float:
        return stopwatch_s()

    async def sleep_until(self, t: float) -> None:
        await asyncio.sleep(max(0.0, t - stopwatch_s()))


def bare(rounds: int) -> Spread:
    """The same exchange with the same card over one loopback connection: the floor of the vpcd protocol."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        card = VpcdCard(build_card("3.0"))
        card.start("127.0.0.1", door.getsockname()[1])
        try:
            near, _ = door.accept()
            with near:
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                frames = FrameSocket(near)
                frames.send(b"\x01")

                def exchange() -> None:
                    frames.send(GET_CHALLENGE)
                    frames.receive()

                return _timed(exchange, rounds)
        finally:
            threading.Thread(target=card.stop).run()


def reader_transactions_a_second(dialect: str) -> float:
    """Status command in, ACK and answer out, host ACK in: transactions for each second of CPU."""
    device = build_reader(dialect=dialect)
    wire = __import__(f"protocols.wire.{dialect}", fromlist=["DIALECT"]).DIALECT
    command = wire.framing().wrap(wire.encode_request(Request(Op.STATUS)))
    last = b"\x05" if wire.rules.enq else ACK
    now, begin = 0.0, cpu_seconds()
    for _ in range(TRANSACTIONS):
        device.receive(command, now)
        now += 0.01
        device.advance(now)
        device.take()
        device.receive(last, now)
        now += 0.01
        device.advance(now)
        device.take()
    return TRANSACTIONS / (cpu_seconds() - begin)


def of_programs() -> dict[str, object]:
    """What benchmarks of other parts print, each run as the program that it is: payments on both databases beside the textbook and
    the database's own commits, reconciliation of a million rows beside the raw join, seeds of the simulation of money."""
    figures: dict[str, object] = {}
    with contextlib.ExitStack() as stack:
        payments = ["reference_impl.benchmark.payments", "--payments", "600"]
        if not missing_database():
            payments += ["--postgresql", stack.enter_context(PrivatePostgres()).url(tcp=True)]
        figures["payments"] = _of_program(payments)
    figures["reconciliation"] = _of_program(["reference_impl.backend.reconciliation.benchmark", "--json"])
    figures["simulation"] = _of_program(["tui.cli", "simulate", "money", "--seeds", "200", "--json"])
    return figures


def _of_program(words: list[str]) -> object:
    """What ``python -m`` *words* prints: a JSON document, or lines; or why it could not be measured."""
    done = subprocess.run(  # noqa: S603 our own programs
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, timeout=PROGRAM_LIMIT_S
    )
    if done.returncode:
        return f"not measured, code {done.returncode}: {done.stderr.strip()[-300:]}"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return done.stdout.strip().splitlines()


def main() -> None:
    """Measure and print; ``--json`` prints one JSON document."""
    figures: dict[str, object] = {
        f"reader_{name}_transactions_per_cpu_second": round(reader_transactions_a_second(name))
        for name in ("crt591", "crt310")
    }
    lacks = missing()
    if lacks:
        figures["pcsc_not_measured_because_missing"] = lacks
    else:
        ours, naive, floor = through_pcscd(True, ROUNDS), through_pcscd(False, NAIVE_ROUNDS), bare(ROUNDS)
        figures |= {"apdu": asdict(ours), "apdu_without_quickack": asdict(naive), "apdu_bare_vpcd": asdict(floor)}
        figures["times_faster_than_naive"] = round(naive.median_us / ours.median_us, 1)
        figures["times_the_bare_exchange"] = round(ours.median_us / floor.median_us, 2)
    figures |= of_programs()
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(figures, ensure_ascii=False) + "\n")
        return
    sys.stdout.write("性能 / speed (一次运行的比值 / ratios of one run)\n")
    for name, value in figures.items():
        sys.stdout.write(f"  {name}: {value}\n")


if __name__ == "__main__":
    main()

"""The generator's one run inside its own process: from an order to rows on the disk. Imports gevent; nothing else here does.

On standard output it says how the load stands, one JSON object a line. Its standard input is a pipe from whoever started it: the
line ``stop`` ends the load early, the end of the pipe (the other side is gone, however it went) ends the process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.fileobject import FileObjectThread

from loadtest.connection import Door
from loadtest.exchange import NoReply
from loadtest.fleet import Fleet, Terms
from loadtest.gevent_hub import GeventHub
from loadtest.guests import Guest, Guests
from loadtest.kiosk import FleetKiosk, NotOnDutyError
from loadtest.latency import CallRow
from loadtest.live import Live
from loadtest.order import ORDER_VARIABLE, Order, manners_of, stage_of
from loadtest.rows import Tick
from loadtest.schedule import Arrival, arrivals, beats, total_s
from protocols.clock import UnixClock
from simulators.peer.city import City

__all__ = ["generate"]

TICK_S = 1.0
STOPPED_TAIL_S = 5.0
"""After a stop, services under way get so long to end."""


def generate(on_call: Callable[[CallRow], None]) -> None:
    """Carry out the order that the environment names. Never raises: what went wrong stands in ``generator.json``."""
    order = Order.model_validate_json(Path(os.environ[ORDER_VARIABLE]).read_bytes())
    run = _Run(order, on_call)
    try:
        run.carry_out()
    except (NotOnDutyError, NoReply) as error:
        run.status, run.error = "not-ready", str(error)
    except Exception as error:  # a defect of the generator is reported as one, and never as a slow platform
        run.status, run.error = "defect", f"{type(error).__name__}: {error}"
    run.write()


class _Run:
    def __init__(self, order: Order, on_call: Callable[[CallRow], None]) -> None:
        self._order, self._on_call = order, on_call
        self._hub, self._live = GeventHub(), Live()
        self.status, self.error = "complete", ""
        load = order.load
        city = City(towns=load.towns, clinics=load.clinics, kiosks=load.kiosks)
        stages = tuple(stage_of(each) for each in load.stages)
        self._arrivals = list(arrivals(stages, load.kiosks, load.seed))
        self._guests = _guests(order, city, self._arrivals)
        parts = urlsplit(order.url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        kiosks: dict[int, FleetKiosk] = {}
        for number in range(1, load.kiosks + 1):
            terminal = city.terminal(number)
            assert terminal is not None, "a city has the kiosks that it says"
            kiosks[number] = FleetKiosk(terminal, Door(host, port), order.run_id)
        # A clock made at the start: the platform's own is one too, and neither follows a step of the host's.
        self.fleet = Fleet(
            kiosks,
            stages,
            self._guests.__getitem__,
            self._hub,
            UnixClock().now,
            Terms(exchange_s=load.exchange_s, manners=manners_of(load.think)),
            self._heard,
        )

    def _heard(self, row: CallRow) -> None:
        self._live.on_call(row)
        self._on_call(row)

    def carry_out(self) -> None:
        load = self._order.load
        gevent.spawn(self._listen)
        self.fleet.prepare(self._order.codes, lambda count: self._say_ready(count, load.kiosks))
        gc.collect()
        gc.freeze()  # what stands now stays: it need not be looked through again while calls are due
        ticking = gevent.spawn(self._tick)
        try:
            until = total_s(self.fleet.stages)
            self.fleet.run(self._arrivals, beats(load.kiosks, load.heartbeat_s, until, load.seed))
        finally:
            ticking.kill()
            self._say(self._live.tick(self.fleet, "ended", self._hub.cpu()))

    def _tick(self) -> None:
        while True:
            self._say(self._live.tick(self.fleet, "running", self._hub.cpu()))
            gevent.sleep(TICK_S)

    def _say_ready(self, count: int, kiosks: int) -> None:
        if count % 50 == 0 or count == kiosks:
            self._say(Tick("preparing", ready=count, kiosks=kiosks))

    @staticmethod
    def _say(tick: Tick) -> None:
        sys.stdout.write(json.dumps(tick.as_json()) + "\n")
        sys.stdout.flush()

    def _listen(self) -> None:
        """Hear what the other side of the pipe wants."""
        for line in FileObjectThread(os.dup(0), "rb"):
            if line.strip() == b"stop":
                self.status = "stopped"
                self.fleet.stop(STOPPED_TAIL_S)
        os.kill(os.getpid(), signal.SIGKILL)  # nobody is left who would read what we find

    # What is left behind.

    def write(self) -> None:
        folder = self._order.folder
        _write_lines(folder / "calls.jsonl", (each.as_json() for each in self.fleet.rows))
        _write_lines(folder / "visits.jsonl", (each.as_json() for each in self.fleet.visits))
        report: Mapping[str, Any] = {
            "status": self.status,
            "error": self.error,
            "offered": self.fleet.offered,
            "dropped": self.fleet.dropped,
            "unfinished": self.fleet.serving,
            "in_flight": self.fleet.in_flight,
            "cpu": {name: round(share, 4) for name, share in self._live.cpu_of(self.fleet).items()},
            "planned": _counted(self._arrivals),
        }
        (folder / "generator.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _guests(order: Order, city: City, planned: Iterable[Arrival]) -> dict[Arrival, Guest]:
    """Who comes when: drawn before the load begins, so that the drawing costs no time in it."""
    mix = order.load.mix
    weights = {"payers": mix.payers, "methods": mix.methods, "credentials": mix.credentials}
    drawn = Guests(city, weights, order.load.seed, order.peer_seed)
    found: dict[Arrival, Guest] = {}
    for arrival in planned:
        terminal = city.terminal(arrival.kiosk)
        assert terminal is not None, "the schedule names kiosks of the city"
        found[arrival] = drawn.next(terminal)
    return found


def _counted(planned: Iterable[Arrival]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in planned:
        counts[each.stage] = counts.get(each.stage, 0) + 1
    return counts


def _write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for each in values:
            file.write(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n")

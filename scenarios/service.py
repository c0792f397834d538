"""What screens and commands may ask of the scenarios package: the only module of it that ``tui`` imports."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from protocols.clock import RealClock
from protocols.link.base import LinkUrl
from protocols.link.pty import open_pty
from protocols.link.tcp import listen_tcp
from protocols.link.vpcd import VpcdCard
from protocols.wire.base import Label, Privacy
from scenarios.build import BenchError, build_slot_card, build_slot_device
from scenarios.faults import Fault
from scenarios.flow.desk import KioskDesk, stand_kiosk
from scenarios.flow.model import Flow, is_flow, load_flow
from scenarios.flow.words import WORDS
from scenarios.hand import HandError, action_label
from scenarios.models import Bench, Plan, Slot, load_bench, load_plan
from scenarios.people import PersonFile
from scenarios.profiles import (
    DeviceClassProfile,
    Profile,
    device_class_names,
    device_class_profile,
    load_profile,
    profile_ids,
)
from scenarios.runtime import AskPerson, LiveBench
from scenarios.simulated import CARD_ACTIONS, apply_to_device
from scenarios.strict_yaml import FileError
from simulators.card.people import secrets_of
from simulators.device.classes import class_of_dialect
from simulators.fault.base import Mutant, mutants
from simulators.host import DeviceHost

__all__ = [
    "AskPerson",
    "Bench",
    "BenchError",
    "DeviceClassProfile",
    "FileError",
    "Flow",
    "HandError",
    "KioskDesk",
    "Mutant",
    "Place",
    "Plan",
    "Profile",
    "Standing",
    "action_label",
    "bench_files",
    "bench_secrets",
    "device_class_names",
    "device_class_profile",
    "flow_files",
    "is_flow",
    "load_bench",
    "load_flow",
    "load_plan",
    "load_profile",
    "mutants",
    "plan_files",
    "profile_ids",
    "schemas",
    "stand_bench",
    "stand_card",
    "stand_device",
    "stand_kiosk",
    "step_label",
    "write_schemas",
]

HERE = Path(__file__).resolve().parent
SCHEMA_FOLDER = HERE / "schema"

OnViolation = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """One slot that stands: where a program finds it. ``reader`` is its PC/SC name, when it has one."""

    slot: str
    device_class: str
    dialect: str
    link: str
    simulated: bool
    actions: tuple[str, ...]
    reader: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Something simulated that is up. ``pcsc_socket`` is what PCSCLITE_CSOCK_NAME must name to see its readers."""

    places: tuple[Place, ...]
    do: Callable[[str, str], Awaitable[str]]
    """``await do(slot, "insert 3.0")``: done, unsupported, unanswered or timeout."""
    look: Callable[[str], Mapping[str, object]]
    """Inner state of a simulated slot; empty for a real one."""
    pcsc_socket: str = ""
    programs: tuple[str, ...] = ()
    """Programs of the bench file; ``do(program, line)`` writes the line to the program's standard input."""
    services: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where peers and backend of the bench file are, by name."""

    async def say(self, line: str) -> str:
        """Do what a typed line asks: ``reader insert 3.0``, or without the slot's name where there is only one."""
        names = [each.slot for each in self.places]
        first, _, rest = line.strip().partition(" ")
        if first in names or first in self.programs:
            return await self.do(first, rest.strip())
        if len(names) == 1:
            return await self.do(names[0], line.strip())
        return "unsupported"


def bench_files() -> list[Path]:
    """The bench files that come with the project."""
    return sorted((HERE / "benches").glob("*.yaml"))


def bench_secrets(seed: int) -> list[tuple[Privacy, bytes]]:
    """What must not be found in a dossier of a bench with that seed: names, numbers, PINs and keys of its people."""
    return list(secrets_of(seed))


def flow_files() -> list[Path]:
    """The flow files that come with the project, the plain ones first."""
    return sorted((HERE / "flows").glob("*.yaml"), key=lambda each: (len(each.stem), each.stem))


def step_label(word: str) -> Label:
    """What a step of a flow is called."""
    return WORDS[word].label


def plan_files() -> list[Path]:
    """The plan files that come with the project."""
    return sorted((HERE / "plans").glob("*.yaml"))


@asynccontextmanager
async def stand_bench(
    bench: Bench, ask_person: AskPerson | None = None, on_violation: OnViolation = lambda slot, text: None
) -> AsyncIterator[Standing]:
    """Bring *bench* up on the real clock, and down again. Raises BenchError, LinkError, HandError."""
    async with LiveBench(bench, RealClock(), ask_person, on_violation) as live:
        places: list[Place] = []
        readers = {each.url: each.reader for each in live.pcscd.slots} if live.pcscd else {}
        for name, slot in bench.slots.items():
            one = live.devices.get(name) or live.cards[name]
            pcsc_name = readers.get(one.link_shown, "")
            actions = tuple(sorted(one.hand.actions))
            shown = slot.dialect or slot.image
            places.append(Place(name, slot.device_class, shown, one.link_shown, slot.simulated, actions, pcsc_name))
        for name, standing in live.devices.items():
            if bench.slots[name].scheme == "sim":
                await standing.open_line()  # a simulated device lives only while a line to it is open

        async def do(slot: str, action: str) -> str:
            if slot in live.programs:
                return "done" if await live.programs[slot].send_line(action) else "unanswered"
            found = live.devices.get(slot) or live.cards.get(slot)
            return "unsupported" if found is None else await found.hand.act(action, f"{slot}.by-hand")

        def look(slot: str) -> Mapping[str, object]:
            device = live.devices[slot].device if slot in live.devices else live.cards[slot].card
            snapshot = getattr(device, "snapshot", None)
            return snapshot() if snapshot is not None else {}

        services = dict(live.services.peers) if live.services is not None else {}
        if live.services is not None and live.services.backend is not None:
            services["backend"] = live.services.filled_in["backend"]
        socket = live.pcscd.socket if live.pcscd else ""
        yield Standing(tuple(places), do, look, socket, tuple(live.programs), services)


@asynccontextmanager
async def stand_device(
    dialect: str,
    link: str = "pty://",
    *,
    fault: str = "",
    timing: str = "default",
    mode: str = "strict",
    seed: int = 1,
    on_violation: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[Standing]:
    """One simulated device that speaks *dialect*, on a pty or a TCP port. Raises BenchError, LinkError."""
    url = LinkUrl.parse(link)
    try:
        kind = class_of_dialect(dialect)
        slot = _slot(device_class=kind.name, dialect=dialect, link=link, fault=fault, timing=timing, mode=mode)
        device = build_slot_device(slot, dialect, seed)
    except ValueError as error:
        raise BenchError(str(error)) from error
    async with AsyncExitStack() as stack:
        far = await listen_tcp(url.port) if url.scheme == "tcp" else open_pty()
        host = await stack.enter_async_context(DeviceHost(device, far, RealClock(), on_violation))

        async def do(name: str, action: str) -> str:
            return await _try(action, frozenset(kind.hand), lambda: apply_to_device(action, host.apply, seed))

        actions = tuple(sorted(kind.hand))
        suffix = "?baud=9600" if url.scheme == "pty" else ""
        place = Place(kind.slot, kind.name, dialect, far.url + suffix, True, actions)
        yield Standing((place,), do, lambda name: device.snapshot())


@asynccontextmanager
async def stand_card(
    generation: str, host: str = "127.0.0.1", port: int = 35963, *, fault: str = "", seed: int = 1
) -> AsyncIterator[Standing]:
    """One simulated card that connects to the vpcd driver at *host*:*port*. Raises BenchError."""
    slot = _slot(device_class="card", image=generation, link=f"vpcd://{host}:{port}", fault=fault)
    card = build_slot_card(slot, "card", seed)
    served = VpcdCard(card, name=f"card {generation}")
    served.start(host, port)

    async def do(name: str, action: str) -> str:
        word, _, argument = action.partition(" ")
        deeds: dict[str, Callable[[], None]] = {
            "insert": served.insert,
            "remove": served.remove,
            "tear": lambda: card.tear_after(int(argument or "1")),
        }
        return await _try(action, CARD_ACTIONS, deeds.get(word, lambda: None))

    def look(name: str) -> Mapping[str, object]:
        return {"connected": served.connected, "left": served.left}

    try:
        yield Standing((Place("card", "card", generation, slot.link, True, tuple(sorted(CARD_ACTIONS))),), do, look)
    finally:
        served.stop()


def _slot(**fields: Any) -> Slot:
    device_class = fields.pop("device_class")
    try:
        return Slot.model_validate({"class": device_class, **fields})
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, each['loc'])) or device_class}: {each['msg']}" for each in error.errors())
        raise BenchError(what) from error


async def _try(action: str, known: frozenset[str], deed: Callable[[], None]) -> str:
    if action.partition(" ")[0] not in known:
        return "unsupported"
    try:
        deed()
    except ValueError:
        return "unsupported"
    return "done"


def schemas() -> dict[str, str]:
    """File name to text of the JSON schemas of the files people write."""
    models: dict[str, type[BaseModel]] = {
        "bench.schema.json": Bench,
        "plan.schema.json": Plan,
        "person.schema.json": PersonFile,
        "fault.schema.json": Fault,
        "flow.schema.json": Flow,
    }
    return {
        name: json.dumps(model.model_json_schema(by_alias=True), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        for name, model in models.items()
    }


def write_schemas(folder: Path = SCHEMA_FOLDER) -> list[Path]:
    """Write :func:`schemas` to *folder*; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written

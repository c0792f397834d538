"""Models of the files people write: bench, plan, waiver. Strict: unknown keys are errors (scenarios/strict_yaml.py)."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from protocols.link.base import LinkError, LinkUrl, schemes
from scenarios.bench_services import BACKEND_WORDS, BackendSpec, PeerSpec, peer_problem
from scenarios.faults import Fault
from scenarios.hand import PROGRAM_ACTIONS
from scenarios.people import PersonFile, find_person, shipped_people
from scenarios.strict_yaml import FileError, load_model
from simulators.card.people import DEFAULT_PERSON, Person
from simulators.device.classes import device_classes

__all__ = [
    "CARD",
    "Bench",
    "Fault",
    "HandSpec",
    "Laboratory",
    "Plan",
    "Slot",
    "Text",
    "Waiver",
    "everybody",
    "load_bench",
    "load_plan",
]

MAX_SLOTS = 16
"""As many readers as one pcscd serves (measured: 16)."""

CARD = "card"

DEVICE_CLASSES = (*sorted(device_classes()), CARD)
"""Whatever stands behind a line, found by being there, and cards."""

ROLES = (*(f"device.{each}" for each in DEVICE_CLASSES), "kiosk", "backend")
"""What a bench may put under test. Kiosk and backend are programs and have no slot."""

FILLED_IN = re.compile(r"\{([\w.-]+)\}")
"""What a program's command line has filled in: ``{python}``, or the name of a slot."""


class Strict(BaseModel):
    """Unknown keys are errors; values are not changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Text(Strict):
    """A text in both languages. A plain string stands for both."""

    zh: str
    en: str


def _as_text(value: Any) -> Any:
    return {"zh": value, "en": value} if isinstance(value, str) else value


def _as_hand(value: Any) -> Any:
    return {"by": value} if isinstance(value, str) else value


def _as_peer(value: Any) -> Any:
    return {} if value == "sim" else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


BothTexts = Annotated[Text, BeforeValidator(_as_text)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Peer = Annotated[PeerSpec, BeforeValidator(_as_peer)]


def _known_class(value: str) -> str:
    if value not in DEVICE_CLASSES:
        raise ValueError(f"unknown device class {value!r}; use one of {', '.join(DEVICE_CLASSES)}")
    return value


DeviceClassName = Annotated[str, AfterValidator(_known_class), Field(json_schema_extra={"enum": list(DEVICE_CLASSES)})]


class HandSpec(Strict):
    """Who answers the prompts of a slot. ``program`` is a command line, relative to the bench file's folder."""

    by: Literal["simulator", "person", "program"] = "simulator"
    program: tuple[str, ...] = ()
    actions: tuple[str, ...] = tuple(sorted(PROGRAM_ACTIONS))
    patience_s: float = Field(default=10.0, gt=0, le=600)

    @model_validator(mode="before")
    @classmethod
    def _program_means_program(cls, value: Any) -> Any:
        if isinstance(value, dict) and "program" in value and "by" not in value:
            program = value["program"]
            return {**value, "by": "program", "program": program.split() if isinstance(program, str) else program}
        return value

    @model_validator(mode="after")
    def _has_a_program(self) -> HandSpec:
        if (self.by == "program") != bool(self.program):
            raise ValueError("by: program needs `program: [command, argument, ...]`, and only then")
        return self


class Slot(Strict):
    """One place on the bench: a device class, where it stands (``link``), and who handles it.

    ``image`` names a simulated card; a card slot without one is a foreign card that connects by itself, or that
    ``program`` starts (``{host}`` and ``{port}`` are filled in). ``fault`` builds the simulator as a catalogued mutant.
    ``person`` is the holder of a simulated card: a file (scenarios/people/), or the person written here.
    """

    device_class: DeviceClassName = Field(alias="class")
    link: str
    dialect: str = ""
    image: str = ""
    program: tuple[str, ...] = ()
    hand: Annotated[HandSpec, BeforeValidator(_as_hand)] = HandSpec()
    timing: Literal["default", "brisk"] = "default"
    mode: Literal["strict", "realistic", "hostile"] = "strict"
    readings: dict[str, Any] = Field(default_factory=dict[str, Any])
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    fault: str = ""
    person: PersonFile | str | None = None

    @field_validator("link")
    @classmethod
    def _link_is_known(cls, value: str) -> str:
        try:
            scheme = LinkUrl.parse(value).scheme
        except LinkError as error:
            raise ValueError(str(error)) from error
        if scheme not in (known := sorted({"sim", *schemes()})):
            raise ValueError(f"link {value!r}: unknown scheme {scheme!r}; use one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _fits_its_class(self) -> Slot:
        if self.device_class != CARD and not self.dialect:
            spoken = sorted(device_classes()[self.device_class].dialects)
            raise ValueError(f"a {self.device_class} slot needs {' or '.join(f'`dialect: {each}`' for each in spoken)}")
        if self.person is not None and (self.device_class != CARD or self.image == "psam" or not self.simulated):
            raise ValueError(
                "person: only a simulated social security card (sim:// or vpcd://, with image) has a holder"
            )
        return self

    @property
    def scheme(self) -> str:
        return LinkUrl.parse(self.link).scheme

    @property
    def simulated(self) -> bool:
        """True where the device itself is ours."""
        return self.scheme in ("sim", "pty") or (self.scheme == "vpcd" and bool(self.image))


class Bench(Strict):
    """A bench: slots, links, and which role is under test.

    ``programs`` are command lines by name, started when all slots are up and ended with the bench. ``{python}`` is
    this Python, and ``{reader}`` what a program must open to reach the slot *reader*: link URL, or PC/SC reader name;
    with a ``backend`` also ``{backend}``, ``{terminal}``, ``{enrol}`` and ``{folder}`` (bench_services.py).
    """

    bench: str = Field(min_length=1, max_length=64)
    title: BothTexts | None = None
    under_test: Names
    slots: dict[str, Slot] = Field(min_length=1, max_length=MAX_SLOTS)
    peers: dict[str, Peer] = Field(default_factory=dict[str, PeerSpec])
    """Simulated services by name; ``sim`` stands for one as it comes."""
    backend: BackendSpec | None = None
    programs: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    clock: Literal["real", "virtual"] = "real"
    faults: tuple[Fault, ...] = ()
    seed: int = Field(default=1, ge=0, le=2**32 - 1)
    folder: Path = Field(default=Path(), exclude=True)

    @field_validator("under_test")
    @classmethod
    def _roles_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for role in value:
            if role not in ROLES and role not in DEVICE_CLASSES:
                raise ValueError(f"unknown role {role!r}; this version tests: {', '.join(ROLES)}")
        return value

    @model_validator(mode="after")
    def _programs_fit_the_slots(self) -> Bench:
        for name, command in self.programs.items():
            if not command or name in self.slots:
                raise ValueError(f"program {name!r} needs a command line, and a name that no slot has")
            words = ("python", *(BACKEND_WORDS if self.backend is not None else ()))
            for wanted in FILLED_IN.findall(" ".join(command)):
                if wanted not in words and wanted not in self.slots:
                    known = ", ".join((*words, *self.slots))
                    raise ValueError(f"program {name!r}: {{{wanted}}} is no slot of this bench; known: {known}")
                if wanted in self.slots and self.slots[wanted].scheme == "sim":
                    raise ValueError(f"program {name!r}: slot {wanted!r} is in process only; give it pty:// or vpcd://")
        return self

    @model_validator(mode="after")
    def _services_exist(self) -> Bench:
        for name, spec in self.peers.items():
            if problem := peer_problem(name, spec):
                raise ValueError(problem)
        if self.backend is not None and set(BACKEND_WORDS) & set(self.slots):
            raise ValueError(f"beside a backend no slot may be called {', '.join(BACKEND_WORDS)}")
        return self

    @model_validator(mode="after")
    def _virtual_means_in_process(self) -> Bench:
        outside = [name for name, slot in self.slots.items() if slot.scheme != "sim"]
        if self.clock == "virtual" and outside:
            raise ValueError(f"clock: virtual allows only sim:// links; slot {outside[0]!r} has another")
        if self.clock == "virtual" and (self.peers or self.backend is not None):
            raise ValueError("clock: virtual allows no peers and no backend: they stand on real sockets")
        return self

    @model_validator(mode="after")
    def _faults_fit_the_slots(self) -> Bench:
        if problems := self.fault_problems(self.faults):
            raise ValueError("; ".join(problems))
        return self

    def fault_problems(self, faults: tuple[Fault, ...]) -> list[str]:
        """Why these faults cannot be injected on this bench, each with what to change."""
        found: list[str] = []
        for each in faults:
            slot = self.slots.get(each.slot)
            if slot is None:
                found.append(f"fault {each.id}: {each.slot!r} is no slot of this bench; known: {', '.join(self.slots)}")
            elif slot.device_class not in each.device_classes:
                fits = " or a ".join(each.device_classes)
                found.append(f"fault {each.id} is for a {fits}; slot {each.slot!r} is a {slot.device_class}")
            elif not slot.simulated:
                found.append(
                    f"fault {each.id}: slot {each.slot!r} is no simulator of ours; faults need sim://, pty:// or"
                )
                found[-1] += " vpcd:// with image"
        return found

    def person_of(self, slot: str) -> Person | None:
        """The holder of the card in *slot*; None: the default one. Raises FileError for a file that is gone."""
        given = self.slots[slot].person
        if isinstance(given, str):
            given = find_person(given, self.folder)
        return given.person if given is not None else None

    def people_problems(self) -> list[str]:
        """Why the holders that the slots name cannot be had."""
        found: list[str] = []
        for name in self.slots:
            try:
                self.person_of(name)
            except FileError as error:
                found.append(f"slot {name!r}: person: {error}")
        return found

    def targets(self) -> tuple[str, ...]:
        """Names of the slots under test, in the order of the file."""
        classes = {role.removeprefix("device.") for role in self.under_test}
        return tuple(name for name, slot in self.slots.items() if slot.device_class in classes)

    @property
    def bench_class(self) -> str:
        """``in_process``, ``simulated`` or ``real_device``: stamped on every claim."""
        mine = [self.slots[name] for name in self.targets() or self.slots]
        if all(slot.scheme == "sim" for slot in mine):
            return "in_process"
        return "simulated" if all(slot.simulated for slot in mine) else "real_device"


class Waiver(Strict):
    """A fail that somebody has accepted, until a day. A waiver that is not needed, or is past its day, fails the run."""

    check: str
    target: str = ""
    owner: str = Field(min_length=1)
    expires: date
    reason: BothTexts


class Laboratory(Strict):
    """The fields that ISO/IEC 17025 7.8 wants in a report and only the laboratory knows; empty means not given."""

    laboratory_name: str = ""
    laboratory_address: str = ""
    location: str = ""
    customer: str = ""
    customer_contact: str = ""
    method: str = ""
    item: str = ""
    item_condition: str = ""
    received_on: str = ""
    tested_on: str = ""
    issued_on: str = ""
    sampling: str = ""
    deviations: str = ""
    authorised_by: str = ""
    external_results: str = ""
    customer_supplied: str = ""
    test_conditions: str = ""
    uncertainty: str = ""
    decision_rule: str = ""


class Plan(Strict):
    """One run: bench, what is selected, what the supplier declares (PICS), the parameters of this bench (PIXIT)."""

    plan: str = Field(min_length=1, max_length=64)
    title: BothTexts | None = None
    bench: Bench | str
    profile: str
    select: Names = ("all",)
    exclude: Names = ()
    pics: dict[str, dict[str, bool | int | str | None]] = Field(default_factory=dict[str, Any])
    pixit: dict[str, dict[str, Any]] = Field(default_factory=dict[str, Any])
    waivers: tuple[Waiver, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Injected besides those of the bench."""
    damage_budget: dict[str, int] = Field(default_factory=dict[str, int])
    story: tuple[str, ...] = ()
    missing_pcsc: Literal["error", "not_tested"] = "error"
    """What a machine without the PC/SC stack makes of the slots that need it."""
    seed: int = Field(default=1, ge=0, le=2**32 - 1)
    laboratory: Laboratory = Laboratory()
    folder: Path = Field(default=Path(), exclude=True)


def everybody(bench: Bench) -> tuple[Person, ...]:
    """Everybody who may come to *bench*: whom its file names, and whom a hand can bring (``insert 3.0/long-name``)."""
    named = [bench.person_of(slot) for slot in bench.slots]
    brought = [each.person for each in shipped_people().values()]
    if any(slot.simulated and slot.device_class == "card_reader" for slot in bench.slots.values()):
        named += [each for each in brought if each != DEFAULT_PERSON]
    return tuple(dict.fromkeys(each for each in named if each is not None))


def load_bench(path: Path) -> Bench:
    """Read a bench file. Raises :class:`scenarios.strict_yaml.FileError`."""
    return _with_people(load_model(path, Bench).model_copy(update={"folder": path.resolve().parent}), path)


def load_plan(path: Path) -> Plan:
    """Read a plan file, and the bench file that it names. Raises :class:`scenarios.strict_yaml.FileError`."""
    plan = load_model(path, Plan)
    folder = path.resolve().parent
    bench = plan.bench
    if isinstance(bench, str):
        bench = load_bench(folder / bench)
    else:
        bench = _with_people(bench.model_copy(update={"folder": folder}), path)
    if problems := bench.fault_problems(plan.faults):
        raise FileError(str(path), [(1, each) for each in problems])
    return plan.model_copy(update={"folder": folder, "bench": bench})


def _with_people(bench: Bench, path: Path) -> Bench:
    """*bench* once all its people are known to exist, and to fit their cards."""
    for name, slot in bench.slots.items():
        person = slot.person if isinstance(slot.person, PersonFile) else None
        if isinstance(slot.person, str):
            person = find_person(slot.person, bench.folder)
        if person is not None and person.generation not in ("", slot.image):
            what = f"slot {name!r}: image {slot.image}, but its person carries a {person.generation} card"
            raise FileError(str(path), [(1, what)])
    return bench

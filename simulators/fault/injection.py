"""Faults that are injected into a good device: the catalogue, when each strikes, and the proof that it did.

A mutant (``base.py``) is a device that is wrong by construction. An injected fault happens to a good device at a named
moment, is counted, and is undone: the catalogue is that of spec/devices.md 10. The data are here; what a fault does to
bytes is in ``line.py``, what it does to a chip in ``card.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from protocols.seeded import SeededChoice
from protocols.wire.base import Label
from simulators.device.classes import device_classes

__all__ = [
    "CATALOGUE",
    "FaultEvent",
    "FaultKind",
    "Injected",
    "InjectedFault",
    "OnFault",
    "Option",
    "Phase",
    "Value",
    "ignore_event",
]

Value = bool | int | float | str
Place = Literal["says", "hears", "room", "chip"]
Phase = Literal["armed", "fired", "undone", "refused"]

PROBABILITY_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Option:
    """A number or hexadecimal text that shapes a fault. ``least`` and ``greatest`` bound a number, both allowed."""

    default: Value
    least: float = 0
    greatest: float = 3600

    def problem(self, name: str, value: Value) -> str:
        """Why *value* cannot be given, with a remedy; empty when it can."""
        if isinstance(self.default, str):
            return _hex_problem(name, value)
        whole = isinstance(self.default, int)
        if isinstance(value, bool | str) or (whole and not isinstance(value, int)):
            return f"option {name} is {value!r}: write a {'whole ' if whole else ''}number"
        if not self.least <= value <= self.greatest:
            return f"option {name} is {value}: it must be from {self.least:g} to {self.greatest:g}"
        return ""


def _hex_problem(name: str, value: Value) -> str:
    try:
        good = isinstance(value, str) and len(bytes.fromhex(value)) > 0
    except ValueError:
        good = False
    return "" if good else f'option {name} is {value!r}: write hexadecimal bytes in quotes, such as "FF00"'


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A row of the catalogue.

    ``place``: ``says`` strikes at a frame of the device, ``hears`` at a frame of its host, ``room`` is something
    physical that happens at a frame of the host, ``chip`` strikes a card at an APDU (``card-tear``: at a write).
    ``deed`` is the physical event of a ``room`` fault in the hand's words, ``back`` the one that undoes it, if any does.
    """

    id: str
    place: Place
    label: Label
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    deed: str = ""
    back: str = ""

    @property
    def device_classes(self) -> tuple[str, ...]:
        """Whom it can strike: a line every device that has one, an event in the room those that know it."""
        if self.place == "chip":
            return ("card",)
        word = self.deed.partition(" ")[0]
        return tuple(name for name, each in device_classes().items() if not word or word in each.hand)

    def problems(self, given: Mapping[str, Value]) -> list[str]:
        """What is wrong with these options; each names the known ones or the range."""
        found = [self.options[name].problem(name, value) for name, value in given.items() if name in self.options]
        known = ", ".join(self.options) or "none"
        found += [f"unknown option {name!r} of {self.id}; known: {known}" for name in given if name not in self.options]
        return [each for each in found if each]


def _kind(place: Place, name: str, zh: str, en: str, deeds: str = "", **options: Option) -> FaultKind:
    deed, _, back = deeds.partition(" / ")
    return FaultKind(name, place, Label(zh, en), options, deed, back)


_FOR = Option(0.0)
_WAIT = Option(0.0, 0, 60)

_ROWS = (
    _kind("says", "no-answer", "答复丢失", "the answer is lost"),
    _kind("says", "late-answer", "答复迟到", "the answer comes late", delay_s=Option(1.0, 0.001, 600)),
    _kind("says", "flip-checksum", "校验字节错误", "the check byte is wrong"),
    _kind("says", "truncate", "帧被截断", "the frame is cut short", keep=Option(0, 0, 4096)),
    _kind(
        "says",
        "split",
        "帧被拆开",
        "the frame comes in pieces",
        chunks=Option(3, 2, 64),
        gap_s=Option(0.01, 0.0001, 10),
    ),
    _kind("says", "glue", "两帧粘连", "the frame and a repeat of it come in one write"),
    _kind("says", "noise-before", "帧前有杂波", "noise before the frame", noise=Option("FF00AA")),
    _kind("says", "wrong-length", "长度字段错误", "the length field is wrong", by=Option(1, -255, 255)),
    _kind("says", "stale-answer", "先给出旧答复", "the answer to an earlier command comes first"),
    _kind("says", "byte-inside", "帧内混入一个字节", "an unsolicited byte inside the frame", byte=Option("00")),
    _kind("says", "baud-garbage", "波特率不符的乱码", "garbage as of another baud rate"),
    _kind("hears", "drop-request", "命令丢失", "the command is lost"),
    _kind("hears", "nak", "回 NAK 拒绝命令", "the command is refused with NAK", byte=Option("15")),
    _kind("room", "jam", "卡堵塞", "the card jams at its next movement", "jam / clear-jam", for_s=_FOR),
    # a pulled card cannot be pushed back
    _kind("room", "pull", "卡被强行拔出", "the card is pulled out by force", "pull", wait_s=_WAIT),
    _kind(
        "room",
        "power-loss",
        "断电后恢复",
        "the power fails and returns",
        "poweroff / poweron",
        wait_s=_WAIT,
        for_s=Option(0.5),
    ),
    _kind("room", "bin-full", "回收箱满", "the retain bin is full", "bin-full / bin-empty", for_s=_FOR),
    _kind("room", "sensor-fault", "传感器故障", "a sensor fails", "sensor-fault / repair", for_s=_FOR),
    _kind("room", "motor-fault", "电机故障", "the motor fails", "motor-fault / repair", for_s=_FOR),
    _kind("room", "supply-low", "电源电压偏低", "the supply is low", "supply-low / supply-ok", for_s=_FOR),
    _kind("room", "key-held", "按键未释放", "a key is held down", "hold 5 / release", for_s=_FOR),
    _kind("room", "key-short-circuit", "按键短路", "two keys have contact", "short-key / repair", for_s=_FOR),
    _kind("room", "battery-low", "电池电压低", "the battery is low", "battery-low / battery-ok", for_s=_FOR),
    # the keys that it destroys do not come back
    _kind("room", "removal", "键盘被拆下", "the pad is taken out", "remove-keypad / refit", for_s=_FOR),
    _kind("chip", "card-mute", "卡不应答", "the card keeps silent"),
    _kind("chip", "card-wrong-sw", "卡返回错误状态字", "the card answers with a wrong status word", sw=Option("6F00")),
    _kind("chip", "card-tear", "写入时失电", "the card loses its supply in a write"),
    _kind("chip", "card-removed", "交易中卡被取走", "the card is taken away in mid-transaction"),
)

CATALOGUE: Mapping[str, FaultKind] = {each.id: each for each in _ROWS}
"""Every fault that can be injected, by id. Option ``for_s`` 0: until the bench goes down."""


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One fault of a plan. It strikes at frame (APDU, write) ``after`` + 1 and at those that follow, ``times`` times in
    all, each time with ``probability``. ``key`` names it in the history. Raises ValueError for what the catalogue lacks.
    """

    key: str
    id: str
    after: int = 0
    times: int = 1
    probability: float = 1.0
    options: Mapping[str, Value] = field(default_factory=dict[str, Value])

    def __post_init__(self) -> None:
        if self.id not in CATALOGUE:
            raise ValueError(f"unknown fault {self.id!r}; known: {', '.join(CATALOGUE)}")
        if self.after < 0 or self.times < 1 or not 0 < self.probability <= 1:
            raise ValueError(f"fault {self.key}: after is from 0, times from 1, probability above 0 and at most 1")
        if self.id == "card-tear" and self.probability < 1:
            raise ValueError(f"fault {self.key}: a write is torn or not: leave out probability")
        if found := self.kind.problems(self.options):
            raise ValueError(f"fault {self.key}: {'; '.join(found)}")

    @property
    def kind(self) -> FaultKind:
        return CATALOGUE[self.id]

    def number(self, option: str) -> float:
        """The value of a number option."""
        return float(self.options.get(option, self.kind.options[option].default))

    def bytes_of(self, option: str) -> bytes:
        """The value of a hexadecimal option."""
        return bytes.fromhex(str(self.options.get(option, self.kind.options[option].default)))


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """Something that an injected fault did. ``t`` bench time in seconds, ``key`` which fault, ``count`` how often it
    has fired so far. ``refused``: the device does not know the physical event, so nothing happened."""

    t: float
    key: str
    id: str
    phase: Phase
    text: str
    count: int = 0


OnFault = Callable[[FaultEvent], None]


def ignore_event(event: FaultEvent) -> None:
    """For those who do not listen."""


class Injected:
    """A fault at work: counts what it sees, decides when it strikes, and tells what happened, each thing once."""

    def __init__(self, fault: InjectedFault, seed: int, on_event: OnFault) -> None:
        self.fault, self.id = fault, fault.id
        self.fired = 0
        self.undone = False
        self._seen = 0
        self._armed = False
        self._choice = SeededChoice(seed, f"fault {fault.key}")
        self._on_event = on_event

    @property
    def live(self) -> bool:
        """True while it may still strike."""
        return self._armed and not self.undone and self.fired < self.fault.times

    def arm(self, now: float) -> None:
        """From now on it counts. Arming twice is once."""
        if not self._armed:
            self._armed = True
            self._tell(now, "armed", f"after {self.fault.after}, {self.fault.times} times")

    def strikes(self, taken: bool) -> bool:
        """Another frame goes by. True when this fault has it; *taken*: another fault has had it already."""
        if not self.live:
            return False
        self._seen += 1
        if self._seen <= self.fault.after or taken:
            return False
        return self._choice.below(PROBABILITY_STEPS) < self.fault.probability * PROBABILITY_STEPS

    def garble(self, length: int) -> int:
        """A seeded number below *length*."""
        return self._choice.below(length)

    def fire(self, now: float, text: str) -> None:
        """It has happened."""
        self.fired += 1
        self._tell(now, "fired", text)

    def refuse(self, now: float, text: str) -> None:
        """It cannot happen here: inert from now on, and never counted as fired."""
        self._tell(now, "refused", text)
        self.undo(now, "inert")

    def undo(self, now: float, text: str = "inert") -> None:
        """It strikes no more and nothing of it is left. Undoing twice is once; what was never armed was never there."""
        if self._armed and not self.undone:
            self.undone = True
            self._tell(now, "undone", text)

    def _tell(self, now: float, phase: Phase, text: str) -> None:
        self._on_event(FaultEvent(now, self.fault.key, self.id, phase, text, self.fired))

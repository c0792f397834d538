"""The base that every wire format shares: labels, labelled trees, framings, vectors and their discovery.

A dialect is described once and serves five consumers: simulator, driver, conformance suite, fuzzer, trace decoder.
Its vectors are typed by hand from the documents, beside the codec, and one test walks all of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

__all__ = [
    "Control",
    "Flaw",
    "Frame",
    "Framing",
    "Item",
    "Label",
    "Node",
    "Noise",
    "Privacy",
    "Timing",
    "Vector",
    "WireError",
    "discover",
]


class WireError(ValueError):
    """Bytes that do not follow the format. ``at`` is the offset of the first byte that is wrong."""

    def __init__(self, why: str, at: int = 0) -> None:
        super().__init__(f"{why} (at byte {at})")
        self.why, self.at = why, at


@dataclass(frozen=True, slots=True)
class Label:
    """One text in the two languages of the project. ``str(label)`` is Chinese: most readers read it first."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.zh

    def __getitem__(self, language: str) -> str:
        return self.zh if language.startswith("zh") else self.en


class Privacy(StrEnum):
    """What a field may show outside the bench."""

    OPEN = "open"
    NAME = "name"
    ID_NUMBER = "id_number"
    CARD_NUMBER = "card_number"
    PIN = "pin"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Node:
    """A decoded field: ``raw`` its bytes, ``text`` what they mean, ``children`` its parts."""

    name: str
    label: Label
    raw: bytes = b""
    text: str = ""
    privacy: Privacy = Privacy.OPEN
    children: tuple[Node, ...] = ()

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """This node and all below it, with their depth."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)

    def render(self, language: str = "zh") -> str:
        """Indented text, one field a line."""
        rows: list[str] = []
        for depth, node in self.walk():
            hexed = node.raw.hex(" ").upper() if not node.children else ""
            rows.append("  " * depth + "  ".join(part for part in (node.label[language], node.text, hexed) if part))
        return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole, valid frame. ``text`` is what the framing carries; ``raw`` all its bytes."""

    text: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Control:
    """A single control byte outside frames: ACK, NAK, ENQ, EOT."""

    byte: int

    @property
    def raw(self) -> bytes:
        return bytes((self.byte,))


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that belong to no valid frame. ``why``: ``noise``, ``checksum``, ``length``, ``trailer`` or ``truncated``."""

    raw: bytes
    why: str


Item = Frame | Control | Noise

Flaw = Literal["checksum", "length"]


class Framing(Protocol):
    """Cuts a byte stream into items, resynchronises after rubbish, and never holds more than its bound.

    Pure: the time comes in with the bytes. Feeding the same bytes in any pieces gives the same items.
    """

    def feed(self, data: bytes, now: float) -> list[Item]: ...

    def deadline(self) -> float | None:
        """When :meth:`expire` is wanted: an unfinished frame has then waited too long. None when idle."""
        ...

    def expire(self, now: float) -> list[Item]:
        """Give up the unfinished frame, if its time has passed."""
        ...

    def wrap(self, text: bytes) -> bytes:
        """The frame that carries *text*. Raises :class:`WireError` beyond the bound."""
        ...

    def spoil(self, frame: Frame, flaw: Flaw, by: int = 1) -> bytes:
        """*frame* with one thing wrong: its check, or its length changed by *by* while the check fits. For faults."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a dialect, in seconds, each with its source in the dialect's docstring."""

    ack_s: float = 0.3
    reply_s: float = 20.0
    resync_s: float = 0.1
    resends: int = 3


@dataclass(frozen=True, slots=True)
class Vector:
    """A known frame, typed from a document. ``message`` is what it must decode to and encode from."""

    hex: str
    message: Any
    source: str
    to_device: bool = True
    context: Any = None

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.hex)


def discover(package_name: str, attribute: str, *, deep: bool = True) -> Sequence[Any]:
    """Every module-level *attribute* in the modules below *package_name*, in order of module name.

    This is how a new dialect, device, suite or mutant file is found: by being there. Not *deep*: modules of that package
    alone, and nothing of the packages inside it is imported.
    """
    package = importlib.import_module(package_name)
    walk = pkgutil.walk_packages if deep else pkgutil.iter_modules
    infos = [each for each in walk(package.__path__, package_name + ".") if deep or not each.ispkg]
    found: list[Any] = []
    for info in sorted(infos, key=lambda each: each.name):
        module = importlib.import_module(info.name)
        value = getattr(module, attribute, None)
        if value is not None:
            found.append(value)
    return found

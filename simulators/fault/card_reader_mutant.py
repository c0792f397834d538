"""How a mutant of the card reader is catalogued: the reference builder with one part exchanged."""

from __future__ import annotations

from functools import partial
from typing import Any

from protocols.wire.base import Label
from simulators.device.card_reader import build_reader
from simulators.fault.base import Mutant

__all__ = ["CRT310", "CRT591", "reader_mutant"]

CRT591 = ("crt591",)
CRT310 = ("crt310",)


def reader_mutant(
    name: str, zh: str, en: str, like: str, variants: tuple[str, ...] = (), equivalent: str = "", **parts: Any
) -> Mutant:
    """The mutant ``reader.<name>``; *parts* are the classes that replace those of ``build_reader``."""
    return Mutant(
        id=f"reader.{name}",
        device_class="card_reader",
        label=Label(zh, en),
        make=partial(build_reader, **parts),
        variants=variants,
        equivalent=equivalent,
        like=like,
    )

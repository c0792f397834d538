"""How a mutant of the PIN pad is catalogued: the reference builder with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from protocols.wire.base import Label
from simulators.device.pin_pad import build_pin_pad
from simulators.fault.base import Mutant

__all__ = ["pad_mutant"]


def pad_mutant(
    name: str, zh: str, en: str, like: str, make: Callable[..., Any] = build_pin_pad, **parts: Any
) -> Mutant:
    """The mutant ``pad.<name>``; *parts* are the classes that replace those of ``build_pin_pad``."""
    return Mutant(
        id=f"pad.{name}",
        device_class="pin_pad",
        label=Label(zh, en),
        make=partial(make, **parts),
        like=like,
    )

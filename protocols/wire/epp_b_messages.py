"""The typed messages of family B: what stands behind a command byte (spec/devices.md 1.2)."""

from __future__ import annotations

from dataclasses import dataclass

from construct import Byte, GreedyBytes, Terminated
from construct_typed import DataclassMixin, DataclassStruct, csfield, csfield_noinit

__all__ = [
    "ENTRY",
    "MASTER_KEY",
    "PARAMETER",
    "PLACE",
    "PLAIN",
    "SM_PLACE",
    "SWITCH",
    "WORK_KEY",
    "Entry",
    "MasterKey",
    "Parameter",
    "Place",
    "Plain",
    "SmPlace",
    "Switch",
    "WorkKey",
]


@dataclass
class Plain(DataclassMixin):
    """``CMD DATA``."""

    code: int = csfield(Byte)
    data: bytes = csfield(GreedyBytes)


@dataclass
class MasterKey(DataclassMixin):
    """``32 M key``."""

    code: int = csfield(Byte)
    master: int = csfield(Byte)
    key: bytes = csfield(GreedyBytes)


@dataclass
class WorkKey(DataclassMixin):
    """``33 M N key``."""

    code: int = csfield(Byte)
    master: int = csfield(Byte)
    number: int = csfield(Byte)
    key: bytes = csfield(GreedyBytes)


@dataclass
class Place(DataclassMixin):
    """``43 M N``."""

    code: int = csfield(Byte)
    master: int = csfield(Byte)
    number: int = csfield(Byte)
    end: None = csfield_noinit(Terminated)


@dataclass
class SmPlace(DataclassMixin):
    """``86 kind M N``."""

    code: int = csfield(Byte)
    kind: int = csfield(Byte)
    master: int = csfield(Byte)
    number: int = csfield(Byte)
    end: None = csfield_noinit(Terminated)


@dataclass
class Entry(DataclassMixin):
    """``35 len disp mode prompt timeout``."""

    code: int = csfield(Byte)
    most: int = csfield(Byte)
    shown: int = csfield(Byte)
    mode: int = csfield(Byte)
    prompt: int = csfield(Byte)
    limit_s: int = csfield(Byte)
    end: None = csfield_noinit(Terminated)


@dataclass
class Switch(DataclassMixin):
    """``45 v``."""

    code: int = csfield(Byte)
    value: int = csfield(Byte)
    end: None = csfield_noinit(Terminated)


@dataclass
class Parameter(DataclassMixin):
    """``46 p v``."""

    code: int = csfield(Byte)
    parameter: int = csfield(Byte)
    value: int = csfield(Byte)
    end: None = csfield_noinit(Terminated)


PLAIN, MASTER_KEY, WORK_KEY = DataclassStruct(Plain), DataclassStruct(MasterKey), DataclassStruct(WorkKey)
PLACE, SM_PLACE, ENTRY = DataclassStruct(Place), DataclassStruct(SmPlace), DataclassStruct(Entry)
SWITCH, PARAMETER = DataclassStruct(Switch), DataclassStruct(Parameter)

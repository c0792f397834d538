"""Dictionaries on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from protocols.wire.platform.message import Message
from reference_impl.backend.dictionaries.dictionary import Entry

__all__ = ["DictionaryPath", "EntryRequest", "EntryView", "KeyPath"]

DictionaryPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,31}$", examples=["menu"])]
KeyPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,31}$", examples=["payment"])]
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,100}$", examples=["门诊缴费"])]


class EntryRequest(Message):
    """The whole entry as it will be."""

    name_zh: Name
    name_en: Name
    position: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    state: Literal["active", "retired"] = "active"


class EntryView(Message):
    key: str
    name_zh: str
    name_en: str
    position: int
    state: str

    @classmethod
    def of(cls, entry: Entry) -> EntryView:
        return cls(
            key=entry.key,
            name_zh=entry.name_zh,
            name_en=entry.name_en,
            position=entry.position,
            state=entry.state,
        )

"""All dictionaries in memory, as they are in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.audit.trail import Act, Actor, Trail
from reference_impl.backend.dictionaries.tables import DICTIONARY_ENTRIES
from reference_impl.backend.storage.records import load, write_of

__all__ = ["MENU", "Dictionaries", "Entry"]

MENU = "menu"
"""The dictionary that is the menu of the terminals."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``state`` is active or retired; entries are shown in order of ``position``."""

    dictionary: str
    key: str
    name_zh: str
    name_en: str
    position: int
    state: str
    updated_at: float
    version: int = 0


class Dictionaries:
    """Made by :meth:`open`. ``version`` rises with every change: terminals learn by it that something is new."""

    def __init__(self, trail: Trail, entries: Iterable[Entry]) -> None:
        self._trail = trail
        self._entries = {(each.dictionary, each.key): each for each in entries}
        self._changing = asyncio.Lock()
        self.version = max((each.version for each in self._entries.values()), default=0)

    @classmethod
    async def open(cls, engine: AsyncEngine, trail: Trail) -> Dictionaries:
        return cls(trail, await load(engine, DICTIONARY_ENTRIES, Entry))

    @property
    def names(self) -> list[str]:
        return sorted({name for name, _ in self._entries})

    def entries(self, dictionary: str, *, retired: bool = False) -> list[Entry]:
        """In their order; those that are retired only when asked for."""
        held = [each for each in self._entries.values() if each.dictionary == dictionary]
        shown = [each for each in held if retired or each.state == "active"]
        return sorted(shown, key=lambda each: (each.position, each.key))

    async def put(self, actor: Actor, entry: Entry) -> Entry:
        """A new entry, or a new state of one. Durable when this returns, and in the trail before."""
        async with self._changing:
            entry = replace(entry, version=self.version + 1)
            act = Act("dictionary.put", "dictionary", f"{entry.dictionary}/{entry.key}", details={"state": entry.state})
            await self._trail.record(actor, act, then=[write_of(DICTIONARY_ENTRIES, entry)])
            self._entries[entry.dictionary, entry.key] = entry
            self.version = entry.version
            return entry

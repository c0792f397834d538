"""Dictionaries for terminals."""

from __future__ import annotations

from fastapi import APIRouter

from protocols.wire.platform import endpoints
from protocols.wire.platform.fleet import Dictionary, DictionaryItem
from reference_impl.backend.dictionaries.schemas import DictionaryPath
from reference_impl.backend.problems import responses
from reference_impl.backend.services import ServicesOf
from reference_impl.backend.terminals.callers import TERMINAL_DENIED, TerminalOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(tags=["terminal 终端"])


@ROUTER.get(
    endpoints.DICTIONARIES + "/{dictionary}", summary="字典 / A dictionary", responses=responses(*TERMINAL_DENIED)
)
async def one(services: ServicesOf, terminal: TerminalOf, dictionary: DictionaryPath) -> Dictionary:
    """What is active, in its order."""
    entries = services.dictionaries.entries(dictionary)
    items = tuple(DictionaryItem(key=each.key, zh=each.name_zh, en=each.name_en) for each in entries)
    return Dictionary(name=dictionary, items=items)

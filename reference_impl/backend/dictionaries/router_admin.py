"""Menus and dictionaries for operators."""

from __future__ import annotations

from fastapi import APIRouter

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.dictionaries.dictionary import Entry
from reference_impl.backend.dictionaries.schemas import DictionaryPath, EntryRequest, EntryView, KeyPath
from reference_impl.backend.problems import responses
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["dictionaries 字典"])


@ROUTER.get("/dictionaries", summary="字典清单 / List dictionaries", responses=responses(*DENIED))
async def names(services: ServicesOf, caller: CallerOf) -> list[str]:
    return services.dictionaries.names


@ROUTER.get("/dictionaries/{dictionary}", summary="字典内容 / One dictionary", responses=responses(*DENIED))
async def one(services: ServicesOf, caller: CallerOf, dictionary: DictionaryPath) -> list[EntryView]:
    """With what is retired. A dictionary without entries is empty."""
    return [EntryView.of(each) for each in services.dictionaries.entries(dictionary, retired=True)]


@ROUTER.put("/dictionaries/{dictionary}/{key}", summary="保存字典项 / Put an entry", responses=responses(*DENIED))
async def put(
    services: ServicesOf, caller: CallerOf, dictionary: DictionaryPath, key: KeyPath, body: EntryRequest
) -> EntryView:
    """Terminals learn of it with their next heartbeat. The dictionary ``menu`` is their menu."""
    act = Act("dictionary.put", "dictionary", f"{dictionary}/{key}")
    await services.access.require(caller, Permission.DICTIONARIES_WRITE, act)
    entry = Entry(dictionary, key, body.name_zh, body.name_en, body.position, body.state, services.clock.now())
    return EntryView.of(await services.dictionaries.put(caller.actor, entry))

"""What routes need, in one place, opened and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from protocols.clock import Clock
from reference_impl.backend.administration.access import Access
from reference_impl.backend.administration.changes import Changes
from reference_impl.backend.administration.directory import Directory
from reference_impl.backend.administration.login import Login
from reference_impl.backend.audit.trail import Trail
from reference_impl.backend.dictionaries.dictionary import Dictionaries
from reference_impl.backend.keys import Keys
from reference_impl.backend.metrics import Metrics
from reference_impl.backend.settings import Settings
from reference_impl.backend.storage.store import Store
from reference_impl.backend.terminals.admission import Admission
from reference_impl.backend.terminals.fleet import Fleet
from reference_impl.backend.till import Till

__all__ = ["Services", "ServicesOf"]


@dataclass(slots=True)
class Services:
    """Made by :func:`reference_impl.backend.running.running`. ``entropy`` gives random bytes; ``started_at`` is when this
    process became the writer (Unix time). The process must end when one of ``failures`` does. ``till`` is the money side, if the
    other systems are connected."""

    settings: Settings
    clock: Clock
    entropy: Callable[[int], bytes]
    keys: Keys
    store: Store
    metrics: Metrics
    started_at: float
    trail: Trail
    directory: Directory
    access: Access
    login: Login
    changes: Changes
    dictionaries: Dictionaries
    fleet: Fleet
    admission: Admission
    till: Till | None = None
    failures: list[asyncio.Future[None]] = field(default_factory=list["asyncio.Future[None]"])


async def _of(request: Request) -> Services:
    # Asynchronous, although it waits for nothing: the others are run on a thread of their own.
    return request.app.state.services


ServicesOf = Annotated[Services, Depends(_of)]
"""The type of a route's parameter that takes the services."""

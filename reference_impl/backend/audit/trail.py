"""Writing the trail. An entry is durable before what it tells of is, and before anybody is answered.

Each entry carries the HMAC-SHA256 of the one before it under a key that is not in the database: an entry that is changed,
removed from the middle or put in between is found by reading the table (:func:`broken_at`). Cutting off the newest entries
is found by comparing with a head that was noted elsewhere: each start logs it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import select

from protocols.clock import Clock
from reference_impl.backend.audit.tables import AUDIT
from reference_impl.backend.keys import Keys
from reference_impl.backend.rates import Rates
from reference_impl.backend.request_context import REQUEST_ID
from reference_impl.backend.storage.errors import RowRefused
from reference_impl.backend.storage.records import write_of
from reference_impl.backend.storage.store import Store
from reference_impl.backend.storage.writes import Write

__all__ = ["GENESIS", "PERSONAL", "SYSTEM", "Act", "Actor", "Entry", "Trail", "broken_at"]

GENESIS = "0" * 64

PERSONAL = frozenset({"person", "patient", "card", "credential"})
"""Kinds of objects whose keys are personal: they are kept as tokens."""

NOTED_A_SECOND, NOTED_AT_ONCE = 0.2, 20.0
"""Refusals that need no right at all, for each action and object."""

Outcome = Literal["allowed", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. ``kind`` is user, terminal, system (the backend by itself) or console (the command line)."""

    kind: Literal["user", "terminal", "system", "console"]
    id: str


SYSTEM = Actor("system", "backend")


@dataclass(frozen=True, slots=True)
class Act:
    """What is done or seen. ``key`` of a personal kind is handed in as it is and kept as a token. ``institution`` is the one
    that the object belongs to; empty for the platform's own. ``details`` hold nothing personal."""

    action: str
    kind: str = ""
    key: str = ""
    institution: str = ""
    details: Mapping[str, str | int | bool] = field(default_factory=dict[str, str | int | bool])


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of AUDIT."""

    seq: int
    at: float
    actor_kind: str
    actor: str
    action: str
    object_kind: str
    object: str
    institution: str
    outcome: str
    request_id: str
    details: str
    prev: str
    digest: str = ""

    def digested(self, key: bytes) -> str:
        """What ``digest`` must be."""
        names = [name for name in self.__dataclass_fields__ if name != "digest"]
        text = json.dumps([getattr(self, name) for name in names], ensure_ascii=True, separators=(",", ":"))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Trail:
    """Made by :meth:`open`, one a process: only the writer of the database can continue the chain."""

    def __init__(self, store: Store, clock: Clock, keys: Keys, seq: int, head: str) -> None:
        self._store, self._clock, self._keys = store, clock, keys
        self.seq, self.head = seq, head
        self._noise = Rates(NOTED_A_SECOND, NOTED_AT_ONCE)
        self._left_out: Counter[str] = Counter()

    @classmethod
    async def open(cls, store: Store, clock: Clock, keys: Keys) -> Trail:
        """Goes on where the last process ended."""
        question = select(AUDIT.c.seq, AUDIT.c.digest).order_by(AUDIT.c.seq.desc()).limit(1)
        async with store.engine.connect() as connection:
            last = (await connection.execute(question)).first()
        return cls(store, clock, keys, *((last.seq, last.digest) if last else (0, GENESIS)))

    def token(self, kind: str, key: str) -> str:
        """Under which an object is kept: a personal key becomes a token that is always the same and leads nowhere."""
        if not key or kind not in PERSONAL:
            return key
        return "~" + hmac.new(self._keys.person, f"{kind}\n{key}".encode(), hashlib.sha256).hexdigest()[:40]

    async def record(self, actor: Actor, act: Act, outcome: Outcome = "allowed", then: Sequence[Write] = ()) -> None:
        """The entry is durable, and then the rows of *then* are. When a constraint refuses these, a second entry says so.

        Raises RowRefused, Fenced, StoreClosed.
        """
        entry = self._store.submit([self._chained(actor, act, outcome)])
        rows = self._store.submit(then) if then else None
        await entry
        if rows is None:
            return
        try:
            await rows
        except RowRefused:
            await self._store.submit([self._chained(actor, act, "failed")])
            raise

    async def note_refusal(self, actor: Actor, act: Act) -> None:
        """A refusal that anybody can cause as often as they like: entered at a bounded rate for each action and object. What
        was left out is counted in the next entry that is made."""
        source = f"{act.action}\n{act.kind}\n{act.key}"
        if not self._noise.take(source, self._clock.now()):
            self._left_out[source] += 1
            return
        left_out = self._left_out.pop(source, 0)
        if left_out:
            act = replace(act, details={**act.details, "left_out": left_out})
        await self.record(actor, act, "refused")

    def _chained(self, actor: Actor, act: Act, outcome: Outcome) -> Write:
        """The next entry. It must be submitted before anything else can be chained: no await in between."""
        entry = Entry(
            seq=self.seq + 1,
            at=round(self._clock.now(), 3),
            actor_kind=actor.kind,
            actor=actor.id,
            action=act.action,
            object_kind=act.kind,
            object=self.token(act.kind, act.key),
            institution=act.institution,
            outcome=outcome,
            request_id=REQUEST_ID.get(),
            details=json.dumps(dict(act.details), ensure_ascii=True, sort_keys=True, separators=(",", ":")),
            prev=self.head,
        )
        entry = replace(entry, digest=entry.digested(self._keys.trail))
        self.seq, self.head = entry.seq, entry.digest
        return write_of(AUDIT, entry)


def broken_at(entries: Iterable[Entry], keys: Keys, seq: int = 0, head: str = GENESIS) -> int | None:
    """The number of the first entry that does not follow from the one before it; None for an unbroken chain.

    *entries* in order; *seq* and *head* are those of the entry before the first.
    """
    for entry in entries:
        sound = hmac.compare_digest(entry.digest, entry.digested(keys.trail))
        if entry.seq != seq + 1 or entry.prev != head or not sound:
            return seq + 1
        seq, head = entry.seq, entry.digest
    return None

"""Reading the trail."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.audit.schemas import AuditQuestion
from reference_impl.backend.audit.tables import AUDIT
from reference_impl.backend.audit.trail import GENESIS, Entry, broken_at
from reference_impl.backend.keys import Keys
from reference_impl.backend.storage.records import load

__all__ = ["entries_for", "verified"]

BATCH = 5_000


async def entries_for(
    engine: AsyncEngine, question: AuditQuestion, token: str, institutions: Collection[str] | None
) -> list[Entry]:
    """At most ``question.limit`` + 1 entries, the newest first. *token* is that of the object asked for; *institutions* None
    leaves out none."""
    where = [AUDIT.c.seq < question.before, AUDIT.c.at >= question.since, AUDIT.c.at <= question.until]
    exact = {
        AUDIT.c.actor_kind: question.actor_kind,
        AUDIT.c.actor: question.actor,
        AUDIT.c.action: question.action,
        AUDIT.c.object_kind: question.object_kind,
        AUDIT.c.object: token,
        AUDIT.c.outcome: question.outcome,
    }
    where += [column == value for column, value in exact.items() if value]
    if institutions is not None:
        where.append(AUDIT.c.institution.in_(institutions))
    return await load(engine, AUDIT, Entry, *where, order=AUDIT.c.seq.desc(), limit=question.limit + 1)


async def verified(engine: AsyncEngine, keys: Keys) -> tuple[int, str, int | None]:
    """Reads the whole trail: how many entries follow from each other, the last digest, and where the chain is broken."""
    seq, head = 0, GENESIS
    while True:
        entries = await load(engine, AUDIT, Entry, AUDIT.c.seq > seq, limit=BATCH)
        broken = broken_at(entries, keys, seq, head)
        if broken is not None:
            return broken - 1, head, broken
        if not entries:
            return seq, head, None
        seq, head = entries[-1].seq, entries[-1].digest

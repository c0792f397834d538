"""Brings the messages of the outbox to the citizens, at least once each; both platforms drop a repeat of one they know.

A trade writes its message in the transaction in which it ends, so none is lost. What cannot be delivered now is tried again with
growing pauses, and given up after a day: by then the news is none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import select

from protocols.clock import Clock
from reference_impl.backend.channels.notify_client import Notice, NotifyClient, Recipient
from reference_impl.backend.notices.contacts import Contacts
from reference_impl.backend.settlement.tables import OUTBOX
from reference_impl.backend.storage.store import Store
from reference_impl.backend.storage.writes import Write

__all__ = ["Postman"]

LOOK_S = 5.0
NOBODY = Recipient()
AT_ONCE = 8
A_LOOK = 200
FIRST_WAIT_S, MOST_WAIT_S = 5.0, 3_600.0
GIVEN_UP_S = 86_400.0
_LOG = structlog.get_logger("backend.notices")


class Postman:
    """:meth:`keep` goes on until it is cancelled. ``delivered``, ``rejected``: since the start."""

    def __init__(self, store: Store, client: NotifyClient, contacts: Contacts, clock: Clock) -> None:
        self._store, self._client, self._contacts, self._clock = store, client, contacts, clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self.delivered = self.rejected = 0

    async def keep(self) -> None:
        while True:
            if await self.round() < A_LOOK:
                await self._clock.sleep_until(self._clock.now() + LOOK_S)

    async def round(self) -> int:
        """Every message that is due now, once. Gives their number."""
        question = (
            select(OUTBOX)
            .where(OUTBOX.c.state == "waiting", OUTBOX.c.due <= self._clock.now())
            .order_by(OUTBOX.c.due)
            .limit(A_LOOK)
        )
        async with self._store.engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(question)).mappings()]
        notices = [(row, json.loads(row["payload"])) for row in rows]
        recipients = await self._contacts.of({payload["patient_id"] for _, payload in notices}) if notices else {}
        await asyncio.gather(
            *(self._one(row, payload, recipients.get(payload.pop("patient_id"), NOBODY)) for row, payload in notices)
        )
        return len(rows)

    async def _one(self, row: Mapping[str, Any], payload: Mapping[str, Any], recipient: Recipient) -> None:
        notice = Notice(row["message_id"], row["trade_no"], row["kind"], payload, row["created_at"])
        async with self._room:
            told = await self._client.deliver(notice, recipient)
        now = self._clock.now()
        tries = row["tries"] + 1
        late = told.state == "later" and now - row["created_at"] > GIVEN_UP_S
        state = {"delivered": "delivered", "rejected": "rejected", "later": "rejected" if late else "waiting"}[
            told.state
        ]
        self.delivered += state == "delivered"
        self.rejected += state == "rejected"
        due = now + min(MOST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries - 1, 12)) if state == "waiting" else row["due"]
        held = {**row, "state": state, "due": due, "tries": tries, "version": row["version"] + 1}
        await self._store.commit([Write(OUTBOX, tuple(held[column.name] for column in OUTBOX.columns))])
        if state == "rejected":
            _LOG.info("notice given up", kind=row["kind"], channel=told.channel, code=told.code)

"""Phones and openids, enciphered at rest. Only what is needed to deliver a message opens one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

import structlog
from sqlalchemy import select

from reference_impl.backend.channels.notify_client import Recipient
from reference_impl.backend.keys import DataVault, KeysError
from reference_impl.backend.notices.tables import CONTACTS
from reference_impl.backend.storage.store import Store
from reference_impl.backend.storage.writes import Write

__all__ = ["Contacts"]

KIND = "patient"
_LOG = structlog.get_logger("backend.notices")


class Contacts:
    """*token* makes of a kind and a key what stands in the table for it (:meth:`reference_impl.backend.audit.trail.Trail.token`)."""

    def __init__(self, store: Store, vault: DataVault, token: Callable[[str, str], str]) -> None:
        self._store, self._vault, self._token = store, vault, token

    async def remember(self, patient_id: str, recipient: Recipient) -> None:
        """In place of what was known before."""
        name = self._token(KIND, patient_id)
        held = await self._row(name)
        plain = json.dumps({"openid": recipient.openid, "phone": recipient.phone}).encode()
        version = held[1] + 1 if held else 1
        await self._store.commit([Write(CONTACTS, (name, self._vault.seal(plain, name), version))])

    async def of(self, patient_ids: Collection[str]) -> dict[str, Recipient]:
        """By patient; who has left neither phone nor openid, or whose row was tampered with (the log says so), is not there."""
        names = {self._token(KIND, each): each for each in patient_ids}
        question = select(CONTACTS.c.patient, CONTACTS.c.sealed).where(CONTACTS.c.patient.in_(list(names)))
        async with self._store.engine.connect() as connection:
            rows = (await connection.execute(question)).all()
        found: dict[str, Recipient] = {}
        for row in rows:
            try:
                found[names[row.patient]] = Recipient(**json.loads(self._vault.open(row.sealed, row.patient)))
            except KeysError:
                _LOG.warning("contact unreadable", contact=row.patient)
        return found

    async def _row(self, name: str) -> tuple[bytes, int] | None:
        question = select(CONTACTS.c.sealed, CONTACTS.c.version).where(CONTACTS.c.patient == name)
        async with self._store.engine.connect() as connection:
            row = (await connection.execute(question)).first()
        return (row.sealed, row.version) if row is not None else None

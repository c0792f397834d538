"""All institutions, roles, users and grants in memory, as they are in the database: this process is its only writer.

Changes are written first and shown after that. They go one after another (``changing``), so what was read under the lock
still holds when it is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.administration.model import Caller, Grant, Institution, Role, User
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.administration.tables import GRANTS, INSTITUTIONS, ROLES, USERS
from reference_impl.backend.storage.records import load, write_of
from reference_impl.backend.storage.writes import Write

__all__ = ["Directory"]

Record = Institution | Role | User | Grant

_TABLES: dict[type[Record], Table] = {Institution: INSTITUTIONS, Role: ROLES, User: USERS, Grant: GRANTS}


class Directory:
    """Made by :meth:`open`."""

    def __init__(
        self, institutions: Iterable[Institution], roles: Iterable[Role], users: Iterable[User], grants: Iterable[Grant]
    ) -> None:
        self.institutions = {each.code: each for each in institutions}
        self.roles = {each.role_id: each for each in roles}
        self.users = {each.user_id: each for each in users}
        self.grants = {each.grant_id: each for each in grants}
        self.changing = asyncio.Lock()

    @classmethod
    async def open(cls, engine: AsyncEngine) -> Directory:
        return cls(
            await load(engine, INSTITUTIONS, Institution),
            await load(engine, ROLES, Role),
            await load(engine, USERS, User),
            await load(engine, GRANTS, Grant),
        )

    # Reading.

    @property
    def root(self) -> str:
        """The institution above all others; empty before the first administrator was made."""
        return next((each.code for each in self.institutions.values() if each.parent is None), "")

    def within(self, code: str, top: str) -> bool:
        """True when *code* is *top* or below it. An unknown institution is within nothing."""
        institution = self.institutions.get(code)
        while institution is not None:
            if institution.code == top:
                return True
            institution = self.institutions.get(institution.parent or "")
        return False

    def below(self, tops: Iterable[str]) -> frozenset[str]:
        """*tops* and every institution below one of them."""
        wanted = set(tops)
        return frozenset(code for code in self.institutions if any(self.within(code, top) for top in wanted))

    def caller(self, user: User) -> Caller:
        """*user* with what the active grants of active roles permit."""
        rights = {
            (grant.institution, permission)
            for grant in self.grants.values()
            if grant.user_id == user.user_id and grant.state == "active"
            for permission in self._permitted(grant)
        }
        return Caller(user, frozenset(rights))

    def _permitted(self, grant: Grant) -> frozenset[Permission]:
        role = self.roles.get(grant.role_id)
        return role.permitted if role is not None and role.state == "active" else frozenset()

    def may(self, caller: Caller, permission: Permission, institution: str) -> bool:
        """True where one of the caller's grants gives *permission* at *institution* or above it."""
        return any(held is permission and self.within(institution, top) for top, held in caller.rights)

    def scope(self, caller: Caller, permission: Permission) -> frozenset[str]:
        """Every institution at which the caller has *permission*."""
        return self.below(top for top, held in caller.rights if held is permission)

    # Changing.

    def writes(self, records: Sequence[Record]) -> list[Write]:
        """Their rows."""
        return [write_of(_TABLES[type(record)], record) for record in records]

    def show(self, records: Sequence[Record]) -> None:
        """*records* are durable now."""
        for record in records:
            match record:
                case Institution():
                    self.institutions[record.code] = record
                case Role():
                    self.roles[record.role_id] = record
                case User():
                    self.users[record.user_id] = record
                case Grant():
                    self.grants[record.grant_id] = record

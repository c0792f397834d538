"""Changing institutions, roles, users and grants. Nobody can give what they do not have, and somebody always remains who can
give it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from protocols.clock import Clock
from reference_impl.backend.administration.access import Access
from reference_impl.backend.administration.directory import Directory, Record
from reference_impl.backend.administration.model import Caller, Grant, Institution, Role, User
from reference_impl.backend.administration.passwords import Passwords, first_password
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.problems import CONFLICT, FORBIDDEN, INVALID_REQUEST, ProblemError

__all__ = ["BELOW", "Changes"]

R = TypeVar("R", Institution, Role, User, Grant)

BELOW = {"city": "town", "town": "clinic"}
"""Which kind of institution stands below which."""


class Changes:
    """One a backend. Each method checks, writes, and gives the new record; raises :class:`ProblemError`."""

    def __init__(
        self, directory: Directory, access: Access, passwords: Passwords, clock: Clock, entropy: Callable[[int], bytes]
    ) -> None:
        self._directory, self._access, self._passwords = directory, access, passwords
        self._clock, self._entropy = clock, entropy

    # Institutions.

    async def add_institution(self, caller: Caller, code: str, parent: str, name: str) -> Institution:
        act = Act("institution.created", "institution", code, parent)
        await self._access.require(caller, Permission.INSTITUTIONS_WRITE, act)
        async with self._directory.changing:
            above = self._directory.institutions.get(parent)
            if above is None or above.state != "open" or above.kind not in BELOW:
                raise ProblemError(CONFLICT, "The parent is no open city or town.", where="body.parent")
            if code in self._directory.institutions:
                raise ProblemError(CONFLICT, "There is an institution with this code.", where="body.code")
            made = Institution(code, parent, BELOW[above.kind], name, "open", self._clock.now())
            return await self._write(caller, act, made)

    async def change_institution(self, caller: Caller, code: str, name: str | None, state: str | None) -> Institution:
        act = Act("institution.changed", "institution", code, self._known(code), _told(name=name, state=state))
        await self._access.require_known(caller, Permission.INSTITUTIONS_WRITE, act)
        async with self._directory.changing:
            held = self._directory.institutions[code]
            changed = replace(held, name=name or held.name, state=state or held.state, updated_at=self._clock.now())
            if changed.state == "closed" and (held.parent is None or self._open_below(code)):
                raise ProblemError(
                    CONFLICT, "Close the institutions below it first; the root stays open.", where="body.state"
                )
            return await self._write(caller, act, changed)

    def _known(self, code: str) -> str:
        return code if code in self._directory.institutions else ""

    def _open_below(self, code: str) -> bool:
        return any(each.parent == code and each.state == "open" for each in self._directory.institutions.values())

    # Roles.

    async def put_role(self, caller: Caller, role: Role) -> Role:
        """A new role, or a new state of one. It may permit what the caller may."""
        act = Act("role.put", "role", role.role_id, details={"permissions": role.permissions, "state": role.state})
        await self._access.require(caller, Permission.ROLES_WRITE, act)
        async with self._directory.changing:
            before = self._directory.roles.get(role.role_id)
            await self._not_more_than_own(caller, role.permitted, self._directory.root, act)
            if before is not None:
                self._someone_remains(role=role)
            return await self._write(caller, act, replace(role, updated_at=self._clock.now()))

    # Users.

    async def add_user(self, caller: Caller, user_id: str, name: str, institution: str) -> tuple[User, str]:
        """The user and the first password, which is shown this once."""
        act = Act("user.created", "user", user_id, institution)
        await self._access.require(caller, Permission.USERS_WRITE, act)
        password = first_password()
        password_hash = await self._passwords.hashed(password, user_id)
        async with self._directory.changing:
            self._open_institution(institution)
            if user_id in self._directory.users:
                raise ProblemError(CONFLICT, "There is a user with this login name.", where="body.user_id")
            now = self._clock.now()
            made = User(user_id, name, institution, password_hash, True, "active", 0, 0.0, 1, now, now)
            return await self._write(caller, act, made), password

    async def change_user(self, caller: Caller, user_id: str, name: str | None, state: str | None) -> User:
        """Disabling a user voids their tokens."""
        act = Act("user.changed", "user", user_id, self._home(user_id), _told(name=name and "changed", state=state))
        await self._access.require_known(caller, Permission.USERS_WRITE, act)
        async with self._directory.changing:
            held = self._directory.users[user_id]
            await self._not_above(caller, held, act)
            changed = replace(held, name=name or held.name, state=state or held.state, updated_at=self._clock.now())
            if changed.state == "disabled" and held.state != "disabled":
                self._someone_remains(without=lambda grant: grant.user_id == user_id)
                changed = replace(changed, generation=held.generation + 1)
            return await self._write(caller, act, changed)

    async def reset_password(self, caller: Caller, user_id: str) -> tuple[User, str]:
        """A new first password, which is shown this once; the lock after failures is lifted, tokens are void."""
        act = Act("user.password-reset", "user", user_id, self._home(user_id))
        await self._access.require_known(caller, Permission.USERS_WRITE, act)
        password = first_password()
        password_hash = await self._passwords.hashed(password, user_id)
        async with self._directory.changing:
            held = self._directory.users[user_id]
            await self._not_above(caller, held, act)
            changed = self._with_password(held, password_hash, must_change=True)
            return await self._write(caller, act, changed), password

    async def change_own_password(self, caller: Caller, old: str, new: str) -> User:
        """All tokens of the user are void afterwards."""
        user_id = caller.user.user_id
        act = Act("user.password-changed", "user", user_id, caller.user.institution)
        if not await self._passwords.matches(old, self._directory.users[user_id].password_hash):
            await self._access.refused(caller, act)
            raise ProblemError(FORBIDDEN, "The old password is not right.", where="body.old_password")
        if old == new:
            raise ProblemError(INVALID_REQUEST, "The new password is the old one.", where="body.password")
        password_hash = await self._passwords.hashed(new, user_id)
        async with self._directory.changing:
            held = self._directory.users[user_id]
            return await self._write(caller, act, self._with_password(held, password_hash, must_change=False))

    async def end_sessions(self, caller: Caller) -> User:
        """Void all tokens of the caller."""
        user_id = caller.user.user_id
        act = Act("session.closed", "user", user_id, caller.user.institution)
        async with self._directory.changing:
            held = self._directory.users[user_id]
            return await self._write(caller, act, replace(held, generation=held.generation + 1))

    def _with_password(self, held: User, password_hash: str, *, must_change: bool) -> User:
        return replace(
            held,
            password_hash=password_hash,
            must_change=must_change,
            failures=0,
            locked_until=0.0,
            generation=held.generation + 1,
            updated_at=self._clock.now(),
        )

    def _home(self, user_id: str) -> str:
        user = self._directory.users.get(user_id)
        return user.institution if user is not None else ""

    # Grants.

    async def grant(self, caller: Caller, user_id: str, role_id: str, institution: str) -> Grant:
        """*role_id* to *user_id* at *institution* and below: no more than the caller has there."""
        act = Act("grant.given", "user", user_id, institution, {"role": role_id})
        await self._access.require_known(caller, Permission.USERS_WRITE, replace(act, institution=self._home(user_id)))
        await self._access.require(caller, Permission.USERS_WRITE, act)
        async with self._directory.changing:
            self._open_institution(institution)
            role = self._directory.roles.get(role_id)
            if role is None or role.state != "active":
                raise ProblemError(CONFLICT, "There is no active role with this id.", where="body.role_id")
            await self._not_more_than_own(caller, role.permitted, institution, act)
            same = [
                each for each in self._directory.grants.values() if each.user_id == user_id and each.state == "active"
            ]
            if any((each.role_id, each.institution) == (role_id, institution) for each in same):
                raise ProblemError(CONFLICT, "The user has this role at this institution.", where="body.role_id")
            now = self._clock.now()
            made = Grant(self._entropy(8).hex(), user_id, role_id, institution, "active", caller.user.user_id, now, 0.0)
            return await self._write(caller, act, made)

    async def withdraw(self, caller: Caller, user_id: str, grant_id: str) -> Grant:
        held = self._directory.grants.get(grant_id)
        known = held is not None and held.user_id == user_id
        act = Act("grant.withdrawn", "user", user_id, held.institution if held and known else "", {"grant": grant_id})
        await self._access.require_known(caller, Permission.USERS_WRITE, act)
        async with self._directory.changing:
            held = self._directory.grants[grant_id]
            if held.state != "active":
                raise ProblemError(CONFLICT, "This grant has ended already.")
            self._someone_remains(without=lambda grant: grant.grant_id == grant_id)
            return await self._write(caller, act, replace(held, state="withdrawn", ended_at=self._clock.now()))

    # What holds everywhere.

    async def _write(self, caller: Caller, act: Act, record: R) -> R:
        records: Sequence[Record] = [record]
        await self._access.done(caller, act, self._directory.writes(records))
        self._directory.show(records)
        return record

    def _open_institution(self, code: str) -> None:
        institution = self._directory.institutions.get(code)
        if institution is None or institution.state != "open":
            raise ProblemError(CONFLICT, "There is no open institution with this code.", where="body.institution")

    async def _not_more_than_own(
        self, caller: Caller, permissions: frozenset[Permission], institution: str, act: Act
    ) -> None:
        lacking = sorted(each for each in permissions if not self._directory.may(caller, each, institution))
        if lacking:
            await self._access.refused(caller, act)
            raise ProblemError(FORBIDDEN, f"You cannot give what you do not have there: {', '.join(lacking)}.")

    async def _not_above(self, caller: Caller, user: User, act: Act) -> None:
        """Who may do more than the caller is not theirs to change: resetting a password is taking an account over."""
        rights = self._directory.caller(user).rights
        if any(not self._directory.may(caller, permission, top) for top, permission in rights):
            await self._access.refused(caller, act)
            raise ProblemError(FORBIDDEN, "This user may do more than you: ask somebody who may do as much.")

    def _someone_remains(self, without: Callable[[Grant], bool] | None = None, role: Role | None = None) -> None:
        """Some active user can still administer users everywhere, *without* those grants and with *role* as it will be."""
        directory = self._directory
        for grant in directory.grants.values():
            if (
                grant.state != "active"
                or grant.institution != directory.root
                or (without is not None and without(grant))
            ):
                continue
            held = role if role is not None and role.role_id == grant.role_id else directory.roles[grant.role_id]
            active = held.state == directory.users[grant.user_id].state == "active"
            if active and Permission.USERS_WRITE in held.permitted:
                return
        raise ProblemError(CONFLICT, "Nobody would be left who can administer users everywhere.")


def _told(**changes: str | None) -> dict[str, str | int | bool]:
    return {name: value for name, value in changes.items() if value}

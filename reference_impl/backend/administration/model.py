"""Institutions, roles, users and grants as values; each field is a column of its table."""

from __future__ import annotations

from dataclasses import dataclass, field

from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.trail import Actor

__all__ = ["Caller", "Grant", "Institution", "Role", "User"]


@dataclass(frozen=True, slots=True)
class Institution:
    """``kind`` is city, town or clinic; only the root has no ``parent``; ``state`` is open or closed."""

    code: str
    parent: str | None
    kind: str
    name: str
    state: str
    updated_at: float


@dataclass(frozen=True, slots=True)
class Role:
    """``permissions`` are separated by spaces; ``state`` is active or retired."""

    role_id: str
    name_zh: str
    name_en: str
    permissions: str
    state: str
    updated_at: float

    @property
    def permitted(self) -> frozenset[Permission]:
        """What a later version permitted and this one does not know is not permitted."""
        known = set(Permission)
        return frozenset(Permission(each) for each in self.permissions.split() if each in known)


@dataclass(frozen=True, slots=True)
class User:
    """``state`` is active or disabled; tokens of an older ``generation`` are void; ``failures`` since the last login."""

    user_id: str
    name: str
    institution: str
    password_hash: str = field(repr=False)
    must_change: bool
    state: str
    failures: int
    locked_until: float
    generation: int
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Grant:
    """``state`` is active or withdrawn."""

    grant_id: str
    user_id: str
    role_id: str
    institution: str
    state: str
    granted_by: str
    granted_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who has proved to be that user, with what they may do where: (top institution, permission) pairs."""

    user: User
    rights: frozenset[tuple[str, Permission]]

    @property
    def actor(self) -> Actor:
        return Actor("user", self.user.user_id)

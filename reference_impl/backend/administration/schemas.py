"""What users and the backend say to each other about institutions, users, roles and grants."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from protocols.wire.platform.message import Message
from reference_impl.backend.administration.model import Grant, Institution, Role, User
from reference_impl.backend.administration.passwords import LONGEST
from reference_impl.backend.administration.permissions import Permission

__all__ = [
    "FirstPassword",
    "GrantRequest",
    "GrantView",
    "InstitutionChange",
    "InstitutionRequest",
    "InstitutionView",
    "LoginRequest",
    "MeView",
    "Name",
    "PasswordChange",
    "PermissionView",
    "RoleRequest",
    "RoleView",
    "SessionView",
    "UserChange",
    "UserRequest",
    "UserView",
]

Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$", examples=["H44190000001"])]
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,100}$", examples=["模拟社区卫生服务站00001"])]
UserId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{2,31}$", examples=["li.operator"])]
RoleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$", examples=["operator"])]
Password = Annotated[str, Field(min_length=1, max_length=LONGEST, json_schema_extra={"format": "password"})]
Permissions = Annotated[
    tuple[Annotated[str, Field(json_schema_extra={"enum": [each.value for each in Permission]})], ...],
    Field(strict=False, max_length=len(Permission)),
]


class LoginRequest(Message):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "li.operator", "password": "Example-pass-1"}]}
    )

    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    password: Password


class SessionView(Message):
    """``token`` is sent as Bearer until ``expires_at`` (Unix time)."""

    token: str
    expires_at: float
    must_change: bool


class PasswordChange(Message):
    """``password``: 10 to 128 characters of three kinds."""

    old_password: Password
    password: Password


class InstitutionRequest(Message):
    """A town below the city, or a clinic below a town."""

    code: Code
    parent: Code
    name: Name


class InstitutionChange(Message):
    name: Name | None = None
    state: Literal["open", "closed"] | None = None


class InstitutionView(Message):
    code: str
    parent: str | None
    kind: str
    name: str
    state: str

    @classmethod
    def of(cls, institution: Institution) -> InstitutionView:
        return cls(
            code=institution.code,
            parent=institution.parent,
            kind=institution.kind,
            name=institution.name,
            state=institution.state,
        )


class PermissionView(Message):
    permission: str
    name_zh: str
    name_en: str


class RoleRequest(Message):
    """The whole role as it will be."""

    name_zh: Name
    name_en: Name
    permissions: Permissions
    state: Literal["active", "retired"] = "active"


class RoleView(Message):
    role_id: str
    name_zh: str
    name_en: str
    permissions: Annotated[tuple[str, ...], Field(strict=False)]
    state: str

    @classmethod
    def of(cls, role: Role) -> RoleView:
        return cls(
            role_id=role.role_id,
            name_zh=role.name_zh,
            name_en=role.name_en,
            permissions=tuple(role.permissions.split()),
            state=role.state,
        )


class UserRequest(Message):
    user_id: UserId
    name: Name
    institution: Code


class UserChange(Message):
    name: Name | None = None
    state: Literal["active", "disabled"] | None = None


class UserView(Message):
    """``locked``: too many wrong passwords, for a while."""

    user_id: str
    name: str
    institution: str
    state: str
    must_change: bool
    locked: bool

    @classmethod
    def of(cls, user: User, now: float) -> UserView:
        return cls(
            user_id=user.user_id,
            name=user.name,
            institution=user.institution,
            state=user.state,
            must_change=user.must_change,
            locked=user.locked_until > now,
        )


class FirstPassword(Message):
    """Shown this once; to be changed at the first login."""

    user: UserView
    first_password: str


class GrantRequest(Message):
    role_id: RoleId
    institution: Code


class GrantView(Message):
    grant_id: str
    user_id: str
    role_id: str
    institution: str
    state: str
    granted_by: str
    granted_at: float

    @classmethod
    def of(cls, grant: Grant) -> GrantView:
        return cls(
            grant_id=grant.grant_id,
            user_id=grant.user_id,
            role_id=grant.role_id,
            institution=grant.institution,
            state=grant.state,
            granted_by=grant.granted_by,
            granted_at=grant.granted_at,
        )


class MeView(Message):
    """Who is logged in, and what they may do at which top institution."""

    user: UserView
    rights: dict[str, list[str]]

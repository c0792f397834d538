"""Roles and permissions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.model import Role
from reference_impl.backend.administration.permissions import LABELS, Permission
from reference_impl.backend.administration.schemas import (
    PermissionView,
    RoleRequest,
    RoleView,
)
from reference_impl.backend.paging import Page, PageQuery, page_of
from reference_impl.backend.problems import (
    CONFLICT,
    INVALID_REQUEST,
    ProblemError,
    responses,
)
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["roles 角色"])

RolePath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{1,31}$", examples=["operator"])]


@ROUTER.get("/permissions", summary="权限清单 / All permissions", responses=responses(*DENIED))
async def list_permissions(caller: CallerOf) -> list[PermissionView]:
    return [PermissionView(permission=each.value, name_zh=label.zh, name_en=label.en) for each, label in LABELS.items()]


@ROUTER.get("/roles", summary="角色列表 / List roles", responses=responses(*DENIED))
async def list_roles(services: ServicesOf, caller: CallerOf, query: Annotated[PageQuery, Query()]) -> Page[RoleView]:
    shown, following = page_of(services.directory.roles.values(), lambda each: each.role_id, query)
    return Page(items=[RoleView.of(each) for each in shown], next=following)


@ROUTER.put("/roles/{role_id}", summary="保存角色 / Put a role", responses=responses(*DENIED, CONFLICT))
async def put_role(services: ServicesOf, caller: CallerOf, role_id: RolePath, body: RoleRequest) -> RoleView:
    unknown = sorted(set(body.permissions) - set(Permission))
    if unknown:
        raise ProblemError(
            INVALID_REQUEST, "GET /v1/admin/permissions lists those that there are.", where="body.permissions"
        )
    text = " ".join(sorted(set(body.permissions)))
    role = Role(role_id, body.name_zh, body.name_en, text, body.state, services.clock.now())
    return RoleView.of(await services.changes.put_role(caller, role))

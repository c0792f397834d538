"""Users and their grants over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.administration.schemas import (
    FirstPassword,
    GrantRequest,
    GrantView,
    UserChange,
    UserRequest,
    UserView,
)
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.paging import Page, ScopeQuery, page_of
from reference_impl.backend.problems import (
    CONFLICT,
    NOT_FOUND,
    TOO_MANY_REQUESTS,
    responses,
)
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["users 用户"])

UserPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9._-]{2,31}$", examples=["li.operator"])]
GrantPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", examples=["7f3c2a9e5b1d4c60"])]


@ROUTER.get("/users", summary="用户列表 / List users", responses=responses(*DENIED))
async def list_users(services: ServicesOf, caller: CallerOf, query: Annotated[ScopeQuery, Query()]) -> Page[UserView]:
    act = Act("users.listed", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.USERS_READ, act)
    await services.access.done(caller, act)
    users = (each for each in services.directory.users.values() if each.institution in scope)
    shown, following = page_of(users, lambda each: each.user_id, query)
    now = services.clock.now()
    return Page(items=[UserView.of(each, now) for each in shown], next=following)


@ROUTER.post("/users", status_code=201, summary="新增用户 / Create a user", responses=responses(*DENIED, CONFLICT))
async def add_user(services: ServicesOf, caller: CallerOf, body: UserRequest) -> FirstPassword:
    user, password = await services.changes.add_user(caller, body.user_id, body.name, body.institution)
    return FirstPassword(user=UserView.of(user, services.clock.now()), first_password=password)


@ROUTER.get("/users/{user_id}", summary="查看用户 / One user", responses=responses(*DENIED, NOT_FOUND))
async def one_user(services: ServicesOf, caller: CallerOf, user_id: UserPath) -> UserView:
    user = services.directory.users.get(user_id)
    act = Act("user.read", "user", user_id, user.institution if user is not None else "")
    await services.access.require_known(caller, Permission.USERS_READ, act)
    await services.access.done(caller, act)
    assert user is not None
    return UserView.of(user, services.clock.now())


@ROUTER.patch("/users/{user_id}", summary="修改用户 / Change a user", responses=responses(*DENIED, NOT_FOUND, CONFLICT))
async def change_user(services: ServicesOf, caller: CallerOf, user_id: UserPath, body: UserChange) -> UserView:
    user = await services.changes.change_user(caller, user_id, body.name, body.state)
    return UserView.of(user, services.clock.now())


@ROUTER.post(
    "/users/{user_id}/password-resets",
    status_code=201,
    summary="重置密码 / Reset a password",
    responses=responses(*DENIED, NOT_FOUND, TOO_MANY_REQUESTS),
)
async def reset_password(services: ServicesOf, caller: CallerOf, user_id: UserPath) -> FirstPassword:
    user, password = await services.changes.reset_password(caller, user_id)
    return FirstPassword(user=UserView.of(user, services.clock.now()), first_password=password)


@ROUTER.get("/users/{user_id}/grants", summary="用户授权 / Grants of a user", responses=responses(*DENIED, NOT_FOUND))
async def list_grants(services: ServicesOf, caller: CallerOf, user_id: UserPath) -> list[GrantView]:
    user = services.directory.users.get(user_id)
    act = Act("grants.listed", "user", user_id, user.institution if user is not None else "")
    await services.access.require_known(caller, Permission.USERS_READ, act)
    await services.access.done(caller, act)
    return [GrantView.of(each) for each in services.directory.grants.values() if each.user_id == user_id]


@ROUTER.post(
    "/users/{user_id}/grants",
    status_code=201,
    summary="授予角色 / Grant a role",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def grant(services: ServicesOf, caller: CallerOf, user_id: UserPath, body: GrantRequest) -> GrantView:
    return GrantView.of(await services.changes.grant(caller, user_id, body.role_id, body.institution))


@ROUTER.delete(
    "/users/{user_id}/grants/{grant_id}",
    summary="收回角色 / Withdraw a grant",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def withdraw(services: ServicesOf, caller: CallerOf, user_id: UserPath, grant_id: GrantPath) -> GrantView:
    return GrantView.of(await services.changes.withdraw(caller, user_id, grant_id))

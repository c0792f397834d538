"""Logging in and out, and one's own password, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from reference_impl.backend.administration.callers import NewcomerOf
from reference_impl.backend.administration.login import ACCOUNT_LOCKED, LOGIN_REFUSED
from reference_impl.backend.administration.schemas import (
    LoginRequest,
    MeView,
    PasswordChange,
    SessionView,
    UserView,
)
from reference_impl.backend.problems import (
    FORBIDDEN,
    INVALID_REQUEST,
    TOO_MANY_REQUESTS,
    UNAUTHENTICATED,
    responses,
)
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["sessions 登录"])


@ROUTER.post(
    "/sessions",
    status_code=201,
    summary="登录 / Log in",
    responses=responses(LOGIN_REFUSED, ACCOUNT_LOCKED, TOO_MANY_REQUESTS),
)
async def log_in(services: ServicesOf, body: LoginRequest) -> SessionView:
    user, token, expires_at = await services.login.login(body.user_id, body.password)
    return SessionView(token=token, expires_at=expires_at, must_change=user.must_change)


@ROUTER.delete(
    "/sessions", status_code=204, summary="退出所有会话 / Log out everywhere", responses=responses(UNAUTHENTICATED)
)
async def log_out(services: ServicesOf, caller: NewcomerOf) -> None:
    await services.changes.end_sessions(caller)


@ROUTER.get("/me", summary="我的权限 / What I may do", responses=responses(UNAUTHENTICATED))
async def me(services: ServicesOf, caller: NewcomerOf) -> MeView:
    rights: dict[str, list[str]] = {}
    for top, permission in sorted(caller.rights):
        rights.setdefault(top, []).append(permission.value)
    return MeView(user=UserView.of(caller.user, services.clock.now()), rights=rights)


@ROUTER.post(
    "/me/password",
    status_code=204,
    summary="修改自己的密码 / Change one's own password",
    responses=responses(UNAUTHENTICATED, FORBIDDEN, INVALID_REQUEST, TOO_MANY_REQUESTS),
)
async def change_own_password(services: ServicesOf, caller: NewcomerOf, body: PasswordChange) -> None:
    await services.changes.change_own_password(caller, body.old_password, body.password)

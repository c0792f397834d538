"""The parameter by which a route knows the user who calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from reference_impl.backend.administration.access import FOREIGN_INSTITUTION, PASSWORD_CHANGE_REQUIRED
from reference_impl.backend.administration.model import Caller
from reference_impl.backend.problems import FORBIDDEN, UNAUTHENTICATED, ProblemError
from reference_impl.backend.services import ServicesOf

__all__ = ["DENIED", "CallerOf", "NewcomerOf"]

DENIED = (UNAUTHENTICATED, FORBIDDEN, FOREIGN_INSTITUTION, PASSWORD_CHANGE_REQUIRED)
"""What every route of users can answer."""

_BEARER = HTTPBearer(
    scheme_name="user", bearerFormat="JWT", auto_error=False, description="The token of POST /v1/admin/sessions."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


async def _newcomer(services: ServicesOf, credentials: Credentials) -> Caller:
    if credentials is None:
        raise ProblemError(UNAUTHENTICATED)
    return services.login.caller(credentials.credentials)


async def _caller(newcomer: Annotated[Caller, Depends(_newcomer)]) -> Caller:
    if newcomer.user.must_change:
        raise ProblemError(PASSWORD_CHANGE_REQUIRED)
    return newcomer


NewcomerOf = Annotated[Caller, Depends(_newcomer)]
"""Any user who is logged in, also one whose password was given by somebody else."""

CallerOf = Annotated[Caller, Depends(_caller)]
"""A user who is logged in with a password of their own."""

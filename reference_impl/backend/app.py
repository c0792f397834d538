"""The HTTP face: every domain's routes, one error model, one OpenAPI document.

Routes are found by looking: a module named ``router`` (or ``router_...``) below this package with a ``ROUTER`` is part of
the application. Routes reach what they need through :data:`~reference_impl.backend.services.ServicesOf`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from protocols.wire.platform.models import Problem
from reference_impl.backend.gate import Gate
from reference_impl.backend.numbers import NumbersExhausted
from reference_impl.backend.problems import (
    CONFLICT,
    INVALID_REQUEST,
    MALFORMED_JSON,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_JSON,
    OVERLOADED,
    TOO_LARGE,
    UNAVAILABLE,
    ProblemError,
    ProblemKind,
    problem_reply,
    responses,
)
from reference_impl.backend.services import Services
from reference_impl.backend.settlement.rules import Refusal
from reference_impl.backend.storage.errors import Fenced, RowRefused, StoreClosed
from reference_impl.backend.terminals.callers import HEADERS

__all__ = ["build_app", "routers"]

DESCRIPTION = """一卡通台架参考后台 / the reference backend of Onecard HIL.

Amounts are integers in fen, times Unix seconds. Every error is a `Problem` (RFC 9457): decide by `code`, show `title`,
read `detail`. Terminals authenticate each request with their session (headers `Authorization`, `X-Terminal-*`); users log
in and send the token as Bearer.
"""

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""Our own log and metrics say what happened, without what was sent; asking the environment for another sink costs each request."""

_EVERYWHERE = (OVERLOADED,)
_WITH_BODY = (MALFORMED_JSON, TOO_LARGE, NOT_JSON, INVALID_REQUEST)


@lru_cache(1)
def routers() -> Sequence[APIRouter]:
    """Every domain's: those of terminals first, because routes are tried in their order and terminals ask the most."""
    import reference_impl.backend as backend

    names = [info.name for info in pkgutil.walk_packages(backend.__path__, f"{backend.__name__}.")]
    modules = sorted(name for name in names if name.rpartition(".")[2].startswith("router"))
    found: list[APIRouter] = [importlib.import_module(name).ROUTER for name in modules]
    return tuple(sorted(found, key=lambda each: each.prefix.startswith("/v1/admin")))


@lru_cache(1)
def _routes() -> Sequence[BaseRoute]:
    """All of them, in one row: a router in a router costs each request a search of its own. Working out what each route needs is
    most of what an application costs, and none of it differs."""
    return tuple(route for router in routers() for route in router.routes)


def build_app(services: Services) -> FastAPI:
    """The application; *services* must be open and is not closed here."""
    app = FastAPI(
        title="Onecard HIL reference backend",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # its pages would load scripts from other machines
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        routes=list(_routes()),
    )
    app.state.services = services
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Refusal, _refusal)
    for gone in (Fenced, StoreClosed, NumbersExhausted):
        app.add_exception_handler(gone, _unavailable)
    app.add_exception_handler(RowRefused, _row_refused)
    app.add_middleware(Gate, limits=services.settings.limits, metrics=services.metrics, entropy=services.entropy)
    app.openapi = lambda: _document(app)
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own error model, which is never sent
            schemas.pop(name, None)
        for operations in document["paths"].values():
            for operation in operations.values():
                _complete(operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(operation: dict[str, Any]) -> None:
    """What every operation can end with, whether its author thought of it or not; what a terminal signs with."""
    if {"terminal": []} in operation.get("security", ()):
        operation["parameters"] = [
            {"name": name, "in": "header", "description": text, "schema": {"type": "string", "maxLength": 64}}
            for name, text in HEADERS.items()
        ] + operation.get("parameters", [])
    kinds: tuple[ProblemKind, ...] = _WITH_BODY if "requestBody" in operation else ()
    if operation.get("parameters") and not kinds:
        kinds = (INVALID_REQUEST,)
    kinds = (*_EVERYWHERE, *kinds)
    told = operation["responses"]
    if "application/json" in told.get("422", {}).get("content", {}):
        del told["422"]
    for status, entry in responses(*kinds).items():
        known = told.setdefault(str(status), entry)
        if known is not entry:
            for kind, content in entry["content"].items():
                known.setdefault("content", {}).setdefault(kind, content).setdefault("examples", {}).update(
                    content["examples"]
                )


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_reply(error.kind, error.detail, where=error.where, headers=error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return problem_reply(MALFORMED_JSON, where=where)
    return problem_reply(INVALID_REQUEST, f"{where}: {_words(first)}", where=where)


_LIMITS = frozenset({"gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "expected"})
"""Parts of an error that are ours: pydantic's own words, and the other parts, may quote what was sent."""


def _words(error: dict[str, Any]) -> str:
    limits = [f"{name} {value}" for name, value in error.get("ctx", {}).items() if name in _LIMITS]
    return error["type"].replace("_", " ") + (f" ({', '.join(limits)})" if limits else "")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return problem_reply(METHOD_NOT_ALLOWED, headers={"allow": ", ".join(_methods(request))})
    kinds = {404: NOT_FOUND, 400: MALFORMED_JSON, 415: NOT_JSON}
    kind = kinds.get(error.status_code, ProblemKind(f"http-{error.status_code}", error.status_code, "请求被拒绝", ""))
    return problem_reply(kind, headers=error.headers)


def _methods(request: Request) -> list[str]:
    """Of all routes with this address, not of the first one alone."""
    path, routes = request.scope["path"], [each for router in routers() for each in router.routes]
    found = {
        name
        for each in routes
        if isinstance(each, APIRoute) and each.path_regex.match(path)
        for name in each.methods or ()
    }
    return sorted(found or {"GET"})


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    status = 404 if error.code.startswith("no-such-") else 409
    return problem_reply(ProblemKind(error.code, status, "现在不能这样做", str(error)))


async def _unavailable(_: Request, __: Exception) -> Response:
    return problem_reply(UNAVAILABLE)


async def _row_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RowRefused)
    return problem_reply(CONFLICT if error.kind == "unique" else INVALID_REQUEST)

"""Every error that the backend answers with: RFC 9457 problems, one kind a constant beside the code that raises it.

``title`` is Chinese, ``detail`` English and says what to do. Neither ever repeats what was sent: it may be personal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from protocols.wire.platform.models import Problem
from reference_impl.backend.request_context import REQUEST_ID

__all__ = [
    "CONFLICT",
    "FORBIDDEN",
    "INTERNAL",
    "INVALID_REQUEST",
    "MALFORMED_JSON",
    "METHOD_NOT_ALLOWED",
    "NOT_FOUND",
    "NOT_JSON",
    "OVERLOADED",
    "PROBLEM_TYPE",
    "TOO_LARGE",
    "TOO_MANY_REQUESTS",
    "TOO_SLOW",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "ProblemError",
    "ProblemKind",
    "problem_reply",
    "responses",
]

PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """``code`` is stable: programs decide by it. ``remedy`` is the detail when nobody knows better."""

    code: str
    status: int
    title: str
    remedy: str
    retry: bool = False


MALFORMED_JSON = ProblemKind("malformed-json", 400, "请求不是合法的 JSON", "Send one JSON document in UTF-8.")
UNAUTHENTICATED = ProblemKind("unauthenticated", 401, "未登录或登录已失效", "Log in and send the token as Bearer.")
FORBIDDEN = ProblemKind("forbidden", 403, "没有权限", "Ask an administrator for a role that has this permission.")
NOT_FOUND = ProblemKind("not-found", 404, "没有找到", "Check the address and the identifiers in it.")
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, "不支持该方法", "Use a method named in the Allow header.")
TOO_SLOW = ProblemKind("request-too-slow", 408, "请求传输超时", "Send the body in one piece.", retry=True)
CONFLICT = ProblemKind("conflict", 409, "与现有数据冲突", "Read the current state and decide anew.")
TOO_LARGE = ProblemKind("request-too-large", 413, "请求过大", "Send less in one request.")
NOT_JSON = ProblemKind("not-json", 415, "只接受 JSON", "Send the header Content-Type: application/json.")
INVALID_REQUEST = ProblemKind("invalid-request", 422, "请求内容不合规", "Correct the field that is named in where.")
TOO_MANY_REQUESTS = ProblemKind("too-many-requests", 429, "请求过于频繁", "Wait for Retry-After seconds.", retry=True)
INTERNAL = ProblemKind("internal-error", 500, "系统内部错误", "Tell the operator the request_id.")
OVERLOADED = ProblemKind("overloaded", 503, "系统繁忙", "Wait for Retry-After seconds.", retry=True)
UNAVAILABLE = ProblemKind("unavailable", 503, "系统暂不可用", "Wait for Retry-After seconds.", retry=True)


class ProblemError(Exception):
    """Ends a request with a problem. *detail* must hold nothing that was sent and is personal."""

    def __init__(
        self, kind: ProblemKind, detail: str = "", *, where: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(kind.code)
        self.kind, self.detail, self.where, self.headers = kind, detail or kind.remedy, where, dict(headers or {})


def problem_reply(
    kind: ProblemKind, detail: str = "", *, where: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The HTTP reply of a problem."""
    problem = Problem(
        code=kind.code,
        title=kind.title,
        detail=detail or kind.remedy,
        status=kind.status,
        where=where,
        retry=kind.retry,
        request_id=REQUEST_ID.get(),
    )
    extra = {"retry-after": "1"} if kind.status in (429, 503) else {}
    if kind.status == 401:
        extra["www-authenticate"] = "Bearer"
    return Response(
        problem.model_dump_json().encode(), kind.status, {**extra, **(headers or {})}, media_type=PROBLEM_TYPE
    )


def responses(*kinds: ProblemKind) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of a route: the problems it can end with, one example each."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = found.setdefault(
            kind.status, {"description": kind.title, "content": {PROBLEM_TYPE: {"schema": _SCHEMA, "examples": {}}}}
        )
        entry["content"][PROBLEM_TYPE]["examples"][kind.code] = {"summary": kind.title, "value": _example(kind)}
    return found


_SCHEMA = {"$ref": "#/components/schemas/Problem"}


def _example(kind: ProblemKind) -> dict[str, Any]:
    where = {"where": "body.field"} if kind.status == 422 else {"where": ""}
    return {
        "code": kind.code,
        "title": kind.title,
        "detail": kind.remedy,
        "status": kind.status,
        **where,
        "retry": kind.retry,
        "request_id": "7f3c2a9e5b1d4c60",
    }

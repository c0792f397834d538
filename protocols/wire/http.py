"""An HTTP exchange as plain values: what pure peers and pure clients pass to and from the shells that own the sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = ["JSON_TYPE", "MAX_BODY_BYTES", "HttpReply", "HttpRequest", "json_reply", "json_request"]

JSON_TYPE = "application/json; charset=utf-8"
MAX_BODY_BYTES = 1 << 20
"""No message of the kiosk's services is larger, files apart; a shell refuses more before it reads it."""


@dataclass(frozen=True)
class HttpRequest:
    """``target`` is the path with its query; the names of ``headers`` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each name; blank values are kept."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class HttpReply:
    """``status`` is the HTTP status code; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_request(method: str, target: str, value: object, headers: Mapping[str, str] | None = None) -> HttpRequest:
    """A request whose body is *value* as JSON in UTF-8."""
    return HttpRequest(method, target, {"content-type": JSON_TYPE, **(headers or {})}, _encoded(value))


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpReply:
    """A reply whose body is *value* as JSON in UTF-8."""
    return HttpReply(status, {"content-type": JSON_TYPE, **(headers or {})}, _encoded(value))

"""The id of the request that is being served: in every reply, log line and audit entry that comes of it."""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["REQUEST_ID"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

"""Logs: one JSON object a line on standard error, from this program and its libraries alike.

Nothing personal is handed in; as a second line of defence long digit runs (citizen numbers, card numbers, phones) are
masked in every text, and an exception is told by its type and place, never by its words.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from protocols.clock import Clock, civil
from reference_impl.backend.request_context import REQUEST_ID

__all__ = ["configure_logs", "masked"]

_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9]{11,19}[0-9Xx]?(?![0-9A-Za-z])")
_FRAMES = 6

Event = MutableMapping[str, Any]


def masked(text: str) -> str:
    """*text* with runs of eleven or more digits replaced; numbers of trades, which begin with letters, stay."""
    return _DIGITS.sub("<digits>", text)


def configure_logs(clock: Clock, level: str = "info", stream: TextIO | None = None) -> None:
    """Once a process. *level* is debug, info, warning or error."""

    def stamped(_: object, __: str, event: Event) -> Event:
        event["at"] = civil(clock.now()).isoformat(timespec="milliseconds")
        if REQUEST_ID.get():
            event.setdefault("request_id", REQUEST_ID.get())
        return event

    first = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamped, _placed, _cleaned]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *first,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], name != "uvicorn.access"
    for name in ("aiosqlite", "alembic", "sqlalchemy", "asyncio"):
        logging.getLogger(name).setLevel("WARNING")


def _placed(_: object, __: str, event: Event) -> Event:
    """The exception as type and frames."""
    caught = event.pop("exc_info", None)
    if caught is True:
        caught = sys.exc_info()
    error = caught[1] if isinstance(caught, tuple) else caught
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        event["error"] = type(error).__name__
        event["where"] = [f"{each.filename.rpartition('/')[2]}:{each.lineno} {each.name}" for each in frames]
    return event


def _cleaned(_: object, __: str, event: Event) -> Event:
    for name, value in event.items():
        event[name] = _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: _clean(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(each) for each in value]
    return value

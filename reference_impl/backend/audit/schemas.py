"""Asking the trail."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.platform.message import Message
from reference_impl.backend.audit.trail import Entry

__all__ = ["AuditPage", "AuditQuestion", "AuditView", "Verification"]

Word = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")]


class AuditQuestion(Message):
    """Entries for which all that is given holds, the newest first. ``object_key`` is the object itself (a patient number),
    which travels in the body so that no address holds it. ``before``: only entries with a smaller number."""

    actor_kind: Literal["", "user", "terminal", "system", "console"] = ""
    actor: Word = ""
    action: Word = ""
    object_kind: Word = ""
    object_key: Word = ""
    institution: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{0,32}$")] = ""
    outcome: Literal["", "allowed", "refused", "failed"] = ""
    since: Annotated[float, Field(ge=0, le=2**40)] = 0.0
    until: Annotated[float, Field(ge=0, le=2**40)] = 2.0**40
    before: Annotated[int, Field(ge=1, le=2**53)] = 2**53
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AuditView(Message):
    """``object`` of a personal kind is a token: the same for the same person, and leading nowhere."""

    seq: int
    at: float
    actor_kind: str
    actor: str
    action: str
    object_kind: str
    object: str
    institution: str
    outcome: str
    request_id: str
    details: dict[str, str | int | bool]

    @classmethod
    def of(cls, entry: Entry) -> AuditView:
        values = {name: getattr(entry, name) for name in cls.model_fields if name != "details"}
        return cls(**values, details=json.loads(entry.details))


class AuditPage(Message):
    """``before`` of the next page; 0 on the last."""

    items: list[AuditView]
    before: int


class Verification(Message):
    """``broken_at`` is the number of the first entry that does not follow; 0 for an unbroken chain."""

    entries: int
    head: str
    broken_at: int

"""What operators and the backend say to each other about terminals."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.platform.message import Message
from reference_impl.backend.paging import ScopeQuery
from reference_impl.backend.terminals.fleet import Fleet
from reference_impl.backend.terminals.model import SERVICES, CommandRow, NewTerminal, Terminal

__all__ = [
    "CommandRequest",
    "CommandView",
    "EnrolmentCode",
    "EventView",
    "FleetReport",
    "ModuleView",
    "TerminalChange",
    "TerminalQuery",
    "TerminalRequest",
    "TerminalView",
    "VersionView",
]

TerminalId = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{0,31}$", examples=["KSK-00001"])]
Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$", examples=["H44190000001"])]
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,100}$", examples=["大厅 1 号机"])]
Service = Literal["registration", "payment", "refund", "query", "identity"]
ServiceList = Annotated[tuple[Service, ...], Field(strict=False, max_length=len(SERVICES))]


class TerminalRequest(Message):
    """``bank_terminal`` and ``merchant`` are fields 41 and 42 that the bank gave out for this kiosk."""

    terminal_id: TerminalId
    institution: Code
    name: Name
    bank_terminal: Annotated[str, Field(pattern=r"^[0-9A-Z]{8}$", examples=["10000001"])]
    merchant: Annotated[str, Field(pattern=r"^[0-9A-Z]{15}$", examples=["898441900000001"])]
    services: ServiceList = SERVICES

    @property
    def wish(self) -> NewTerminal:
        return NewTerminal(
            self.terminal_id, self.institution, self.name, self.bank_terminal, self.merchant, self.services
        )


class TerminalChange(Message):
    name: Name | None = None
    institution: Code | None = None
    services: ServiceList | None = None


class TerminalQuery(ScopeQuery):
    state: Literal["", "created", "enrolled", "revoked", "removed"] = ""
    online: bool | None = None
    mode: Literal["", "serving", "paused", "upgrading", "fault"] = ""


class ModuleView(Message):
    id: str
    state: str
    code: str


class TerminalView(Message):
    """``online``: heard within three periods. What follows ``heard_at`` is of the newest heartbeat; 0 and empty before."""

    terminal_id: str
    institution: str
    name: str
    bank_terminal: str | None
    merchant: str
    services: Annotated[tuple[str, ...], Field(strict=False)]
    state: str
    config_version: int
    enrolled_at: float
    online: bool
    heard_at: float = 0.0
    app_version: str = ""
    mode: str = ""
    uptime_s: float = 0.0
    queue: int = 0
    queue_oldest_s: float = 0.0
    clock_offset_ms: int = 0
    network_ms: int = 0
    disk_free_mb: int = 0
    modules: Annotated[tuple[ModuleView, ...], Field(strict=False)] = ()

    @classmethod
    def of(cls, terminal: Terminal, fleet: Fleet) -> TerminalView:
        heard = fleet.heard.get(terminal.terminal_id)
        copied = (
            "terminal_id",
            "institution",
            "name",
            "bank_terminal",
            "merchant",
            "state",
            "config_version",
            "enrolled_at",
        )
        told = ("heard_at", "app_version", "mode", "uptime_s", "queue", "queue_oldest_s")
        told += ("clock_offset_ms", "network_ms", "disk_free_mb")
        values = {name: getattr(terminal, name) for name in copied}
        if heard is not None:
            values |= {name: getattr(heard, name) for name in told}
            modules = json.loads(heard.modules)
            values["modules"] = tuple(ModuleView(id=name, state=now[0], code=now[1]) for name, now in modules.items())
        return cls(**values, services=tuple(terminal.services.split()), online=fleet.online(terminal.terminal_id))


class EnrolmentCode(Message):
    """Shown this once. To be typed at the terminal before ``expires_at``."""

    terminal: TerminalView
    code: str
    expires_at: float


class CommandRequest(Message):
    verb: Literal["pause", "resume", "restart_app", "restart_host", "upload_log", "sign_in", "sync_clock"]


class CommandView(Message):
    """``state``: waiting, sent, done, failed, refused, withdrawn, expired (never sent), unanswered (sent, and no word)."""

    command_id: str
    terminal_id: str
    verb: str
    state: str
    code: str
    issued_by: str
    issued_at: float
    expires_at: float
    sent_at: float
    ended_at: float

    @classmethod
    def of(cls, row: CommandRow, now: float) -> CommandView:
        values = {name: getattr(row, name) for name in cls.model_fields if name != "state"}
        return cls(**values, state=row.shown_state(now))


class VersionView(Message):
    app_version: str
    first_heard_at: float


class EventView(Message):
    """A module changed to ``state`` (ok, warning, fault, absent)."""

    module: str
    state: str
    code: str
    at: float


class FleetReport(Message):
    """How many terminals, by what; only those that were not removed."""

    terminals: int
    online: int
    by_state: dict[str, int]
    by_mode: dict[str, int]
    by_version: dict[str, int]
    faults: dict[str, int]
    by_institution: dict[str, dict[str, int]]

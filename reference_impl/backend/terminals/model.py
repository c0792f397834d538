"""Terminals as values; each field is a column of its table."""

from __future__ import annotations

from dataclasses import dataclass, field

from reference_impl.backend.audit.trail import Actor

__all__ = ["SERVICES", "CommandRow", "Heard", "NewTerminal", "Terminal"]

SERVICES = ("registration", "payment", "refund", "query", "identity")
"""What can be switched on and off at a terminal (DG-OPS-03)."""


@dataclass(frozen=True, slots=True)
class NewTerminal:
    """What an operator says of a terminal that is to be; fields as in :class:`Terminal`."""

    terminal_id: str
    institution: str
    name: str
    bank_terminal: str
    merchant: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terminal:
    """``state``: created (no key yet), enrolled, revoked, removed. ``bank_terminal`` and ``merchant`` are fields 41 and 42
    of the bank; None for a removed one, whose number is free again. Sessions of an older ``generation`` are void."""

    terminal_id: str
    institution: str
    name: str
    bank_terminal: str | None
    merchant: str
    services: str
    state: str
    public_key: str
    code_hash: str = field(repr=False)
    code_expires_at: float
    code_failures: int
    generation: int
    config_version: int
    created_at: float
    enrolled_at: float
    ended_at: float

    @property
    def actor(self) -> Actor:
        return Actor("terminal", self.terminal_id)


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest heartbeat of a terminal; ``modules`` is JSON: id to [state, code]."""

    terminal_id: str
    heard_at: float
    boot_id: str
    seq: int
    sent_at: float
    uptime_s: float
    app_version: str
    mode: str
    queue: int
    queue_oldest_s: float
    open_session: bool
    config_version: int
    clock_offset_ms: int
    network_ms: int
    disk_free_mb: int
    modules: str


@dataclass(frozen=True, slots=True)
class CommandRow:
    """``state``: waiting, sent, done, failed, refused, withdrawn. ``code`` is the terminal's."""

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

    def shown_state(self, now: float) -> str:
        """As people see it: one that was never sent in time has expired; one that was, and no word since, is unanswered."""
        if self.expires_at > now:
            return self.state
        return {"waiting": "expired", "sent": "unanswered"}.get(self.state, self.state)

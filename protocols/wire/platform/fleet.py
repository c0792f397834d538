"""A terminal and the platform about the terminal itself: enrolment, session, heartbeat, commands, configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.platform.message import Id, Message, Short

__all__ = [
    "Command",
    "CommandResult",
    "Dictionary",
    "DictionaryItem",
    "Enrolment",
    "Heartbeat",
    "HeartbeatReply",
    "ModuleState",
    "SessionGrant",
    "SessionRequest",
    "TerminalConfiguration",
]


class Enrolment(Message):
    """Bring a terminal's own public key (Ed25519, 32 bytes, hex) under its one-time ``code``."""

    terminal_id: Id
    code: Annotated[str, Field(min_length=8, max_length=64)]
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SessionRequest(Message):
    """``ephemeral`` is an X25519 public key; ``signature`` Ed25519 by the enrolled key over
    ``onecard-session\\n<terminal_id>\\n<timestamp>\\n<nonce>\\n<ephemeral>``. All hex."""

    terminal_id: Id
    timestamp: Annotated[int, Field(ge=0, le=2**40)]
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    ephemeral: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class SessionGrant(Message):
    """The session key is HKDF-SHA256 of the X25519 secret, salt the nonce, info ``onecard-session``, 32 bytes."""

    token: str
    ephemeral: str
    expires_at: float
    server_time: float


class ModuleState(Message):
    id: Id
    state: Literal["ok", "warning", "fault", "absent"]
    code: Short = ""


class CommandResult(Message):
    """What became of a command, told with a later heartbeat until one was answered. ``refused``: not now, and not later by
    itself (a payment was under way, the verb is not known there)."""

    command_id: Id
    result: Literal["done", "failed", "refused"]
    code: Short = ""


class Heartbeat(Message):
    """spec/services.md 7.1. ``seq`` counts from 0 within a ``boot_id``. ``queue`` is how many outcomes wait to be told and
    ``queue_oldest_s`` for how long; ``open_session``: a citizen is served now, so no command is sent."""

    seq: Annotated[int, Field(ge=0, le=2**53)]
    boot_id: Id
    sent_at: Annotated[float, Field(ge=0, le=2**40)]
    uptime_s: Annotated[float, Field(ge=0, le=1e9)]
    app_version: Short
    mode: Literal["serving", "paused", "upgrading", "fault"] = "serving"
    modules: Annotated[tuple[ModuleState, ...], Field(max_length=32, strict=False)] = ()
    queue: Annotated[int, Field(ge=0, le=2**31)] = 0
    queue_oldest_s: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    open_session: bool = False
    config_version: Annotated[int, Field(ge=0, le=2**31)] = 0
    clock_offset_ms: Annotated[int, Field(ge=-(2**40), le=2**40)] = 0
    network_ms: Annotated[int, Field(ge=0, le=2**31)] = 0
    disk_free_mb: Annotated[int, Field(ge=0, le=2**40)] = 0
    results: Annotated[tuple[CommandResult, ...], Field(max_length=32, strict=False)] = ()


class Command(Message):
    command_id: Id
    verb: Literal["pause", "resume", "restart_app", "restart_host", "upload_log", "sign_in", "sync_clock"]
    expires_at: float


class HeartbeatReply(Message):
    """``commands`` come once: one that gets lost on the way is never sent again. The next heartbeat is due in ``period_s``;
    a terminal whose ``config_version`` is another one asks for its configuration."""

    server_time: float
    period_s: float = 30.0
    config_version: int = 0
    commands: Annotated[tuple[Command, ...], Field(strict=False)] = ()


class DictionaryItem(Message):
    key: str
    zh: str
    en: str


class Dictionary(Message):
    name: str
    items: Annotated[tuple[DictionaryItem, ...], Field(strict=False)]


class TerminalConfiguration(Message):
    """What a terminal has to know of itself. ``services`` are those that are switched on and ``menu`` what is
    shown, in its order (DG-OPS-03)."""

    version: int
    terminal_id: str
    institution: str
    institution_name: str
    bank_terminal: str
    merchant: str
    services: Annotated[tuple[str, ...], Field(strict=False)]
    heartbeat_s: float
    menu: Annotated[tuple[DictionaryItem, ...], Field(strict=False)] = ()

"""The terminal's own door: enrolment, session, heartbeat, configuration."""

from __future__ import annotations

from fastapi import APIRouter

from protocols.wire.platform import endpoints
from protocols.wire.platform.fleet import (
    DictionaryItem,
    Enrolment,
    Heartbeat,
    HeartbeatReply,
    SessionGrant,
    SessionRequest,
    TerminalConfiguration,
)
from reference_impl.backend.dictionaries.dictionary import MENU
from reference_impl.backend.problems import TOO_MANY_REQUESTS, responses
from reference_impl.backend.services import Services, ServicesOf
from reference_impl.backend.terminals.admission import Admitted
from reference_impl.backend.terminals.callers import TERMINAL_DENIED, TerminalOf
from reference_impl.backend.terminals.fleet import ENROLMENT_REFUSED
from reference_impl.backend.terminals.heartbeats import take_heartbeat

__all__ = ["ROUTER"]

ROUTER = APIRouter(tags=["terminal 终端"])


@ROUTER.post(
    endpoints.ENROLMENTS, status_code=204, summary="登记终端密钥 / Enrol a key", responses=responses(ENROLMENT_REFUSED)
)
async def enrol(services: ServicesOf, body: Enrolment) -> None:
    """The one-time code of the operator proves the terminal this once; from then on its own key does."""
    await services.fleet.enrol(body.terminal_id, body.code, body.public_key)


@ROUTER.post(
    endpoints.SESSIONS,
    status_code=201,
    summary="建立会话 / Open a session",
    responses=responses(*TERMINAL_DENIED, TOO_MANY_REQUESTS),
)
async def open_session(services: ServicesOf, body: SessionRequest) -> SessionGrant:
    """X25519 signed with the enrolled key. No key crosses the line."""
    return await services.admission.open_session(body)


@ROUTER.post(endpoints.HEARTBEATS, summary="心跳 / Heartbeat", responses=responses(*TERMINAL_DENIED))
async def heartbeat(services: ServicesOf, terminal: TerminalOf, body: Heartbeat) -> HeartbeatReply:
    """State in, commands out. Each command comes once."""
    version = _version(services, terminal)
    return await take_heartbeat(services.fleet, terminal.terminal, body, version)


@ROUTER.get(endpoints.CONFIGURATION, summary="终端配置 / Configuration", responses=responses(*TERMINAL_DENIED))
async def configuration(services: ServicesOf, terminal: TerminalOf) -> TerminalConfiguration:
    held = terminal.terminal
    institution = services.directory.institutions.get(held.institution)
    return TerminalConfiguration(
        version=_version(services, terminal),
        terminal_id=held.terminal_id,
        institution=held.institution,
        institution_name=institution.name if institution is not None else "",
        bank_terminal=held.bank_terminal or "",
        merchant=held.merchant,
        services=tuple(held.services.split()),
        heartbeat_s=services.settings.times.heartbeat_s,
        menu=tuple(
            DictionaryItem(key=each.key, zh=each.name_zh, en=each.name_en)
            for each in services.dictionaries.entries(MENU)
        ),
    )


def _version(services: Services, terminal: Admitted) -> int:
    """Rises with every change of the terminal or of a dictionary."""
    return terminal.terminal.config_version + services.dictionaries.version

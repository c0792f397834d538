"""What a heartbeat changes, and what it brings back. A command is marked as sent, durably, before it is: at most once."""

from __future__ import annotations

import json
from dataclasses import replace

from protocols.wire.platform.fleet import Command, CommandResult, Heartbeat, HeartbeatReply
from reference_impl.backend.storage.records import write_of
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.terminals.fleet import Fleet
from reference_impl.backend.terminals.model import CommandRow, Heard, Terminal
from reference_impl.backend.terminals.tables import COMMANDS, MODULE_EVENTS, TERMINAL_STATES, TERMINAL_VERSIONS

__all__ = ["take_heartbeat"]

GRACE_S = 86_400.0
"""So long after its end the answer to a command is still waited for: a host that restarts is silent for a while."""


async def take_heartbeat(fleet: Fleet, terminal: Terminal, beat: Heartbeat, config_version: int) -> HeartbeatReply:
    """Durable when this returns; *config_version* is what the terminal should have. A heartbeat that was overtaken by a
    newer one changes nothing and brings no command."""
    now = fleet.clock.now()
    writes = _results(fleet, terminal, beat.results, now)
    commands: list[CommandRow] = []
    before = fleet.heard.get(terminal.terminal_id)
    if before is None or before.boot_id != beat.boot_id or before.seq < beat.seq:
        heard = _heard(terminal, beat, now)
        fleet.heard[terminal.terminal_id] = heard
        writes += [write_of(TERMINAL_STATES, heard), *_events(terminal, before, beat, now)]
        if before is None or before.app_version != beat.app_version:
            writes.append(Write(TERMINAL_VERSIONS, (terminal.terminal_id, beat.app_version, now)))
        commands = _due(fleet, terminal, beat, now)
        writes += [write_of(COMMANDS, each) for each in commands]
    await fleet.store.commit(writes)
    return HeartbeatReply(
        server_time=now,
        period_s=fleet.times.heartbeat_s,
        config_version=config_version,
        commands=tuple(
            Command.model_validate({"command_id": each.command_id, "verb": each.verb, "expires_at": each.expires_at})
            for each in commands
        ),
    )


def _due(fleet: Fleet, terminal: Terminal, beat: Heartbeat, now: float) -> list[CommandRow]:
    """Commands to send now, already marked: never while a citizen is served."""
    held = fleet.commands.get(terminal.terminal_id)
    if not held:
        return []
    for command_id in [name for name, each in held.items() if each.expires_at + GRACE_S < now]:
        del held[command_id]
    if beat.open_session:
        return []
    due = [each for each in held.values() if each.state == "waiting" and each.expires_at > now]
    sent = [replace(each, state="sent", sent_at=now) for each in due]
    held.update((each.command_id, each) for each in sent)
    return sent


def _results(fleet: Fleet, terminal: Terminal, results: tuple[CommandResult, ...], now: float) -> list[Write]:
    """Answers to commands that were sent; others are none of this terminal's or were answered before."""
    held = fleet.commands.get(terminal.terminal_id, {})
    writes: list[Write] = []
    for result in results:
        row = held.get(result.command_id)
        if row is None or row.state != "sent":
            continue
        del held[result.command_id]
        writes.append(write_of(COMMANDS, replace(row, state=result.result, code=result.code, ended_at=now)))
    return writes


def _heard(terminal: Terminal, beat: Heartbeat, now: float) -> Heard:
    modules = {each.id: [each.state, each.code] for each in beat.modules}
    return Heard(
        terminal_id=terminal.terminal_id,
        heard_at=now,
        boot_id=beat.boot_id,
        seq=beat.seq,
        sent_at=beat.sent_at,
        uptime_s=beat.uptime_s,
        app_version=beat.app_version,
        mode=beat.mode,
        queue=beat.queue,
        queue_oldest_s=beat.queue_oldest_s,
        open_session=beat.open_session,
        config_version=beat.config_version,
        clock_offset_ms=beat.clock_offset_ms,
        network_ms=beat.network_ms,
        disk_free_mb=beat.disk_free_mb,
        modules=json.dumps(modules, ensure_ascii=False, sort_keys=True),
    )


def _events(terminal: Terminal, before: Heard | None, beat: Heartbeat, now: float) -> list[Write]:
    """Modules whose state is another one than at the heartbeat before."""
    known = json.loads(before.modules) if before is not None else {}
    return [
        Write(
            MODULE_EVENTS,
            (
                f"{terminal.terminal_id}:{beat.boot_id}:{beat.seq}:{each.id}",
                terminal.terminal_id,
                each.id,
                each.state,
                each.code,
                now,
            ),
        )
        for each in beat.modules
        if known.get(each.id, ["ok", ""]) != [each.state, each.code]
    ]

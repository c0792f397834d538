"""All terminals in memory, as they are in the database: created, enrolled, revoked, heard, told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace

from protocols.clock import Clock
from reference_impl.backend.audit.trail import Act, Actor, Trail
from reference_impl.backend.problems import CONFLICT, ProblemError, ProblemKind
from reference_impl.backend.settings import Times
from reference_impl.backend.storage.records import load, write_of
from reference_impl.backend.storage.store import Store
from reference_impl.backend.terminals.model import CommandRow, Heard, NewTerminal, Terminal
from reference_impl.backend.terminals.tables import COMMANDS, TERMINAL_STATES, TERMINALS

__all__ = ["ENROLMENT_REFUSED", "PERIODS_ONLINE", "Fleet"]

PERIODS_ONLINE = 3
"""A terminal that was not heard for so many heartbeats is off-line (spec/services.md 7.1)."""

CODE_FAILURES = 5
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LETTERS = 24

ENROLMENT_REFUSED = ProblemKind(
    "enrolment-refused",
    403,
    "登记被拒绝",
    "The terminal is unknown or the code is wrong, used or expired: ask the operator for a new code.",
)


class Fleet:
    """Made by :meth:`open`. Methods that change something write it, with its audit entry, before they show it."""

    def __init__(
        self,
        store: Store,
        trail: Trail,
        clock: Clock,
        times: Times,
        entropy: Callable[[int], bytes],
        terminals: Sequence[Terminal],
        heard: Sequence[Heard],
        commands: Sequence[CommandRow],
    ) -> None:
        self.store, self.trail, self.clock, self.times, self.entropy = store, trail, clock, times, entropy
        self.terminals = {each.terminal_id: each for each in terminals}
        self.heard = {each.terminal_id: each for each in heard}
        self.commands: dict[str, dict[str, CommandRow]] = {}
        for each in commands:
            self.commands.setdefault(each.terminal_id, {})[each.command_id] = each
        self.changing = asyncio.Lock()

    @classmethod
    async def open(
        cls, store: Store, trail: Trail, clock: Clock, times: Times, entropy: Callable[[int], bytes]
    ) -> Fleet:
        """Of commands only those that may still be sent or answered are held in memory."""
        return cls(
            store,
            trail,
            clock,
            times,
            entropy,
            await load(store.engine, TERMINALS, Terminal),
            await load(store.engine, TERMINAL_STATES, Heard),
            await load(store.engine, COMMANDS, CommandRow, COMMANDS.c.state.in_(["waiting", "sent"])),
        )

    def online(self, terminal_id: str) -> bool:
        """True for an enrolled terminal that was heard within three periods."""
        heard = self.heard.get(terminal_id)
        limit_s = PERIODS_ONLINE * self.times.heartbeat_s
        enrolled = self.terminals[terminal_id].state == "enrolled"
        return enrolled and heard is not None and self.clock.now() - heard.heard_at <= limit_s

    # Life of a terminal.

    async def create(self, actor: Actor, wish: NewTerminal) -> tuple[Terminal, str]:
        """A new terminal and its one-time enrolment code."""
        act = Act("terminal.created", "terminal", wish.terminal_id, wish.institution)
        async with self.changing:
            if wish.terminal_id in self.terminals:
                raise ProblemError(CONFLICT, "There is a terminal with this id.", where="body.terminal_id")
            self._free_at_bank(wish.bank_terminal, wish.merchant)
            made, code = self._with_code(_created(wish, self.clock.now()))
            return await self._write(actor, act, made), code

    async def create_all(self, actor: Actor, wanted: Sequence[NewTerminal]) -> dict[str, str]:
        """Many at once: all of them or, when one cannot be, none. Gives the enrolment codes by terminal."""
        async with self.changing:
            at_bank = {(each.bank_terminal, each.merchant) for each in self.terminals.values() if each.bank_terminal}
            made: list[tuple[Terminal, str]] = []
            names = set(self.terminals)
            for wish in wanted:
                if wish.terminal_id in names or (wish.bank_terminal, wish.merchant) in at_bank:
                    raise ProblemError(
                        CONFLICT, f"terminal {wish.terminal_id}: its id or its number at the bank is taken already."
                    )
                names.add(wish.terminal_id)
                at_bank.add((wish.bank_terminal, wish.merchant))
                made.append(self._with_code(_created(wish, self.clock.now())))
            await asyncio.gather(
                *(
                    self._write(actor, Act("terminal.created", "terminal", each.terminal_id, each.institution), each)
                    for each, _ in made
                )
            )
            return {each.terminal_id: code for each, code in made}

    async def change(
        self, actor: Actor, terminal_id: str, name: str | None, institution: str | None, services: Sequence[str] | None
    ) -> Terminal:
        """Another name, place or set of services; the terminal learns of it with its next heartbeat."""
        async with self.changing:
            held = self._there(terminal_id)
            changed = replace(
                held,
                name=name or held.name,
                institution=institution or held.institution,
                services=held.services if services is None else " ".join(services),
                config_version=held.config_version + 1,
            )
            details = {} if services is None else {"services": changed.services}
            act = Act("terminal.changed", "terminal", terminal_id, changed.institution, details)
            return await self._write(actor, act, changed)

    async def new_code(self, actor: Actor, terminal_id: str) -> tuple[Terminal, str]:
        """A new one-time code: for a machine that was replaced or lost its key. The old key holds until it is used."""
        async with self.changing:
            held, code = self._with_code(self._there(terminal_id))
            act = Act("terminal.code-issued", "terminal", terminal_id, held.institution)
            return await self._write(actor, act, held), code

    async def end(self, actor: Actor, terminal_id: str, state: str) -> Terminal:
        """*state* is revoked (its key is void at once; a new code brings it back) or removed (for ever)."""
        async with self.changing:
            held = self._there(terminal_id)
            changed = replace(
                held,
                state=state,
                public_key="",
                code_hash="",
                generation=held.generation + 1,
                ended_at=self.clock.now(),
                bank_terminal=None if state == "removed" else held.bank_terminal,
            )
            act = Act(f"terminal.{state}", "terminal", terminal_id, held.institution)
            return await self._write(actor, act, changed)

    async def enrol(self, terminal_id: str, code: str, public_key: str) -> Terminal:
        """Take *public_key* for the terminal's own. One answer to everything that is wrong: a stranger learns nothing."""
        async with self.changing:
            held = self.terminals.get(terminal_id)
            now = self.clock.now()
            if held is None or not held.code_hash or held.code_expires_at < now:
                await self._enrolment_refused(terminal_id, held)
                raise ProblemError(ENROLMENT_REFUSED)
            if not hmac.compare_digest(_hash(terminal_id, code), held.code_hash):
                failures = held.code_failures + 1
                wrong = replace(
                    held, code_failures=failures, code_hash="" if failures >= CODE_FAILURES else held.code_hash
                )
                await self._enrolment_refused(terminal_id, wrong)
                raise ProblemError(ENROLMENT_REFUSED)
            changed = replace(
                held,
                state="enrolled",
                public_key=public_key,
                code_hash="",
                generation=held.generation + 1,
                enrolled_at=now,
                ended_at=0.0,
            )
            act = Act("terminal.enrolled", "terminal", terminal_id, held.institution)
            return await self._write(held.actor, act, changed)

    # Commands.

    async def command(self, actor: Actor, terminal_id: str, verb: str) -> CommandRow:
        """To be sent with the next heartbeat, unless a citizen is served then."""
        held = self._there(terminal_id)
        now = self.clock.now()
        row = CommandRow(
            self.entropy(8).hex(), terminal_id, verb, "waiting", "", actor.id, now, now + self.times.command_s, 0.0, 0.0
        )
        act = Act(
            "terminal.commanded", "terminal", terminal_id, held.institution, {"verb": verb, "command": row.command_id}
        )
        await self.trail.record(actor, act, then=[write_of(COMMANDS, row)])
        self.commands.setdefault(terminal_id, {})[row.command_id] = row
        return row

    async def withdraw(self, actor: Actor, terminal_id: str, command_id: str) -> CommandRow:
        """Take a command back that was not sent yet."""
        held = self._there(terminal_id)
        row = self.commands.get(terminal_id, {}).get(command_id)
        if row is None or row.state != "waiting":
            raise ProblemError(CONFLICT, "This command is not waiting: it was sent, has ended, or never was.")
        row = replace(row, state="withdrawn", ended_at=self.clock.now())
        del self.commands[terminal_id][command_id]
        act = Act("terminal.command-withdrawn", "terminal", terminal_id, held.institution, {"command": command_id})
        await self.trail.record(actor, act, then=[write_of(COMMANDS, row)])
        return row

    # What holds everywhere.

    def _there(self, terminal_id: str) -> Terminal:
        held = self.terminals[terminal_id]
        if held.state == "removed":
            raise ProblemError(CONFLICT, "This terminal was removed: create another one.")
        return held

    def _free_at_bank(self, bank_terminal: str, merchant: str) -> None:
        for each in self.terminals.values():
            if (each.bank_terminal, each.merchant) == (bank_terminal, merchant):
                raise ProblemError(
                    CONFLICT, "Another terminal has this number at the bank.", where="body.bank_terminal"
                )

    def _with_code(self, terminal: Terminal) -> tuple[Terminal, str]:
        letters = "".join(_ALPHABET[each % len(_ALPHABET)] for each in self.entropy(_CODE_LETTERS))
        code = "-".join(letters[at : at + 6] for at in range(0, _CODE_LETTERS, 6))
        until = self.clock.now() + self.times.enrolment_code_s
        hashed = _hash(terminal.terminal_id, code)
        return replace(terminal, code_hash=hashed, code_expires_at=until, code_failures=0), code

    async def _enrolment_refused(self, terminal_id: str, changed: Terminal | None) -> None:
        """A stranger fills no trail: only what concerns a known terminal is entered, and not without bound."""
        if changed is None:
            return
        act = Act("terminal.enrolment-refused", "terminal", terminal_id, changed.institution)
        await self.trail.note_refusal(Actor("terminal", ""), act)
        if changed is not self.terminals[terminal_id]:
            await self.store.commit([write_of(TERMINALS, changed)])
            self.terminals[terminal_id] = changed

    async def _write(self, actor: Actor, act: Act, terminal: Terminal) -> Terminal:
        await self.trail.record(actor, act, then=[write_of(TERMINALS, terminal)])
        self.terminals[terminal.terminal_id] = terminal
        return terminal


def _created(wish: NewTerminal, now: float) -> Terminal:
    services = " ".join(wish.services)
    return Terminal(
        wish.terminal_id, wish.institution, wish.name, wish.bank_terminal, wish.merchant, services, "created", "", "",
        0.0, 0, 1, 1, now, 0.0, 0.0,
    )  # fmt: skip


def _hash(terminal_id: str, code: str) -> str:
    """120 random bits need no slow hash."""
    return hashlib.sha256(f"{terminal_id}\n{code.upper().replace('-', '')}".encode()).hexdigest()

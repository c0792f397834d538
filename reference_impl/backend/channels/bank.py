"""The bank as a channel of the engine: purchase by card and PIN, void, refund.

Sources: spec/services.md 3.4 (reversal, void, refund), 8 (durable before sent). What an attempt was sent as is fixed when it is
opened; the trace counter that gave it becomes durable in the same transaction. Number, expiry and sequence number of the card
are kept sealed with the attempt, for a refund may be asked for months later; track 2, chip data and PIN block are never kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocols.clock import Clock
from protocols.wire.bank.codes import APPROVED, REVERSAL_DONE
from protocols.wire.bank.message import Message
from protocols.wire.bank.parts import EntryMode, Original
from protocols.wire.base import WireError
from protocols.wire.platform.models import PinKey
from reference_impl.backend.banking import messages
from reference_impl.backend.banking.batch import BatchResult, BatchSource, settle_batch
from reference_impl.backend.banking.host import BankHost, BankSettings, BankUnavailable, Commit, Reply
from reference_impl.backend.banking.security_module import KeysRefused, SecurityModule
from reference_impl.backend.banking.terminals import MOST_PURCHASES, BankTerminal, BankTerminals, NoBankTerminal
from reference_impl.backend.channels.bank_bills import BankBills
from reference_impl.backend.channels.bank_rules import BankRules
from reference_impl.backend.settlement.channel import Heard, Opening, Outcome, Secrets
from reference_impl.backend.settlement.model import Attempt, Trade
from reference_impl.backend.transport import FrameTransport, HttpTransport

__all__ = ["BankChannel"]

_NEEDED = ("pan", "pin_block", "pin_key", "entry_mode")
_REASONS = {"reply-mac": "A0", "reply-reference": "06"}
"""Why a reversal is sent (field 39), by what was wrong with the reply; 98 where none was heard."""
NO_REPLY, TERMINAL_FAILED, OTHER = "98", "96", "06"


class BankChannel:
    """*secrets* of a purchase have the names of the terminal interface's CardData (``pan``, ``expiry``, ``track2``,
    ``entry_mode``, ``sequence``, ``chip_data``, ``pin_block``, ``pin_key``)."""

    name = "bank"

    def __init__(
        self,
        settings: BankSettings,
        terminals: BankTerminals,
        module: SecurityModule,
        frames: FrameTransport,
        files: HttpTransport,
        commit: Commit,
        clock: Clock,
        source: BatchSource,
    ) -> None:
        self.rules = BankRules()
        self.host = BankHost(settings, terminals, module, frames, commit, clock)
        self.bills = BankBills(settings, files, clock)
        self._terminals, self._module, self._source = terminals, module, source

    # Services.

    async def pin_key(self, terminal_id: str) -> PinKey:
        """See :meth:`BankHost.pin_key`."""
        return await self.host.pin_key(terminal_id)

    @property
    def terminals(self) -> list[BankTerminal]:
        """Every one that was ever used."""
        return self._terminals.all()

    async def settle(self, terminal: BankTerminal) -> BatchResult:
        """Settle the open batch of *terminal*. Raises TerminalEngaged, BankUnavailable."""
        return await settle_batch(self.host, terminal, self._source)

    async def settle_batch(self, terminal_id: str) -> BatchResult:
        """Settle the open batch of a kiosk's terminal. Raises TerminalEngaged, BankUnavailable, NoBankTerminal."""
        return await settle_batch(self.host, self._terminals.at(terminal_id), self._source)

    # The seam.

    def undo_of(self, attempt: Attempt) -> str:
        terminal = self._terminals.of_reference(attempt.reference)
        return "void" if attempt.reference.split("/")[1] == terminal.batch_text else "refund"

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        if operation == "purchase":
            return self._open_purchase(trade, secrets.values)
        assert original is not None, "an undo has an original"
        terminal = self._terminals.of_reference(original.reference)
        card = self._card(original)
        facts = {"entry_mode": original.facts["entry_mode"], "card": original.facts.get("card", "")}
        return self._opening(terminal, trade, operation, facts, card)

    def _open_purchase(self, trade: Trade, card: Mapping[str, str]) -> Opening:
        missing = [name for name in _NEEDED if not card.get(name)]
        if missing:
            raise ValueError(f"the payment lacks {', '.join(missing)}: ask for card and PIN again")
        terminal = self._terminals.at(trade.terminal_id)
        if self.host.needs_sign_in(terminal) or card["pin_key"] != terminal.key_version:
            raise ValueError("the PIN was entered under an earlier key: fetch the PIN key and ask for the PIN again")
        if terminal.trace >= MOST_PURCHASES:
            raise ValueError("the batch of this terminal is full: settle it")
        facts = {"entry_mode": EntryMode.of(card["entry_mode"]).text, "card": f"**** {card['pan'][-4:]}"}
        if card.get("chip_data"):
            facts["chip_tags"] = messages.reversal_tags(card["chip_data"])
        kept = {name: card[name] for name in ("pan", "expiry", "sequence") if card.get(name)}
        return self._opening(terminal, trade, "purchase", facts, kept)

    def _opening(
        self, terminal: BankTerminal, trade: Trade, operation: str, facts: Mapping[str, Any], card: Mapping[str, str]
    ) -> Opening:
        reference = terminal.reference(terminal.next_trace())
        if operation != "refund":
            terminal.pending[reference] = trade.trade_no
        sealed = self._module.seal(card, reference)
        return Opening(reference, operation, facts, sealed, (terminal.write(),))

    def engaged(self, trade: Trade) -> bool:
        try:
            return self._terminals.at(trade.terminal_id).held_by_others(trade.trade_no)
        except NoBankTerminal:
            return False

    def settled(self, attempt: Attempt) -> None:
        self._terminals.of_reference(attempt.reference).pending.pop(attempt.reference, None)

    def resume(self, attempt: Attempt) -> None:
        if attempt.operation != "refund":
            terminal = self._terminals.of_reference(attempt.reference)
            terminal.pending[attempt.reference] = attempt.trade_no

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        if attempt.op == "bill":
            return await self.bills.look_for(attempt, trade.institution)
        terminal = self._terminals.of_reference(attempt.reference)
        try:
            async with terminal.lock:
                match attempt.op:
                    case "purchase":
                        return await self._purchase(terminal, attempt, secrets.values)
                    case "reverse":
                        return await self._reverse(terminal, attempt)
                    case _:
                        return await self._undo(terminal, trade, attempt)
        except (WireError, KeysRefused) as error:  # while the request was made: nothing was sent
            return Outcome(Heard.UNSENT, "request-unusable", str(error))

    # Operations, with the terminal's lock held.

    async def _purchase(self, terminal: BankTerminal, attempt: Attempt, card: Mapping[str, str]) -> Outcome:
        if any(not card.get(name) for name in _NEEDED):
            return Outcome(Heard.UNSENT, "payment-data-lost")
        if self.host.needs_sign_in(terminal) or card["pin_key"] != terminal.key_version:
            return Outcome(Heard.UNSENT, "pin-key-changed", "the terminal has signed in again meanwhile")
        if attempt.reference.split("/")[1] != terminal.batch_text:
            return Outcome(Heard.UNSENT, "batch-closed")
        message = messages.purchase(self._origin(terminal, attempt), attempt.amount_fen, card)
        return self._outcome(await self.host.ask(terminal, message), attempt)

    async def _undo(self, terminal: BankTerminal, trade: Trade, attempt: Attempt) -> Outcome:
        try:
            await self.host.sign_in(terminal)
        except BankUnavailable as error:
            return Outcome(Heard.UNSENT, "not-signed-in", str(error))
        if attempt.reference.split("/")[1] != terminal.batch_text:
            return Outcome(Heard.UNSENT, "batch-closed", "the bank has closed the batch of this attempt")
        original = trade.attempt(attempt.original)
        _, batch, trace = original.reference.split("/")
        message = messages.undo(
            attempt.operation,
            self._origin(terminal, attempt),
            attempt.amount_fen,
            self._card(attempt),
            Original(batch, trace, original.facts.get("bank_date", "")),
            original.facts.get("retrieval", ""),
            original.facts.get("approval", ""),
            attempt.facts["entry_mode"],
        )
        return self._outcome(await self.host.ask(terminal, message), attempt)

    async def _reverse(self, terminal: BankTerminal, attempt: Attempt) -> Outcome:
        try:
            await self.host.sign_in(terminal)
        except BankUnavailable as error:
            return Outcome(Heard.SILENCE, reason=str(error))
        message = messages.reversal(
            attempt.operation,
            self._origin(terminal, attempt),
            attempt.amount_fen,
            self._card(attempt),
            attempt.facts["entry_mode"],
            attempt.facts.get("reversal_reason", TERMINAL_FAILED),
            attempt.facts.get("chip_tags", ""),
        )
        reply = await self.host.ask(terminal, message)
        if reply.code in REVERSAL_DONE:
            return Outcome(Heard.DONE, facts={"reversal_code": reply.code})
        return Outcome(Heard.SILENCE, reason=f"the reversal was not answered: {reply.fault or reply.code}")

    def _card(self, attempt: Attempt) -> Mapping[str, str]:
        """What is known of its card. Nothing, should the data key have been changed: a reversal needs no card, and for the
        others the bank's refusal brings in a person, which an exception here would not."""
        try:
            return self._module.unseal(attempt.sealed, attempt.reference)
        except KeysRefused:
            return {}

    @staticmethod
    def _origin(terminal: BankTerminal, attempt: Attempt) -> messages.Origin:
        return messages.Origin.of(attempt.reference, terminal.merchant)

    def _outcome(self, reply: Reply, attempt: Attempt) -> Outcome:
        """What came of a purchase, void or refund. With it the reason that a reversal would give, and for a refund until
        when its bill can be waited for: both are fixed by the first answer."""
        if reply.fault == "unsent":
            return Outcome(Heard.UNSENT, reply.fault)
        if reply.message is None:
            return Outcome(Heard.SILENCE, reply.fault, facts=self._doubts(attempt, _REASONS.get(reply.fault, NO_REPLY)))
        if reply.code == APPROVED and 37 not in reply.message:
            # Without its number in the bank's books it could never be taken back: it is not kept.
            return Outcome(Heard.SILENCE, "reply-incomplete", facts=self._doubts(attempt, OTHER))
        if reply.code == APPROVED:
            return Outcome(Heard.DONE, APPROVED, facts=_told(reply.message))
        return Outcome(Heard.REFUSED, reply.code, facts=self._doubts(attempt, OTHER))

    def _doubts(self, attempt: Attempt, reason: str) -> Mapping[str, Any]:
        return self.bills.to_wait(attempt) if attempt.operation == "refund" else {"reversal_reason": reason}


def _told(message: Message) -> Mapping[str, Any]:
    names = {37: "retrieval", 38: "approval", 12: "bank_time", 13: "bank_date", 15: "settle_date"}
    return {name: message[number] for number, name in names.items() if number in message}

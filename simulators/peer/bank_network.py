"""What the bank decides on messages that move no money: sign-in, network management, settlement, batch upload.

Sources: spec/services.md 3.2 (transactions, field 48), 3.4 (batch rules). Assumptions of this project, where the record is
silent: the batch is closed by the message that ends the upload, and the next one has the next number; a settlement or an end
that is repeated for a closed batch is answered as the first time; an upload record names its original in field 61.
"""

from __future__ import annotations

from protocols.wire.bank.message import Message
from protocols.wire.bank.parts import Original, Totals, TypeAndBatch
from simulators.peer.bank_forms import BALANCED, NOT_BALANCED
from simulators.peer.bank_keys import DOUBLE, SINGLE, WITH_TRACK, BankKeys
from simulators.peer.bank_money import Answer
from simulators.peer.bank_state import BankState

__all__ = ["BankNetwork"]


class BankNetwork:
    """Decides. Never raises for a message whose fields were checked (``bank_forms``)."""

    SIGN_OUT, ECHO, CASHIER, KIOSK_STATUS = "002", "301", "401", "362"

    def __init__(self, state: BankState, keys: BankKeys) -> None:
        self._state, self._keys = state, keys

    def sign_in(self, message: Message, day: str, refuse: bool) -> Answer:
        """Fresh working keys and the number of the open batch."""
        if refuse:
            return Answer("05")
        network = TypeAndBatch.of(message[60]).network
        if network not in (DOUBLE, SINGLE, WITH_TRACK):
            return Answer("30", complaint="field 60: 60.3 of a sign-in is none of 001, 003, 004")
        terminal = self._state.terminal(message[41])
        application = message.header.application
        keys = self._keys.draw(message[41], terminal.sign_ins + 1, network, application)
        event = {
            "type": "signed-in",
            "terminal": message[41],
            "day": day,
            "application": application,
            "keys": keys,
        }
        return Answer("00", (event,), {60: TypeAndBatch("00", f"{terminal.batch:06d}", network).text, 62: keys})

    def manage(self, message: Message) -> Answer:
        """Sign-out, echo, cashier sign-in, kiosk status."""
        match TypeAndBatch.of(message[60]).network:
            case BankNetwork.SIGN_OUT:
                return Answer("00", ({"type": "signed-out", "terminal": message[41]},))
            case BankNetwork.ECHO | BankNetwork.CASHIER:
                return Answer("00")
            case BankNetwork.KIOSK_STATUS:
                return Answer("00") if 62 in message else Answer("30", complaint="field 62: missing in a kiosk status")
            case _:
                return Answer("40")

    # Settlement.

    def totals(self, terminal: str, batch: int) -> Totals:
        """What the bank has in that batch: purchases in, voids and refunds out; what was reversed counts in neither."""
        references = self._state.by_batch.get(f"{terminal}/{batch:06d}", ())
        entries = [self._state.entries[each] for each in references]
        paid = [each.amount_fen for each in entries if each.moved and each.kind == "purchase"]
        returned = [each.amount_fen for each in entries if each.moved and each.kind != "purchase"]
        return Totals(sum(paid), len(paid), sum(returned), len(returned))

    def settle(self, message: Message, refuse: bool) -> Answer:
        """Compares the totals; changes nothing."""
        if refuse:
            return Answer("06")
        terminal, batch = self._state.terminal(message[41]), int(TypeAndBatch.of(message[60]).batch)
        if batch in terminal.closed:
            return Answer("00", fields={48: terminal.closed[batch]})
        if batch != terminal.batch:
            return Answer("77")
        asked, own = Totals.of(message[48]), self.totals(message[41], batch)
        mine = (own.debit_fen, own.debit_count, own.credit_fen, own.credit_count)
        equal = mine == (asked.debit_fen, asked.debit_count, asked.credit_fen, asked.credit_count)
        return Answer("00", fields={48: Totals(*mine, 1 if equal else 2, 1).text})

    def upload(self, message: Message, refuse: bool) -> Answer:
        """One record of a batch whose totals differ, or the end of a batch."""
        if refuse:
            return Answer("06")
        kind = TypeAndBatch.of(message[60])
        terminal, batch = self._state.terminal(message[41]), int(kind.batch)
        if batch in terminal.closed:
            return Answer("00")
        if batch != terminal.batch:
            return Answer("77")
        if kind.network in (BALANCED, NOT_BALANCED):
            return self._end(message, kind.network, batch)
        if 61 not in message:
            return Answer("40")
        return self._record(message)

    def _record(self, message: Message) -> Answer:
        named = Original.of(message[61])
        reference = f"{message[41]}/{named.batch}/{named.trace}"
        entry = self._state.entries.get(reference)
        code = "00"
        if entry is None or not entry.moved or entry.retrieval != message[37]:
            code = "25"
        elif entry.amount_fen != int(message[4]):
            code = "64"
        event = {"type": "uploaded", "terminal": message[41], "reference": reference, "code": code}
        return Answer(code, (event,))

    def _end(self, message: Message, network: str, batch: int) -> Answer:
        own = self.totals(message[41], batch)
        uploaded = self._state.terminal(message[41]).uploaded
        if network == NOT_BALANCED and int(message[48]) != len(uploaded):
            return Answer("95", complaint="field 48: not the number of records that were uploaded")
        result = 1 if network == BALANCED else 2
        totals = Totals(own.debit_fen, own.debit_count, own.credit_fen, own.credit_count, result, 1).text
        return Answer("00", ({"type": "closed", "terminal": message[41], "batch": batch, "totals": totals},))

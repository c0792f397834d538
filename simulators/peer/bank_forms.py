"""Which fields each message must and may carry, and by which name it is known.

Source: spec/services.md 3.2 (transactions, fields of messages). What a host needs to act at all is required; whatever else
the table lists is allowed; anything beyond is a violation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.wire.bank.fields import MAC_FIELD
from protocols.wire.bank.message import Message
from protocols.wire.bank.parts import EntryMode, Original, SecurityControl, Totals, TypeAndBatch
from protocols.wire.base import WireError

__all__ = ["BALANCED", "NOT_BALANCED", "UPLOAD", "Form", "address_of", "faults_in", "form_of"]

_CARD = frozenset({2, 14, 23, 26, 35, 36, 52, 53, 55, 62, 63})
_PAYMENT = frozenset({3, 4, 11, 22, 25, 41, 42, 49, 60, MAC_FIELD})
_NAMES_TERMINAL = frozenset({11, 41, 42, 60})
UPLOAD, BALANCED, NOT_BALANCED = "201", "207", "202"


@dataclass(frozen=True, slots=True)
class Form:
    """``name`` of the transaction; ``mac`` whether it must carry field 64; ``types`` what 60.1 may be."""

    name: str
    required: frozenset[int]
    allowed: frozenset[int]
    types: frozenset[str]

    @property
    def mac(self) -> bool:
        return MAC_FIELD in self.required


def _form(name: str, required: frozenset[int], allowed: frozenset[int], *types: str) -> Form:
    return Form(name, required, required | allowed, frozenset(types))


_FORMS: Mapping[str, Form] = {
    "0200/000000": _form("purchase", _PAYMENT, _CARD, "22", "26"),
    "0200/200000": _form("void", _PAYMENT | {37, 61}, _CARD | {38}, "23"),
    "0220/200000": _form("refund", _PAYMENT | {37, 61}, _CARD | {38}, "25"),
    "0200/310000": _form("balance", _PAYMENT - {4} | {52, 53}, _CARD, "01"),
    "0400": _form("reversal", _PAYMENT | {39, 61}, frozenset({2, 14, 23, 38, 53, 55, 62}), "22", "23", "26"),
    "0500": _form("settlement", _NAMES_TERMINAL | {48, 49, 63}, frozenset(), "00"),
    "0800": _form("sign-in", _NAMES_TERMINAL | {63}, frozenset({62}), "00"),
    "0820": _form("network", _NAMES_TERMINAL, frozenset({62, 63}), "00"),
}
_UPLOAD_RECORD = _form(
    "upload", _NAMES_TERMINAL | {3, 4, 37, 49, 61}, frozenset({2, 14, 22, 23, 25, 38, 55}), "00", "22", "23", "25"
)
_UPLOAD_END = _form("upload-end", _NAMES_TERMINAL | {48}, frozenset({49, 63}), "00")


def address_of(message: Message) -> str:
    """The name by which faults find it: with its processing code where that says what it is."""
    if message.mti in ("0100", "0200", "0220") and 3 in message:
        return f"{message.mti}/{message[3]}"
    return message.mti


def form_of(message: Message) -> Form | None:
    """The form of a request; None for one that this host does not do."""
    if message.mti == "0320":
        record = message.get(60)[8:11] == UPLOAD
        return _UPLOAD_RECORD if record else _UPLOAD_END
    return _FORMS.get(address_of(message))


def faults_in(message: Message, form: Form) -> tuple[list[str], list[str]]:
    """What makes *message* impossible to act on, and what it carries that it should not. Fields are named, never shown."""
    present = frozenset(message.fields)
    wrong = [f"field {number} is missing" for number in sorted(form.required - present - {MAC_FIELD})]
    surplus = [f"field {number} is not allowed" for number in sorted(present - form.allowed)]
    if not wrong:
        try:
            _check_parts(message, form)
        except WireError as error:
            wrong.append(error.why)
    return wrong, surplus


def _check_parts(message: Message, form: Form) -> None:
    """Raises :class:`WireError` for a part that is none, or that belongs to another transaction."""
    kind = TypeAndBatch.of(message[60])
    if kind.type not in form.types:
        raise WireError("field 60: 60.1 is not the type of this transaction")
    if 49 in message and message[49] != "156":
        raise WireError("field 49: not 156")
    if 61 in message:
        Original.of(message[61])
    if form.name == "settlement":
        Totals.of(message[48])
    if form.name == "upload-end" and len(message[48]) != 4:
        raise WireError("field 48: the number of records has 4 digits")
    if 22 in message:
        _check_card(message, form)


def _check_card(message: Message, form: Form) -> None:
    mode = EntryMode.of(message[22])
    if form.name == "reversal":
        return
    if mode.with_pin or form.name == "balance":
        for number in (52, 53):
            if number not in message:
                raise WireError(f"field {number}: missing, though field 22 says that a PIN was entered")
        if SecurityControl.of(message[53]).pin_format != "2":
            raise WireError("field 53: the PIN format is not 2 (PIN with card number)")
    elif 52 in message:
        raise WireError("field 52: present, though field 22 says that no PIN was entered")
    if mode.how == "03":
        if 62 not in message:
            raise WireError("field 62: missing: it carries the code that was scanned")
    elif 2 not in message and 35 not in message:
        raise WireError("field 2: missing, and field 35 too: there is no card")
    if 2 in message and 35 in message and message[35].partition("D")[0] != message[2]:
        raise WireError("field 35: its card number is not that of field 2")

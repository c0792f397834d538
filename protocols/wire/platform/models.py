"""What terminals and the platform say to each other: one model a message, every field bounded. Amounts in fen.

Personal data travel sealed: ``sealed`` is a JWE (compact, ``dir``, A256GCM) under the session key, whose plaintext is the
JSON of the model named beside it. So neither a history nor a log of this interface can hold a card number or a name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.platform.fleet import (
    Command,
    CommandResult,
    Enrolment,
    Heartbeat,
    HeartbeatReply,
    ModuleState,
    SessionGrant,
    SessionRequest,
    TerminalConfiguration,
)
from protocols.wire.platform.message import Fen, Hex, Id, Message, Sealed, Text

__all__ = [
    "Appointment",
    "AppointmentList",
    "AttemptView",
    "Bill",
    "BillItem",
    "BillList",
    "CardData",
    "CheckIn",
    "Command",
    "CommandResult",
    "Credential",
    "Department",
    "DepartmentList",
    "Doctor",
    "DoctorList",
    "Enrolment",
    "Heartbeat",
    "HeartbeatReply",
    "IdentityRequest",
    "LockRequest",
    "ModuleState",
    "NewRecord",
    "OpenTradeRequest",
    "PayRequest",
    "PinKey",
    "Problem",
    "Reason",
    "ReceiptView",
    "RefundEligibility",
    "SessionGrant",
    "SessionRequest",
    "Slot",
    "SlotList",
    "SlotLock",
    "SplitView",
    "TerminalConfiguration",
    "TradeView",
    "Visitor",
]


class Problem(Message):
    """Every error, in the form of RFC 9457. ``code`` is stable; ``title`` is Chinese, ``detail`` English and says what
    to do; ``where`` names the field. ``retry``: the same request may be sent again, with the same key."""

    code: str
    title: str
    detail: str
    status: int
    where: str = ""
    retry: bool = False
    request_id: str = ""


# Terminals; more of them in protocols.wire.platform.fleet.


class PinKey(Message):
    """The PIN key of the terminal for its keypad, enciphered under its master key; ``version`` changes with each."""

    cipher: Hex
    check_value: Hex
    version: str
    algorithm: Literal["3des"] = "3des"


# Identity.


class Credential(Message):
    """Sealed. What the citizen showed. ``social_security_card`` and ``resident_id`` carry the numbers read from the card;
    the others carry the ``code`` that was scanned."""

    kind: Literal[
        "social_security_card",
        "resident_id",
        "e_credential",
        "electronic_social_security_card",
        "health_code",
        "citizen_code",
    ]
    id_number: Annotated[str, Field(max_length=18)] = ""
    card_number: Annotated[str, Field(max_length=32)] = ""
    card_sn: Annotated[str, Field(max_length=32)] = ""
    name: Annotated[str, Field(max_length=50)] = ""
    code: Annotated[str, Field(max_length=128)] = ""


class IdentityRequest(Message):
    sealed: Sealed


class Visitor(Message):
    """The citizen at this terminal, for ten minutes. Names and numbers are masked; ``record`` false: the HIS does not know
    them yet."""

    visitor_id: Id
    patient_id: str
    name: str
    id_number: str
    record: bool
    insured: bool
    insutype: str = ""
    account_fen: Fen = 0
    expires_at: float


class NewRecord(Message):
    """Real-name record at the first visit (DG-SVC-ID-07). Sealed: a Credential with name and number."""

    visitor_id: Id
    phone: Annotated[str, Field(pattern=r"^[0-9]{11}$")] | None = None


# Registration.


class Department(Message):
    department_id: str
    name: str


class DepartmentList(Message):
    departments: Annotated[tuple[Department, ...], Field(strict=False)]


class Doctor(Message):
    doctor_id: str
    name: str
    title: str = ""


class DoctorList(Message):
    doctors: Annotated[tuple[Doctor, ...], Field(strict=False)]


class Slot(Message):
    """``left``: how many can still be had; ``period`` morning, noon, afternoon, evening."""

    slot_id: str
    department_id: str
    doctor_id: str
    date: str
    period: str
    starts: str
    ends: str
    total: int
    left: int
    fee_fen: Fen


class SlotList(Message):
    slots: Annotated[tuple[Slot, ...], Field(strict=False)]


class LockRequest(Message):
    visitor_id: Id


class SlotLock(Message):
    lock_id: str
    see_no: str
    fee_fen: Fen
    expires_at: float


class Appointment(Message):
    """``state``: booked, checked_in, expired, cancelled; ``due_fen`` what is still to be paid before check-in, by a trade
    for ``lock_id`` (empty: it is among the bills)."""

    appointment_id: str
    department: str
    doctor: str
    date: str
    starts: str
    ends: str
    state: str
    due_fen: Fen = 0
    lock_id: str = ""


class AppointmentList(Message):
    appointments: Annotated[tuple[Appointment, ...], Field(strict=False)]


class CheckIn(Message):
    appointment_id: str
    see_no: str
    room: str = ""


# Bills and trades.


class BillItem(Message):
    name: Text
    kind: str
    quantity: str
    price: str
    amount_fen: Fen


class Bill(Message):
    """``mergeable``: may be paid together with others of the same ``med_type`` (DG-SVC-PAY-02)."""

    bill_id: str
    department: Text
    doctor: Text
    billed_at: str
    total_fen: Fen
    med_type: str
    mergeable: bool
    items: Annotated[tuple[BillItem, ...], Field(strict=False)]


class BillList(Message):
    bills: Annotated[tuple[Bill, ...], Field(strict=False)]


class OpenTradeRequest(Message):
    """Exactly one of ``bill_ids`` and ``lock_id``. Sent with an Idempotency-Key header."""

    visitor_id: Id
    bill_ids: Annotated[tuple[Id, ...], Field(max_length=20, strict=False)] = ()
    lock_id: Annotated[str, Field(max_length=64)] = ""
    insured: bool = True
    use_account: bool = True


class CardData(Message):
    """Sealed. What the reader and the keypad gave: ``pin_block`` is enciphered under the PIN key ``pin_key``."""

    pan: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]
    expiry: Annotated[str, Field(pattern=r"^([0-9]{4})?$")] = ""
    track2: Annotated[str, Field(pattern=r"^[0-9D=]{0,37}$")] = ""
    entry_mode: Literal["021", "051", "071"] = "051"
    sequence: Annotated[str, Field(pattern=r"^([0-9]{3})?$")] = ""
    chip_data: Hex = ""
    pin_block: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{16}$")]
    pin_key: str


class PayRequest(Message):
    """Sent with an Idempotency-Key header of its own for every time that the citizen presses pay. ``auth_code`` for the three
    QR families, ``sealed`` (CardData) for ``bank_card``, neither for ``account`` and ``e_credential``."""

    method: Literal["bank_card", "wechat", "alipay", "unionpay_qr", "account", "e_credential"]
    auth_code: Annotated[str, Field(pattern=r"^[0-9]{0,24}$")] = ""
    sealed: Sealed = ""


class Reason(Message):
    reason: Annotated[str, Field(min_length=1, max_length=64)] = "citizen"


class SplitView(Message):
    fund_fen: Fen
    account_fen: Fen
    mutual_aid_fen: Fen
    cash_fen: Fen
    hospital_fen: Fen


class AttemptView(Message):
    """What became of one leg. ``action`` tells the terminal what to do about a cash payment that failed: ask_pin_again,
    other_method, sign_in, operator."""

    leg: str
    act: str
    channel: str
    state: str
    code: str = ""
    action: str = ""


class TradeView(Message):
    """``state``: quoting, awaiting, paying, paid, cancelling, closed, refunding, refunded, manual. ``decided``: the money
    question is settled, whatever the answer."""

    trade_no: str
    kind: str
    state: str
    decided: bool
    total_fen: Fen
    split: SplitView | None
    method: str
    deadline: float
    reason: str
    attempts: Annotated[tuple[AttemptView, ...], Field(strict=False)] = ()


class RefundEligibility(Message):
    eligible: bool
    code: str = ""
    detail: str = ""


class ReceiptView(Message):
    """What is printed. ``lines`` are label and value in the order of the paper; ``qr`` the text of the e-bill's code."""

    trade_no: str
    institution: str
    kind: str
    state: str
    at: str
    total_fen: Fen
    split: SplitView | None
    method: str
    channel_reference: str
    reconciliation_no: str
    see_no: str = ""
    items: Annotated[tuple[BillItem, ...], Field(strict=False)] = ()
    qr: str = ""

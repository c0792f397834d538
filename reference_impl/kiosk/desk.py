"""The kiosk's hands for business: does what the session says with platform, outbox, keypad, card reader, scanner, printer.

Two orders are kept in every path. A key is on the disk before the first byte that carries it is sent; what the platform has
decided is noted after it was heard, so that a loss of power in between asks once too often and never once too little.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from protocols.clock import Clock
from protocols.link.base import LinkError
from protocols.wire.base import Label
from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.bank_card import BankCardReader, CardNotTaken, CardUnreadable
from reference_impl.kiosk.business.notices import CARD_NOT_TAKEN
from reference_impl.kiosk.business.words import (
    AppointmentsListed,
    BillsListed,
    Broken,
    BusinessEvent,
    CardRead,
    CheckedIn,
    CodeScanned,
    DepartmentsListed,
    DoctorsListed,
    EligibilityKnown,
    Identified,
    Locked,
    Noted,
    Printed,
    ReceiptGiven,
    Refused,
    Settled,
    SlotsListed,
    TradeSeen,
    Unanswered,
)
from reference_impl.kiosk.business.works import (
    BusinessWork,
    CheckEligibility,
    CheckInAt,
    CreateRecord,
    EnterPin,
    FollowTrade,
    GetReceipt,
    Identify,
    ListAppointments,
    ListBills,
    ListDepartments,
    ListDoctors,
    ListSlots,
    LockSlot,
    NotePay,
    NoteRefund,
    NoteTrade,
    OpenTrade,
    PrintSlip,
    ReadBankCard,
    ScanCode,
    SendCancel,
    SendPay,
    SendRefund,
    Settle,
)
from reference_impl.kiosk.codes import CodeSource
from reference_impl.kiosk.outbox import ENDS, Outbox, OutboxFailed
from reference_impl.kiosk.pin_entry import Keypad
from reference_impl.kiosk.platform import Platform, PlatformRefused, PlatformSilent
from reference_impl.kiosk.printing import Printer, PrinterFailed
from reference_impl.kiosk.settle import settle

__all__ = ["Desk"]

T = TypeVar("T")

FOLLOW_PAUSE_S = 0.5
"""Looks at a trade that is under way come no faster, however quickly they are answered."""
UNDER_WAY = frozenset({"quoting", "paying", "cancelling", "refunding"})
DECIDED = ENDS - {"paid"}
"""States after which nothing is sent again. On a paid trade a wish for a refund may still be on its way."""


class Desk:
    """What is missing stays None: without a keypad there is no bank card, without a code source no scanner."""

    def __init__(
        self,
        platform: Platform,
        outbox: Outbox,
        clock: Clock,
        *,
        keypad: Keypad | None = None,
        cards: BankCardReader | None = None,
        codes: CodeSource | None = None,
        printer: Printer | None = None,
    ) -> None:
        self.platform, self.outbox, self.clock = platform, outbox, clock
        self.keypad, self.cards, self.codes, self.printer = keypad, cards, codes, printer

    async def perform(self, work: BusinessWork) -> BusinessEvent:
        """Do *work* and say what came of it. Every failure becomes an event: nothing of it ends the kiosk."""
        try:
            return await self._do(work)
        except PlatformRefused as refusal:
            problem = refusal.problem
            return Refused(problem.code, Label(problem.title, problem.detail), refusal.certain)
        except PlatformSilent as silence:
            if isinstance(work, FollowTrade):
                await self.clock.sleep_until(self.clock.now() + max(work.least_s, FOLLOW_PAUSE_S))
            return Unanswered(str(silence))
        except OutboxFailed as failure:
            return Broken("outbox", str(failure))
        except PrinterFailed as failure:
            return Broken("printer", str(failure))
        except CardNotTaken as failure:
            return Broken(CARD_NOT_TAKEN, str(failure))
        except CardUnreadable as failure:
            return Broken("card-unreadable", str(failure))
        except LinkError as failure:
            return Broken("device", str(failure))
        except Exception as defect:  # a defect of ours must not keep a card inside
            return Broken("defect", type(defect).__name__)

    async def aclose(self) -> None:
        """Close everything that was handed in."""
        for each in (self.keypad, self.codes, self.printer, self.platform):
            if each is not None:
                with contextlib.suppress(LinkError, PrinterFailed):
                    await each.aclose()
        self.outbox.aclose()

    async def _do(self, work: BusinessWork) -> BusinessEvent:
        match work:
            case NoteTrade():
                return Noted(self.outbox.open_trade(work.kind))
            case NotePay():
                return Noted(self.outbox.press(work.trade_key, work.method.value))
            case NoteRefund():
                return Noted(self.outbox.refund(work.trade_no))
            case OpenTrade():
                return await self._open_trade(work)
            case SendPay():
                return await self._send_pay(work)
            case SendCancel():
                return self._heard(await self.platform.cancel(work.trade_no, work.reason))
            case SendRefund():
                return await self._send_refund(work)
            case FollowTrade():
                return await self._follow(work)
            case Settle():
                return Settled(await settle(self.platform, self.outbox))
            case GetReceipt():
                return ReceiptGiven(await self.platform.receipt(work.trade_no))
            case CheckEligibility():
                eligibility = await self.platform.eligibility(work.trade_no)
                return EligibilityKnown(eligibility, await self.platform.trade(work.trade_no))
            case EnterPin() | ReadBankCard() | ScanCode() | PrintSlip():
                return await self._device(work)
            case _:
                return await self._ask(work)

    async def _ask(self, work: BusinessWork) -> BusinessEvent:
        """Works that are one question to the platform."""
        platform = self.platform
        match work:
            case Identify():
                return Identified(await platform.identify(work.credential))
            case CreateRecord():
                return Identified(await platform.create_record(work.visitor_id, work.phone))
            case ListBills():
                return BillsListed((await platform.bills(work.visitor_id)).bills)
            case ListDepartments():
                return DepartmentsListed((await platform.departments()).departments)
            case ListDoctors():
                return DoctorsListed((await platform.doctors(work.department_id)).doctors)
            case ListSlots():
                return SlotsListed((await platform.slots(work.department_id, work.doctor_id, work.date)).slots)
            case LockSlot():
                return Locked(await platform.lock_slot(work.slot_id, work.visitor_id))
            case ListAppointments():
                return AppointmentsListed((await platform.appointments(work.visitor_id)).appointments)
            case CheckInAt():
                return CheckedIn(await platform.check_in(work.appointment_id))
            case _:
                raise AssertionError(f"nobody does {type(work).__name__}")

    # Trades.

    async def _open_trade(self, work: OpenTrade) -> BusinessEvent:
        """A refusal is believed at once only where no copy of the request can have been carried out."""
        try:
            trade = await self.platform.open_trade(work.key, work.request)
        except PlatformRefused as refusal:
            if refusal.certain:
                self.outbox.close(work.key, "refused")
                raise
            known = await self.platform.trade_by_key(work.key)
            if known is None:
                self.outbox.close(work.key, "never-opened")
                raise
            trade = known
        self.outbox.number(work.key, trade.trade_no)
        return self._heard(trade)

    async def _send_pay(self, work: SendPay) -> BusinessEvent:
        trade = await self.platform.pay(
            work.trade_no, work.key, work.method.value, auth_code=work.auth_code, card=work.card, pin=work.pin
        )
        return self._heard(trade)

    async def _send_refund(self, work: SendRefund) -> BusinessEvent:
        trade = await self.platform.refund(work.trade_no, work.reason)
        if trade.state == "paid":
            self.outbox.close(f"refund:{work.trade_no}", "refused")
        return self._heard(trade)

    async def _follow(self, work: FollowTrade) -> BusinessEvent:
        began = self.clock.now()
        trade = await self.platform.trade(work.trade_no, work.wait_s)
        event = self._heard(trade)
        least_s = max(work.least_s, FOLLOW_PAUSE_S if trade.state in UNDER_WAY else 0.0)
        if trade.state not in DECIDED:
            await self.clock.sleep_until(max(began + least_s, self.clock.now()))
        return event

    def _heard(self, trade: TradeView) -> TradeSeen:
        """What was heard stands, whether or not it can be noted: it is then asked for once more."""
        with contextlib.suppress(OutboxFailed):
            self.outbox.heard(trade)
        return TradeSeen(trade)

    # Devices.

    async def _device(self, work: EnterPin | ReadBankCard | ScanCode | PrintSlip) -> BusinessEvent:
        match work:
            case EnterPin():
                if self.keypad is None:
                    return Broken("no-keypad")
                return await self.keypad.block_of(work.pan, work.limit_s, work.fresh_key)
            case ReadBankCard():
                return await _or_wait(self.cards, lambda cards: _card_of(cards, work.amount_fen))
            case ScanCode():
                return await _or_wait(self.codes, lambda codes: _code_of(codes))
            case PrintSlip():
                if self.printer is None:
                    return Broken("no-printer")
                await self.printer.print(work)
                return Printed()


async def _or_wait(source: T | None, ask: Callable[[T], Awaitable[BusinessEvent]]) -> BusinessEvent:
    """Without a device a harness may still answer in its place: the question stands until its limit."""
    if source is None:
        return await asyncio.get_running_loop().create_future()
    return await ask(source)


async def _card_of(cards: BankCardReader, amount_fen: int) -> BusinessEvent:
    return CardRead(await cards.read(amount_fen))


async def _code_of(codes: CodeSource) -> BusinessEvent:
    return CodeScanned(await codes.next())

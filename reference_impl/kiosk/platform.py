"""The seam to the payment platform: one call an operation of protocols/wire/platform/models.py, whatever carries it.

Every call ends: with what the platform said, with :class:`PlatformRefused`, or with :class:`PlatformSilent`. All times in what
comes back (``expires_at``, ``deadline``) are of the caller's clock.
"""

from __future__ import annotations

from typing import Protocol

from protocols.wire.platform.models import (
    AppointmentList,
    BillList,
    CheckIn,
    Credential,
    DepartmentList,
    DoctorList,
    Heartbeat,
    HeartbeatReply,
    OpenTradeRequest,
    PinKey,
    Problem,
    ReceiptView,
    RefundEligibility,
    SlotList,
    SlotLock,
    TradeView,
    Visitor,
)
from reference_impl.kiosk.business.works import BankCard, PinBlock

__all__ = ["Platform", "PlatformRefused", "PlatformSilent"]


class PlatformRefused(Exception):
    """The platform said no, and why. ``certain``: no earlier copy of the same request can have been carried out, for each
    was answered; else an earlier copy stayed unanswered and may have been."""

    def __init__(self, problem: Problem, certain: bool = True) -> None:
        super().__init__(f"{problem.code}: {problem.detail}")
        self.problem, self.certain = problem, certain

    @property
    def absent(self) -> bool:
        """The platform itself says that what was asked for does not exist; a proxy that says so knows nothing."""
        return self.problem.status == 404 and self.problem.code != "http-404"


class PlatformSilent(Exception):
    """No answer that can be read within the limit: what was asked may have been done, or not. The text says what was seen
    and where to look, without anything personal."""


class Platform(Protocol):
    """Calls raise :class:`PlatformRefused` and :class:`PlatformSilent`. ``key`` is an idempotency key that the caller has
    made durable; the same key gives the same result, however often it is sent."""

    async def enrol(self, code: str) -> None:
        """Bring this terminal's public key under its one-time *code*."""
        ...

    async def session(self) -> None:
        """Open a session now, instead of at the first call that needs one."""
        ...

    async def pin_key(self) -> PinKey: ...

    async def identify(self, credential: Credential) -> Visitor: ...

    async def create_record(self, visitor_id: str, phone: str | None = None) -> Visitor: ...

    async def bills(self, visitor_id: str) -> BillList: ...

    async def departments(self) -> DepartmentList: ...

    async def doctors(self, department_id: str) -> DoctorList: ...

    async def slots(self, department_id: str, doctor_id: str, date: str) -> SlotList: ...

    async def lock_slot(self, slot_id: str, visitor_id: str) -> SlotLock: ...

    async def appointments(self, visitor_id: str) -> AppointmentList: ...

    async def check_in(self, appointment_id: str) -> CheckIn: ...

    async def open_trade(self, key: str, request: OpenTradeRequest) -> TradeView: ...

    async def pay(
        self,
        trade_no: str,
        key: str,
        method: str,
        *,
        auth_code: str = "",
        card: BankCard | None = None,
        pin: PinBlock | None = None,
    ) -> TradeView:
        """*card* and *pin* travel sealed; what is sealed anew for a resend is the same press all the same."""
        ...

    async def trade(self, trade_no: str, wait_s: float = 0.0) -> TradeView:
        """What has become of it; the platform may take *wait_s* for news."""
        ...

    async def trade_by_key(self, key: str) -> TradeView | None:
        """The trade that *key* has opened, None when it has opened none."""
        ...

    async def cancel(self, trade_no: str, reason: str) -> TradeView: ...

    async def refund(self, trade_no: str, reason: str) -> TradeView: ...

    async def eligibility(self, trade_no: str) -> RefundEligibility: ...

    async def receipt(self, trade_no: str) -> ReceiptView: ...

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply: ...

    async def aclose(self) -> None: ...

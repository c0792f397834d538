"""What a simulated kiosk sees of the platform: the real desk of the backend, behind a network that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from protocols.clock import Clock
from protocols.wire.platform.models import (
    AppointmentList,
    BillList,
    CardData,
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
from reference_impl.backend.business import Business
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.problems import ProblemError
from reference_impl.backend.settlement.rules import Refusal
from reference_impl.backend.transport import NoAnswer
from reference_impl.kiosk.business.works import BankCard, PinBlock
from reference_impl.kiosk.platform import PlatformRefused, PlatformSilent
from reference_impl.simulation.backend import SimulatedBackend
from reference_impl.simulation.network import Network
from simulators.peer.city import Terminal

__all__ = ["SimulatedPlatform"]

T = TypeVar("T")

CALL_S = 6.0
LOOK_S = 35.0
TRIES = 3
PAUSE_S = 1.0


async def _unnoted(action: str, key: str, details: Mapping[str, str]) -> None:
    """The audit trail has tests of its own."""


class SimulatedPlatform:
    """A :class:`reference_impl.kiosk.platform.Platform`. A call that stays unanswered is sent again, with the same key."""

    def __init__(
        self, network: Network, backend: SimulatedBackend, terminal: Terminal, clock: Clock, outbox: Path
    ) -> None:
        self._network, self._backend, self._clock, self._outbox = network, backend, clock, outbox
        self.presses: dict[str, set[str]] = {}
        self.complaints: list[str] = []
        place = terminal.institution
        self._teller = Teller(terminal.terminal_id, place.code, place.name, _unnoted)

    async def _call(self, name: str, work: Callable[[Business, Teller], Awaitable[T]], limit_s: float = CALL_S) -> T:
        certain = True
        for tries in range(1, TRIES + 1):
            try:
                return await self._network.call(
                    name, "backend", lambda: self._at_backend(work), limit_s, self._backend.up
                )
            except NoAnswer as silence:
                certain = False
                if tries == TRIES:
                    raise PlatformSilent(str(silence)) from None
                await self._clock.sleep_until(self._clock.now() + PAUSE_S * tries)
            except ProblemError as problem:
                kind = problem.kind
                raise PlatformRefused(
                    Problem(code=kind.code, title=kind.title, detail=problem.detail, status=kind.status), certain
                ) from None
            except Refusal as refusal:
                status = 404 if refusal.code.startswith("no-such-") else 409
                raise PlatformRefused(
                    Problem(code=refusal.code, title=refusal.code, detail=str(refusal), status=status), certain
                ) from None
        raise AssertionError("every try ends by an answer or an error")

    async def _at_backend(self, work: Callable[[Business, Teller], Awaitable[T]]) -> T:
        business = self._backend.business
        if business is None:
            raise NoAnswer("the backend is down")
        reply = await work(business, self._teller)
        if self._backend.business is not business:
            raise NoAnswer("the backend died before it answered")
        return reply

    def _noted(self, what: str, *words: str) -> None:
        """What is about to be sent must stand on the kiosk's disk: it could not ask for it after a loss of power."""
        kept = self._outbox.read_bytes() if self._outbox.exists() else b""
        if not any(all(word.encode() in line for word in words) for line in kept.splitlines()):
            self.complaints.append(f"{self._teller.terminal_id}: {what} was sent before it was on the disk")

    async def enrol(self, code: str) -> None:
        """Terminals of a simulation are enrolled."""

    async def session(self) -> None:
        """Sessions have tests of their own; a platform that is down has none."""
        if not self._backend.up:
            raise PlatformSilent("the backend is down")

    async def pin_key(self) -> PinKey:
        return await self._call("pin_key", lambda b, t: b.desk.pin_key(t), LOOK_S)

    async def identify(self, credential: Credential) -> Visitor:
        return await self._call("identify", lambda b, t: b.identity.identify(t, credential), LOOK_S)

    async def create_record(self, visitor_id: str, phone: str | None = None) -> Visitor:
        return await self._call("create_record", lambda b, t: b.identity.create_record(t, visitor_id, phone), LOOK_S)

    async def bills(self, visitor_id: str) -> BillList:
        return await self._call("bills", lambda b, t: b.bills.list(t, visitor_id), LOOK_S)

    async def departments(self) -> DepartmentList:
        return await self._call("departments", lambda b, t: b.registration.departments(t), LOOK_S)

    async def doctors(self, department_id: str) -> DoctorList:
        return await self._call("doctors", lambda b, t: b.registration.doctors(t, department_id), LOOK_S)

    async def slots(self, department_id: str, doctor_id: str, date: str) -> SlotList:
        return await self._call("slots", lambda b, t: b.registration.slots(t, department_id, doctor_id, date), LOOK_S)

    async def lock_slot(self, slot_id: str, visitor_id: str) -> SlotLock:
        return await self._call("lock_slot", lambda b, t: b.registration.lock(t, slot_id, visitor_id), LOOK_S)

    async def appointments(self, visitor_id: str) -> AppointmentList:
        return await self._call("appointments", lambda b, t: b.registration.appointments(t, visitor_id), LOOK_S)

    async def check_in(self, appointment_id: str) -> CheckIn:
        return await self._call("check_in", lambda b, t: b.registration.check_in(t, appointment_id), LOOK_S)

    async def open_trade(self, key: str, request: OpenTradeRequest) -> TradeView:
        self._noted("the opening of a trade", key)
        return await self._call("open", lambda b, t: b.desk.open(t, key, request), LOOK_S)

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
        self._noted("a payment", key)
        self.presses.setdefault(trade_no, set()).add(key)
        data = _card_data(card, pin) if card is not None and pin is not None else None
        return await self._call("pay", lambda b, t: b.desk.pay(t, trade_no, key, method, auth_code, data))

    async def trade(self, trade_no: str, wait_s: float = 0.0) -> TradeView:
        return await self._call("trade", lambda b, t: b.desk.trade(t, trade_no, wait_s), LOOK_S)

    async def trade_by_key(self, key: str) -> TradeView | None:
        try:
            return await self._call("trade_by_key", lambda b, t: b.desk.by_key(t, key))
        except PlatformRefused as refused:
            if refused.problem.status == 404:
                return None
            raise

    async def cancel(self, trade_no: str, reason: str) -> TradeView:
        return await self._call("cancel", lambda b, t: b.desk.cancel(t, trade_no, reason))

    async def refund(self, trade_no: str, reason: str) -> TradeView:
        self._noted("the wish for a refund", trade_no, "refund")
        return await self._call("refund", lambda b, t: b.desk.refund(t, trade_no, reason))

    async def eligibility(self, trade_no: str) -> RefundEligibility:
        return await self._call("eligibility", lambda b, t: b.desk.eligibility(t, trade_no), LOOK_S)

    async def receipt(self, trade_no: str) -> ReceiptView:
        return await self._call("receipt", lambda b, t: b.desk.receipt(t, trade_no))

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        raise PlatformSilent("a simulation has no heartbeats")

    async def aclose(self) -> None:
        """Nothing is open."""


def _card_data(card: BankCard, pin: PinBlock) -> CardData:
    return CardData(
        pan=card.pan,
        expiry=card.expiry,
        track2=card.track2,
        entry_mode=card.entry_mode,  # type: ignore[arg-type]  # what the reader gives is one of the three
        sequence=card.sequence,
        chip_data=card.chip_data,
        pin_block=pin.block.hex().upper(),
        pin_key=pin.key_version,
    )

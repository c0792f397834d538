"""The platform over HTTP exchanges: signed requests, sealed parts, sessions, resends. Knows no socket.

A resend carries the same idempotency key and a new nonce; sealed parts are sealed for the session in which they are sent.
Whether a request may be sent again is not asked: every operation of the interface is idempotent, by its key or by state.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from protocols.clock import Clock
from protocols.seeded import SeededChoice
from protocols.wire.http import HttpReply, HttpRequest, json_request
from protocols.wire.platform.authentication import seal
from protocols.wire.platform.endpoints import ENROLMENTS, HEARTBEATS
from protocols.wire.platform.models import (
    AppointmentList,
    BillList,
    CardData,
    CheckIn,
    Credential,
    DepartmentList,
    DoctorList,
    Enrolment,
    Heartbeat,
    HeartbeatReply,
    IdentityRequest,
    LockRequest,
    NewRecord,
    OpenTradeRequest,
    PayRequest,
    PinKey,
    Reason,
    ReceiptView,
    RefundEligibility,
    SlotList,
    SlotLock,
    TradeView,
    Visitor,
)
from reference_impl.kiosk.business.works import BankCard, PinBlock
from reference_impl.kiosk.platform import PlatformRefused, PlatformSilent
from reference_impl.kiosk.platform_session import Exchange, NoAnswer, Sessions, problem_of

__all__ = ["Limits", "PlatformClient"]

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
PIN_KEYS = "/v1/terminals/pin-key"
SHORTEST_TRY_S = 0.005
"""With less time than that nothing is tried: its silence would say nothing, and hide what an earlier try has found out."""
MOST_MENDED = 3
"""So often may a call mend what the platform says of its session, clock or nonce."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one exchange, and of a call with all its resends; ``look_s`` of a call that only looks. Between resends the
    client waits a random time up to ``first_wait_s`` doubled each time, at most ``most_wait_s``."""

    exchange_s: float = 6.0
    call_s: float = 20.0
    look_s: float = 10.0
    first_wait_s: float = 0.2
    most_wait_s: float = 3.0


Make = Callable[[bytes], HttpRequest]
"""A request from the session key: sealed parts are made for the session in which they travel."""


class PlatformClient:
    """A terminal's calls to the platform, see :class:`Platform`. *private_key* is its Ed25519 key, 32 bytes; *clock* shows
    Unix time, as well as this kiosk knows it; *entropy* gives random bytes (nonces, ephemeral keys)."""

    def __init__(
        self,
        exchange: Exchange,
        terminal_id: str,
        private_key: bytes,
        clock: Clock,
        choice: SeededChoice,
        limits: Limits | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._exchange, self._terminal_id, self._private_key = exchange, terminal_id, private_key
        self._clock, self._choice = clock, choice
        self.limits = limits or Limits()
        self._sessions = Sessions(exchange, terminal_id, private_key, clock, self.limits.exchange_s, entropy)

    # Terminals.

    async def enrol(self, code: str) -> None:
        public = Ed25519PrivateKey.from_private_bytes(self._private_key).public_key().public_bytes_raw().hex()
        body = Enrolment(terminal_id=self._terminal_id, code=code, public_key=public)
        request = json_request("POST", ENROLMENTS, body.model_dump())
        await self._call(lambda _: request, _anything, self.limits.call_s, authenticated=False)

    async def session(self) -> None:
        until = self._clock.now() + self.limits.call_s
        for tries in count(1):
            try:
                await self._sessions.current(self.limits.exchange_s)
            except NoAnswer as silence:
                if self._clock.now() >= until:
                    raise PlatformSilent(f"{silence}: check network and platform") from silence
                await self._wait(tries, until)
            else:
                return

    async def pin_key(self) -> PinKey:
        return await self._post(PinKey, PIN_KEYS, None)

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        # Not sent again: the next one says more. Every answer sets our idea of the platform's clock right.
        reply = await self._post(HeartbeatReply, HEARTBEATS, beat, limit_s=self.limits.exchange_s)
        self._sessions.offset_s = reply.server_time - self._clock.now()
        return reply

    # Citizens.

    async def identify(self, credential: Credential) -> Visitor:
        plain = credential.model_dump(exclude_defaults=True)

        def make(key: bytes) -> HttpRequest:
            return _json("POST", "/v1/identity", IdentityRequest(sealed=seal(key, plain)))

        return self._local_visitor(await self._call(make, _reader(Visitor), self.limits.call_s))

    async def create_record(self, visitor_id: str, phone: str | None = None) -> Visitor:
        body = NewRecord(visitor_id=visitor_id, phone=phone)
        return self._local_visitor(await self._post(Visitor, "/v1/patients", body))

    async def bills(self, visitor_id: str) -> BillList:
        return await self._get(BillList, "/v1/bills", visitor_id=visitor_id)

    # Registration.

    async def departments(self) -> DepartmentList:
        return await self._get(DepartmentList, "/v1/departments")

    async def doctors(self, department_id: str) -> DoctorList:
        return await self._get(DoctorList, f"/v1/departments/{_part(department_id)}/doctors")

    async def slots(self, department_id: str, doctor_id: str, date: str) -> SlotList:
        return await self._get(SlotList, "/v1/slots", department_id=department_id, doctor_id=doctor_id, date=date)

    async def lock_slot(self, slot_id: str, visitor_id: str) -> SlotLock:
        path = f"/v1/slots/{_part(slot_id)}/lock"
        lock = await self._post(SlotLock, path, LockRequest(visitor_id=visitor_id))
        return lock.model_copy(update={"expires_at": lock.expires_at - self._sessions.offset_s})

    async def appointments(self, visitor_id: str) -> AppointmentList:
        return await self._get(AppointmentList, "/v1/appointments", visitor_id=visitor_id)

    async def check_in(self, appointment_id: str) -> CheckIn:
        return await self._post(CheckIn, f"/v1/appointments/{_part(appointment_id)}/check-in", None)

    # Trades.

    async def open_trade(self, key: str, request: OpenTradeRequest) -> TradeView:
        return await self._trade_of(lambda _: _json("POST", "/v1/trades", request, key))

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
        path = f"/v1/trades/{_part(trade_no)}/pay"
        plain = None if card is None or pin is None else _card_data(card, pin)

        def make(session: bytes) -> HttpRequest:
            sealed = "" if plain is None else seal(session, plain)
            body = PayRequest.model_validate({"method": method, "auth_code": auth_code, "sealed": sealed})
            return _json("POST", path, body, key)

        return await self._trade_of(make)

    async def trade(self, trade_no: str, wait_s: float = 0.0) -> TradeView:
        query = f"?{urlencode({'wait_s': f'{wait_s:g}'})}" if wait_s > 0 else ""
        request = HttpRequest("GET", f"/v1/trades/{_part(trade_no)}{query}")
        return await self._trade_of(lambda _: request, self.limits.look_s + wait_s, wait_s)

    async def trade_by_key(self, key: str) -> TradeView | None:
        request = HttpRequest("GET", f"/v1/trades?{urlencode({'key': key})}")
        try:
            return await self._trade_of(lambda _: request, self.limits.look_s)
        except PlatformRefused as refusal:
            if refusal.absent:
                return None
            raise

    async def cancel(self, trade_no: str, reason: str) -> TradeView:
        path = f"/v1/trades/{_part(trade_no)}/cancel"
        return await self._trade_of(lambda _: _json("POST", path, Reason(reason=reason)))

    async def refund(self, trade_no: str, reason: str) -> TradeView:
        path = f"/v1/trades/{_part(trade_no)}/refund"
        return await self._trade_of(lambda _: _json("POST", path, Reason(reason=reason)))

    async def eligibility(self, trade_no: str) -> RefundEligibility:
        return await self._get(RefundEligibility, f"/v1/trades/{_part(trade_no)}/refund-eligibility")

    async def receipt(self, trade_no: str) -> ReceiptView:
        return await self._get(ReceiptView, f"/v1/trades/{_part(trade_no)}/receipt")

    async def aclose(self) -> None:
        await self._exchange.aclose()

    # One call.

    async def _get(self, model: type[M], path: str, **query: str) -> M:
        request = HttpRequest("GET", f"{path}?{urlencode(query)}" if query else path)
        return await self._call(lambda _: request, _reader(model), self.limits.look_s)

    async def _post(self, model: type[M], path: str, body: BaseModel | None, limit_s: float | None = None) -> M:
        request = _json("POST", path, body)
        return await self._call(lambda _: request, _reader(model), limit_s or self.limits.call_s)

    async def _trade_of(self, make: Make, limit_s: float | None = None, wait_s: float = 0.0) -> TradeView:
        trade = await self._call(make, _reader(TradeView), limit_s or self.limits.call_s, wait_s=wait_s)
        return trade.model_copy(update={"deadline": trade.deadline - self._sessions.offset_s})

    def _local_visitor(self, visitor: Visitor) -> Visitor:
        return visitor.model_copy(update={"expires_at": visitor.expires_at - self._sessions.offset_s})

    async def _call(
        self,
        make: Make,
        read: Callable[[HttpReply], T],
        limit_s: float,
        *,
        authenticated: bool = True,
        wait_s: float = 0.0,
    ) -> T:
        """One request until it is answered, or *limit_s* have passed. Gives what *read* makes of a reply of the 200s."""
        until = self._clock.now() + limit_s
        tries = unanswered = 0
        mended = 0
        why = ""
        while (left_s := until - self._clock.now()) > SHORTEST_TRY_S:
            tries += 1
            try:
                session = await self._sessions.current(left_s) if authenticated else None
                request = make(session.key if session else b"")
                request = self._sessions.sign(request, session) if session else request
                reply = await self._exchange.exchange(request, min(left_s, self.limits.exchange_s + wait_s))
                if reply.status < 300:
                    return read(reply)
            except NoAnswer as silence:
                unanswered += silence.sent
                why = str(silence)
            except PlatformRefused as refusal:  # of the session
                raise PlatformRefused(refusal.problem, certain=unanswered == 0) from refusal
            else:
                problem = problem_of(reply)
                if session is not None and mended < MOST_MENDED and self._sessions.mend(reply, problem, session):
                    mended += 1
                    why = problem.code
                    if mended > 1:
                        await self._wait(mended, until)
                    continue
                if not problem.retry:
                    raise PlatformRefused(problem, certain=unanswered == 0)
                unanswered += 1
                why = f"{reply.status} {problem.code}"
            await self._wait(tries, until)
        raise PlatformSilent(f"{why or 'no time'} ({tries} tries in {limit_s:g} s): check network and platform")

    async def _wait(self, tries: int, until: float) -> None:
        most = min(self.limits.first_wait_s * 2 ** min(tries - 1, 8), self.limits.most_wait_s)
        now = self._clock.now()
        await self._clock.sleep_until(min(now + self._choice.between(most / 2, most), max(until, now)))


def _json(method: str, path: str, body: BaseModel | None, key: str = "") -> HttpRequest:
    """A request with *body*; an operation that takes none sends an empty one."""
    headers = {"idempotency-key": key} if key else {}
    if body is None:
        return HttpRequest(method, path, headers)
    return json_request(method, path, body.model_dump(exclude_none=True), headers)


def _part(text: str) -> str:
    return quote(text, safe="")


def _reader(model: type[M]) -> Callable[[HttpReply], M]:
    """How a reply becomes a *model*. One that is none is no answer: what was done is not known from it."""

    def read(reply: HttpReply) -> M:
        try:
            return model.model_validate_json(reply.body)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the body"
            raise NoAnswer(f"the reply is no {model.__name__}, see {where}") from None

    return read


def _anything(_: HttpReply) -> None:
    """A reply of which only the status counts."""


def _card_data(card: BankCard, pin: PinBlock) -> dict[str, object]:
    """The plaintext of the sealed part, checked before it is sealed."""
    data = CardData.model_validate(
        {
            "pan": card.pan,
            "expiry": card.expiry,
            "track2": card.track2,
            "entry_mode": card.entry_mode,
            "sequence": card.sequence,
            "chip_data": card.chip_data,
            "pin_block": pin.block.hex().upper(),
            "pin_key": pin.key_version,
        }
    )
    return data.model_dump()

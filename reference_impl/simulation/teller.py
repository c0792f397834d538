"""What stands in front of and inside a simulated kiosk: the citizen, their cards and codes, the PIN pad, the printer."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from protocols.clock import Clock
from protocols.wire.bank.ciphers import TRIPLE_DES
from protocols.wire.platform.models import Credential
from reference_impl.kiosk.bank_card import BankCard
from reference_impl.kiosk.business.menu import Method, Service, Terms
from reference_impl.kiosk.business.options import options_of
from reference_impl.kiosk.business.session import Session, Stage
from reference_impl.kiosk.business.words import Accept, Back, BusinessEvent, Cancel, Choose
from reference_impl.kiosk.business.works import PrintSlip
from reference_impl.kiosk.pin_entry import OnKey, PinCancelled
from reference_impl.simulation.story import Payment
from simulators.peer.city import Resident
from simulators.peer.qr_codes import payment_code

__all__ = ["Citizen", "SlipBox", "TellerPad"]

PIN_S = 2.0
"""How long a citizen takes to type a PIN, or to hold a code to the scanner."""

_FAMILIES = {Method.WECHAT: "wechat", Method.ALIPAY: "alipay", Method.UNIONPAY_QR: "unionpay_qr"}


@dataclass(slots=True)
class Citizen:
    """Does what a :class:`Payment` says, page by page. ``refund_of``: came back for the money of that trade.

    ``gone`` once they have walked away: then nothing is answered any more, and the pages run into their limits.
    """

    plan: Payment
    resident: Resident
    clock: Clock
    refund_of: str = ""
    wrong_pins: int = 0
    methods: int = 0
    codes: int = 0
    done: bool = False
    gone: bool = False
    nonce: int = 0
    seen: set[Stage] = field(default_factory=set[Stage])
    picks: Counter[Stage] = field(default_factory=Counter[Stage])

    def shown(self) -> Credential:
        """What they put on the reader or hold to the scanner."""
        person = self.resident.person
        match self.plan.shows:
            case "social_security_card":
                return Credential(
                    kind="social_security_card",
                    id_number=person.id_number,
                    name=person.name,
                    card_number=person.card_number,
                    card_sn=person.serial,
                )
            case "e_credential":
                return Credential(kind="e_credential", code=self.resident.e_credential)
            case _:
                return Credential(kind="resident_id", id_number=person.id_number, name=person.name)

    def act(self, session: Session, terms: Terms) -> BusinessEvent | None:
        """What they do on the page of *session*; None for nothing."""
        if self.gone:
            return None
        match session.stage:
            case Stage.MENU:
                return self._menu()
            case Stage.BILLS:
                return Choose(self._bills(session))
            case Stage.PAYER:
                return Choose(("insured" if self.plan.insured else "self",))
            case Stage.ACCOUNT:
                return Choose(("yes" if self.plan.use_account else "no",))
            case Stage.QUOTE:
                return self._quote()
            case Stage.METHOD:
                return self._method()
            case Stage.RECORD | Stage.REOPEN | Stage.REFUND_CONFIRM:
                return Choose(("yes",))
            case Stage.REFUND_NO:
                self.picks[session.stage] += 1
                return Choose((self.refund_of,)) if self.picks[session.stage] <= 2 else Cancel()
            case Stage.DEPARTMENT | Stage.DOCTOR | Stage.DATE | Stage.SLOT:
                return self._pick(session, terms)
            case Stage.CONFIRM | Stage.RESULT | Stage.HOLDER:
                return Accept()
            case _:
                return Back()

    def _menu(self) -> BusinessEvent:
        if self.done:
            return Cancel()
        self.done = True
        if self.refund_of:
            return Choose((Service.REFUND.value,))
        return Choose(((Service.PAY if self.plan.kind == "bill" else Service.REGISTER).value,))

    def _pick(self, session: Session, terms: Terms) -> BusinessEvent:
        """The first that can be had; when a page comes back for the third time, they give up."""
        self.picks[session.stage] += 1
        options = [each.id for each in options_of(session, terms) if each.open]
        at = self.picks[session.stage] - 1
        if self.picks[session.stage] > 3 or at >= len(options):
            return Cancel()
        return Choose((options[at],))

    def _bills(self, session: Session) -> tuple[str, ...]:
        first = session.bills[0]
        same = [each for each in session.bills if each.mergeable and each.med_type == first.med_type]
        if self.plan.bills < 2 or not first.mergeable or len(same) < 2:
            return (first.bill_id,)
        return tuple(each.bill_id for each in same[:2])

    def _quote(self) -> BusinessEvent | None:
        if self.plan.walks_away == "quote":
            self.gone = True
            return None
        return Cancel() if self.plan.cancels else Accept()

    def _method(self) -> BusinessEvent:
        """The planned way first; when that fails, once more by a code that pays."""
        self.methods += 1
        if self.methods > 2:
            return Cancel()
        return Choose((self.plan.method if self.methods == 1 else "wechat",))

    # What devices give.

    async def read(self, amount_fen: int) -> BankCard:
        """A bank card is put in (:class:`reference_impl.kiosk.bank_card.BankCardReader`)."""
        await self.clock.sleep_until(self.clock.now() + PIN_S)
        resident = self.resident
        return BankCard(pan=resident.pan, expiry="3012", track2=resident.track2, entry_mode="021")

    async def next(self) -> str:
        """A code is held to the scanner (:class:`reference_impl.kiosk.codes.CodeSource`)."""
        await self.clock.sleep_until(self.clock.now() + PIN_S)
        method = Method.WECHAT if self.methods > 1 else Method(self.plan.method)
        payer = self.plan.payer if self.methods <= 1 else "pays"
        self.codes += 1
        self.nonce += 1
        return payment_code(_FAMILIES[method], self.resident.number, self.nonce, payer)  # type: ignore[arg-type]

    async def pin(self) -> str:
        """What they type at the keypad."""
        await self.clock.sleep_until(self.clock.now() + PIN_S)
        if self.wrong_pins < self.plan.wrong_pin:
            self.wrong_pins += 1
            return f"{(int(self.resident.bank_pin) + 1) % 1_000_000:06d}"
        return self.resident.bank_pin

    async def aclose(self) -> None:
        """Nothing is open."""


class TellerPad:
    """A PIN pad with real cryptography and no line: the terminal's master key inside, PIN blocks out
    (:class:`reference_impl.kiosk.pin_entry.PinEntry`)."""

    def __init__(self, master_key: bytes) -> None:
        self._master_key = master_key
        self._key = b""
        self.citizen: Citizen | None = None

    async def initialise(self) -> str:
        """A pad that starts has its master key and no working key."""
        self._key = b""
        return "simulated"

    async def load_work_key(self, master: int, slot: int, cipher: bytes) -> bytes:
        self._key = TRIPLE_DES.decipher(self._master_key, cipher)
        return TRIPLE_DES.check_value(self._key)

    async def activate(self, master: int, slot: int) -> None:
        assert self._key, "a key is loaded before it is activated"

    async def enter_pin(self, pan: str, *, least: int, most: int, limit_s: float, on_key: OnKey) -> bytes:
        if self.citizen is None or self.citizen.gone:
            raise PinCancelled
        pin = await self.citizen.pin()
        return TRIPLE_DES.encipher(self._key, TRIPLE_DES.pin_block(pin, pan))

    async def enter_text(self, *, least: int, most: int, limit_s: float, on_key: OnKey) -> str:
        raise PinCancelled

    async def abort(self) -> None:
        """Nothing is under way that this would not end by itself."""

    async def aclose(self) -> None:
        self._key = b""


class SlipBox:
    """Keeps what was printed (:class:`reference_impl.kiosk.printing.Printer`)."""

    def __init__(self) -> None:
        self.slips: list[PrintSlip] = []

    async def print(self, work: PrintSlip) -> None:
        await asyncio.sleep(0)
        self.slips.append(work)

    async def aclose(self) -> None:
        """Nothing is open."""

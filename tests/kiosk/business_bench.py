"""A desk on the fake platform with fake devices and a clock that jumps, and a hand that plays a session page by page."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from fake_platform import FakePlatform

from protocols.seeded import SeededChoice
from protocols.wire.platform.models import Credential
from reference_impl.kiosk.business.answers import meaning_of_line
from reference_impl.kiosk.business.flow import Business
from reference_impl.kiosk.business.menu import Method, Terms
from reference_impl.kiosk.business.session import ASKS, Session, Stage
from reference_impl.kiosk.business.words import BlockEntered, Broken, PadCancelled, PadTimedOut
from reference_impl.kiosk.business.works import WATCHES, BankCard, BusinessWork, PinBlock, PrintSlip
from reference_impl.kiosk.desk import Desk
from reference_impl.kiosk.outbox import Outbox
from reference_impl.kiosk.words import Tick

T = TypeVar("T")

NOON = 1_795_320_000.0  # 2026-11-22 12:00 in China
HOLDER = Credential(kind="social_security_card", id_number="44190019900101001X", card_number="A00000001", name="测试甲")
CARD = BankCard(pan="6299990000000000012", expiry="3012", track2="6299990000000000012D30122010000000000")


class JumpingClock:
    """Sleeping takes no time but the clock's."""

    kind = "virtual"

    def __init__(self, start: float = NOON) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    async def sleep_until(self, t: float) -> None:
        self._now = max(self._now, t)


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise AssertionError("this had to wait")


class FakeKeypad:
    """Gives the answers one by one: ``pin``, ``cancel``, ``time-out``, ``broken``; then PINs for ever."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.entered = 0
        self.fresh: list[bool] = []

    async def block_of(self, pan: str, limit_s: float, fresh_key: bool) -> Any:
        self.fresh.append(fresh_key)
        answer = self.answers.pop(0) if self.answers else "pin"
        if answer == "cancel":
            return PadCancelled()
        if answer == "time-out":
            return PadTimedOut()
        if answer == "broken":
            return Broken("keypad")
        return BlockEntered(PinBlock(bytes(range(8)), "v1"))

    async def aclose(self) -> None:
        return None


class FakeCards:
    """Gives :data:`CARD` by its stripe; with *chip* something that was signed, another time another thing."""

    def __init__(self) -> None:
        self.chip = False
        self.failures: list[Exception] = []
        self.amounts_fen: list[int] = []

    async def read(self, amount_fen: int) -> BankCard:
        self.amounts_fen.append(amount_fen)
        if self.failures:
            raise self.failures.pop(0)
        if not self.chip:
            return CARD
        return replace(CARD, entry_mode="051", sequence="001", chip_data=f"9F3602{len(self.amounts_fen):04X}")


class FakePrinter:
    def __init__(self) -> None:
        self.slips: list[PrintSlip] = []

    async def print(self, work: PrintSlip) -> None:
        self.slips.append(work)

    async def aclose(self) -> None:
        return None


class Seat:
    """A session that is played: :meth:`say` answers pages by lines, works are done at once until somebody is asked."""

    def __init__(self, folder: Path, terms: Terms | None = None) -> None:
        self.clock = JumpingClock()
        self.platform = FakePlatform(self.clock)
        choice = SeededChoice(7, "keys of the tests")
        self.outbox = Outbox.open(folder / "outbox", self.clock.now, choice.bytes)
        self.keypad, self.printer, self.cards = FakeKeypad(), FakePrinter(), FakeCards()
        self.desk = Desk(
            self.platform,
            self.outbox,
            self.clock,
            keypad=self.keypad,  # type: ignore[arg-type]
            cards=self.cards,
            printer=self.printer,
        )
        self.business = Business(terms or Terms(methods=tuple(Method)[:4]))
        self.session = Session(Stage.ENDED)
        self.work: BusinessWork | None = None
        self.works: list[BusinessWork] = []
        self.stages: list[Stage] = []
        self.told: list[str] = []

    @property
    def terms(self) -> Terms:
        return self.business.terms

    def begin(self, credential: Credential = HOLDER, by_card: bool = True) -> Seat:
        self.take(self.business.begin(credential, by_card))
        return self.go()

    def take(self, step: tuple[Session, BusinessWork | None]) -> None:
        self.session, self.work = step
        if not self.stages or self.stages[-1] is not self.session.stage:
            self.stages.append(self.session.stage)
        if self.session.told is not None and (not self.told or self.told[-1] != self.session.told):
            self.told.append(self.session.told.value)

    def waits(self) -> bool:
        """Somebody or something outside has to speak: no scanner stands on this seat."""
        return self.work is None or self.session.stage in (Stage.CODE, Stage.REFUND_NO)

    def perform(self) -> None:
        """The work that is due."""
        assert self.work is not None
        self.works.append(self.work)
        event = run_now(self.desk.perform(self.work))
        self.take(self.business.step(self.session, event, self.clock.now()))

    def go(self, most: int = 400) -> Seat:
        """Work until somebody is asked, or the session is over."""
        for _ in range(most):
            if self.session.stage is Stage.ENDED or self.waits():
                return self
            if isinstance(self.work, WATCHES) and self.clock.now() >= (self.session.deadline or self.clock.now() + 1):
                self.tick()
            else:
                self.perform()
        raise AssertionError(f"the session never comes to rest: {self.session.stage}")

    def step(self) -> Seat:
        """One work only."""
        self.perform()
        return self

    def say(self, *lines: str) -> Seat:
        for line in lines:
            assert self.waits(), f"{line!r}: nobody is asked in {self.session.stage}"
            event = meaning_of_line(self.session, line, self.terms)
            assert event is not None, f"{line!r} is for another page than {self.session.stage}"
            self.take(self.business.step(self.session, event, self.clock.now()))
            self.go()
        return self

    def tick(self) -> Seat:
        """The page's time is over."""
        assert self.session.deadline is not None
        self.clock._now = max(self.clock.now(), self.session.deadline)
        self.take(self.business.step(self.session, Tick(), self.clock.now()))
        return self

    def pass_time(self) -> Seat:
        return self.tick().go()

    def operations(self) -> list[str]:
        return [name for name, _ in self.platform.calls]

    def keys_of(self, operation: str) -> list[str]:
        """The idempotency keys with which that operation was asked for."""
        place = {"open_trade": 0, "pay": 1}[operation]
        return [told[place] for name, told in self.platform.calls if name == operation]


def asked(session: Session) -> bool:
    return session.stage in ASKS

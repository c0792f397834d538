"""Whole visits under virtual time: simulated reader and card, the kiosk's own loop, desk and outbox, the fake platform."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from business_bench import NOON, FakeCards, FakeKeypad, FakePrinter
from fake_platform import FakePlatform
from kiosk_bench import MemoryBay, Script

from protocols.clock import LoopClock, run_virtual
from protocols.seeded import SeededChoice
from reference_impl.kiosk.bays import NoBay
from reference_impl.kiosk.business.flow import Business
from reference_impl.kiosk.business.menu import Method, SlipKind, Terms
from reference_impl.kiosk.citizen import LineCitizen
from reference_impl.kiosk.desk import Desk
from reference_impl.kiosk.events import facts_of
from reference_impl.kiosk.flow import Flow
from reference_impl.kiosk.front import BusinessFront
from reference_impl.kiosk.outbox import Outbox
from reference_impl.kiosk.runtime import Kiosk
from reference_impl.kiosk.state import Phase, Policy, State
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.card.psam import build_psam
from simulators.device.base import Physical
from simulators.device.card_reader import build_reader

WECHAT = "134567890123456789"
PAY = ("menu pay", "bills 1", "payer insured", "account yes", "quote ok", "method wechat", f"scan {WECHAT}", "confirm")
SCAN = "login e_credential 4240000000000000000100440000"


@dataclass
class Visit:
    """A kiosk that runs. ``on`` is called when a page or phase of that name is shown first."""

    folder: Path
    lines: tuple[str, ...]
    on: dict[str, Callable[[Visit], None]] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    card: CardBody | None = None
    headless: bool = False
    policy: Policy = field(default_factory=lambda: Policy(once=True))
    limit_s: float = 900.0
    setup: Callable[[FakePlatform], None] = lambda _: None
    names: list[str] = field(default_factory=list)
    holder: str = ""

    async def run(self) -> Visit:
        self.clock = LoopClock(NOON)
        self.bay: Any = NoBay()
        if not self.headless:
            self.bay = MemoryBay(build_reader(dialect="crt591", sam_cards={1: build_psam()}), "crt591", self.clock)
        self.platform = FakePlatform(self.clock)
        self.setup(self.platform)
        choice = SeededChoice(7, "entropy of a visit")
        self.outbox = Outbox.open(self.folder / "outbox", self.clock.now, choice.bytes)
        self.printer = FakePrinter()
        self.keypad = FakeKeypad()
        terms = Terms(methods=tuple(Method)[:4])
        self.stream = asyncio.StreamReader()
        for line in self.lines:
            self.say(line)
        self.citizen = LineCitizen(self.stream, terms, cards=not self.headless)
        self.ignored: list[str] = []
        self.citizen.on_ignored = self.ignored.append
        desk = Desk(self.platform, self.outbox, self.clock, keypad=self.keypad, cards=FakeCards(), printer=self.printer)  # type: ignore[arg-type]
        script = Script({Phase.PIN: ["123456"]})
        flow = Flow(self.policy, Business(terms))
        psam = None if self.headless else lambda: self.bay.sam(1)
        self.kiosk = Kiosk(self.bay, flow, self.clock, script, self, psam, BusinessFront(self.citizen, desk))
        running = asyncio.ensure_future(self.kiosk.run())
        await asyncio.wait({running}, timeout=self.limit_s)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if not running.cancelled() and (error := running.exception()) is not None:
            raise error
        if not self.headless and self.bay.host is not None:
            await self.bay.host.aclose()
        return self

    def say(self, line: str) -> None:
        self.stream.feed_data(line.encode() + b"\n")

    def hand(self, action: str, seconds: float = 0.5) -> None:
        card = self.card if action == "insert" else None
        asyncio.get_running_loop().call_later(seconds, lambda: self.bay.host.apply(Physical(action, card)))

    def show(self, state: State, now: float) -> None:
        facts = facts_of(state)
        if state.session is not None and state.holder is not None:
            self.holder = state.holder.name
        if self.seen and facts == self.seen[-1]:
            return
        self.seen.append(facts)
        name = facts.get("stage", facts["event"])
        if not self.names or self.names[-1] != name:
            self.names.append(name)
            if name in self.on:
                asyncio.get_running_loop().call_soon(self.on.pop(name), self)
        if name == "idle" and self.card is not None:
            self.hand("insert")
        if name == "take" and "take" not in self.on:
            self.hand("remove")

    @property
    def told(self) -> list[str]:
        return list(dict.fromkeys(each["told"] for each in self.seen if "told" in each))

    @property
    def problems(self) -> list[str]:
        return list(dict.fromkeys(each["problem"] for each in self.seen if "problem" in each))

    @property
    def media(self) -> str:
        return str(self.bay.device.mechanics.media)


def visit(folder: Path, *lines: str, **more: Any) -> Visit:
    return run_virtual(Visit(folder, lines, **more).run())


def test_a_card_goes_in_a_bill_is_paid_and_the_card_comes_back(tmp_path: Path) -> None:
    made = visit(tmp_path, *PAY, "result done", card=make_body("3.0"))
    assert made.told == ["paid"]
    assert made.problems == []
    assert made.names[:12] == [
        "start", "open", "idle", "read", "authenticate", "count", "pin", "verify", "read_holder", "identify", "menu", "loading",
    ]  # fmt: skip
    assert made.names[-5:] == ["result", "return", "take", "close", "stopped"]
    assert made.media == "none"
    assert made.holder == "测试甲"
    credential = next(iter(made.platform.visitors.values()))
    assert (credential.kind, credential.name, credential.card_number) == ("social_security_card", "测试甲", "A00000001")
    assert [each.kind for each in made.printer.slips] == [SlipKind.PAYMENT]
    assert made.ignored == []
    state = made.kiosk.state
    assert (state.session, state.holder, state.identity, state.shown) == (None, None, None, None)


def test_a_citizen_without_a_card_shows_a_code(tmp_path: Path) -> None:
    made = visit(tmp_path, SCAN, *PAY, "result done", headless=True)
    assert made.told == ["paid"]
    assert made.names[:5] == ["start", "open", "idle", "admit", "identify"]
    assert made.names[-3:] == ["return", "close", "stopped"]


def test_a_code_at_a_kiosk_with_a_reader_keeps_other_cards_out(tmp_path: Path) -> None:
    def push(made: Visit) -> None:
        made.bay.host.apply(Physical("insert", make_body("2.0")))

    made = visit(tmp_path, SCAN, *PAY, "result done", on={"menu": push})
    assert made.told == ["paid"]
    assert made.names[-1] == "stopped"


def test_a_card_pulled_out_while_it_is_paid_leaves_a_slip_and_an_open_key(tmp_path: Path) -> None:
    def stuck(platform: FakePlatform) -> None:
        platform.outcomes = ["stuck"]

    made = visit(
        tmp_path, *PAY, card=make_body("3.0"), setup=stuck, on={"paying": lambda each: each.hand("pull", 2.0)}
    )  # fmt: skip
    assert made.problems == ["card_gone"]
    assert made.told == ["uncertain"]
    assert [each.kind for each in made.printer.slips] == [SlipKind.UNCERTAIN]
    assert len(Outbox.open(tmp_path / "outbox", lambda: NOON).entries()) == 1


def test_a_card_pulled_out_at_the_quote_turns_the_trade_back(tmp_path: Path) -> None:
    made = visit(tmp_path, *PAY[:4], card=make_body("3.0"), on={"quote": lambda each: each.hand("pull", 2.0)})
    assert made.problems == ["card_gone"]
    assert [each.state for each in made.platform.trades.values()] == ["cancelling"]
    assert made.platform.debits == []


@pytest.mark.parametrize("name", ["menu", "quote", "paying", "code", "opening"])
def test_a_stop_winds_up_and_returns_the_card(tmp_path: Path, name: str) -> None:
    def stuck(platform: FakePlatform) -> None:
        platform.outcomes = ["stuck"]

    page = {"opening": "note_trade"}.get(name, name)
    wanted = {"menu": 0, "quote": 4, "code": 6, "paying": 8, "opening": 4}[name]
    made = visit(
        tmp_path, *PAY[:wanted], card=make_body("3.0"), setup=stuck, policy=Policy(),
        on={page: lambda each: each.kiosk.stop()},
    )  # fmt: skip
    assert made.names[-1] == "stopped"
    assert made.problems == ["stopping"]
    assert made.media == "none"
    states = [each.state for each in made.platform.trades.values()]
    assert states == {"menu": [], "paying": ["paying"]}.get(name, ["cancelling"])
    slips = [each.kind for each in made.printer.slips]
    assert slips == ([SlipKind.UNCERTAIN] if name == "paying" else [])


def test_before_anybody_is_let_in_the_platform_is_asked_about_what_was_left(tmp_path: Path) -> None:
    before = Outbox.open(tmp_path / "outbox", lambda: NOON)
    key = before.open_trade("bill")
    before.press(key, "wechat")
    before.aclose()
    made = visit(tmp_path, SCAN, "menu end", headless=True)
    calls = [name for name, _ in made.platform.calls]
    assert calls[:2] == ["session", "trade_by_key"]
    assert calls.index("trade_by_key") < calls.index("identify")
    assert Outbox.open(tmp_path / "outbox", lambda: NOON).entries() == ()


def test_a_kiosk_that_cannot_ask_offers_nothing(tmp_path: Path) -> None:
    before = Outbox.open(tmp_path / "outbox", lambda: NOON)
    before.open_trade("bill")
    before.aclose()

    def back(made: Visit) -> None:
        asyncio.get_running_loop().call_later(100.0, lambda: setattr(made.platform, "down", False))

    made = visit(
        tmp_path, SCAN, "menu end", headless=True, setup=lambda platform: setattr(platform, "down", True),
        on={"fault": back},
    )  # fmt: skip
    assert made.problems == ["platform_silent"]
    assert "idle" in made.names
    assert made.names.index("fault") < made.names.index("idle")
    assert made.names[-1] == "stopped"


def test_what_is_undecided_is_asked_about_until_it_is_decided(tmp_path: Path) -> None:
    def stuck(platform: FakePlatform) -> None:
        platform.outcomes = ["stuck"]

    def later(made: Visit) -> None:
        asyncio.get_running_loop().call_later(200.0, made.platform.unstick)

    made = visit(
        tmp_path, SCAN, *PAY, "result done", headless=True, setup=stuck, policy=Policy(), on={"result": later}, limit_s=400.0
    )  # fmt: skip
    assert made.told == ["uncertain"]
    undecided = [each.get("undecided", 0) for each in made.seen if each["event"] == "idle"]
    assert (undecided[0], 1 in undecided, undecided[-1]) == (0, True, 0)
    assert len(made.platform.debits) == 1


def test_two_citizens_after_one_another_know_nothing_of_each_other(tmp_path: Path) -> None:
    other = "login resident_id 441900199001010028 样例乙"
    made = visit(
        tmp_path, SCAN, *PAY, "result done", other, "menu pay", "bills 2", "payer self", "cancel", "result done",
        headless=True, policy=Policy(), limit_s=200.0,
    )  # fmt: skip
    assert [each.kind for each in made.platform.visitors.values()] == ["e_credential", "resident_id"]
    assert made.told == ["paid", "not_paid"]


def test_a_defect_of_business_does_not_keep_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Business, session: object, event: object, now: float) -> None:
        raise IndexError("a defect")

    monkeypatch.setattr(Business, "step", broken)
    made = visit(tmp_path, *PAY, card=make_body("3.0"))
    assert made.problems == ["kiosk_fault"]
    assert made.media == "none"


def test_without_business_a_code_says_nothing(tmp_path: Path) -> None:
    """The flow without a platform is the one it always was."""
    flow = Flow(Policy())
    state, work = flow.start()
    assert work is not None
    from protocols.wire.card_reader import Media
    from protocols.wire.platform.models import Credential
    from reference_impl.kiosk.words import CredentialShown, EntryOpened, ReaderReady

    state, _ = flow.step(state, ReaderReady(Media.NONE), 0.0)
    state, _ = flow.step(state, EntryOpened(), 0.0)
    assert state.phase is Phase.IDLE
    assert flow.step(state, CredentialShown(Credential(kind="e_credential", code="1")), 0.0) == (state, None)

"""What the citizen sees while they are served, what their entries mean, and what a harness reads."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from business_bench import HOLDER, NOON, Seat
from rich.cells import cell_len
from rich.console import Console
from test_business_registration import appointment

from protocols.wire.base import Label
from reference_impl.kiosk.__main__ import parse
from reference_impl.kiosk.business.answers import bank_card_of, credential_of, meaning_of_entry, meaning_of_line
from reference_impl.kiosk.business.facts import facts_of_session
from reference_impl.kiosk.business.menu import CREDENTIAL_LABELS, METHOD_LABELS, SERVICE_LABELS, Method, Service, Terms
from reference_impl.kiosk.business.notices import NOTICES
from reference_impl.kiosk.business.pages import HEADLINES
from reference_impl.kiosk.business.session import ACTS, ASKS, WATCHED, Session, Stage
from reference_impl.kiosk.business.told import TOLD_LABELS, Told
from reference_impl.kiosk.business.words import (
    Accept,
    Back,
    BusinessEvent,
    Cancel,
    CardRead,
    Choose,
    CodeScanned,
    Misread,
    ShowDetail,
    TurnPage,
)
from reference_impl.kiosk.citizen import KeyCitizen, LineCitizen
from reference_impl.kiosk.command_line import terms_of
from reference_impl.kiosk.events import EventView
from reference_impl.kiosk.screen import COLUMNS, ROWS, page_of, render
from reference_impl.kiosk.state import Phase, State

GOLDEN = Path(__file__).parent / "golden"
WECHAT = "134567890123456789"
LONG = Label("平台的话可以很长" * 4, "What a platform says can be rather long, and still it has to fit the page")


def at(seat: Seat, *lines: str) -> Session:
    return seat.begin().say(*lines).session


def pages(folder: Path) -> dict[str, Session]:
    """A session on every page on which somebody waits for something."""

    def new(name: str) -> Seat:
        return Seat(folder / name)

    pay = ("menu pay", "bills 1", "payer insured", "account yes")
    found = {
        "menu": at(new("a")),
        "bills": at(new("b"), "menu pay"),
        "detail": at(new("c"), "menu pay", "detail 1"),
        "payer": at(new("d"), "menu pay", "bills 1,2"),
        "account": at(new("e"), *pay[:3]),
        "quote": at(new("f"), *pay),
        "method": at(new("g"), *pay, "quote ok"),
        "code": at(new("h"), *pay, "quote ok", "method wechat"),
        "confirm": at(new("i"), *pay, "quote ok", "method wechat", f"scan {WECHAT}"),
        "paid": at(new("j"), *pay, "quote ok", "method wechat", f"scan {WECHAT}", "confirm"),
        "department": at(new("k"), "menu register"),
        "doctor": at(new("l"), "menu register", "department 1"),
        "date": at(new("m"), "menu register", "department 1", "doctor 1"),
        "slot": at(new("n"), "menu register", "department 1", "doctor 1", "date 1"),
        "lock": at(new("o"), "menu register", "department 1", "doctor 1", "date 1", "slot 1"),
        "refund": at(new("p"), "menu refund"),
        "holder": at(new("q"), "menu holder"),
    }
    failed = new("r")
    failed.platform.outcomes = ["fail:ask_pin_again:55"]
    failed.keypad.answers = ["pin", "cancel"]
    found["attempt-failed"] = at(failed, *pay, "quote ok", "method bank_card")
    silent = new("s")
    silent.begin().say(*pay, "quote ok", "method wechat", f"scan {WECHAT}")
    silent.platform.down = True
    found["uncertain"] = silent.say("confirm").session
    booked = new("t")
    booked.platform.appointments_of = [
        appointment(number, "expired" if number % 2 else "booked") for number in range(1, 20)
    ]
    found["appointments"] = at(booked, "menu appointments")
    found["appointments-2"] = booked.say("next").session
    checked = new("u")
    checked.platform.appointments_of = [appointment(1)]
    found["checked-in"] = at(checked, "menu appointments", "appointment 1")
    found["record"] = replace(found["menu"], stage=Stage.RECORD)
    found["reopen"] = replace(found["account"], stage=Stage.REOPEN)
    found["pin"] = replace(found["method"], stage=Stage.PIN)
    found["card"] = replace(found["method"], stage=Stage.CARD)
    found["refund-confirm"] = replace(found["paid"], stage=Stage.REFUND_CONFIRM)
    for stage in (*ACTS, Stage.PAYING, Stage.CANCELLING, Stage.QUOTING, Stage.REFUNDING):
        found[f"act-{stage.value}"] = replace(found["confirm"], stage=stage)
    for told in Told:
        found[f"told-{told.value}"] = replace(found["paid"], told=told)
    return found


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    return pages(tmp_path_factory.mktemp("pages"))


def drawn(session: Session, language: str = "zh", typed: str = "", entered: int = 0) -> list[str]:
    console = Console(width=COLUMNS, height=ROWS, file=io.StringIO())
    state = State(phase=Phase.BUSINESS, session=session, deadline=NOON + 42)
    with console.capture() as capture:
        console.print(render(page_of(state, NOON, entered, typed, Terms()), language))
    return capture.get().splitlines()


def test_every_page_fits_in_both_languages_with_its_longest_notice(sessions: dict[str, Session]) -> None:
    for name, session in sessions.items():
        for language in ("zh", "en"):
            for notice in (None, LONG):
                lines = drawn(replace(session, notice=notice), language, typed="1,2,3" if notice else "")
                assert len(lines) == ROWS - 1, f"{name} in {language} has {len(lines)} lines"
                assert {cell_len(line) for line in lines} == {COLUMNS}, name


def test_every_page_says_something_in_both_languages(sessions: dict[str, Session]) -> None:
    for name, session in sessions.items():
        text = "".join(drawn(session)[1:-1])
        assert any("一" <= each <= "鿿" for each in text), name
        assert any(each.isascii() and each.isalpha() for each in text), name


@pytest.mark.parametrize(
    "name", ["bills", "quote", "attempt-failed", "paid", "uncertain", "slot", "appointments-2", "pin"]
)
def test_what_a_page_looks_like(name: str, sessions: dict[str, Session]) -> None:
    text = "\n".join(line.rstrip() for line in drawn(sessions[name], entered=3 if name == "pin" else 0)) + "\n"
    assert text == (GOLDEN / f"page-{name}.txt").read_text(encoding="utf-8")


def test_a_scanned_code_is_stars_on_the_screen(sessions: dict[str, Session]) -> None:
    text = "\n".join(drawn(sessions["code"], typed=WECHAT))
    assert WECHAT not in text
    assert "*" * 18 in text


def test_every_word_has_its_texts() -> None:
    assert set(HEADLINES) == set(Stage)
    assert set(TOLD_LABELS) == set(Told)
    assert set(METHOD_LABELS) == set(Method)
    assert set(SERVICE_LABELS) == set(Service)
    for label in (*HEADLINES.values(), *TOLD_LABELS.values(), *NOTICES.values(), *CREDENTIAL_LABELS.values()):
        assert label.zh
        assert label.en


def test_every_stage_is_of_one_kind() -> None:
    assert ACTS | ASKS | WATCHED | {Stage.ENDED} == set(Stage)
    assert not ACTS & ASKS
    assert not ASKS & WATCHED


# What a harness reads.


def test_a_harness_reads_stages_options_amounts_and_what_was_told(sessions: dict[str, Session]) -> None:
    facts = facts_of_session(sessions["paid"], Terms())
    assert facts == {
        "stage": "result",
        "credential": "social_security_card",
        "options": ["done", "menu"],
        "trade": {
            "trade_no": "DG2026112200000001",
            "state": "paid",
            "total_fen": 12560,
            "split": {"fund_fen": 8289, "account_fen": 2989, "mutual_aid_fen": 0, "cash_fen": 1282, "hospital_fen": 0},
        },
        "method": "wechat",
        "presses": 1,
        "told": "paid",
        "slip": "payment",
    }
    assert facts_of_session(sessions["slot"], Terms())["closed"] == ["S2"]
    assert facts_of_session(sessions["checked-in"], Terms())["see_no"] == "7"


def test_nobody_can_be_recognised_in_any_line(sessions: dict[str, Session]) -> None:
    for session in sessions.values():
        out = io.StringIO()
        EventView(out, NOON, Terms()).show(State(phase=Phase.BUSINESS, session=session), NOON + 1.5)
        line = out.getvalue()
        assert json.loads(line)["t"] == 1.5
        for secret in (HOLDER.id_number, HOLDER.card_number, HOLDER.name, "测", WECHAT, "V0001"):
            assert secret not in line


def test_an_ignored_entry_is_told_by_its_first_word_alone() -> None:
    out = io.StringIO()
    EventView(out, NOON, Terms()).ignored("scan", NOON)
    assert json.loads(out.getvalue()) == {"t": 0.0, "event": "ignored", "word": "scan"}


# What entries mean.


@pytest.mark.parametrize(
    ("page", "line", "event"),
    [
        ("menu", "menu pay", Choose(("pay",))),
        ("menu", "menu 2", Choose(("register",))),
        ("menu", "MENU pay", Choose(("pay",))),
        ("menu", "menu nothing", Misread()),
        ("menu", "menu", Misread()),
        ("menu", "pay", None),
        ("menu", "bills 1", None),
        ("menu", "cancel", Cancel()),
        ("menu", "back", Back()),
        ("bills", "bills 1,2", Choose(("B0001", "B0002"))),
        ("bills", "bills B0003", Choose(("B0003",))),
        ("bills", "bills 1，2", Choose(("B0001", "B0002"))),
        ("bills", "bills 0", Misread()),
        ("bills", "bills 9", Misread()),
        ("bills", "bills １", Misread()),
        ("bills", "bills -1", Misread()),
        ("bills", "detail 2", ShowDetail("B0002")),
        ("bills", "detail 9", Misread()),
        ("bills", "next", TurnPage(1)),
        ("payer", "payer self", Choose(("self",))),
        ("account", "account y", Choose(("yes",))),
        ("account", "account 否", Choose(("no",))),
        ("quote", "quote ok", Accept()),
        ("quote", "confirm", Accept()),
        ("quote", "quote no", Back()),
        ("quote", "quote what", Misread()),
        ("method", "method wechat", Choose(("wechat",))),
        ("code", f"scan {WECHAT}", CodeScanned(WECHAT)),
        ("code", "scan", Misread()),
        ("confirm", "confirm", Accept()),
        ("paid", "result menu", Choose(("menu",))),
        ("paid", "confirm", Accept()),
        ("refund", "trade DG1", Choose(("DG1",))),
        ("holder", "confirm", Accept()),
    ],
)
def test_what_a_line_means(page: str, line: str, event: BusinessEvent | None, sessions: dict[str, Session]) -> None:
    assert meaning_of_line(sessions[page], line, Terms()) == event


def test_a_card_may_be_given_as_a_line_where_one_is_asked_for(sessions: dict[str, Session]) -> None:
    event = meaning_of_line(sessions["card"], "card 6299990000000000012=30122010000000000", Terms())
    assert isinstance(event, CardRead)
    assert (event.card.pan, event.card.expiry, event.card.entry_mode) == ("6299990000000000012", "3012", "021")
    assert "6299990000000000012" not in repr(event)
    assert meaning_of_entry(sessions["card"], "nonsense", Terms()) == Misread()


@pytest.mark.parametrize(
    "track",
    ["", "6299990000000000012", "=3012", "62999900=3012", "6299990000000000012=301", "62999900000000000x2=3012201",
     "6299990000000000012=3012201000000000000", "６299990000000000012=30122010000000000", "62999900000=1=30122010"],
)  # fmt: skip
def test_what_is_no_track_2(track: str) -> None:
    assert bank_card_of(track) is None


@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        ("login e_credential 4240000000000000000100440000", "e_credential", "4240000000000000000100440000"),
        ("LOGIN health_code ABC", "health_code", "ABC"),
        ("login resident_id 44190019900101001x 测试甲", "resident_id", "44190019900101001X"),
    ],
)
def test_who_shows_a_code_says_what_it_is(line: str, kind: str, value: str) -> None:
    shown = credential_of(line)
    assert shown is not None
    assert (shown.credential.kind, shown.credential.code or shown.credential.id_number) == (kind, value)
    assert value not in repr(shown)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "login",
        "login e_credential",
        "login card A1",
        "e_credential 1",
        "login resident_id 441",
        f"login citizen_code {'9' * 200}",
    ],
)
def test_what_is_no_login(line: str) -> None:
    assert credential_of(line) is None


async def lines_of(text: str) -> tuple[LineCitizen, list[str]]:
    stream = asyncio.StreamReader()
    stream.feed_data(text.encode())
    stream.feed_eof()
    citizen, ignored = LineCitizen(stream), []
    citizen.on_ignored = ignored.append
    return citizen, ignored


async def test_a_line_for_another_page_is_reported_and_dropped(sessions: dict[str, Session]) -> None:
    citizen, ignored = await lines_of(f"bills 1\n{WECHAT}\nmenu pay\n")
    assert await citizen.answer(sessions["menu"]) == Choose(("pay",))
    assert ignored == ["bills", ""]


async def test_a_line_for_a_later_page_waits_while_something_is_under_way(sessions: dict[str, Session]) -> None:
    citizen, ignored = await lines_of("result done\n")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await citizen.answer(sessions["act-paying"])
    assert await citizen.answer(sessions["paid"]) == Choose(("done",))
    assert ignored == []


async def test_who_wants_to_turn_back_is_heard_while_something_is_under_way(sessions: dict[str, Session]) -> None:
    citizen, _ = await lines_of("cancel\n")
    assert await citizen.answer(sessions["act-paying"]) == Cancel()


async def test_the_end_of_input_answers_nothing(sessions: dict[str, Session]) -> None:
    citizen, _ = await lines_of("")
    for ask in (lambda: citizen.answer(sessions["menu"]), citizen.log_in):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ask()


async def entered(ask: Callable[[], object], citizen: KeyCitizen, keys: str) -> object:
    task = asyncio.ensure_future(ask())  # type: ignore[arg-type]
    await asyncio.sleep(0)
    for key in keys:
        citizen.press(key)
    return await task


async def test_keys_choose_go_back_and_turn_pages(sessions: dict[str, Session]) -> None:
    citizen = KeyCitizen(0)
    seen: list[str] = []
    citizen.on_key = lambda: seen.append(citizen.typed)
    assert await entered(lambda: citizen.answer(sessions["bills"]), citizen, "1,3\x7f2\n") == Choose(("B0001", "B0002"))
    assert seen == ["1", "1,", "1,3", "1,", "1,2"]
    assert citizen.typed == ""
    assert await entered(lambda: citizen.answer(sessions["bills"]), citizen, "d2\n") == ShowDetail("B0002")
    assert await entered(lambda: citizen.answer(sessions["bills"]), citizen, "1\x1b") == Back()
    assert await entered(lambda: citizen.answer(sessions["appointments"]), citizen, "+") == TurnPage(1)
    assert await entered(lambda: citizen.answer(sessions["quote"]), citizen, "\n") == Accept()
    assert await entered(lambda: citizen.answer(sessions["act-paying"]), citizen, "5\n\x1b") == Cancel()
    assert await entered(lambda: citizen.answer(sessions["pin"]), citizen, "5\n\x1b") == Back()
    shown = await entered(citizen.log_in, citizen, "9 1\n1 4240000000000000000100440000\n")
    assert shown == credential_of("login e_credential 4240000000000000000100440000")


# The command line.

BUSINESS = ["--backend", "http://127.0.0.1:8000", "--terminal", "KSK-00001", "--key-file", "k", "--outbox", "o"]


def test_a_headless_kiosk() -> None:
    options = parse([*BUSINESS, "--headless", "--json", "--services", "pay,refund", "--methods", "wechat,bank_card"])
    assert (options.backend, options.identity, options.reader) == ("http://127.0.0.1:8000", "scan", None)
    terms = terms_of(options, bank_cards=False)
    assert (terms.services, terms.methods) == ((Service.PAY, Service.REFUND), (Method.WECHAT,))
    assert terms_of(options, bank_cards=True).methods == (Method.WECHAT, Method.BANK_CARD)


def test_a_kiosk_with_all_its_devices() -> None:
    options = parse(
        [*BUSINESS, "--reader", "serial:///dev/ttyUSB0?baud=9600", "--epp", "serial:///dev/ttyUSB1", "--epp-dialect", "epp-b",
         "--scanner", "serial:///dev/ttyUSB2", "--receipts", "slips", "--columns", "48", "--paying-s", "30"]
    )  # fmt: skip
    assert (options.epp_dialect, options.columns, options.paying_s) == ("epp-b", 48, 30.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--headless"],
        ["--headless", "--backend", "http://x"],
        [*BUSINESS],
        [*BUSINESS, "--headless", "--reader", "serial:///dev/null"],
        [*BUSINESS[2:], "--headless"],
        [*BUSINESS[:6], "--headless"],
        ["--reader", "serial:///dev/null", "--outbox", "o"],
        ["--reader", "serial:///dev/null", "--epp", "serial:///dev/null"],
        [*BUSINESS, "--headless", "--epp", "/dev/ttyUSB0"],
        [*BUSINESS, "--headless", "--scanner", "pty://"],
        [*BUSINESS, "--headless", "--epp-dialect", "none"],
        [*BUSINESS, "--headless", "--printer", "serial:///dev/null", "--receipts", "d"],
        [*BUSINESS, "--headless", "--services", "pay,dance"],
        [*BUSINESS, "--headless", "--methods", ""],
        [*BUSINESS, "--headless", "--columns", "40"],
        ["--backend", "127.0.0.1:8000", *BUSINESS[2:], "--headless"],
        ["--backend", "http://x/v1", *BUSINESS[2:], "--headless"],
    ],
    ids=lambda arguments: " ".join(arguments)[-60:],
)
def test_a_command_line_that_makes_no_sense_ends_with_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2

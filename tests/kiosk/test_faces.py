"""What the citizen sees and presses, what a harness reads, and what of a person is in it."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from rich.cells import cell_len
from rich.console import Console

from protocols.driver.social_security import CardHolder, CardIdentity
from protocols.wire.social_security import Algorithm
from reference_impl.kiosk.__main__ import dialects, parse
from reference_impl.kiosk.citizen import KeyCitizen, LineCitizen, meaning_of
from reference_impl.kiosk.events import EventView
from reference_impl.kiosk.masking import mask_name, mask_number
from reference_impl.kiosk.screen import COLUMNS, ROWS, ScreenView, page_of, render
from reference_impl.kiosk.state import Phase, State
from reference_impl.kiosk.words import (
    PROBLEM_LABELS,
    Confirmed,
    Declined,
    Event,
    Finished,
    PinEntered,
    PinMalformed,
    Problem,
)

IDENTITY = CardIdentity(
    "3.0", "441900D1", "441900", "3", "", "20200101", "20300101", "A00000001", Algorithm.SM4, bytes(13), False
)
HOLDER = CardHolder("44190019900101001X", "阿卜杜热西提·买买提明", "2", "01", "441900", "19900101")
STATES = [State(phase=phase, deadline=30.0, tries_left=tries) for phase in Phase for tries in (None, 1, 5)]
STATES += [State(phase=phase, deadline=30.0, problem=each) for each in Problem for phase in (Phase.TAKE, Phase.FAULT)]
STATES += [State(phase=Phase.HOLDER, deadline=30.0, identity=IDENTITY, holder=HOLDER)]
STATES += [State(phase=Phase.FAULT, stuck=True), State(phase=Phase.PIN, tries_left=4, pin_wrong=True)]


def drawn(state: State, language: str, entered: int = 0) -> list[str]:
    console = Console(width=COLUMNS, height=ROWS, file=io.StringIO())
    with console.capture() as capture:
        console.print(render(page_of(state, 0.0, entered), language))
    return capture.get().splitlines()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_fits_24_rows_of_80_columns_with_ascii_borders(language: str) -> None:
    for state in STATES:
        lines = drawn(state, language)
        assert len(lines) == ROWS - 1
        assert {cell_len(line) for line in lines} == {COLUMNS}
        assert all(line[0] in "+|" and line[-1] in "+|" for line in lines)


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state.phase}-{state.problem}-{state.tries_left}")
def test_both_languages_stand_on_every_page(state: State) -> None:
    text = "".join(drawn(state, "zh")[1:-1])
    assert any("一" <= each <= "鿿" for each in text)
    assert any(each.isascii() and each.isalpha() for each in text)


def test_the_holder_reads_their_own_name_and_masked_numbers() -> None:
    text = "\n".join(drawn(STATES[-3], "zh"))
    assert "阿卜杜热西提·买买提明" in text
    assert "4419**********001X" in text
    assert HOLDER.id_number not in text
    assert IDENTITY.card_number not in text


def test_chinese_stands_first_unless_english_is_asked_for() -> None:
    idle = State(phase=Phase.IDLE)
    zh, en = "\n".join(drawn(idle, "zh")), "\n".join(drawn(idle, "en"))
    assert zh.index("请 插 入") < zh.index("Please insert")
    assert en.index("Please insert") < en.index("请插入")


def test_a_pin_is_stars() -> None:
    text = "\n".join(drawn(State(phase=Phase.PIN, tries_left=6), "zh", entered=3))
    assert "[ * * * _ _ _ ]" in text


def test_a_screen_is_drawn_only_when_it_changes() -> None:
    out = io.StringIO()
    view = ScreenView(out)
    view.show(State(phase=Phase.PIN, tries_left=6, deadline=60.0), 0.0)
    first = out.getvalue()
    view.show(State(phase=Phase.PIN, tries_left=6, deadline=60.0), 5.0)
    assert out.getvalue() == first
    view.show(State(phase=Phase.PIN, tries_left=5, deadline=60.0), 6.0)
    assert out.getvalue() != first


def test_a_harness_reads_masked_lines_and_no_line_twice() -> None:
    out = io.StringIO()
    view = EventView(out)
    for _ in range(2):
        view.show(State(phase=Phase.HOLDER, deadline=9.0, identity=IDENTITY, holder=HOLDER), 1.5)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines == [
        {
            "t": 1.5,
            "event": "holder",
            "version": "3.0",
            "algorithm": "SM4",
            "holder": {"name": "阿**********", "id_number": "4****************X", "card_number": "A*******1"},
        }
    ]


@pytest.mark.parametrize(
    ("text", "masked"),
    [("44190019900101001X", "4****************X"), ("12345", "1***5"), ("123", "***"), ("", "")],
)
def test_numbers_are_masked(text: str, masked: str) -> None:
    assert mask_number(text) == masked
    assert mask_name("测试甲") == "测**"


@pytest.mark.parametrize(
    ("phase", "text", "event"),
    [
        (Phase.PIN, "123456\n", PinEntered("123456")),
        (Phase.PIN, "1234", PinEntered("1234")),
        (Phase.PIN, "123", PinMalformed()),
        (Phase.PIN, "1234567890123", PinMalformed()),
        (Phase.PIN, "１２３４５６", PinMalformed()),
        (Phase.PIN, "12345x", PinMalformed()),
        (Phase.PIN, "", Declined()),
        (Phase.PIN, "取消", Declined()),
        (Phase.CONFIRM, "yes", Confirmed()),
        (Phase.CONFIRM, "是", Confirmed()),
        (Phase.CONFIRM, "123456", Declined()),
        (Phase.CONFIRM, "1", Declined()),
        (Phase.CONFIRM, "", Declined()),
        (Phase.HOLDER, "anything", Finished()),
        (Phase.IDLE, "123456", None),
    ],
)
def test_what_an_entry_means(phase: Phase, text: str, event: Event | None) -> None:
    assert meaning_of(phase, text) == event


async def test_lines_answer_one_question_each_and_the_end_of_input_declines() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(b"123456\n\n")
    stream.feed_eof()
    citizen = LineCitizen(stream)
    assert await citizen.next(Phase.PIN) == PinEntered("123456")
    assert await citizen.next(Phase.HOLDER) == Finished()
    assert await citizen.next(Phase.PIN) == Declined()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await citizen.next(Phase.HOLDER)


async def entered(citizen: KeyCitizen, phase: Phase, keys: str) -> Event:
    task = asyncio.ensure_future(citizen.next(phase))
    await asyncio.sleep(0)
    for key in keys:
        citizen.press(key)
    return await task


async def test_keys_are_counted_never_kept_and_can_be_erased() -> None:
    citizen = KeyCitizen(0)
    counted: list[int] = []
    citizen.on_key = lambda: counted.append(citizen.entered)
    citizen.press("9")  # before the question: does not count
    assert await entered(citizen, Phase.PIN, "12\x7f2x3456\n") == PinEntered("123456")
    assert counted == [1, 2, 1, 2, 2, 3, 4, 5, 6]
    assert citizen.entered == 0
    assert await entered(citizen, Phase.PIN, "12\x1b") == Declined()
    assert await entered(citizen, Phase.CONFIRM, "1\ny") == Confirmed()
    assert await entered(citizen, Phase.CONFIRM, "n") == Declined()
    assert await entered(citizen, Phase.HOLDER, " ") == Finished()


def test_every_problem_has_both_texts() -> None:
    assert set(PROBLEM_LABELS) == set(Problem)
    assert all(label.zh and label.en for label in PROBLEM_LABELS.values())


def test_the_command_line_knows_both_dialects() -> None:
    assert sorted(dialects()) == ["crt310", "crt591"]
    options = parse(["--reader", "serial:///dev/ttyUSB0?baud=9600", "--psam-socket", "1", "--once"])
    assert (options.dialect, options.psam_socket, options.once) == ("crt591", 1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--reader", "serial:///dev/null", "--pcsc", "a"],
        ["--pcsc", "a", "--psam-socket", "1"],
        ["--reader", "serial:///dev/null", "--psam-socket", "0"],
        ["--reader", "serial:///dev/null", "--psam-socket", "1", "--psam-pcsc", "b"],
        ["--reader", "/dev/ttyUSB0"],
        ["--reader", "nothing://x"],
        ["--reader", "pcsc://x"],
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2

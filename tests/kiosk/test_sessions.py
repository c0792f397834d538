"""Whole sessions with simulated readers and cards, in both dialects, under virtual time."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from kiosk_bench import Trial, trial

from protocols.clock import run_virtual
from protocols.driver.social_security import SocialSecurityCard
from protocols.wire.card_reader import Place
from reference_impl.kiosk.state import Phase, Policy
from simulators.card.bodies import make_body
from simulators.card.body import CardBody
from simulators.card.people import make_person
from simulators.card.psam import build_psam
from simulators.device.card_reader import ReaderReadings
from simulators.device.card_reader_line import Mode

DIALECTS = ("crt591", "crt310")
GOOD = {Phase.PIN: ["123456"], Phase.HOLDER: [""]}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["1.0", "2.0", "3.0", "3.0-3des", "2.0/7"])
def test_a_card_is_read_shown_and_returned(dialect: str, name: str) -> None:
    person = make_person(7 if name.endswith("/7") else 0)
    answers = {Phase.PIN: [person.pin], Phase.HOLDER: [""]}
    made = run_virtual(trial(make_body(name), dialect=dialect, answers=answers))
    assert made.problems == []
    assert made.holder_name == person.name
    assert made.phases == [
        Phase.START,
        Phase.OPEN,
        Phase.IDLE,
        Phase.READ,
        Phase.AUTHENTICATE,
        Phase.COUNT,
        Phase.PIN,
        Phase.VERIFY,
        Phase.READ_HOLDER,
        Phase.HOLDER,
        Phase.RETURN,
        Phase.TAKE,
        Phase.CLOSE,
        Phase.STOPPED,
    ]
    assert made.where_the_card_is() == "hand"
    told = next(each["holder"] for each in made.seen if "holder" in each)
    assert told["name"] == person.name[0] + "*" * (len(person.name) - 1)
    assert person.id_number not in str(made.seen)
    assert person.card_number not in str(made.seen)
    assert person.name not in str(made.seen)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_psam_old_cards_are_read_and_a_3_0_card_is_returned(dialect: str) -> None:
    old = run_virtual(trial(make_body("2.0"), dialect=dialect, answers=GOOD, psam=False))
    assert (old.holder_name, old.problems) == ("测试甲", [])
    new = run_virtual(trial(make_body("3.0"), dialect=dialect, answers=GOOD, psam=False))
    assert (new.holder_name, new.problems) == ("", ["no_psam"])
    assert new.where_the_card_is() == "hand"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_sam_socket_is_told(dialect: str) -> None:
    made = run_virtual(trial(make_body("3.0"), dialect=dialect, answers=GOOD, sam_cards={}))
    assert made.problems == ["no_psam"]
    assert made.where_the_card_is() == "hand"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_psam_of_another_city_s_keys_authenticates_nobody(dialect: str) -> None:
    foreign = {1: build_psam(root_key=bytes(range(16)))}
    made = run_virtual(trial(make_body("3.0"), dialect=dialect, answers=GOOD, sam_cards=foreign))
    assert made.problems == ["authentication"]
    assert Phase.PIN not in made.phases


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wrong_pin_costs_one_try_and_the_right_one_follows(dialect: str) -> None:
    made = run_virtual(
        trial(make_body("3.0"), dialect=dialect, answers={Phase.PIN: ["999999", "12", "123456"], Phase.HOLDER: [""]})
    )
    asked = [each for each in made.seen if each["event"] == "pin"]
    assert [(each["tries_left"], each["wrong"], each["malformed"]) for each in asked] == [
        (6, False, False),
        (5, True, False),
        (5, True, True),
    ]
    assert made.holder_name == "测试甲"


def test_the_last_try_is_taken_only_after_a_confirmation() -> None:
    card = make_body("2.0")
    wrong = {Phase.PIN: ["000000"] * 5, Phase.CONFIRM: ["no"]}
    made = run_virtual(trial(card, answers=wrong))
    assert made.problems == ["cancelled"]
    assert made.phases.count(Phase.VERIFY) == 5
    agreed = run_virtual(trial(card, answers={Phase.CONFIRM: ["yes"], Phase.PIN: ["123456"], Phase.HOLDER: [""]}))
    assert agreed.phases[agreed.phases.index(Phase.COUNT) + 1] is Phase.CONFIRM
    assert agreed.holder_name == "测试甲"


def test_a_locked_pin_is_told_and_no_pin_is_asked_for() -> None:
    card = make_body("2.0")
    wrong = {Phase.PIN: ["000000"] * 6, Phase.CONFIRM: ["yes"]}
    locked = run_virtual(trial(card, answers=wrong))
    assert locked.problems == ["pin_locked"]
    again = run_virtual(trial(card, answers=GOOD))
    assert (again.problems, Phase.PIN in again.phases) == (["pin_locked"], False)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("phase", [Phase.READ, Phase.AUTHENTICATE, Phase.PIN, Phase.VERIFY, Phase.HOLDER])
def test_a_card_pulled_out_ends_the_session(dialect: str, phase: Phase) -> None:
    made = run_virtual(
        trial(
            make_body("3.0"),
            dialect=dialect,
            answers={Phase.PIN: ["123456"]} if phase is not Phase.PIN else {},
            on={phase: lambda each: each.later(0.05, "pull")},
        )
    )
    assert made.phases[-1] is Phase.STOPPED
    assert set(made.problems) <= {"card_gone", "mute_card", "authentication", "reader_fault"}
    assert made.problems != []
    assert made.where_the_card_is() == "hand"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("mute", {"mute_card"}),
        ("4442", {"mute_card"}),
        ("psam", {"not_social_security"}),
        ("short-circuit", {"mute_card"}),
        ("long", {"wrong_card"}),
        ("short", {"wrong_card"}),
    ],
)
def test_what_is_no_social_security_card_comes_back(dialect: str, name: str, problems: set[str]) -> None:
    made = run_virtual(trial(make_body(name), dialect=dialect, answers=GOOD))
    assert set(made.problems) == problems
    assert made.where_the_card_is() == "hand"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_jam_puts_the_kiosk_out_of_service_until_it_is_cleared(dialect: str) -> None:
    def cleared(each: Trial) -> None:
        each.later(12.0, "clear-jam")

    made = run_virtual(
        trial(
            make_body("3.0"),
            dialect=dialect,
            answers=GOOD,
            on={Phase.HOLDER: lambda each: each.act("jam"), Phase.FAULT: cleared},
        )
    )
    assert Phase.FAULT in made.phases
    assert any(each.get("stuck") for each in made.seen if each["event"] == "fault")
    assert made.phases[-1] is Phase.STOPPED
    assert made.where_the_card_is() == "hand"


def test_a_card_nobody_takes_is_captured() -> None:
    made = run_virtual(trial(make_body("2.0"), answers=GOOD, on={Phase.TAKE: lambda each: None}))
    assert Phase.CAPTURE in made.phases
    assert made.where_the_card_is() == "bin"


def test_a_full_bin_leaves_the_card_at_the_mouth() -> None:
    def full(each: Trial) -> None:
        each.act("bin-full")
        each.later(50.0, "remove")

    made = run_virtual(trial(make_body("2.0"), answers=GOOD, on={Phase.TAKE: full}))
    assert made.phases[-5:] == [Phase.TAKE, Phase.CAPTURE, Phase.TAKE, Phase.CLOSE, Phase.STOPPED]
    assert made.where_the_card_is() == "hand"
    assert any(each.get("reminded") for each in made.seen)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_silent_reader_is_tried_again_and_serves_when_it_is_back(dialect: str) -> None:
    def cut(each: Trial) -> None:
        each.act("poweroff")
        each.later(30.0, "poweron")
        each.on[Phase.IDLE] = lambda later: later.act("insert", make_body("1.0"))

    made = run_virtual(trial(None, dialect=dialect, answers=GOOD, on={Phase.IDLE: cut}))
    assert made.problems[:1] == ["reader_silent"]
    assert made.holder_name == "测试甲"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_power_lost_with_the_card_inside_gives_it_back_when_power_returns(dialect: str) -> None:
    def cut(each: Trial) -> None:
        each.act("poweroff")
        each.later(60.0, "poweron")

    made = run_virtual(trial(make_body("3.0"), dialect=dialect, on={Phase.PIN: cut}))
    assert "reader_silent" in made.problems
    assert made.where_the_card_is() == "hand"
    assert made.phases[-1] is Phase.STOPPED


def test_a_reader_that_is_not_there_keeps_the_kiosk_out_of_service() -> None:
    async def main() -> Trial:
        return await trial(None, on={Phase.START: lambda each: each.act("poweroff")}, limit_s=60.0)

    made = run_virtual(main())
    assert made.phases[-1] in (Phase.FAULT, Phase.START)
    assert Phase.IDLE not in made.phases


@pytest.mark.parametrize("phase", [Phase.READ, Phase.PIN, Phase.HOLDER, Phase.IDLE])
def test_a_stop_returns_the_card_first(phase: Phase) -> None:
    def stop(each: Trial) -> None:
        assert each.kiosk is not None
        each.kiosk.stop()

    policy = Policy(once=False)
    made = run_virtual(trial(make_body("3.0"), answers={Phase.PIN: ["123456"]}, on={phase: stop}, policy=policy))
    assert made.phases[-1] is Phase.STOPPED
    assert made.where_the_card_is() == "hand"
    if phase is not Phase.IDLE:
        assert made.problems == ["stopping"]


def test_nobody_answers_and_the_card_comes_back() -> None:
    silent = run_virtual(trial(make_body("2.0")))
    assert silent.problems == ["time_out"]
    watched = run_virtual(trial(make_body("2.0"), answers={Phase.PIN: ["123456"]}))
    assert watched.problems == []
    assert watched.where_the_card_is() == "hand"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "readings",
    [
        {"accept_stop": Place.GATE},
        {"accept_stop": Place.IC},
        {"while_moving": "nak"},
        {"while_moving": "queued"},
        {"entry_after_card": "off"},
        {"move_powered": "refused"},
        {"resolve_61_6c": True},
        {"status_while_jammed": "error"},
        {"repeat": "recognised"},
        {"pulled_at_rest": "nothing"},
        {"no_card": "stacker-empty"},
    ],
    ids=str,
)
def test_a_session_under_every_reading_of_the_documents(dialect: str, readings: dict[str, Any]) -> None:
    made = run_virtual(trial(make_body("3.0"), dialect=dialect, answers=GOOD, readings=ReaderReadings(**readings)))
    assert (made.problems, made.holder_name, made.where_the_card_is()) == ([], "测试甲", "hand")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("mode", ["strict", "realistic", "hostile"])
def test_a_session_with_a_device_that_is_awkward_but_within_the_rules(dialect: str, mode: Mode) -> None:
    made = run_virtual(trial(make_body("3.0"), dialect=dialect, answers=GOOD, mode=mode, seed=3))
    assert (made.problems, made.holder_name, made.where_the_card_is()) == ([], "测试甲", "hand")


@pytest.mark.parametrize("name", ["3v", "5v"])
def test_a_card_of_either_supply_class_is_read_where_the_reader_can(name: str) -> None:
    made = run_virtual(trial(make_body(name), answers=GOOD))
    assert (made.problems, made.holder_name) == ([], "测试甲")


class RubbishChip:
    """A chip whose ATR is in order and whose answers are anything at all, always the same for one seed."""

    def __init__(self, seed: int) -> None:
        self._seed, self._asked = seed, 0

    def power_on(self) -> bytes:
        return bytes.fromhex("3B6D00000081534D438660441900000001")

    def reset(self) -> bytes:
        return self.power_on()

    def power_off(self) -> None:
        return

    def transmit(self, apdu: bytes) -> bytes:
        self._asked += 1
        draw = hashlib.sha256(f"{self._seed} {self._asked}".encode()).digest()
        ending = (b"\x90\x00", b"\x61\x10", b"\x6c\x08", b"\x63\xc0", draw[:2], b"")[draw[2] % 6]
        return draw[4 : 4 + draw[3] % 28] + ending


@pytest.mark.parametrize("seed", range(20))
def test_a_card_that_answers_rubbish_comes_back(seed: int) -> None:
    made = run_virtual(trial(CardBody("rubbish", RubbishChip(seed)), answers=GOOD))
    assert made.problems != []
    assert made.phases[-1] is Phase.STOPPED
    assert made.where_the_card_is() == "hand"


def test_a_defect_of_the_kiosk_itself_does_not_keep_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: SocialSecurityCard) -> None:
        raise IndexError("a defect")

    monkeypatch.setattr(SocialSecurityCard, "read_holder", broken)
    made = run_virtual(trial(make_body("2.0"), answers=GOOD))
    assert made.problems == ["card_refused"]
    assert made.where_the_card_is() == "hand"

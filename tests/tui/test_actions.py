"""The one action table: keys, texts, command lines, and the cheat sheet made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.actions import ACTIONS, MODES, Action, action_for_key, actions_of, cheat_sheet, command_line
from tui.app import OnecardApp
from tui.characters import ambiguous
from tui.gates import unknown_in
from tui.screens.bench import BenchPane
from tui.screens.conformance import ConformancePane
from tui.screens.home import HomePane
from tui.screens.kiosk import KioskPane
from tui.screens.load import LoadPane
from tui.screens.reports import ReportsPane
from tui.screens.scenario import ScenarioPane
from tui.screens.trace import TracePane

PANES = {
    "home": HomePane,
    "bench": BenchPane,
    "conformance": ConformancePane,
    "trace": TracePane,
    "reports": ReportsPane,
    "load": LoadPane,
    "kiosk": KioskPane,
    "scenario": ScenarioPane,
}


@pytest.mark.parametrize("mode", MODES)
def test_a_key_means_one_thing_in_a_mode(mode: str) -> None:
    keys = [key for each in actions_of(mode) for key in (each.key, *each.also)]
    assert sorted(keys) == sorted(set(keys))


def test_ids_are_unique() -> None:
    assert len({each.id for each in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("action", [each for each in ACTIONS if not each.id.startswith("mode.")], ids=lambda a: a.id)
def test_every_action_is_done_by_somebody(action: Action) -> None:
    owner = OnecardApp if action.mode == "all" else PANES[action.mode]
    assert callable(getattr(owner, f"do_{action.id.rpartition('.')[2]}", None))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_every_command_line_exists(action: Action) -> None:
    line = command_line(action, {"marked": "--check a --check b"})
    assert line
    if line.startswith("onecard"):
        assert unknown_in(line) == ""


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_texts_are_there_in_both_languages(action: Action) -> None:
    for label in (action.label, action.help):
        assert label.zh
        assert label.en
        assert not ambiguous(label.zh + label.en)


def test_a_mode_wins_over_everywhere() -> None:
    found = action_for_key("n", "trace")
    assert found is not None
    assert found.id == "trace.next"
    assert action_for_key("n", "home") is None


def test_what_is_not_known_stays_a_capital_word() -> None:
    insert = next(each for each in ACTIONS if each.id == "bench.insert")
    assert command_line(insert, {}) == "SLOT insert 3.0"
    assert command_line(insert, {"slot": "reader"}) == "reader insert 3.0"


def test_the_cheat_sheet_is_up_to_date() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "keys.md"
    assert page.read_text(encoding="utf-8") == cheat_sheet() + "\n", "write it anew: onecard tui --keys > docs/keys.md"

"""Both languages are complete, and every text stays straight in a terminal."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from tui.characters import ambiguous, steady
from tui.locale import TABLES, text

TUI = Path(__file__).resolve().parents[2] / "tui"


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_tables_have_the_same_keys() -> None:
    assert TABLES["zh"].keys() == TABLES["en"].keys()


@pytest.mark.parametrize("key", sorted(TABLES["zh"]))
def test_a_text_is_whole(key: str) -> None:
    zh, en = TABLES["zh"][key], TABLES["en"][key]
    assert zh.strip()
    assert en.strip()
    assert en.isascii()
    assert _fields(zh) == _fields(en)
    assert not ambiguous(zh)


def test_every_text_that_is_asked_for_exists_and_every_text_is_asked_for() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in TUI.rglob("*.py") if "locale" not in path.parts)
    asked = set(
        re.findall(
            r"""["']((?:app|filter|palette|help|home|bench|prompt|conf|trace|reports|load|kiosk|scenario)\.[a-z_.]+)["']""",
            source,
        )
    )
    plain = {each for each in asked if each in TABLES["zh"]}
    patterns = [
        re.escape(each).replace(r"\{each\}", r"\w+").replace(r"\{name\}", r"\w+").replace(r"\{answer\}", r"\w+")
        for each in re.findall(
            r'f"((?:home|bench|reports|load|kiosk|scenario|bench\.answer)\.[a-z_.]*\{\w+\})"', source
        )
    ]
    unused = {key for key in TABLES["zh"] if key not in plain and not any(re.fullmatch(p, key) for p in patterns)}
    assert unused == set()


def test_values_are_filled_in() -> None:
    assert text("en", "trace.count", shown=3, total=9) == "3 of 9 records"


def test_ambiguous_and_control_characters_do_not_reach_the_screen() -> None:
    assert steady("“甲”…→①\x1b[31m") == '"甲"...->(1)\\x1B[31m'
    assert ambiguous("甲“乙”") == "“”"
    assert steady("plain") == "plain"

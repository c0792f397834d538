"""The rules of the checks: whole in both languages, and a file of them that cannot go stale."""

from __future__ import annotations

import re

import pytest

from conformance.dossier.snapshot import Catalogue, take_catalogue
from conformance.model import Check, discover_checks
from conformance.rules import chinese_rules, read_rules, rule_of
from conformance.strict_json import parse_json, pretty
from conformance.text_width import ambiguous_characters
from protocols.wire.base import Label
from scenarios.strict_yaml import FileError

CHECKS = discover_checks()
CHINESE = re.compile("[\u4e00-\u9fff]")
CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-F]{2}[0-9A-Fx]{2,}(?![0-9A-Za-z])")
"""Status words and bytes: what a rule names in one language it names in the other."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.id)
def test_a_rule_is_whole_in_both_languages(check: Check) -> None:
    rule = rule_of(check)
    assert CHINESE.search(rule.zh)
    assert rule.zh.endswith(("。", "）。"))
    assert ambiguous_characters(rule.zh) == []
    assert ambiguous_characters(rule.en) == []
    assert not any(clause in rule.zh or clause in rule.en for clause in check.clauses)
    assert rule.en
    assert not re.match(r"(DG|BJ|BK|LL|YH)-", rule.en)
    assert "\n" not in rule.zh + rule.en
    assert set(CODE.findall(rule.en)) == set(CODE.findall(rule.zh))


def test_no_rule_is_stale_or_missing_and_they_stand_in_order_of_id() -> None:
    assert list(chinese_rules()) == [each.id for each in CHECKS]


def test_no_two_checks_share_a_chinese_rule() -> None:
    assert len(set(chinese_rules().values())) == len(CHECKS)


def test_english_is_the_docstring_after_its_clause_ids_on_one_line() -> None:
    class Wrong(Check):
        """DG-W20-11, BJ-KSK-03: told as ``6A88``,
        and counted.

        Twice.
        """

        id = "fake.wrong"

    assert rule_of(Wrong()) == Label("told as 6A88, and counted. Twice.", "told as 6A88, and counted. Twice.")


def test_a_check_without_docstring_has_an_empty_rule() -> None:
    class Silent(Check):
        id = "fake.silent"

    Silent.__doc__ = None
    assert rule_of(Silent()) == Label("", "")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('a.b: "不通过。"\na.b: "不通过。"\n', 2, "duplicate key 'a.b'"),
        ('a.b: "不通过。"\na.c: "不通过。"\n', 2, "no check 'a.c'"),
        ('a.b: ""\n', 1, "at least 1 character"),
        ("a.b: [1]\n", 1, "valid string"),
        ("- a.b\n", 1, "valid dictionary"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(FileError) as error:
        read_rules(text, {"a.b"}, "zh.yaml")
    [(found, why)] = error.value.problems
    assert found == line
    assert what in why


def test_the_dossier_keeps_both_languages() -> None:
    taken = take_catalogue(clauses=())
    again = Catalogue.from_json(parse_json(pretty(taken.to_json())))
    assert again == taken
    assert {each.id: each.rule for each in again.checks} == {each.id: rule_of(each) for each in CHECKS}
    assert again.check("no.such").rule == Label("", "")

"""What people and build servers read. None of it is kinder than the verdicts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.dossier.explain import explain
from conformance.dossier.html import MAX_REPORT_BYTES, render_report
from conformance.dossier.junit import render_junit, xml_text
from conformance.dossier.seal import DossierError
from conformance.dossier.statement import statement
from conformance.dossier.trace import render_trace
from conformance.model import Outcome, Verdict
from conformance.result import Overall
from protocols.record import History, Record, read_history
from protocols.wire.base import Label


class _Page(HTMLParser):
    VOID = frozenset({"meta", "input", "br", "rect", "circle", "path", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if tag == "a" else []
        self.loads += [tag] if tag in ("script", "link", "img", "iframe") or "src" in given else []
        self.headings += [str(given.get("id"))] if tag == "h2" else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, (tag, self.getpos())


@pytest.fixture(scope="module")
def page(master: Any) -> str:
    return str((master.folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def parsed(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_the_page_stands_alone(page: str, parsed: _Page) -> None:
    assert parsed.loads == []
    assert not re.search(r"@import|url\(|https?://", page)


def test_every_link_leads_somewhere_and_no_id_is_doubled(parsed: _Page) -> None:
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {each.removeprefix("#") for each in parsed.links} <= set(parsed.ids)
    assert any(each.startswith("#r") for each in parsed.links)


def test_the_order_is_that_of_a_reader(parsed: _Page) -> None:
    assert parsed.headings == [
        "scope", "exceptions", "bench", "matrix", "untested", "declarations", "preflight", "waivers", "kill", "depth",
        "laboratory", "verify",
    ]  # fmt: skip


def test_device_texts_cannot_write_markup(page: str) -> None:
    assert "没有人看指示灯 &lt;b&gt;&amp;" in page
    assert "指示灯 <b>" not in page


def test_the_page_says_what_must_be_said(page: str, master: Any) -> None:
    for text in ("不通过（已豁免）", "测试丙", "2099-12-31", "没有卡", "DG-GEN-01", "reader.lies", "测试甲实验室"):
        assert text in page
    for text in ("onecard dossier verify", master.key.fingerprint, "结果只与被测样品有关", "不得部分复制本报告"):
        assert text in page
    assert read_history(master.history_path)[-1].digest() in page


def test_the_page_stays_small_beside_a_big_history(master: Any) -> None:
    history = History(lambda: 0.0)
    history.append("reader", "-", "check", id="fake.answers", phase="begin", facts={"dialect": "crt591"})
    for _ in range(3000):
        history.append("reader", "rx", "noise", bytes(range(256)), why="noise")
    history.append("reader", "-", "check", id="fake.answers", phase="end")
    outcome = replace(master.result.outcomes[0], verdict=Verdict.FAIL, findings=(), first_record=0, last_record=3001)
    result = replace(master.result, outcomes=(outcome,) * 120, waivers=())
    text = render_report(result, list(history.records), master.catalogue, master.key.fingerprint)
    assert len(text.encode()) <= MAX_REPORT_BYTES
    assert "条记录见 trace.txt" in text


@pytest.mark.parametrize(
    ("verdicts", "zh", "en"),
    [
        ((), "不能据此判定", "Neither conformity"),
        ((Verdict.PASS,), "样品符合计划中检查的全部条款", "the items conform to every clause"),
        ((Verdict.PASS, Verdict.FAIL), "不通过 1 项。样品不符合", "1 failed. The items do not conform"),
        ((Verdict.PASS, Verdict.INCONCLUSIVE), "没有得出结论 1 项", "1 came to no conclusion"),
    ],
)
def test_the_statement_is_made_of_the_verdicts(master: Any, verdicts: tuple[Verdict, ...], zh: str, en: str) -> None:
    outcomes = tuple(Outcome(f"c{at}", "reader", verdict) for at, verdict in enumerate(verdicts))
    result = replace(master.result, outcomes=outcomes, not_run=(), waivers=())
    said = statement(result)
    assert zh in said.zh
    assert en in said.en
    assert ("样品符合" in said.zh) == (result.overall is Overall.PASS)


def test_junit_counts_and_tags(master: Any) -> None:
    root = ElementTree.fromstring((master.folder / "junit.xml").read_text(encoding="utf-8"))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7", "failures": "1", "errors": "2", "skipped": "3",
    }  # fmt: skip
    bad = {"failure", "error", "skipped"}
    clean = [case.get("name", "") for case in root.iter("testcase") if not bad & {part.tag for part in case}]
    assert [each.partition(" ")[0] for each in clean] == ["fake.answers"]
    waived = next(case for case in root.iter("testcase") if "fake.waived" in case.get("name", ""))
    skipped = waived.find("skipped")
    assert skipped is not None
    assert "豁免的不通过" in skipped.get("message", "")


def test_junit_survives_what_xml_cannot_carry(master: Any) -> None:
    assert xml_text("a\x00\x1b\ud800\uffff\t好") == "a\ufffd\ufffd\ufffd\ufffd\t好"
    odd = replace(master.result.outcomes[1], cause=Label("\x02<x>", "\x02]]>"))
    result = replace(master.result, outcomes=(odd,))
    text = render_junit(result, read_history(master.history_path), master.catalogue)
    assert ElementTree.fromstring(text).get("failures") == "1"


def test_allure_statuses(master: Any) -> None:
    seen: dict[str, list[str]] = {}
    for path in sorted((master.folder / "allure-results").glob("*-result.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"{entry['uuid']}-result.json"
        assert entry["start"] <= entry["stop"]
        seen.setdefault(entry["status"], []).append(entry["fullName"])
    assert {status: sorted(names) for status, names in seen.items()} == {
        "passed": ["fake.answers[reader]"],
        "failed": ["fake.empty[reader]", "fake.waived[reader]"],
        "broken": ["fake.answers[card]", "fake.undecided[reader]"],
        "skipped": ["fake.empty[card]", "fake.undecided[card]"],
    }


def test_trace_shows_every_record_once_with_bytes_and_both_languages(master: Any) -> None:
    text = (master.folder / "trace.txt").read_text(encoding="utf-8")
    shown = re.findall(r"^#(\d{6}) ", text, re.M)
    assert sorted(map(int, shown)) == list(range(35))
    assert "F2 00 00 03 43 31 30 03 B0" in text
    assert "查询状态" in text
    assert "status" in text
    assert "=== fake.empty[reader] · 不通过 fail" in text


def test_a_device_cannot_draw_lines_into_the_trace(master: Any) -> None:
    record = Record(0, 0.0, "reader", "-", "answer", note={"status": "ok\n#000099 forged\x1b[2J"})
    text = render_trace(replace(master.result, outcomes=()), [record], master.catalogue)
    assert "\n#000099" not in text
    assert "\x1b" not in text


def test_explain_shows_clause_rule_frames_lookalike_and_command(master: Any) -> None:
    why = explain(master.folder, "fake.empty")
    assert [each.mutant for each in why.lookalikes] == ["reader.lies", "reader.never_acks"]
    zh, en = why.render("zh"), why.render("en")
    for text in ("结论：不通过", "责任方：被测设备", "DG-W20-14", "谎报卡位置", "F2 00 00 06 50 31 30 32 30 30 03 94"):
        assert text in zh
    for text in ("verdict: fail", "a reader without a card says so", "lies about the card", "> #13"):
        assert text in en
    command = f"onecard run --check fake.empty --target reader --plan {master.folder / 'plan.lock.json'}"
    assert zh.endswith(command)
    assert why.to_json()["command"] == command
    json.dumps(why.to_json())


def test_explain_prefers_what_did_not_pass_and_names_what_there_is(master: Any) -> None:
    assert explain(master.folder, "fake.answers").told.target == "card"
    assert explain(master.folder, "fake.answers", "reader").told.verdict is Verdict.PASS
    assert "没有卡" in explain(master.folder, "fake.undecided", "card").render()
    with pytest.raises(DossierError, match=re.escape("fake.empty[reader]")):
        explain(master.folder, "fake.unheard")


def test_a_waived_fail_is_explained_as_one(master: Any) -> None:
    assert "不通过（已豁免）" in explain(master.folder, "fake.waived").render("zh")


def test_groups_without_a_pass_are_never_shown_as_pass(master: Any, rewrite: Callable[..., Path]) -> None:
    page = (rewrite(outcomes=(), waivers=()) / "report.html").read_text(encoding="utf-8")
    banner = page[page.index('<section class="banner') : page.index("</section>")]
    assert "未能得出结论" in banner
    assert 'class="badge v-pass"' not in page[page.index('id="scope"') : page.index('id="preflight"')]

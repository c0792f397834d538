"""``junit.xml`` for build servers: a view of the verdicts, one test suite a target. Deterministic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from conformance.dossier.snapshot import Catalogue
from conformance.model import BLAME_LABELS, VERDICT_LABELS, Outcome, Verdict
from conformance.result import NotRun, RunResult
from protocols.record import Record

__all__ = ["render_junit", "xml_text"]

_XML_CHARACTER = re.compile("[\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_TAGS = {
    Verdict.FAIL: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "error",
    Verdict.NEEDS_REVIEW: "error",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_TESTED: "skipped",
}


def render_junit(result: RunResult, records: Sequence[Record], catalogue: Catalogue) -> str:
    """The whole file. A waived fail is skipped and says so; what could not be decided is an error, never a pass."""
    times = {each.seq: each.t for each in records}
    targets = dict.fromkeys([each.target for each in result.outcomes] + [each.target for each in result.not_run])
    root = ElementTree.Element("testsuites", name=xml_text(result.run_id))
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for target in targets:
        suite = ElementTree.SubElement(root, "testsuite", name=xml_text(target or "bench"))
        if result.started:
            suite.set("timestamp", xml_text(result.started))
        cases = [_ran(each, result, catalogue, times) for each in result.outcomes if each.target == target]
        cases += [_not_run(each, catalogue) for each in result.not_run if each.target == target]
        suite.extend(cases)
        for name, tag in (("tests", "."), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            count = len(cases) if tag == "." else sum(case.find(tag) is not None for case in cases)
            suite.set(name, str(count))
            totals[name] += count
    for name, count in totals.items():
        root.set(name, str(count))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def xml_text(text: str) -> str:
    """*text* without the characters that XML 1.0 cannot carry."""
    return "".join(each if _XML_CHARACTER.fullmatch(each) else "\ufffd" for each in text)


def _case(check_id: str, target: str, catalogue: Catalogue) -> ElementTree.Element:
    card = catalogue.check(check_id)
    case = ElementTree.Element("testcase", classname=xml_text(f"{card.device_class or 'check'}.{target}"))
    case.set("name", xml_text(f"{check_id} {card.title.zh} {card.title.en}"))
    properties = ElementTree.SubElement(case, "properties")
    for clause in card.clauses:
        ElementTree.SubElement(properties, "property", name="clause", value=xml_text(clause))
    return case


def _ran(outcome: Outcome, result: RunResult, catalogue: Catalogue, times: dict[int, float]) -> ElementTree.Element:
    case = _case(outcome.check_id, outcome.target, catalogue)
    duration = times.get(outcome.last_record, 0.0) - times.get(outcome.first_record, 0.0)
    case.set("time", f"{max(0.0, duration):.6f}")
    waiver = result.waiver_of(outcome)
    tag = "skipped" if waiver else _TAGS.get(outcome.verdict)
    if tag is None:
        return case
    label = VERDICT_LABELS[outcome.verdict]
    words = f"{label.zh} {label.en}"
    if waiver:
        words = f"豁免的不通过 waived fail ({waiver.owner}, {waiver.expires}: {waiver.reason})"
    cause = f": {outcome.cause.zh} | {outcome.cause.en}" if outcome.cause else ""
    node = ElementTree.SubElement(case, tag, message=xml_text(words + cause))
    if not waiver:
        node.set("type", outcome.verdict.value)
    who = BLAME_LABELS[outcome.blame] if outcome.blame else None
    lines = [f"责任方 blame: {who.zh} {who.en}"] if who else []
    lines += [f"[{each.kind}] {each.message.zh} | {each.message.en} {list(each.records)}" for each in outcome.findings]
    node.text = xml_text("\n".join(lines))
    return case


def _not_run(each: NotRun, catalogue: Catalogue) -> ElementTree.Element:
    case = _case(each.check_id, each.target, catalogue)
    label = VERDICT_LABELS[each.verdict]
    message = xml_text(f"{label.zh} {label.en}: {each.reason.zh} | {each.reason.en}")
    ElementTree.SubElement(case, "skipped", message=message)
    return case

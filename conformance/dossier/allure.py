"""Allure results, written directly in Allure's own file format: a view of the verdicts. Deterministic.

One ``<uuid>-result.json`` a check and target; ids are derived from
the run id, so the same run always gives the same files.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from conformance.dossier.read import records_of
from conformance.dossier.snapshot import Catalogue, CheckCard
from conformance.model import BLAME_LABELS, VERDICT_LABELS, Outcome, Verdict
from conformance.result import NotRun, RunResult
from conformance.strict_json import pretty
from conformance.view import StepRecords, cut_steps
from protocols.record import Record
from protocols.wire.base import Label

__all__ = ["allure_files"]

FOLDER = "allure-results"

_STATUS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.ERROR: "broken",
    Verdict.INCONCLUSIVE: "broken",
    Verdict.NEEDS_REVIEW: "unknown",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_TESTED: "skipped",
}


def allure_files(result: RunResult, records: Sequence[Record], catalogue: Catalogue) -> dict[str, str]:
    """Path inside the dossier to text, for every Allure file of *result*."""
    start_ms = _epoch_ms(result.started)
    files = {f"{FOLDER}/environment.properties": _environment(result), f"{FOLDER}/categories.json": _categories()}
    for outcome in result.outcomes:
        card, mine = catalogue.check(outcome.check_id), records_of(records, outcome)
        entry = _entry(result, card, outcome.target, outcome.verdict)
        waiver = result.waiver_of(outcome)
        entry["statusDetails"] = {"message": _message(outcome, waiver is not None), "trace": _findings(outcome)}
        entry["start"], entry["stop"] = _span(mine, start_ms)
        entry["steps"] = [_step(each, start_ms) for each in cut_steps(mine)]
        if waiver:
            entry["labels"].append({"name": "tag", "value": "waived"})
        files[f"{FOLDER}/{entry['uuid']}-result.json"] = pretty(entry)
    for each in result.not_run:
        entry = _entry(result, catalogue.check(each.check_id), each.target, each.verdict)
        entry["statusDetails"] = {"message": _reason(each), "trace": ""}
        entry["start"] = entry["stop"] = start_ms
        files[f"{FOLDER}/{entry['uuid']}-result.json"] = pretty(entry)
    return files


def _entry(result: RunResult, card: CheckCard, target: str, verdict: Verdict) -> dict[str, Any]:
    key = f"{card.id}[{target}]"
    labels = [
        ("parentSuite", card.device_class or "conformance"),
        ("suite", target),
        ("subSuite", card.id.rpartition(".")[0] or card.id),
        ("framework", "onecard"),
        ("host", result.bench.name),
        ("tag", verdict.value),
        *(("feature", clause) for clause in card.clauses),
    ]
    return {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"onecard:{result.run_id}:{key}")),
        "historyId": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(),
        "testCaseId": hashlib.md5(card.id.encode(), usedforsecurity=False).hexdigest(),
        "fullName": key,
        "name": f"{card.title.zh} · {card.title.en}",
        "description": "\n\n".join(filter(None, dict.fromkeys((card.rule.zh, card.rule.en)))),
        "status": _STATUS[verdict],
        "stage": "finished",
        "steps": [],
        "attachments": [],
        "parameters": [{"name": "target", "value": target}, {"name": "verdict", "value": verdict.value}],
        "labels": [{"name": name, "value": value} for name, value in labels],
        "links": [],
    }


def _message(outcome: Outcome, waived: bool) -> str:
    label = VERDICT_LABELS[outcome.verdict]
    parts = [f"{label.zh} {label.en}"]
    if waived:
        parts.append("已豁免 waived")
    if outcome.blame:
        parts.append(f"责任方 {BLAME_LABELS[outcome.blame].zh} {BLAME_LABELS[outcome.blame].en}")
    if outcome.cause:
        parts.append(f"{outcome.cause.zh} | {outcome.cause.en}")
    return " · ".join(parts)


def _reason(each: NotRun) -> str:
    label: Label = VERDICT_LABELS[each.verdict]
    return f"{label.zh} {label.en}: {each.reason.zh} | {each.reason.en}"


def _findings(outcome: Outcome) -> str:
    return "\n".join(
        f"[{each.kind}] {each.message.zh} | {each.message.en} records {list(each.records)}" for each in outcome.findings
    )


def _step(step: StepRecords, start_ms: int) -> dict[str, Any]:
    """A step of the stimulus: that it was carried out says nothing of the device, so it is never coloured."""
    start, stop = _span(step.records, start_ms)
    return {"name": step.name, "status": "unknown", "stage": "finished", "start": start, "stop": stop}


def _span(records: Sequence[Record], start_ms: int) -> tuple[int, int]:
    if not records:
        return start_ms, start_ms
    return start_ms + round(records[0].t * 1000), start_ms + round(records[-1].t * 1000)


def _epoch_ms(started: str) -> int:
    """Milliseconds since 1970 of an ISO time; 0 when there is none that can be read."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return 0
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def _environment(result: RunResult) -> str:
    rows: Iterable[tuple[str, str]] = (
        ("run", result.run_id),
        ("bench", result.bench.name),
        ("bench_class", result.bench_class),
        ("clock_class", result.clock_class),
        ("profile", result.profile),
        ("suite_hash", result.suite_hash),
        ("tool_version", result.tool_version),
    )
    return "".join(f"{name}={' '.join(value.split())}\n" for name, value in rows)


def _categories() -> str:
    rows = [
        {"name": "不通过 fail", "matchedStatuses": ["failed"]},
        {"name": "无法判定或测试错误 inconclusive or error", "matchedStatuses": ["broken"]},
        {"name": "待复核 needs review", "matchedStatuses": ["unknown"]},
        {"name": "未测试或不适用 not tested or not applicable", "matchedStatuses": ["skipped"]},
    ]
    return pretty(rows)

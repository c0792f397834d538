"""What a result says of plan and bench, held against the plan lock and the history: no stamp is anybody's free text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.dossier.verification import Verification
from conformance.plan import vouched
from conformance.result import BenchSlot, RunResult
from conformance.strict_json import to_plain
from protocols.record import Record
from scenarios.models import Bench

__all__ = ["bench_of", "check_stamps"]

_PTY_SHOWN = re.compile(r"serial:///dev/(pts/|ttys)\d+(\?baud=9600)?")
_VPCD_SHOWN = re.compile(r"vpcd://[\w.:\[\]-]*:\d{1,5}")
_TOLD_TO_ORACLES = (
    "dialect",
    "generation",
    "pics",
    "parameters",
    "pixit",
    "story",
    "bench_class",
    "clock",
    "cards",
    "sams",
)


def bench_of(lock: Mapping[str, Any]) -> Bench | None:
    """The bench of a plan lock, its slots in their order; None when there is none, or none that fits."""
    plain = lock.get("bench")
    order = lock.get("slot_order")
    try:
        if isinstance(order, list | tuple):
            plain = {**plain, "slots": {name: plain["slots"][name] for name in order}}  # type: ignore[index]
        return Bench.model_validate(plain)
    except (KeyError, TypeError, ValueError):
        return None


def check_stamps(lock: Mapping[str, Any], result: RunResult, records: Sequence[Record], found: Verification) -> None:
    """Complain about every stamp of *result*, and every fact of *records*, that the lock does not imply."""
    _check_begin(lock, records, found)
    _check_preflight(result, records, found)
    bench = bench_of(lock)
    if bench is None:
        found.problem(
            "plan.lock.json", "bench", "计划锁中没有可用的台架", "the lock holds no bench that fits the format"
        )
        return
    _check_result(lock, bench, result, records, found)
    _check_slots(bench, result, records, found)
    for each in records:
        if each.kind == "check" and each.note.get("phase") == "begin":
            _check_facts(lock, bench, each, found)


def _check_begin(lock: Mapping[str, Any], records: Sequence[Record], found: Verification) -> None:
    begun = [each for each in records if each.kind == "run" and each.note.get("phase") == "begin"]
    if len(begun) != 1 or begun[0] is not records[0]:
        zh, en = "历史应以唯一的运行开始记录开头", "the history must begin with its one record of the begin of the run"
        found.problem("history.jsonl", "1", zh, en)
    if any(each.note.get("lock") != lock.get("sha256") for each in begun):
        found.problem("plan.lock.json", "sha256", "历史不是按这份计划运行的", "the history was made under another plan")


def _check_preflight(result: RunResult, records: Sequence[Record], found: Verification) -> None:
    told = {(each.name, each.ok, each.text.en) for each in result.preflight}
    for each in records:
        if each.kind != "preflight":
            continue
        seen = (each.note.get("name"), each.note.get("ok"), each.note.get("text"))
        if seen not in told:
            zh, en = "与历史中的预检记录不符", "does not agree with the preflight records of the history"
            found.problem("result.json", f"preflight {each.note.get('name')}", zh, en)


def _check_result(
    lock: Mapping[str, Any], bench: Bench, result: RunResult, records: Sequence[Record], found: Verification
) -> None:
    title = lock.get("title") or {"zh": lock.get("plan"), "en": lock.get("plan")}
    hands = "/".join(sorted({slot.hand.by for slot in bench.slots.values()}))
    implied: dict[str, tuple[Any, Any]] = {
        "clock_class": (result.clock_class, bench.clock),
        "profile": (result.profile, lock.get("profile")),
        "tool_version": (result.tool_version, lock.get("tool_version")),
        "laboratory": (to_plain(result.laboratory), to_plain(lock.get("laboratory"))),
        "scope": (to_plain(result.scope), to_plain(title)),
        "pixit": (
            to_plain(result.pixit),
            to_plain({"parameters": lock.get("parameters"), "pixit": lock.get("pixit")}),
        ),
        "bench.name": (result.bench.name, bench.bench),
        "bench.under_test": (result.bench.under_test, ", ".join(bench.under_test)),
        "bench.hand": (result.bench.hand, hands),
        "bench.seed": (result.bench.seed, bench.seed),
    }
    for name, (stated, wanted) in implied.items():
        if stated != wanted:
            _differs("result.json", name, found)
    if result.bench_class not in _bench_classes(bench, records):
        _differs("result.json", "bench_class", found)


def _bench_classes(bench: Bench, records: Sequence[Record]) -> set[str]:
    """The class of the bench; also that of the bench without its PC/SC tier, when the history has nothing of it."""
    classes = {bench.bench_class}
    tier = {name for name, slot in bench.slots.items() if slot.scheme in ("vpcd", "pcsc")}
    rest = {name: slot for name, slot in bench.slots.items() if name not in tier}
    if rest and not any(each.slot in tier for each in records):
        classes.add(bench.model_copy(update={"slots": rest}).bench_class)
    return classes


def _check_slots(bench: Bench, result: RunResult, records: Sequence[Record], found: Verification) -> None:
    targets = set(bench.targets())
    described = {
        each.slot: str(each.note.get("text")).partition(": ")[2] for each in records if each.kind == "preflight"
    }
    stated = {each.slot: each for each in result.bench.slots}
    if [each.slot for each in result.bench.slots] != list(bench.slots):
        _differs("result.json", "bench.slots", found)
    for name, slot in bench.slots.items():
        told = stated.get(name)
        if told is None:
            continue
        wanted = BenchSlot(
            name,
            slot.device_class,
            slot.dialect or slot.image,
            told.link if _link_fits(slot.scheme, slot.link, told.link) else slot.link,
            name in targets,
            slot.simulated,
            described.get(name, ""),
        )
        left, right = to_plain(told), to_plain(wanted)
        for field in left:
            if left[field] != right[field]:
                _differs("result.json", f"bench.slots {name}.{field}", found)


def _link_fits(scheme: str, planned: str, shown: str) -> bool:
    """A pseudo-terminal shows where it stands, a vpcd card the port that it got; every other link is as planned."""
    if scheme == "pty":
        return shown == planned or _PTY_SHOWN.fullmatch(shown) is not None
    if scheme == "vpcd":
        return shown == planned or _VPCD_SHOWN.fullmatch(shown) is not None
    return shown == planned


def _check_facts(lock: Mapping[str, Any], bench: Bench, record: Record, found: Verification) -> None:
    """What the oracles were told must be what the plan declared: nothing less, nothing more."""
    where = f"{record.seq + 1}"
    facts = record.note.get("facts")
    slot = bench.slots.get(record.slot)
    if not isinstance(facts, Mapping) or slot is None:
        zh, en = (
            "检查的开始记录没有声明，或槽位不在台架中",
            "a check begins without facts, or on a slot that the bench lacks",
        )
        found.problem("history.jsonl", where, zh, en)
        return
    pics = _of(lock, "pics", record.slot)
    implied: dict[str, Any] = {
        "dialect": slot.dialect,
        "generation": pics.get("card.generation"),
        "pics": pics,
        "parameters": _of(lock, "parameters", record.slot),
        "pixit": _of(lock, "pixit", record.slot),
        "story": lock.get("story") or None,
        "bench_class": bench.bench_class,
        "clock": bench.clock,
        **vouched(slot),
    }
    for name in _TOLD_TO_ORACLES:
        stated, wanted = to_plain(facts.get(name)), to_plain(implied.get(name))
        if stated != wanted:
            zh, en = f"判定所用的 {name} 与计划锁不同", f"judged under {name} other than those of the plan lock"
            found.problem("history.jsonl", where, zh, en)
    for name in sorted(facts.keys() - {*_TOLD_TO_ORACLES, "hand"}):
        found.problem("history.jsonl", where, f"多出的声明 {name}", f"a fact that no plan declares: {name}")


def _of(lock: Mapping[str, Any], name: str, slot: str) -> Mapping[str, Any]:
    values = lock.get(name)
    found = values.get(slot, {}) if isinstance(values, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _differs(file: str, where: str, found: Verification) -> None:
    zh, en = "与计划锁所含的不同", "is not what plan lock and history imply"
    found.problem(file, where, zh, en)

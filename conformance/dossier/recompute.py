"""Make every verdict again from the history, and find what was left out, told twice or told against the plan."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conformance.dossier.silences import check_silences, check_waivers
from conformance.dossier.stamps import check_stamps
from conformance.dossier.verification import Verification
from conformance.faults import check_faults
from conformance.model import Check, Outcome, Verdict, discover_checks
from conformance.pixit_secrets import SecretNeeded
from conformance.result import RunResult, RunStatus
from conformance.strict_json import to_plain
from protocols.record import Record, canonical
from protocols.wire.base import Label

__all__ = ["recompute"]

Secrets = Mapping[str, Mapping[str, Any]]
"""PIXIT values that no dossier holds, by slot."""

Judge = Callable[[Check, Sequence[Record], str, Secrets], Outcome]


def recompute(
    result: RunResult,
    records: Sequence[Record],
    found: Verification,
    *,
    checks: Sequence[Check] | None = None,
    judge: Judge | None = None,
    same_suite: bool = True,
    secrets: Secrets | None = None,
) -> int:
    """Complain about every outcome that is not what the history gives; return how many verdicts were made again.

    An outcome whose oracle needs a PIXIT value that *secrets* lack is reported as not recomputable, never as equal.
    """
    if judge is None:
        from conformance.execute import judge
    known = {each.id: each for each in (discover_checks() if checks is None else checks)}
    _check_plan(result, records, known, found)
    extents = _extents(records)
    ran = _check_completeness(result, records, found)
    count = 0
    for index, stored in enumerate(result.outcomes):
        where = f"outcomes[{index}] {stored.key}"
        check = known.get(stored.check_id)
        if (stored.check_id, stored.target) not in ran:
            _check_unreached(where, stored, found)
        elif check is None:
            _unknown(where, same_suite, found)
        else:
            first, last = extents[stored.check_id, stored.target]
            made = _again(where, stored, check, records[first : last + 1], judge, secrets or {}, found)
            if made is not None:
                _compare(where, stored, made, same_suite, found)
                count += 1
    return count


def _again(
    where: str,
    stored: Outcome,
    check: Check,
    records: Sequence[Record],
    judge: Judge,
    secrets: Secrets,
    found: Verification,
) -> Outcome | None:
    """The outcome that the history gives; None when it cannot be had, which is then reported."""
    try:
        return judge(check, records, stored.target, secrets)
    except SecretNeeded as error:
        remedy = Label(
            f"用 --pixit FILE 给出 {stored.target} 的 {error.item}（值与档案中的校验值相符者）",
            f"give {error.item} of {stored.target} with --pixit FILE; its check value must be that of the dossier",
        )
        zh = f"在此无法重算：判定需要 {error.item}，档案不含密钥"
        en = f"not recomputable here: the oracle needs {error.item}, and a dossier holds no key"
        found.gap("result.json", where, zh, en, remedy)
    except Exception as error:  # a forged history must not stop the verifier
        what = f"{type(error).__name__}: {error}"
        found.problem("result.json", where, f"结论无法重算：{what}", f"the verdict cannot be recomputed: {what}")
    return None


def _check_unreached(where: str, stored: Outcome, found: Verification) -> None:
    """A check that never began has no records: the engine may call that an error, and nothing else."""
    if stored.verdict is not Verdict.ERROR or stored.findings or stored.first_record >= 0:
        zh = f"历史中没有执行，却写为 {stored.verdict.value}"
        found.problem("result.json", where, zh, f"given as {stored.verdict.value}, but the history never ran it")


def _unknown(where: str, same_suite: bool, found: Verification) -> None:
    remedy = Label("安装签发时所用的套件版本", "install the version of the suite that issued the dossier")
    zh, en = "本机套件没有这个检查项，结论无法重算", "the suite here lacks this check: its verdict cannot be recomputed"
    if same_suite:
        en += ", although the suite hash is the same"
    found.problem("result.json", where, zh, en, remedy)


def _compare(where: str, stored: Outcome, made: Outcome, same_suite: bool, found: Verification) -> None:
    if stored.verdict is not made.verdict:
        zh = f"结论写为 {stored.verdict.value}，由历史重算为 {made.verdict.value}"
        en = f"the verdict is given as {stored.verdict.value}, but the history gives {made.verdict.value}"
    else:
        # Through plain JSON, where a tuple that was read back and one that was computed are the same list.
        left, right = to_plain(stored), to_plain(made)
        names = [each for each in left if left[each] != right[each]]
        if not names:
            return
        zh, en = f"与重算不一致：{'、'.join(names)}", f"differs from the recomputed outcome in {', '.join(names)}"
    if same_suite:
        found.problem("result.json", where, zh, en)
    else:
        remedy = Label("用档案所用的套件版本再核对", "verify again with the dossier's version of the suite")
        found.problem("result.json", where, zh + "（套件不同）", en + " (with another suite)", remedy)


def _check_completeness(
    result: RunResult, records: Sequence[Record], found: Verification
) -> Mapping[tuple[str, str], int]:
    """Nothing that ran may be left out, told twice, run twice, or be told as not run. Gives what ran, and how often."""
    told = Counter((each.check_id, each.target) for each in result.outcomes)
    silent = Counter((each.check_id, each.target) for each in result.not_run)
    ran, ended = (_marks(records, phase) for phase in ("begin", "end"))
    for key, times in ran.items():
        name = f"{key[0]}[{key[1]}]"
        cut_short = key not in ended and result.status is not RunStatus.COMPLETE
        if key not in told and not cut_short:
            zh, en = "历史中执行过，结果中没有", "the history ran it, the result leaves it out"
            found.problem("result.json", name, zh, en)
        if times > 1:
            found.problem("history.jsonl", name, "同一检查项执行了多次", "the same check was run more than once")
    for key, times in (told + silent).items():
        if times > 1:
            name = f"{key[0]}[{key[1]}]"
            found.problem("result.json", name, "同一检查项有多个结论", "the same check has more than one verdict")
    return ran


def _extents(records: Sequence[Record]) -> dict[tuple[str, str], tuple[int, int]]:
    """Where each check's first and last mark stand in the history: a judge need not search all of it for each."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for at, each in enumerate(records):
        if each.kind == "check":
            key = (str(each.note.get("id")), each.slot)
            found[key] = (found.get(key, (at, at))[0], at if each.note.get("phase") == "end" else len(records))
    return found


def _marks(records: Sequence[Record], phase: str) -> Counter[tuple[str, str]]:
    marks = [each for each in records if each.kind == "check" and each.note.get("phase") == phase]
    return Counter((str(each.note.get("id")), each.slot) for each in marks)


def _check_plan(result: RunResult, records: Sequence[Record], known: Mapping[str, Check], found: Verification) -> None:
    """The lock must have its own hash and be the one of the history; every check of it must be accounted for."""
    lock: dict[str, Any] = dict(result.plan_lock)
    stated = lock.pop("sha256", None)
    if stated != hashlib.sha256(canonical(lock).encode()).hexdigest():
        found.problem("plan.lock.json", "sha256", "计划锁的哈希不符", "the plan lock does not have the hash it states")
    if lock.get("suite_hash") != result.suite_hash:
        zh, en = "与结果中的套件哈希不同", "differs from the suite hash of the result"
        found.problem("plan.lock.json", "suite_hash", zh, en)
    if lock.get("pics") != result.pics:
        found.problem("pics.json", "", "与计划锁中的 PICS 不同", "differs from the PICS in the plan lock")
    told = {each.key for each in result.outcomes} | {each.key for each in result.not_run}
    planned = lock.get("checks", ())
    if result.status is RunStatus.COMPLETE and isinstance(planned, list | tuple):
        for key in planned:
            if key not in told:
                found.problem("result.json", str(key), "计划了但没有结论", "planned, but without a verdict")
    check_stamps(result.plan_lock, result, records, found)
    check_silences(result.plan_lock, result, records, known, found)
    check_waivers(result.plan_lock, result, found)
    check_faults(lock, result, records, found)

"""Run one check, and judge it. :func:`judge` is pure: the same records give the same outcome, here and anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from conformance.model import Blame, Check, Finding, NoObservation, Outcome, Verdict, conclude
from conformance.pixit_secrets import SecretNeeded, shown_pixit, with_secrets
from conformance.roles.card_reader import HandUnable, NotHome
from conformance.roles.discovery import view_of
from conformance.view import CheckView, segment
from protocols.link.base import LinkClosed, LinkError, LinkTimeout
from protocols.record import History, Record
from protocols.wire.base import Label, WireError

__all__ = ["execute", "judge"]


class Tester(Protocol):
    """What every role's tester has: where it writes, and what it was told."""

    slot: str
    history: History
    facts: Any


async def execute(check: Check, tester: Tester) -> Outcome:
    """Run the stimulus between the two marks of the check, then judge from the history alone.

    How a stimulus ended early is itself a record (kind ``check``, phase ``cut``), so that a judge elsewhere knows too.
    """
    history, slot = tester.history, tester.slot
    begin = history.append(
        slot, "-", "check", id=check.id, phase="begin", facts=_shown(tester.facts, check.device_class)
    )
    try:
        await check.stimulus(tester)
    except HandUnable as error:
        history.append(slot, "-", "cut", why="hand", action=error.action, status=error.status)
    except NotHome as error:
        why = getattr(error, "cut", "not_home")  # a suite may know better: what the laboratory declared was wrong
        history.append(slot, "-", "cut", why=why, zh=error.why.zh, en=error.why.en)
    except LinkTimeout as error:
        history.append(slot, "-", "cut", why="silence", en=str(error))
    except LinkClosed as error:
        history.append(slot, "-", "cut", why="closed", en=str(error))
    except LinkError as error:
        history.append(slot, "-", "cut", why="link", en=str(error))
    except Exception as error:  # the harness's own fault must become a verdict, not a lost run
        history.append(slot, "-", "cut", why="harness", en=f"{type(error).__name__}: {error}")
    history.append(slot, "-", "check", id=check.id, phase="end")
    return judge(check, history.records[begin.seq :], slot, {slot: tester.facts.get("pixit", {})})


def _shown(facts: Mapping[str, Any], device_class: str) -> dict[str, Any]:
    """The facts as the history may keep them: without PINs, and with check values instead of keys."""
    return {**facts, "pixit": shown_pixit(device_class, facts.get("pixit", {}), facts.get("pics") or {})}


def judge(
    check: Check, records: Sequence[Record], target: str, secrets: Mapping[str, Mapping[str, Any]] | None = None
) -> Outcome:
    """The outcome of *check* on *target*, from the records alone. A check that left no records was not run.

    *secrets* are PIXIT values by target that the records leave out. Raises :class:`SecretNeeded` when the oracle asks
    for one that is not among them, or is not the one of the run.
    """
    mine = segment(records, check.id, target)
    if not mine:
        return Outcome(check.id, target, Verdict.NOT_TESTED, cause=Label("未执行", "never run"))
    first, last = mine[0].seq, mine[-1].seq
    if mine[-1].note.get("phase") != "end":
        cause = Label("执行中断", "the run was cut short inside this check")
        return Outcome(check.id, target, Verdict.INCONCLUSIVE, (), Blame.HARNESS, cause, first, last)
    view = view_of(check.device_class)(mine)
    view.facts = with_secrets(view.facts, (secrets or {}).get(target, {}))
    _ask_oracle(check, view)
    cut = next((each for each in mine if each.kind == "cut"), None)
    if cut is not None:
        # What was declared wrongly explains what the oracle then missed, so it is said first.
        first_said = 0 if cut.note["why"] == "configuration" else len(view.findings)
        view.findings.insert(first_said, _cut_finding(cut, view.findings))
    verdict, blame = conclude(view.findings, _control_seen(check, view))
    cause = _cause(verdict, view.findings)
    return Outcome(check.id, target, verdict, tuple(view.findings), blame, cause, first, last)


def _ask_oracle(check: Check, view: CheckView) -> None:
    try:
        check.oracle(view)
    except SecretNeeded:
        raise
    except NoObservation as error:
        view.findings.append(_missing(error, view))
    except WireError as error:
        view.findings.append(
            Finding("violation", Label(f"应答不符合格式：{error}", f"the answer breaks the format: {error}"))
        )
    except Exception as error:  # an oracle that breaks on odd bytes must not pass, and must not stop the run
        what = f"{type(error).__name__}: {error}"
        view.findings.append(
            Finding("error", Label(f"判定程序出错：{what}", f"the oracle failed: {what}"), blame=Blame.HARNESS)
        )


def _missing(error: NoObservation, view: CheckView) -> Finding:
    """A thing that the oracle wanted and the history lacks: the device's silence is its fault, anything else is not."""
    about = error.records
    silent = [each.seq for each in view.records if each.kind == "limit" and _concerns(view.records, each.seq, about)]
    if silent:
        label = Label(f"设备在时限内没有应答（{error.what.zh}）", f"the device kept silent ({error.what.en})")
        return Finding("violation", label, tuple(silent[-3:]))
    return Finding("inconclusive", error.what, error.records, Blame.ENVIRONMENT)


def _concerns(records: Sequence[Record], seq: int, about: Sequence[int]) -> bool:
    """Whether the limit *seq* passed inside what a missing thing refers to, or while its last command was waited for.

    A silence elsewhere in the check may have been asked for. What refers to no record never began: where silence was
    the reason, the cut says so.
    """
    if not about or seq < min(about):
        return False
    return not any(max(about) < each.seq < seq and each.direction == "tx" for each in records)


def _cut_finding(cut: Record, sofar: Sequence[Finding]) -> Finding:
    why, text = str(cut.note["why"]), str(cut.note.get("en", ""))
    at = (cut.seq,)
    if why == "hand":
        action, status = cut.note["action"], cut.note["status"]
        label = Label(f"操作“{action}”未能完成（{status}）", f"the hand action {action!r} was not done ({status})")
        return Finding("inconclusive", label, at, Blame.ENVIRONMENT)
    if why == "configuration":
        return Finding("inconclusive", Label(str(cut.note["zh"]), text), at, Blame.CONFIGURATION)
    if why == "not_home":
        return Finding("inconclusive", Label(str(cut.note["zh"]), text), at, Blame.DEVICE)
    if why == "silence":
        return Finding("violation", Label(f"设备没有应答：{text}", f"the device kept silent: {text}"), at)
    if why == "closed":
        return Finding("inconclusive", Label(f"连接中断：{text}", f"the link went away: {text}"), at, Blame.ENVIRONMENT)
    if why == "link":
        return Finding("violation", Label(f"通信错误：{text}", f"communication error: {text}"), at)
    return Finding("error", Label(f"测试程序出错：{text}", f"the harness failed: {text}"), at, Blame.HARNESS)


def _control_seen(check: Check, view: CheckView) -> bool:
    return not check.control or bool(view.steps(check.control))


def _cause(verdict: Verdict, findings: Sequence[Finding]) -> Label | None:
    if verdict is Verdict.PASS:
        return None
    wanted = {
        Verdict.FAIL: "violation",
        Verdict.ERROR: "error",
        Verdict.INCONCLUSIVE: "inconclusive",
        Verdict.NEEDS_REVIEW: "review",
    }[verdict]
    found = next((each.message for each in findings if each.kind == wanted), None)
    return found or Label("没有观察到被测设备", "nothing of the device was observed")

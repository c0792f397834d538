"""What a load says, in plain words of two languages, and the exit code that it decides. Pure.

Four kinds of findings, and their order matters. What is **so whatever the generator did** (money, refusals, unpaid services)
breaks the load: exit code 1. Where the **generator was the bottleneck** nothing is said about the system's speed: exit code 2.
Only then do **times** count: 0 where all hold, 1 where one is beyond its limit, and 2 again where the **machine** was busy with
other programs meanwhile.

A limit whose figure is missing never holds: it is not measured, and where it is one of the generator's, nothing was. What a load
cannot look at at all stands in the verdict as not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.machine import OTHERS
from loadtest.summary import LoadSummary, StageSummary
from protocols.wire.base import Label
from scenarios.load_model import LoadFile, StageSpec

__all__ = ["BROKEN", "PASSED", "UNDECIDED", "Line", "Verdict", "judge"]

PASSED, BROKEN, UNDECIDED = 0, 1, 2
"""Exit codes: all holds; a threshold is broken; nothing was said about the system."""

Kind = Literal["money", "fact", "generator", "machine", "time", "run"]
Overall = Literal[
    "passed",
    "broken",
    "generator-was-the-bottleneck",
    "generator-not-measured",
    "machine-was-busy",
    "generator-failed",
    "stopped",
    "not-brought-up",
]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was to be looked at: what was measured, what the limit is, whether it holds; None where nobody could look."""

    kind: Kind
    stage: str
    what: Label
    measured: str
    limit: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    exit_code: int
    overall: Overall
    text: Label
    lines: tuple[Line, ...]

    @property
    def broken(self) -> tuple[Line, ...]:
        return tuple(each for each in self.lines if each.holds is False)

    @property
    def unseen(self) -> tuple[Line, ...]:
        """What was not measured or not checked."""
        return tuple(each for each in self.lines if each.holds is None)

    @property
    def told(self) -> tuple[Line, ...]:
        """What a person must see: what is broken or was not looked at. Where all times hold, a busy machine excuses nothing."""
        wanted = (each for each in self.lines if not each.holds)
        return tuple(each for each in wanted if each.kind != "machine" or self.exit_code != PASSED)


_TEXTS: dict[Overall, Label] = {
    "passed": Label("通过：全部限值成立，没有丢失，没有重复，各方账目一致", "passed: every limit holds, nothing lost or doubled, books equal"),
    "broken": Label("不通过：有限值被突破", "broken: a limit does not hold"),
    "generator-was-the-bottleneck": Label(
        "未测得：压力发生器自身成为瓶颈，本次不能说明系统的快慢",
        "not measured: the generator was the bottleneck, this run says nothing about the speed of the system",
    ),
    "generator-not-measured": Label(
        "未测得：压力发生器自身的数据缺失，本次不能说明系统的快慢",
        "not measured: figures of the generator itself are missing, this run says nothing about the speed of the system",
    ),
    "machine-was-busy": Label(
        "未测得：有时间超过限值，但当时本机忙于其他程序，不能归于被测系统",
        "not measured: a time is over its limit, but the machine was busy with other programs meanwhile",
    ),
    "generator-failed": Label("未测得：压力发生器出错", "not measured: the generator failed"),
    "stopped": Label("未测得：负载被中途停止", "not measured: the load was stopped before its end"),
    "not-brought-up": Label("未测得：台架没有立起来", "not measured: the bench could not be brought up"),
}  # fmt: skip

_NOT_MEASURED = "未测得 / not measured"
_NOT_CHECKED = "未核对 / not checked"


def judge(load: LoadFile, summary: LoadSummary, money: Sequence[str] | None) -> Verdict:
    """The verdict. *money*: what the oracles found wrong, empty for nothing; None: the books could not be read, which no
    passing load can have."""
    lines = tuple(_lines(load, summary, money))
    return _verdict(summary, lines)


def _verdict(summary: LoadSummary, lines: tuple[Line, ...]) -> Verdict:
    def broken(*kinds: Kind) -> bool:
        return any(each.holds is False and each.kind in kinds for each in lines)

    status = summary.generator.status
    if broken("money", "fact"):
        overall: Overall = "broken"
    elif status == "not-ready":
        overall = "not-brought-up"
    elif status == "stopped":
        overall = "stopped"
    elif status != "complete":
        overall = "generator-failed"
    elif broken("generator"):
        overall = "generator-was-the-bottleneck"
    elif any(each.holds is None and each.kind == "generator" for each in lines):
        overall = "generator-not-measured"
    elif broken("time"):
        overall = "machine-was-busy" if broken("machine") else "broken"
    else:
        overall = "passed"
    code = {"passed": PASSED, "broken": BROKEN}.get(overall, UNDECIDED)
    return Verdict(code, overall, _text(overall, lines), lines)


def _text(overall: Overall, lines: Sequence[Line]) -> Label:
    """Whoever reads no more than that a load has passed reads also of what of its money nobody looked at."""
    text = _TEXTS[overall]
    unseen = [each.what for each in lines if each.holds is None and each.kind == "money"]
    if overall != "passed" or not unseen:
        return text
    zh, en = "、".join(each.zh for each in unseen), ", ".join(each.en for each in unseen)
    return Label(f"{text.zh}；未核对：{zh}", f"{text.en}; not checked: {en}")


def _lines(load: LoadFile, summary: LoadSummary, money: Sequence[str] | None) -> Iterator[Line]:
    yield _run_line(summary)
    if summary.generator.status == "not-ready":
        return
    specs = {each.stage: each for each in load.stages}
    for stage in summary.stages:
        spec = specs[stage.stage]
        yield from _of_generator(load, spec, stage)
        yield from _times(spec, stage)
        if summary.generator.status == "complete":
            yield _everybody_came(stage)
    yield from _facts(load, summary)
    yield _money_line(summary, money)
    yield from _not_checked(summary)


def _run_line(summary: LoadSummary) -> Line:
    report = summary.generator
    what = Label("压力发生器运行到结束", "the generator ran to its end")
    shown = " ".join(filter(None, (report.status, report.error)))
    return Line("run", "", what, shown, "complete", report.status == "complete")


# The generator.


def _of_generator(load: LoadFile, spec: StageSpec, stage: StageSummary) -> Iterator[Line]:
    tightest_ms = spec.limits.tightest_ms
    assert tightest_ms is not None, "a stage has at least one limit"
    most_ms = load.limits.lag_share * tightest_ms
    lag, lag_ms = Label("发生器自身的滞后 p99", "the generator's own lag, p99"), stage.lag.p99_ms
    if stage.lag.count:
        yield Line("generator", stage.stage, lag, _ms(lag_ms), f"<= {_ms(most_ms)}", lag_ms <= most_ms)
    else:
        yield Line("generator", stage.stage, lag, _NOT_MEASURED, f"<= {_ms(most_ms)}", None)
    cpu, most = (
        Label("发生器占一个核的比例，最忙一秒", "the generator's share of a core, busiest second"),
        load.limits.generator_cpu,
    )
    if stage.cpu is not None:
        yield Line("generator", stage.stage, cpu, f"{stage.cpu:.0%}", f"<= {most:.0%}", stage.cpu <= most)
    else:
        yield Line("generator", stage.stage, cpu, _NOT_MEASURED, f"<= {most:.0%}", None)
    others, most = stage.machine.get(OTHERS), load.limits.others_cpu
    what = Label("其他程序占用的处理器", "processors that other programs used")
    if others is not None:
        yield Line("machine", stage.stage, what, f"{others:.2f}", f"<= {most:.2f}", others <= most)
    else:
        yield Line("machine", stage.stage, what, _NOT_MEASURED, f"<= {most:.2f}", None)


def _everybody_came(stage: StageSummary) -> Line:
    what = Label("按计划到达的市民", "citizens who came as planned")
    holds = stage.planned > 0 and stage.offered == stage.planned
    return Line("generator", stage.stage, what, str(stage.offered), f"= {stage.planned}", holds)


# Times.


def _times(spec: StageSpec, stage: StageSummary) -> Iterator[Line]:
    limits = spec.limits
    if limits.api_p99_ms is not None:
        what = Label("接口调用 p99，自计划时刻起", "an API call, p99, from its intended instant")
        yield _time(stage.stage, what, stage.api.p99_ms, limits.api_p99_ms, stage.api.count)
    if limits.quoted_p99_ms is not None:
        what = Label("从开单到报价 p99", "from opening to the quote, p99")
        yield _time(stage.stage, what, stage.quoted.p99_ms, limits.quoted_p99_ms, stage.quoted.count)
    if limits.decided_p99_ms is not None:
        what = Label("从按下支付到有结果 p99", "from the press of pay to the decision, p99")
        yield _time(stage.stage, what, stage.decided.p99_ms, limits.decided_p99_ms, stage.decided.count)
    if limits.all_decided_s is not None:
        what = Label("最后一笔支付有结果", "the last payment is decided")
        yield _time(stage.stage, what, stage.decided.most_ms, limits.all_decided_s * 1000, stage.decided.count)
    if spec.shape == "barrier":
        what = Label("同一秒按下支付的自助机", "kiosks that pressed pay in the same second")
        yield Line(
            "time", stage.stage, what, str(stage.in_one_second), f"= {spec.count}", stage.in_one_second == spec.count
        )


def _time(stage: str, what: Label, measured_ms: float, limit_ms: float, samples: int) -> Line:
    """A time without a sample does not hold: nothing was seen."""
    return Line(
        "time", stage, what, f"{_ms(measured_ms)} ({samples})", f"<= {_ms(limit_ms)}", samples > 0 and measured_ms <= limit_ms
    )  # fmt: skip


# Facts.


def _facts(load: LoadFile, summary: LoadSummary) -> Iterator[Line]:
    limits, stopped = load.limits, summary.generator.status == "stopped"
    if summary.broken:
        what = Label("后台与对端运行到结束", "backend and peers ran to the end")
        yield Line("fact", "", what, summary.broken, "", False)
    counts: tuple[tuple[Kind, Label, int, int], ...] = (
        ("fact", Label("被拒绝的调用", "calls that were refused"), summary.total("refused"), limits.refused),
        ("time", Label("始终没有回复的调用", "calls that were never answered"), summary.total("unanswered"), limits.unanswered),
        ("fact", Label("没有支付成功的服务", "services that were not paid"), summary.total("not_paid") - summary.total("given_up"), limits.not_paid),
        ("time", Label("等不到回答而放弃的服务", "services given up for want of an answer"), summary.total("given_up"), limits.not_paid),
        ("time", Label("因自助机仍忙而放弃的市民", "citizens dropped because their kiosk was still busy"), summary.total("dropped"), limits.dropped),
    )  # fmt: skip
    for kind, what, count, most in counts:
        # A stop cuts services off in their middle: then these counts say nothing.
        yield Line("time" if stopped else kind, "", what, str(count), f"<= {most}", count <= most)
    undecided = summary.total("undecided")
    what = Label("按下支付而始终没有结果", "pressed pay and never heard a decision")
    yield Line("time" if stopped else "fact", "", what, str(undecided), "<= 0", undecided == 0)
    unfinished = summary.generator.unfinished
    what = Label("结束时仍未完成的服务", "services still under way at the end")
    yield Line("time", "", what, str(unfinished), "<= 0", unfinished == 0)
    paid = summary.total("paid")
    what = Label("支付成功的服务", "services that were paid")
    yield Line("time" if stopped else "fact", "", what, str(paid), ">= 1", paid >= 1)


def _money_line(summary: LoadSummary, money: Sequence[str] | None) -> Line:
    what = Label("丢失、重复、账目不一致", "lost, doubled, books that differ")
    if money is None:  # of a load that was stopped nobody has waited for the end of what was under way
        kind: Kind = "run" if summary.generator.status == "stopped" else "money"
        return Line(kind, "", what, "账目无法读取 / the books could not be read", "0", False)
    shown = str(len(money)) if not money else f"{len(money)}: {money[0]}"
    return Line("money", "", what, shown, "0", not money)


def _not_checked(summary: LoadSummary) -> Iterator[Line]:
    """What the oracles of money cannot see in a load: its citizens are rows of a schedule, and nobody counts their presses by another
    way than the platform's own; and of a load without an ended service nobody has heard what a kiosk told."""
    yield Line("money", "", Label("按一次只扣一次", "one press, one payment"), _NOT_CHECKED, "", None)
    if not summary.total("told"):
        yield Line("money", "", Label("对市民所说属实", "what citizens were told is so"), _NOT_CHECKED, "", None)


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"

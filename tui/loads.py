"""Loads for commands and screens: the oracles of money beside them, their figures as rows, several of them as one exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocols.wire.base import Label
from tui.console import UserError
from tui.language import Language

if TYPE_CHECKING:
    from loadtest.service import LoadFile, LoadNews, LoadResult, StageSummary, Tick

__all__ = ["STAGE_HEADS", "exit_code_of", "load_of", "money_findings", "run_one", "stage_row", "tick_text"]

REMEDY = Label("见 docs/load.md；日志用 --keep 留下", "see docs/load.md; --keep keeps the logs")

STAGE_HEADS: tuple[Label, ...] = (
    Label("阶段", "stage"),
    Label("服务", "services"),
    Label("每秒", "a second"),
    Label("支付", "paid"),
    Label("调用", "calls"),
    Label("p50 ms", "p50 ms"),
    Label("p99 ms", "p99 ms"),
    Label("最大 ms", "max ms"),
    Label("支付结果 p99", "decided p99"),
    Label("支付结果 最大", "decided max"),
    Label("自身滞后 p99", "own lag p99"),
)


def load_of(name: str, stages: Sequence[str] = ()) -> LoadFile:
    """The load of a city or a file, with *stages* alone. Raises FileError, UserError."""
    from loadtest.service import chosen_stages, find_load_file, load_load_file

    load = load_load_file(find_load_file(name))
    known = [each.stage for each in load.stages]
    wrong = [each for each in stages if each not in known]
    if wrong:
        raise UserError(
            Label(f"没有阶段 {wrong[0]}", f"no stage {wrong[0]}"),
            Label(f"可用：{', '.join(known)}", f"there are: {', '.join(known)}"),
            name,
        )
    return chosen_stages(load, stages)


def money_findings(note: Mapping[str, Any]) -> list[str]:
    """What the oracles of money find wrong in *note*, one text each."""
    from conformance.oracles.money import judge_money
    from conformance.oracles.money_facts import MoneyFacts

    return [f"{each.oracle} {each.subject}: {each.text}" for each in judge_money(MoneyFacts.of_note(note))]


async def run_one(
    load: LoadFile, on_news: Callable[[LoadNews], None], *, keep: Path | None, stop: asyncio.Event
) -> LoadResult:
    """One load to its verdict. Raises UserError where the bench could not be brought up."""
    from loadtest.service import BenchFailed, run_load

    try:
        return await run_load(load, money_findings, on_news, keep=keep, stop=stop)
    except BenchFailed as error:
        text = str(error)
        raise UserError(Label(f"台架没有立起来：{text}", f"the bench did not come up: {text}"), REMEDY) from error


def exit_code_of(results: Iterable[LoadResult]) -> int:
    """1 where one is broken, else 2 where one says nothing, else 0."""
    codes = {each.verdict.exit_code for each in results}
    return next((each for each in (1, 2) if each in codes), 0)


def stage_row(stage: StageSummary, seconds: float) -> list[str]:
    """One stage under :data:`STAGE_HEADS`; *seconds* during which services of it began."""
    decided = stage.decided
    return [
        stage.stage,
        f"{stage.offered}/{stage.planned}",
        f"{stage.offered / seconds:.1f}",
        str(stage.paid),
        str(stage.calls),
        f"{stage.api.p50_ms:.1f}",
        f"{stage.api.p99_ms:.1f}",
        f"{stage.api.most_ms:.1f}",
        f"{decided.p99_ms:.0f} ms",
        f"{decided.most_ms:.0f} ms",
        f"{stage.lag.p99_ms:.1f} ms",
    ]


def tick_text(tick: Tick, language: Language) -> str:
    """One line of how a load stands."""
    if tick.phase == "preparing":
        return f"{'终端注册' if language == 'zh' else 'enrolling'} {tick.ready}/{tick.kiosks}"
    words = (
        (f"{tick.services_per_s:.1f}/s", "服务", "services"),
        (f"{tick.calls_per_s:.0f}/s", "调用", "calls"),
        (f"{tick.p99_ms:.0f} ms", "p99", "p99"),
        (f"{tick.lag_p99_ms:.0f} ms", "滞后", "lag"),
        (str(tick.serving), "在办", "serving"),
        (str(tick.paid), "已付", "paid"),
    )
    shown = "  ".join(f"{zh if language == 'zh' else en} {value}" for value, zh, en in words)
    wrong = tick.refused + tick.unanswered + tick.dropped
    return f"{tick.stage}  {shown}" + (f"  !{wrong}" if wrong else "")

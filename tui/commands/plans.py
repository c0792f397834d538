"""``onecard plan``: what must be mended before a plan means anything, and its lock."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from tui.command import command, group, option_help
from tui.console import Console
from tui.dossiers import short_path

__all__ = ["register"]

PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help=option_help("计划文件", "plan file"))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    plan = group("计划：审查、锁定、列出。", "Plans: review, lock, list.")
    app.add_typer(plan, name="plan")
    _register_review(plan)
    _register_lock(plan)


def _register_review(plan: typer.Typer) -> None:

    @command(
        plan,
        "review",
        "审查：未声明的 PICS 项等必须先补全。",
        "Review: whatever must be mended first, such as an unset PICS item.",
    )
    def review(console: Console, path: PlanArgument) -> None:
        from conformance.service import load

        resolved = load(path)
        console.say(console.text("计划可以运行", "the plan can be run"), style="green")
        heads = [
            console.text("被测", "target"),
            console.text("将运行", "to run"),
            console.text("不适用", "not applicable"),
            console.text("未测试", "not tested"),
            "",
        ]
        rows: list[list[Any]] = []
        for target in resolved.bench.targets():
            runs = sum(each.target == target for each in resolved.selected)
            left = Counter(each.verdict for each in resolved.not_run if each.target == target)
            rows.append([target, runs, left["not_applicable"], left["not_tested"], ""])  # type: ignore[index]
        console.table(heads, rows)
        console.document(
            {
                "plan": resolved.plan.plan,
                "bench": resolved.bench.bench,
                "selected": [each.key for each in resolved.selected],
                "not_run": resolved.not_run,
            }
        )


def _register_lock(plan: typer.Typer) -> None:
    @command(plan, "lock", "锁定：写出解析完毕、带哈希的计划。", "Lock: write the plan resolved and hashed.")
    def lock(
        console: Console,
        path: PlanArgument,
        out: Annotated[
            Path | None,
            typer.Option("-o", "--out", metavar="FILE", help=option_help("锁文件", "lock file; must end in lock.json")),
        ] = None,
    ) -> None:
        from conformance.service import load, write_lock

        target = out or path.with_suffix(".lock.json")
        written = write_lock(load(path), target)
        console.say(f"{target}  sha256 {written['sha256']}")
        console.document({"file": target, "sha256": written["sha256"], "lock": written})

    @command(plan, "list", "列出随附的计划。", "List the plans that come with the project.")
    def list_(console: Console) -> None:
        from scenarios.service import load_plan, plan_files

        plans = [(path, load_plan(path)) for path in plan_files()]
        heads = [console.text("计划", "plan"), console.text("文件", "file"), console.text("标题", "title")]
        rows = [
            [p.plan, short_path(path), (p.title.zh if console.language == "zh" else p.title.en) if p.title else ""]
            for path, p in plans
        ]
        console.table(heads, rows)
        console.document(
            [{"plan": p.plan, "file": path, "title": p.title.model_dump() if p.title else None} for path, p in plans]
        )

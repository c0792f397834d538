"""``onecard simulate money``: stories of payments in which everything fails that can, played in virtual time and judged."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocols.clock import stopwatch_s
from protocols.wire.base import Label
from tui.command import command, group, option_help
from tui.console import EXIT_FAILED, Console
from tui.progress import matrix_progress

if TYPE_CHECKING:
    from reference_impl.simulation.campaign import Finding, Hunted, Tried

__all__ = ["register"]

MOST_SHRUNK = 3
"""Shrinking plays a story some hundred times: the first few say enough."""
SHOWN_FINDINGS = 5
STORIES = Path("scenarios") / "money"

SeedsOption = Annotated[
    int, typer.Option("--seeds", min=1, max=10_000_000, help=option_help("种子数", "how many seeds"))
]
FirstOption = Annotated[int, typer.Option("--first", min=0, help=option_help("第一个种子", "the first seed"))]
JobsOption = Annotated[
    int,
    typer.Option("--jobs", min=0, max=256, help=option_help("进程数，0 为处理器数", "processes; 0: one a processor")),
]
MutantsOption = Annotated[
    bool,
    typer.Option(
        "--mutants",
        help=option_help(
            "变异矩阵：每个植入的错误都必须被发现", "the kill matrix: every planted mistake must be found"
        ),
    ),
]
StoryOption = Annotated[
    Path | None,
    typer.Option("--story", metavar="FILE", help=option_help("重放一个故事文件", "replay the story of a file")),
]
SaveOption = Annotated[
    Path | None,
    typer.Option(
        "--save", metavar="FOLDER", help=option_help("缩短后的故事存到哪里", "where shortened stories are kept")
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    simulate = group("确定性仿真：一个种子一个故事。", "Deterministic simulation: one seed, one story.")
    app.add_typer(simulate, name="simulate")

    @simulate.callback()
    def _group() -> None:
        """A group with one command is still a group."""

    @command(
        simulate,
        "money",
        "资金仿真：终端、平台、对端与网络在虚拟时间里出错、崩溃、恢复，账必须一分不差。",
        "Money: kiosks, platform, peers and network fail, crash and recover in virtual time; the books must agree to the fen.",
        epilog="退出码：0 未发现问题，1 发现问题，2 用法错误。 / Exit codes: 0 nothing found, 1 found, 2 usage.",
    )
    def money(
        console: Console,
        seeds: SeedsOption = 200,
        first: FirstOption = 1,
        jobs: JobsOption = 0,
        mutants: MutantsOption = False,
        story: StoryOption = None,
        save: SaveOption = None,
    ) -> int:
        if mutants and story is not None:
            raise typer.BadParameter("--mutants | --story")
        if story is not None:
            return _replay(console, story)
        workers = jobs or os.cpu_count() or 1
        return _matrix(console, workers) if mutants else _sweep(console, first, seeds, workers, save or STORIES)


# Seeds.


def _sweep(console: Console, first: int, seeds: int, jobs: int, folder: Path) -> int:
    from reference_impl.simulation.campaign import sweep

    began = stopwatch_s()
    found: list[Tried] = []
    totals: dict[str, Counter[str]] = {"struck": Counter(), "asked": Counter(), "reached": Counter()}
    with matrix_progress(console, Label("种子", "seeds"), max(100, seeds // 20)) as progress:
        for done, tried in enumerate(sweep(first, seeds, jobs), 1):
            for name, total in totals.items():
                total.update(getattr(tried, name))
            if tried.findings:
                found.append(tried)
                _show(console, console.text(f"种子 {tried.seed}", f"seed {tried.seed}"), tried.findings)
            progress(done, seeds, str(tried.seed))
    seconds = stopwatch_s() - began
    _show_totals(console, totals)
    files = [_keep(console, each, folder) for each in found[:MOST_SHRUNK]]
    rate = seeds / seconds if seconds else 0.0
    head = console.text(
        f"{seeds} 个种子，{len(found)} 个有问题；{seconds:.1f} 秒，每秒 {rate:.1f} 个",
        f"{seeds} seeds, {len(found)} with findings; {seconds:.1f} s, {rate:.1f} a second",
    )
    console.say(head, style="bold red" if found else "bold green")
    console.document(
        {
            "first": first,
            "seeds": seeds,
            "seconds": round(seconds, 3),
            "found": [{"seed": each.seed, "findings": each.findings} for each in found],
            "stories": files,
            **{name: dict(sorted(total.items())) for name, total in totals.items()},
        }
    )
    return EXIT_FAILED if found else 0


def _show(console: Console, head: str, findings: tuple[Finding, ...]) -> None:
    console.say(f"{head}:", style="bold red")
    for each in findings[:SHOWN_FINDINGS]:
        console.say(f"  {each.oracle}  {each.subject}  {each.text}")
    if len(findings) > SHOWN_FINDINGS:
        console.say(f"  (+{len(findings) - SHOWN_FINDINGS})")


def _show_totals(console: Console, totals: dict[str, Counter[str]]) -> None:
    """What really happened: a campaign in which nothing was struck has shown nothing."""
    heads = [console.text(*pair) for pair in (("对端", "party"), ("故障与次数", "what struck it, and how often"))]
    struck: dict[str, list[str]] = {}
    for name, times in sorted(totals["struck"].items()):
        party, _, what = name.partition(" ")
        struck.setdefault(party, []).append(f"{what} {times}")
    console.table(heads, [[party, ", ".join(what)] for party, what in struck.items()])
    ends = [
        f"{name} {times}" for name, times in sorted(totals["reached"].items()) if name.startswith(("trade", "said"))
    ]
    console.say(", ".join(ends), style="dim")


def _keep(console: Console, tried: Tried, folder: Path) -> str:
    from reference_impl.simulation.campaign import shortest, try_story
    from reference_impl.simulation.story_file import story_text
    from reference_impl.simulation.story_maker import story_of_seed

    console.say(console.text(f"正在缩短种子 {tried.seed} 的故事…", f"making the story of seed {tried.seed} shorter..."))
    story = shortest(story_of_seed(tried.seed))
    findings = try_story(story)
    path = folder / f"{findings[0].oracle}-{tried.seed}.yaml"
    title = f"seed {tried.seed}, {story.size} parts"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(
        story_text(story, title, tuple(f"{each.oracle}: {each.text}" for each in findings)), encoding="utf-8"
    )
    replay = console.text("重放：", "replay it: ")
    console.say(f"  {replay}onecard simulate money --story {path}")
    return str(path)


# One story.


def _replay(console: Console, path: Path) -> int:
    from reference_impl.simulation.campaign import judge
    from reference_impl.simulation.mutant import NO_MUTANT
    from reference_impl.simulation.mutants import MUTANTS
    from reference_impl.simulation.story_file import read_story
    from reference_impl.simulation.world import play

    told = read_story(path)
    if told.mutant and told.mutant not in MUTANTS:
        raise typer.BadParameter(f"{path}: mutant: {' | '.join(MUTANTS)}")
    console.say(told.story, style="bold")
    played = play(told.to_story(), MUTANTS[told.mutant] if told.mutant else NO_MUTANT, traced=True)
    for at_s, line in played.trace:
        console.say(f"{at_s:>12.3f} s  {line}")
    rows: list[list[Any]] = [
        [each["trade_no"], each["state"], each["total_fen"], each["cash_fen"], each["reason"]]
        for each in played.facts.get("trades", ())
    ]
    heads = [
        console.text(*pair)
        for pair in (
            ("交易", "trade"),
            ("状态", "state"),
            ("总额/分", "total, fen"),
            ("现金/分", "cash, fen"),
            ("原因", "reason"),
        )
    ]
    console.table(heads, rows)
    findings = judge(played)
    if findings:
        _show(console, console.text("发现", "found"), findings)
    else:
        console.say(console.text("没有发现问题", "nothing was found"), style="bold green")
    console.document(
        {
            "story": told.story,
            "findings": findings,
            "struck": played.struck,
            "trace": played.trace,
            "facts": played.facts,
        }
    )
    return EXIT_FAILED if findings else 0


# Planted mistakes.


def _matrix(console: Console, jobs: int) -> int:
    hunted = hunted_mutants(console, jobs)
    from reference_impl.simulation.mutants import MUTANTS

    heads = [
        console.text(*pair)
        for pair in (("错误", "mistake"), ("种子", "seed"), ("由谁发现", "found by"), ("内容", "what it is"))
    ]
    rows: list[list[Any]] = []
    for each in hunted:
        by = ", ".join(sorted({finding.oracle for finding in each.findings})) or console.text("未发现", "nobody")
        rows.append([each.mutant, each.seed or "-", by, console.of(MUTANTS[each.mutant].label)])
    console.table(heads, rows)
    survivors = [each.mutant for each in hunted if not each.killed]
    killed = len(hunted) - len(survivors)
    head = console.text(
        f"{len(hunted)} 个植入的错误，发现 {killed} 个", f"{len(hunted)} planted mistakes, {killed} found"
    )
    console.say(head, style="bold red" if survivors else "bold green")
    console.document({"mutants": hunted, "survivors": survivors})
    return EXIT_FAILED if survivors else 0


def hunted_mutants(console: Console, jobs: int) -> list[Hunted]:
    """Every planted mistake hunted, with progress."""
    from reference_impl.simulation.campaign import hunts
    from reference_impl.simulation.mutants import MUTANTS

    hunted: list[Hunted] = []
    with matrix_progress(console, Label("植入的错误", "planted mistakes"), 10) as progress:
        for each in hunts(tuple(MUTANTS), jobs):
            hunted.append(each)
            progress(len(hunted), len(MUTANTS), each.mutant)
    return hunted

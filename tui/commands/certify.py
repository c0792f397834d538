"""``onecard certify`` and ``onecard run``: run a plan, write the dossier, verify it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import rich.text
import typer

from protocols.clock import wall_datetime
from protocols.wire.base import Label
from tui.command import command, option_help
from tui.console import STYLES, Console, UserError
from tui.flow_run import run_flow_file
from tui.progress import RunProgress, matrix_progress
from tui.prompt import person_at_terminal
from tui.stopping import stop_on_ctrl_c

if TYPE_CHECKING:
    from conformance.service import Certified, Resolved

__all__ = ["certified_json", "default_folder", "register"]

EXCEPTIONS_SHOWN = 40

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help=option_help("档案目录", "folder for the dossier"))
]
NoMatrixOption = Annotated[
    bool, typer.Option("--no-matrix", help=option_help("不附变异矩阵", "leave the kill matrix out of the dossier"))
]
CheckOption = Annotated[
    list[str] | None,
    typer.Option("--check", metavar="GLOB", help=option_help("只运行这些检查项或条款", "only these checks or clauses")),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="SLOT", help=option_help("只测这些槽位", "only these slots")),
]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help=option_help("随机种子", "seed"))]
PlanOption = Annotated[
    Path | None, typer.Option("--plan", metavar="PLAN", help=option_help("同 PLAN 参数", "same as the argument PLAN"))
]


def register(app: typer.Typer) -> None:
    """Add the two commands."""

    @command(
        app,
        "certify",
        "认证：运行计划，写出档案，并复核它。",
        "Certify: run a plan, write the sealed dossier, verify it.",
        epilog="例 / example: onecard certify --out dossiers/first",
    )
    def certify(
        console: Console,
        plan: Annotated[
            Path | None, typer.Argument(metavar="[PLAN]", help=option_help("计划文件", "plan; default: certify.yaml"))
        ] = None,
        out: OutOption = None,
        no_matrix: NoMatrixOption = False,
    ) -> int:
        from conformance.service import default_plan, load

        return run_plan(console, load(plan or default_plan()), out, with_matrix=not no_matrix)

    @command(
        app,
        "run",
        "运行一个计划或其中几项检查，或运行一个流程：市民从插卡到取卡的每一步，连同设备帧、报文和账目。",
        "Run a plan or some checks of it, or a flow: every step of a citizen from the first card to the last, with frames, messages and books.",
        epilog="例 / examples: onecard run my-plan.yaml --check 'reader.*' --target reader; "
        "onecard run scenarios/flows/pay-bill.yaml --lang en。流程见 docs/flows.md / flows: see docs/flows.md",
    )
    def run(
        console: Console,
        plan: Annotated[
            Path | None,
            typer.Argument(metavar="PLAN|FLOW", help=option_help("计划、计划锁或流程文件", "plan, plan lock or flow")),
        ] = None,
        plan_option: PlanOption = None,
        check: CheckOption = None,
        target: TargetOption = None,
        seed: SeedOption = None,
        out: OutOption = None,
        no_matrix: NoMatrixOption = False,
    ) -> int:
        from conformance.service import load

        chosen = plan or plan_option
        if chosen is None:
            raise UserError(
                Label("没有给出计划文件", "no plan was given"),
                Label(
                    "onecard run PLAN；默认计划用 onecard certify",
                    "onecard run PLAN; the default plan: onecard certify",
                ),
            )
        if _is_flow(chosen):
            _nothing_of_a_plan(chosen, {"--check": check, "--target": target, "--seed": seed is not None})
            return run_flow_file(console, chosen, out or default_folder(chosen.stem))
        changes: dict[str, Any] = {} if seed is None else {"seed": seed}
        if check:
            changes["select"] = tuple(check)
        resolved = _narrowed(load(chosen, changes), tuple(target or ()))
        return run_plan(console, resolved, out, with_matrix=not no_matrix)


def _is_flow(path: Path) -> bool:
    from scenarios.service import is_flow

    return is_flow(path)


def _nothing_of_a_plan(path: Path, given: dict[str, Any]) -> None:
    """A flow is run as it is written."""
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UserError(
            Label(f"流程没有选项 {', '.join(wrong)}", f"a flow takes no {', '.join(wrong)}"),
            Label(
                "去掉该选项；步骤和种子写在流程与台架文件中",
                "leave it out; steps and seed stand in the files of flow and bench",
            ),
            str(path),
        )


def _narrowed(resolved: Resolved, targets: tuple[str, ...]) -> Resolved:
    from conformance.service import narrow

    unknown = [each for each in targets if each not in resolved.bench.targets()]
    if unknown:
        listed = ", ".join(resolved.bench.targets())
        raise UserError(
            Label(f"台架没有被测槽位 {unknown[0]!r}", f"the bench has no slot under test {unknown[0]!r}"),
            Label(f"可选：{listed}", f"use one of {listed}"),
        )
    return narrow(resolved, targets) if targets else resolved


def default_folder(plan_name: str) -> Path:
    """``dossiers/<plan>-<date>-<time>`` below the current folder."""
    safe = "".join(each if each.isalnum() or each in "-_." else "-" for each in plan_name)
    return Path("dossiers") / f"{safe}-{wall_datetime().astimezone().strftime('%Y%m%d-%H%M%S')}"


def run_plan(console: Console, resolved: Resolved, out: Path | None, *, with_matrix: bool) -> int:
    """Run with progress, show what came out, give the exit code of the verdict."""
    from conformance.service import certify

    folder = out or default_folder(resolved.plan.plan)
    _announce(console, resolved)
    with stop_on_ctrl_c(console) as stop, RunProgress(console) as progress, matrix_progress(console) as matrix:

        def measured(done: int, total: int, name: str) -> None:
            stop.interrupt_if_requested()
            matrix(done, total, name)

        certified = certify(
            resolved,
            folder,
            progress=progress,
            ask_person=person_at_terminal(console),
            with_matrix=with_matrix,
            matrix_progress=measured,
            stop_requested=stop.requested,
        )
    _show(console, certified)
    console.document(certified_json(certified))
    return certified.exit_code


def _announce(console: Console, resolved: Resolved) -> None:
    targets = ", ".join(resolved.bench.targets())
    console.say(
        console.text(
            f"计划 {resolved.plan.plan}，台架 {resolved.bench.bench}，被测 {targets}，{len(resolved.selected)} 项检查",
            f"plan {resolved.plan.plan}, bench {resolved.bench.bench}, under test {targets}, {len(resolved.selected)} checks",
        ),
        style="bold",
    )


def certified_json(certified: Certified) -> dict[str, Any]:
    """The document of ``onecard certify --json``."""
    result = certified.result
    return {
        "folder": certified.folder,
        "exit_code": certified.exit_code,
        "overall": result.overall,
        "status": result.status,
        "run_id": result.run_id,
        "counts": result.counts(),
        "preflight": result.preflight,
        "outcomes": [
            {"check": e.check_id, "target": e.target, "verdict": e.verdict, "blame": e.blame, "cause": e.cause}
            for e in result.outcomes
        ],
        "not_run": result.not_run,
        "fingerprint": certified.verification.fingerprint,
        "verification": certified.verification.to_json(),
    }


def _show(console: Console, certified: Certified) -> None:
    from conformance.service import VERDICT_LABELS, Verdict

    result = certified.result
    seen = [*result.outcomes, *result.not_run]
    targets = list(dict.fromkeys(each.target for each in seen))
    shown = [verdict for verdict in Verdict if any(each.verdict is verdict for each in seen)]
    heads = [console.text("被测", "target"), *(console.of(VERDICT_LABELS[each]) for each in shown), ""]
    rows: list[list[Any]] = []
    for target in targets:
        counts = [sum(e.target == target and e.verdict is verdict for e in seen) for verdict in shown]
        cells = [rich.text.Text(f"{n}" if n else "-", style=STYLES[v]) for v, n in zip(shown, counts, strict=True)]
        rows.append([target, *cells, ""])
    console.say()
    console.table(heads, rows)
    _exceptions(console, certified)
    _ending(console, certified)


def _exceptions(console: Console, certified: Certified) -> None:
    from conformance.service import BLAME_LABELS, VERDICT_LABELS, Verdict

    wrong = [each for each in certified.result.outcomes if each.verdict is not Verdict.PASS]
    if not wrong:
        return
    heads = [
        console.text(*pair)
        for pair in (("结论", "verdict"), ("检查项", "check"), ("责任方", "blame"), ("原因", "cause"))
    ]
    rows: list[list[Any]] = []
    for each in wrong[:EXCEPTIONS_SHOWN]:
        cause = each.cause or next((f.message for f in each.findings if f.kind != "observed"), Label("", ""))
        blame = console.of(BLAME_LABELS[each.blame]) if each.blame else ""
        word = console.verdict(each.verdict, console.of(VERDICT_LABELS[each.verdict]))
        rows.append([word, each.key, blame, console.of(cause)])
    console.say()
    console.table(heads, rows)
    if len(wrong) > EXCEPTIONS_SHOWN:
        more = len(wrong) - EXCEPTIONS_SHOWN
        console.say(console.text(f"  另有 {more} 项，见档案", f"  and {more} more, see the dossier"))
    first = wrong[0]
    console.say(
        console.text("查原因：", "why: ")
        + f"onecard explain {first.check_id} --target {first.target} --dossier {certified.folder}"
    )


def _ending(console: Console, certified: Certified) -> None:
    from conformance.service import caveats, statement

    result, verification = certified.result, certified.verification
    style = {0: "bold green", 1: "bold red"}.get(certified.exit_code, "bold yellow")
    console.say()
    console.say(console.text("总评：", "overall: ") + overall_text(result.overall, console), style=style)
    for each in (statement(result), *caveats(result)):
        console.say("  " + each[console.language])
    console.say(console.text("档案：", "dossier: ") + str(certified.folder))
    console.say(verification.render(console.language))
    console.say(console.text("签名公钥指纹：", "key fingerprint: ") + verification.fingerprint)


OVERALL_LABELS: dict[str, Label] = {
    "pass": Label("全部通过", "everything planned passed"),
    "pass_with_waivers": Label("通过，含豁免项", "passed, with waivers"),
    "pass_partial": Label("已测项通过，部分未测试", "what was tested passed; some was not tested"),
    "fail": Label("不通过", "fail"),
    "undecided": Label("无法下结论", "undecided"),
    "incomplete": Label("未完成", "incomplete"),
}


def overall_text(overall: str, console: Console) -> str:
    """The one word over a run, for people."""
    return f"{console.of(OVERALL_LABELS[overall])} ({overall})"

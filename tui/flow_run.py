"""``onecard run`` of a flow: shows it while it happens, ends it whole on Ctrl-C, sums it up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich.text

from protocols.record import Record
from protocols.wire.money import yuan_text
from tui.console import EXIT_INTERRUPTED, Console
from tui.flow_lines import FlowLine, FlowLines
from tui.lines import until_signalled

if TYPE_CHECKING:
    from conformance.service import FlowDone, FlowVerdict
    from scenarios.service import Flow

__all__ = ["BOOK_HEADS", "VERDICT_LABELS", "book_rows", "flow_json", "run_flow_file"]

WHO_CELLS = 18

VERDICT_LABELS = {
    "pass": ("通过", "pass"),
    "fail": ("不通过", "fail"),
    "error": ("无法下结论", "undecided"),
    "incomplete": ("未完成", "incomplete"),
}
STYLE = {"pass": "bold green", "fail": "bold red"}
BOOK_HEADS = (
    ("交易", "trade"),
    ("状态", "state"),
    ("合计", "total"),
    ("统筹", "fund"),
    ("账户", "account"),
    ("现金", "cash"),
    ("HIS 账", "HIS book"),
    ("医保账", "insurance book"),
    ("银行账", "bank book"),
    ("扫码账", "QR book"),
)


def run_flow_file(console: Console, path: Path, out: Path) -> int:
    """Run the flow in *path*; its dossier goes to *out*. Gives the exit code. Raises FileError, DossierError, BenchError."""
    from scenarios.service import load_flow

    flow = load_flow(path)
    steps = len(flow.steps)
    title = console.text(flow.title.zh, flow.title.en)
    console.say(
        console.text(f"流程 {flow.flow}：{title}，{steps} 步", f"flow {flow.flow}: {title}, {steps} steps"),
        style="bold",
    )
    done = asyncio.run(_run(console, flow, out))
    if done is None:
        console.say(console.text(f"已停止，已记录到 {out}", f"stopped; what there is stands in {out}"), style="yellow")
        console.document({"folder": out, "verdict": "incomplete", "exit_code": EXIT_INTERRUPTED})
        return EXIT_INTERRUPTED
    _sum_up(console, done)
    console.document(flow_json(done))
    return done.exit_code


async def _run(console: Console, flow: Flow, out: Path) -> FlowDone | None:
    """None when a signal ended it: everything that it had started is then gone too."""
    from conformance.service import certify_flow

    lines = FlowLines(console.language)

    def hear(record: Record) -> None:
        for line in lines(record):
            _print(console, record.t, line)

    with until_signalled() as signalled:
        running = asyncio.create_task(certify_flow(flow, out, hear=hear))
        waiting = asyncio.create_task(signalled.wait())
        try:
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return None
        finally:
            waiting.cancel()


def _print(console: Console, t: float, line: FlowLine) -> None:
    who = line.who.ljust(WHO_CELLS - sum(each > "\u2e80" for each in line.who))
    console.say(rich.text.Text(f"{t:7.3f}  {who} {line.text}", style=line.style))


def _sum_up(console: Console, done: FlowDone) -> None:
    verdict = done.verdict
    console.say()
    if verdict.books:
        console.table([console.text(*pair) for pair in BOOK_HEADS], book_rows(verdict))
    met = sum(each.met for each in verdict.steps)
    console.say()
    for each in verdict.findings:
        console.say(f"  [X] {each.kind}: {console.of(each.text)}", style="red")
    if verdict.why and verdict.verdict == "error":
        console.say(f"  [X] {verdict.why}", style="red")
    for text in verdict.remarks:
        console.say(f"  [*] {text}", style="dim")
    word = console.text(*VERDICT_LABELS[verdict.verdict])
    console.say(
        console.text(
            f"结论：{word}。{met}/{len(verdict.steps)} 步达成，{verdict.records} 条记录，用时 {verdict.seconds:.1f} 秒",
            f"verdict: {word}. {met} of {len(verdict.steps)} steps met, {verdict.records} records, {verdict.seconds:.1f} s",
        ),
        style=STYLE.get(verdict.verdict, "bold yellow"),
    )
    console.say(console.text("档案：", "dossier: ") + str(done.folder))
    console.say(done.verification.render(console.language))
    console.say(console.text("复核：", "verify with: ") + f"onecard dossier verify {done.folder}")


def book_rows(verdict: FlowVerdict) -> list[list[Any]]:
    """Cells of the books, one row a trade, amounts in yuan."""
    return [
        [
            each.trade_no,
            each.state,
            *(
                yuan_text(fen)
                for fen in (
                    each.total_fen,
                    each.fund_fen,
                    each.account_fen,
                    each.cash_fen,
                    each.his_fen,
                    each.insurance_fen,
                    each.bank_fen,
                    each.qr_fen,
                )
            ),
        ]
        for each in verdict.books
    ]


def flow_json(done: FlowDone) -> dict[str, Any]:
    """The document of ``onecard run FLOW --json``."""
    return {
        "folder": done.folder,
        "exit_code": done.exit_code,
        **{name: getattr(done.verdict, name) for name in ("flow", "verdict", "why", "seconds", "records")},
        "steps": done.verdict.steps,
        "findings": done.verdict.findings,
        "books": done.verdict.books,
        "remarks": done.verdict.remarks,
        "verification": done.verification.to_json(),
    }

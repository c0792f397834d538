"""``onecard dossier``, ``onecard explain`` and ``onecard trace``: what a finished run holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protocols.wire.base import Label
from tui.command import command, group, option_help
from tui.commands.certify import overall_text
from tui.console import Console, UserError
from tui.dossiers import find_dossiers, latest_dossier, trace_lines

if TYPE_CHECKING:
    from conformance.service import Dossier, TraceLine

__all__ = ["register"]

PathArgument = Annotated[Path, typer.Argument(metavar="PATH", help=option_help("档案目录", "folder of the dossier"))]
DossierOption = Annotated[
    Path | None,
    typer.Option(
        "--dossier", metavar="DIR", help=option_help("档案目录，默认最新", "dossier; the newest when left out")
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group and the two commands."""
    dossier = group("档案：复核、查看、列出。", "Dossiers: verify, show, list.")
    app.add_typer(dossier, name="dossier")
    _register_verify(dossier)
    _register_show(dossier)
    _register_explain(app)
    _register_trace(app)


def _register_verify(dossier: typer.Typer) -> None:
    @command(
        dossier,
        "verify",
        "离线复核：签名、哈希链、每个字节，并由历史重算每个结论。",
        "Verify offline: signature, chain, every byte, and every verdict computed again.",
    )
    def verify(
        console: Console,
        path: PathArgument,
        key: Annotated[
            str | None,
            typer.Option("--key", metavar="FINGERPRINT", help=option_help("签名者公钥指纹", "who must have signed")),
        ] = None,
        pixit: Annotated[
            Path | None,
            typer.Option(
                "--pixit",
                metavar="FILE",
                help=option_help(
                    "档案不含的 PIXIT 密钥：YAML，槽位对应各值",
                    "PIXIT keys that no dossier holds: YAML, slot to values",
                ),
            ),
        ] = None,
    ) -> int:
        from conformance.service import load_pixit, verify_dossier

        try:
            found = verify_dossier(path, pinned=key, secrets=load_pixit(pixit) if pixit else None)
        except ValueError as error:
            raise UserError(
                Label(f"--key 不是指纹：{error}", f"--key is no fingerprint: {error}"),
                Label("给出 64 位十六进制指纹", "give the 64 hexadecimal digits of the fingerprint"),
            ) from error
        console.say(found.render(console.language), style={0: "green", 3: "yellow"}.get(found.exit_code, "bold red"))
        console.say(console.text("签名公钥指纹：", "key fingerprint: ") + (found.fingerprint or "-"))
        if found.overall:
            console.say(console.text("总评：", "overall: ") + overall_text(found.overall, console))
        console.document(found.to_json())
        return found.exit_code


def _register_show(dossier: typer.Typer) -> None:
    @command(dossier, "show", "查看一份档案的结论。", "Show what a dossier says. Does not verify it.")
    def show(console: Console, path: PathArgument) -> None:
        from conformance.service import VERDICT_LABELS, read_dossier

        result = read_dossier(path).result
        console.say(console.text("总评：", "overall: ") + overall_text(result.overall, console), style="bold")
        console.say(f"{result.run_id}  {result.started} .. {result.ended}  {result.profile}  {result.bench.name}")
        heads = [console.text("结论", "verdict"), console.text("检查项", "check"), console.text("说明", "remark")]
        rows: list[list[Any]] = []
        for each in (*result.outcomes, *result.not_run):
            cause = getattr(each, "cause", None) or getattr(each, "reason", None)
            word = console.verdict(each.verdict, console.of(VERDICT_LABELS[each.verdict]))
            rows.append([word, each.key, console.of(cause) if cause else ""])
        console.table(heads, rows)
        console.document(result.to_json())

    @command(dossier, "list", "列出档案，最新的在前。", "List dossiers, the newest first.")
    def list_(
        console: Console,
        folder: Annotated[
            Path, typer.Argument(metavar="[DIR]", help=option_help("总目录", "folder of dossiers"))
        ] = Path("dossiers"),
    ) -> None:
        found = find_dossiers(folder)
        heads = [console.text("总评", "overall"), console.text("签发时间", "written"), console.text("档案", "dossier")]
        console.table(heads, [[overall_text(each.overall, console), each.written, str(each.path)] for each in found])
        if not found:
            console.say(
                console.text(
                    f"{folder} 中没有档案；先运行 onecard certify", f"no dossier in {folder}; run onecard certify"
                )
            )
        console.document(found)


def _register_explain(app: typer.Typer) -> None:
    @command(
        app,
        "explain",
        "解释一项检查：条款、规则、观察到的帧、相像的故障、重现命令。",
        "Explain a check: clause, rule, observed frames, the mutant that looks like it, how to repeat it.",
    )
    def explain(
        console: Console,
        check: Annotated[str, typer.Argument(metavar="CHECK", help=option_help("检查项编号", "id of the check"))],
        dossier: DossierOption = None,
        target: Annotated[
            str | None, typer.Option("--target", metavar="SLOT", help=option_help("槽位", "slot"))
        ] = None,
    ) -> None:
        from conformance.service import explain as look

        if dossier is None:
            dossier = latest_dossier()
            console.say(console.text("档案：", "dossier: ") + str(dossier), style="dim")
        told = look(dossier, check, target)
        console.say(told.render(console.language))
        console.document(told.to_json())


def _register_trace(app: typer.Typer) -> None:
    @command(app, "trace", "解码跟踪：一份档案的每条记录。", "The decoded trace: every record of a dossier.")
    def trace(
        console: Console,
        path: Annotated[Path, typer.Argument(metavar="DOSSIER", help=option_help("档案目录", "folder of the dossier"))],
        check: Annotated[
            str | None, typer.Option("--check", metavar="ID", help=option_help("只看这项检查", "of this check only"))
        ] = None,
        target: Annotated[
            str | None, typer.Option("--target", metavar="SLOT", help=option_help("只看这个槽位", "of this slot only"))
        ] = None,
    ) -> None:
        from conformance.service import read_dossier

        dossier = read_dossier(path)
        if check is not None and check not in {each.check_id for each in dossier.result.outcomes}:
            raise UserError(
                Label(f"档案中没有运行过检查项 {check}", f"the dossier has no run of check {check}"),
                Label("onecard dossier show 列出检查项", "onecard dossier show lists the checks"),
                str(path),
            )
        lines = list(_chosen(dossier, check, target))
        for each in lines:
            _print_line(console, each)
        console.document([_line_json(each) for each in lines])


def _chosen(dossier: Dossier, check: str | None, target: str | None) -> Iterator[TraceLine]:
    spans = [
        range(each.first_record, each.last_record + 1)
        for each in dossier.result.outcomes
        if each.check_id == check and target in (None, each.target)
    ]
    for line in trace_lines(dossier):
        if (check is None or any(line.record.seq in span for span in spans)) and target in (None, line.record.slot):
            yield line


def _print_line(console: Console, line: TraceLine) -> None:
    record = line.record
    console.say(
        f"#{record.seq:06d} {record.t:12.6f} s  {record.slot:<10} {line.arrow} {_visible(console.of(line.summary))}"
    )
    if line.hexed:
        console.say(f"        {line.hexed}", style="dim")
    if line.tree is not None and line.tree.children:
        for row in line.tree.render(console.language).splitlines():
            console.say(f"        | {_visible(row)}", style="dim")


def _visible(text: str) -> str:
    """Control characters made visible: a device must not draw on the terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02X}" for each in text)


def _line_json(line: TraceLine) -> dict[str, Any]:
    record = line.record
    return {
        "seq": record.seq,
        "t": record.t,
        "slot": record.slot,
        "direction": record.direction,
        "kind": record.kind,
        "data": line.hexed,
        "summary": line.summary,
        "note": record.note,
        "tree": line.tree.render("zh").splitlines() if line.tree is not None else [],
    }

"""``onecard mutants``: the kill matrix and its gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from protocols.wire.base import Label
from tui.command import command, option_help
from tui.console import EXIT_FAILED, Console
from tui.progress import matrix_progress

if TYPE_CHECKING:
    from conformance.service import Gate, KillMatrix

__all__ = ["GATE_LABELS", "measure", "register", "show_gate"]


GATE_LABELS: dict[str, Label] = {
    "survivors": Label("没有任何检查发现的变异体", "mutants that nothing kills"),
    "toothless": Label("不能发现任何变异体的检查", "checks that kill nothing"),
    "missed": Label("检查声称能发现、实际没有发现的变异体", "mutants that a check names and does not kill"),
    "null_passes": Label("空设备得到的通过", "passes of null devices"),
    "reference_failures": Label("基准设备没有通过的检查", "checks that the reference does not pass"),
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "mutants",
        "变异矩阵：每项检查必须发现至少一种故障设备。",
        "The kill matrix: every check must notice a faulty device. Exit code 1 when the gate is closed.",
    )
    def mutants(
        console: Console,
        list_: Annotated[
            bool, typer.Option("--list", help=option_help("只列出故障设备", "only list the faulty devices"))
        ] = False,
        device_class: Annotated[
            str, typer.Option("--class", metavar="C", help=option_help("设备类", "card_reader | pin_pad | card"))
        ] = "",
        workers: Annotated[
            int | None, typer.Option("--workers", min=1, max=64, help=option_help("进程数", "worker processes"))
        ] = None,
        refresh: Annotated[
            bool, typer.Option("--refresh", help=option_help("重新测量，不用缓存", "measure anew"))
        ] = False,
    ) -> int:
        from scenarios.service import device_class_names

        known = device_class_names()
        if device_class not in ("", *known):
            raise typer.BadParameter(f"--class: {' | '.join(known)}")
        if list_:
            return _list(console, device_class)
        from conformance.service import gate, reference_verdicts

        matrix = measure(console, device_class, workers, refresh)
        classes = (device_class,) if device_class else known
        judged = gate(matrix, reference_verdicts(classes))
        show_gate(console, matrix, judged)
        console.document({"open": judged.open, "gate": judged, "matrix": matrix})
        return 0 if judged.open else EXIT_FAILED


def measure(console: Console, device_class: str = "", workers: int | None = None, refresh: bool = False) -> KillMatrix:
    """The matrix with progress: from the cache unless something was asked that the cache does not hold."""
    from conformance.service import cache_folder, cached_matrix, kill_matrix
    from scenarios.service import device_class_names

    with matrix_progress(console) as progress:
        if device_class or workers:
            return kill_matrix((device_class,) if device_class else device_class_names(), workers or 2, progress)
        if refresh:
            for path in cache_folder().glob("kill-matrix-*.json"):
                path.unlink()
        return cached_matrix(cache_folder(), progress)


def _list(console: Console, device_class: str) -> int:
    from scenarios.service import mutants as catalogued

    found = catalogued(device_class)
    heads = [
        console.text(*pair)
        for pair in (("编号", "id"), ("设备类", "class"), ("只在", "only in"), ("故障", "what is wrong"))
    ]
    console.table(heads, [[m.id, m.device_class, "/".join(m.variants), console.of(m.label)] for m in found])
    console.say(console.text(f"共 {len(found)} 种", f"{len(found)} in all"))
    console.document(
        [
            {
                "id": m.id,
                "class": m.device_class,
                "label": m.label,
                "variants": m.variants,
                "like": m.like,
                "equivalent": m.equivalent,
            }
            for m in found
        ]
    )
    return 0


def show_gate(console: Console, matrix: KillMatrix, judged: Gate) -> None:
    """Numbers, then whatever keeps the gate closed."""
    real = [each for each in matrix.rows if not each.null]
    nulls = len(matrix.rows) - len(real)
    killed = sum(bool(each.killers) for each in real)
    console.say(
        console.text(
            f"故障设备 {len(real)} 种，被发现 {killed} 种，等价 {len(matrix.equivalents)} 种；空设备 {nulls} 种（{matrix.source}）",
            f"{len(real)} faulty devices, {killed} killed, {len(matrix.equivalents)} equivalent; {nulls} null devices ({matrix.source})",
        )
    )
    for each in matrix.equivalents:
        console.say(f"  = {each.mutant}: {console.of(each.reason)}", style="dim")
    for name, label in GATE_LABELS.items():
        wrong: tuple[str, ...] = getattr(judged, name)
        if wrong:
            console.say(f"{console.of(label)} ({len(wrong)}):", style="bold red")
            for each in wrong:
                console.say(f"  - {each}")
    word = console.text("门禁：开", "gate: open") if judged.open else console.text("门禁：关", "gate: closed")
    console.say(word, style="bold green" if judged.open else "bold red")

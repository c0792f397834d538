"""``onecard bench``: list, show, check, and bring one up for programs of your own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from tui.command import command, group, option_help
from tui.console import Console
from tui.dossiers import short_path
from tui.prompt import person_at_terminal
from tui.standing import serve

__all__ = ["register"]

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help=option_help("台架文件", "bench file"))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    bench = group("台架：列出、查看、检查、立起。", "Benches: list, show, check, bring up.")
    app.add_typer(bench, name="bench")
    _register_reading(bench)

    @command(
        bench,
        "up",
        "立起台架，打印端口、套接字和读卡器名，直到 Ctrl-C。标准输入每行一个动作。",
        "Bring a bench up and print ports, sockets and readers until Ctrl-C. One action a line on standard input.",
        epilog="例 / example: echo 'reader insert 3.0' | onecard bench up scenarios/benches/certify.yaml",
    )
    def up(console: Console, file: FileArgument) -> None:
        from scenarios.service import load_bench, stand_bench

        loaded = load_bench(file)

        def violated(slot: str, text: str) -> None:
            console.say(
                f"{slot}: {console.text('主机违反协议：', 'the host broke the protocol: ')}{text}", style="yellow"
            )

        asyncio.run(serve(console, stand_bench(loaded, person_at_terminal(console), violated), hand=True))


def _register_reading(bench: typer.Typer) -> None:
    @command(bench, "list", "列出随附的台架。", "List the benches that come with the project.")
    def list_(console: Console) -> None:
        from scenarios.service import bench_files, load_bench

        found = [(path, load_bench(path)) for path in bench_files()]
        heads = [
            console.text(*pair) for pair in (("台架", "bench"), ("类别", "class"), ("槽位", "slots"), ("文件", "file"))
        ]
        console.table(heads, [[b.bench, b.bench_class, len(b.slots), short_path(path)] for path, b in found])
        console.document(
            [{"bench": b.bench, "class": b.bench_class, "slots": list(b.slots), "file": path} for path, b in found]
        )

    @command(bench, "show", "查看台架的槽位和链路。", "Show slots and links of a bench.")
    def show(console: Console, file: FileArgument) -> None:
        from scenarios.service import load_bench

        loaded = load_bench(file)
        targets = loaded.targets()
        console.say(
            f"{loaded.bench}  ({loaded.bench_class}, {console.text('时钟', 'clock')} {loaded.clock}, {console.text('种子', 'seed')} {loaded.seed})",
            style="bold",
        )
        heads = [
            console.text(*pair)
            for pair in (
                ("槽位", "slot"),
                ("设备类", "class"),
                ("协议/镜像", "dialect/image"),
                ("被测", "under test"),
                ("动手者", "hand"),
                ("链路", "link"),
            )
        ]
        rows: list[list[Any]] = []
        for name, slot in loaded.slots.items():
            mark = console.text("是", "yes") if name in targets else "-"
            rows.append([name, slot.device_class, slot.dialect or slot.image or "-", mark, slot.hand.by, slot.link])
        console.table(heads, rows)
        console.document(loaded.model_dump(mode="json", by_alias=True))

    @command(
        bench, "check", "检查台架文件，并体检它所需的环境。", "Check a bench file, and what it needs of this machine."
    )
    def check(console: Console, file: FileArgument) -> int:
        from conformance.service import doctor

        results = doctor(file)
        for each in results:
            console.say(f"{'ok ' if each.ok else '-- '} {console.of(each.text)}  {console.of(each.remedy)}".rstrip())
        good = all(each.ok for each in results)
        console.say(
            console.text("台架文件正确", "the bench file is right")
            if good
            else console.text("台架文件正确，但环境不全", "the bench file is right, but this machine lacks something")
        )
        console.document({"ok": good, "results": results})
        return 0 if good else 2

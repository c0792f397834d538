"""``onecard doctor``, ``onecard version`` and ``onecard gates``: is this machine, and this tree, in order?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tui.command import command, option_help
from tui.console import EXIT_CONFIGURATION, EXIT_FAILED, Console

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the three commands."""
    _register_doctor(app)
    _register_gates(app)

    @command(app, "version", "版本与测试套件指纹。", "Version and suite hash.")
    def version(console: Console) -> None:
        from conformance.service import suite_hash, tool_version

        console.say(f"onecard-hil {tool_version()}")
        console.say(console.text("测试套件 ", "suite ") + suite_hash())
        console.document({"version": tool_version(), "suite_hash": suite_hash()})


def _register_doctor(app: typer.Typer) -> None:
    @command(app, "doctor", "体检：本机（和台架文件）缺少什么。", "What this machine, and a bench, lack.")
    def doctor(
        console: Console,
        bench: Annotated[
            Path | None, typer.Argument(metavar="[BENCH]", help=option_help("台架文件", "bench file"))
        ] = None,
    ) -> int:
        from conformance.service import doctor as look

        results = look(bench)
        heads = [
            console.text("结果", "result"),
            console.text("名称", "name"),
            console.text("内容与办法", "what, and the remedy"),
        ]
        rows = []
        for each in results:
            word = console.text("正常", "ok") if each.ok else console.text("缺少", "missing")
            remedy = console.of(each.remedy)
            what = console.of(each.text) + (f"  ->  {remedy}" if not each.ok and remedy else "")
            rows.append([console.verdict("pass" if each.ok else "fail", word), each.name, what])
        console.table(heads, rows)
        good = all(each.ok for each in results)
        if not good:
            console.say(
                console.text(
                    "缺少的层将报告为“未测试”，不会算通过。",
                    "a tier that is missing is reported as not tested, never as passed.",
                )
            )
        console.document({"ok": good, "results": results})
        return 0 if good else EXIT_CONFIGURATION


def _register_gates(app: typer.Typer) -> None:
    @command(
        app,
        "gates",
        "门禁：变异矩阵、隐私泄漏、文档命令、资金仿真。",
        "Gates: kill matrix, leak scan, commands named in the docs, simulation of money.",
    )
    def gates(
        console: Console,
        dossiers: Annotated[
            Path, typer.Option("--dossiers", metavar="DIR", help=option_help("档案总目录", "folder of dossiers"))
        ] = Path("dossiers"),
        pixit: Annotated[
            Path | None,
            typer.Option(
                "--pixit",
                metavar="FILE",
                help=option_help("档案中不得出现的 PIXIT 值（YAML）", "PIXIT values that no dossier may hold (YAML)"),
            ),
        ] = None,
    ) -> int:
        from tui.gates import run_gates

        results = run_gates(console, dossiers, pixit)
        heads = [console.text("结果", "result"), console.text("门禁", "gate"), console.text("内容", "what")]
        console.table(
            heads,
            [
                [
                    console.verdict(
                        "pass" if each.open else "fail",
                        console.text("开", "open") if each.open else console.text("关", "closed"),
                    ),
                    each.name,
                    console.of(each.text),
                ]
                for each in results
            ],
        )
        console.document({"open": all(each.open for each in results), "gates": results})
        return 0 if all(each.open for each in results) else EXIT_FAILED

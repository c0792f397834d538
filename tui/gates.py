"""The gates of ``onecard gates``: each looks at what is there and says open or closed, with what closes it."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocols.wire.base import Label
from protocols.wire.privacy import find_leaks
from tui.console import Console, UserError

if TYPE_CHECKING:
    import typer

__all__ = ["GateResult", "commands_in", "docs_gate", "flow_gate", "leak_gate", "matrix_gate", "run_gates", "unknown_in"]

ROOT = Path(__file__).resolve().parent.parent
SHOWN = 5

_FENCE = re.compile(r"^(```|~~~)")
_INLINE = re.compile(r"`(onecard [^`]+)`")
_PLACEHOLDER = re.compile(r"^[A-Z][A-Z0-9_|-]*$|^[<\[(].*|.*\.\.\.$")


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate. ``text`` says what was looked at, and what keeps it closed."""

    name: str
    open: bool
    text: Label


def run_gates(console: Console, dossiers: Path, pixit: Path | None = None) -> list[GateResult]:
    """All gates, in order. *pixit* is a file of PIXIT values that no dossier may hold."""
    from tui.money_gate import money_gate

    return [matrix_gate(console), leak_gate(dossiers, pixit), flow_gate(dossiers), docs_gate(), money_gate(console)]


def matrix_gate(console: Console) -> GateResult:
    """Every check kills, every mutant is killed or excused, no null device passes, the reference passes."""
    from conformance.service import gate, reference_verdicts
    from tui.commands.mutation import GATE_LABELS, measure

    matrix = measure(console)
    judged = gate(matrix, reference_verdicts())
    wrong = {name: getattr(judged, name) for name in GATE_LABELS if getattr(judged, name)}
    if not wrong:
        rows = len(matrix.rows)
        return GateResult("kill-matrix", True, Label(f"{rows} 行，全部合格", f"{rows} rows, all in order"))
    zh = "；".join(f"{GATE_LABELS[name].zh}：{_some(ids)}" for name, ids in wrong.items())
    en = "; ".join(f"{GATE_LABELS[name].en}: {_some(ids)}" for name, ids in wrong.items())
    return GateResult("kill-matrix", False, Label(zh, en))


def _some(ids: Iterable[str]) -> str:
    listed = list(ids)
    return ", ".join(listed[:SHOWN]) + (f" (+{len(listed) - SHOWN})" if len(listed) > SHOWN else "")


def leak_gate(dossiers: Path, pixit: Path | None = None) -> GateResult:
    """No secret of the bench's people, and none of *pixit*, stands in any file of the newest dossier.

    Nor does its lock hold a PIN, or a key other than the published one. Without a dossier the gate is closed.
    """
    from conformance.service import load_pixit, pixit_literals, read_dossier
    from scenarios.service import bench_secrets
    from tui.dossiers import latest_dossier

    try:
        folder = latest_dossier(dossiers)
    except UserError as error:
        why = Label(f"{error.what.zh}：{error.remedy.zh}", f"{error.what.en}: {error.remedy.en}")
        return GateResult("leaks", False, why)
    result = read_dossier(folder).result
    # What a lock holds of PIXIT is looked for too: a secret that stands there stands in this very file.
    stated = {name: {key: str(each) for key, each in values.items()} for name, values in _pixit_of(result.plan_lock)}
    literals = [*bench_secrets(result.bench.seed), *pixit_literals(stated)]
    literals += pixit_literals(load_pixit(pixit)) if pixit else []
    found: list[str] = []
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        found += [
            f"{path.name}@{leak.at} {leak.privacy.value}/{leak.form}"
            for leak in find_leaks(path.read_bytes(), literals)
        ]
    if found:
        return GateResult("leaks", False, Label(f"{folder} 泄漏：{_some(found)}", f"{folder} leaks: {_some(found)}"))
    count, secrets = len(files), len(literals)
    return GateResult(
        "leaks",
        bool(literals),
        Label(
            f"{folder}：{count} 个文件中没有 {secrets} 个秘密的任何形式",
            f"{folder}: none of {secrets} secrets in {count} files",
        ),
    )


def flow_gate(dossiers: Path) -> GateResult:
    """No PIN, key, card number, citizen number or name stands in any form in anything that the newest flow has left, or went over
    a socket of it where it must not; and the search finds what is planted for it. Without a flow one is run."""
    from conformance.service import flow_leaks, newest_flow

    folder = newest_flow(dossiers) or _run_a_flow(dossiers)
    found = flow_leaks(folder)
    if found.open:
        text = Label(
            f"{folder}：{found.files} 个文件和 {found.wire_bytes} 字节网络数据中没有 {found.forms} 种形式的秘密，植入的都能找到",
            f"{folder}: none of {found.forms} forms in {found.files} files and {found.wire_bytes} bytes of traffic; planted ones are found",
        )
        return GateResult("flow-leaks", True, text)
    zh = f"泄漏：{_some(found.found)}" if found.found else f"检查失明：{_some(found.blind) or '没有数据'}"
    en = f"leaks: {_some(found.found)}" if found.found else f"the search is blind: {_some(found.blind) or 'no data'}"
    return GateResult("flow-leaks", False, Label(f"{folder} {zh}", f"{folder} {en}"))


def _run_a_flow(dossiers: Path) -> Path:
    """The plainest flow, into a folder of its own."""
    from conformance.service import certify_flow
    from scenarios.service import flow_files, load_flow

    flow = load_flow(next(each for each in flow_files() if each.stem == "pay-bill"))
    folder = dossiers / f"gate-{flow.flow}"
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier gate could not finish
    asyncio.run(certify_flow(flow, folder))
    return folder


def _pixit_of(lock: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    stated = lock.get("pixit")
    for name, values in (stated if isinstance(stated, Mapping) else {}).items():
        if isinstance(values, Mapping):
            yield name, values


def docs_gate(root: Path = ROOT) -> GateResult:
    """Every ``onecard`` line in README and docs names a command and options that exist."""
    wrong: list[str] = []
    count = 0
    for path in [*sorted(root.glob("README*.md")), *sorted((root / "docs").rglob("*.md"))]:
        for number, line in commands_in(path.read_text(encoding="utf-8")):
            count += 1
            problem = unknown_in(line)
            if problem:
                wrong.append(f"{path.relative_to(root)}:{number}: {problem}")
    if wrong:
        return GateResult(
            "docs", False, Label(f"文档写了不存在的命令：{_some(wrong)}", f"no such command: {_some(wrong)}")
        )
    return GateResult("docs", True, Label(f"文档中 {count} 条命令都存在", f"all {count} commands in the docs exist"))


def commands_in(markdown: str) -> Iterator[tuple[int, str]]:
    """(line, command) for every ``onecard ...`` in a code block or in code marks."""
    fenced = False
    for number, line in enumerate(markdown.splitlines(), 1):
        if _FENCE.match(line.strip()):
            fenced = not fenced
        elif fenced:
            text = line.strip().removeprefix("$ ")
            for part in re.split(r"\s*(?:\||&&|;)\s*", text):
                if part.startswith("onecard "):
                    yield number, part
        else:
            for found in _INLINE.findall(line):
                yield number, found


def unknown_in(line: str, application: typer.Typer | None = None) -> str:
    """What in the command *line* does not exist; empty when all of it does. Placeholders in capitals are let through."""
    from typer import Context
    from typer.main import get_command

    from tui.cli import app

    words = shlex.split(line.partition(" #")[0], posix=True)[1:]
    here: Any = get_command(application or app)
    path = "onecard"
    while words and hasattr(here, "get_command") and not words[0].startswith("-"):
        if _PLACEHOLDER.match(words[0]):
            return ""
        within = here.get_command(
            Context(here), words[0]
        )  # asked, not looked up: groups may make theirs when they are asked
        if within is None:
            return f"{path} {words[0]}"
        path, here = f"{path} {words.pop(0)}", within
    known = {option for param in here.params for option in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    for each in words:
        option = each.partition("=")[0]
        if option.startswith("-") and len(option) > 1 and not option[1:2].isdigit() and option not in known:
            return f"{path} {option}"
    return ""

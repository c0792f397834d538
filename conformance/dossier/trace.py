"""The decoded trace: every record of the history as a labelled tree, in both languages, with its bytes and its time.

Pure: the same history gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.dossier.read import records_of
from conformance.dossier.snapshot import Catalogue
from conformance.model import VERDICT_LABELS
from conformance.result import RunResult
from conformance.roles.discovery import dialect_of as known_dialect
from protocols.record import Record, canonical
from protocols.wire.apdu import command_tree, response_tree
from protocols.wire.base import Frame, Label, Node

__all__ = ["TraceLine", "bilingual_tree", "decode", "dialect_of", "render_trace", "show_record", "summarise"]

KIND_LABELS: dict[str, Label] = {
    "run": Label("运行", "run"),
    "preflight": Label("预检", "preflight"),
    "link": Label("连接", "link"),
    "frame": Label("帧", "frame"),
    "control": Label("控制字节", "control byte"),
    "noise": Label("无法成帧的字节", "bytes of no frame"),
    "apdu": Label("APDU", "APDU"),
    "atr": Label("复位应答", "answer to reset"),
    "power": Label("卡上下电", "card power"),
    "limit": Label("超过时限", "time limit passed"),
    "prompt": Label("请求动手操作", "asked the hand"),
    "answer": Label("动手操作结果", "the hand's answer"),
    "fault": Label("故障注入", "fault injected"),
    "check": Label("检查项", "check"),
    "cut": Label("激励提前结束", "stimulus ended early"),
    "step": Label("步骤", "step"),
    "violation": Label("违规", "violation"),
    "snapshot": Label("状态快照", "snapshot"),
    "page": Label("终端页面", "page of the kiosk"),
    "http": Label("HTTP 调用", "HTTP call"),
    "message": Label("服务报文", "message of a service"),
    "leak": Label("泄漏", "leak"),
    "search": Label("泄漏检查", "search for leaks"),
    "end": Label("结束", "end"),
}

CONTROL_LABELS: dict[int, Label] = {
    0x04: Label("EOT 取消", "EOT cancel"),
    0x05: Label("ENQ 询问", "ENQ enquiry"),
    0x06: Label("ACK 肯定确认", "ACK acknowledge"),
    0x15: Label("NAK 否定确认", "NAK refuse"),
}

SUMMARY_PARTS = 4

ARROWS = {"tx": "-->", "rx": "<--", "-": " . "}


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One record made readable. ``summary`` is one line, ``tree`` the decoded fields or None."""

    record: Record
    kind: Label
    summary: Label
    tree: Node | None

    @property
    def hexed(self) -> str:
        return self.record.data.hex(" ").upper()

    @property
    def arrow(self) -> str:
        return ARROWS[self.record.direction]


def dialect_of(records: Sequence[Record]) -> str:
    """The dialect that a check's own begin mark names; empty when it names none."""
    for record in records:
        facts: Any = record.note.get("facts") if record.kind == "check" else None
        if isinstance(facts, Mapping):
            return str(facts.get("dialect", ""))
    return ""


def decode(record: Record, dialect: str) -> Node | None:
    """The labelled tree of the bytes of *record*; None when it carries none. Never raises on odd bytes."""
    # Where a kiosk is under test, what it sends to a device comes from the thing under test: the record says so.
    to_device = bool(record.note.get("to_device", record.direction == "tx"))
    if not record.data:
        return None
    if record.kind == "apdu":
        return command_tree(record.data) if to_device else response_tree(record.data)
    if record.kind == "control":
        label = CONTROL_LABELS.get(record.data[0], KIND_LABELS["control"])
        return Node("control", label, record.data)
    known = known_dialect(dialect) if record.kind == "frame" else None
    if known is not None:
        items = known.framing().feed(record.data, 0.0)
        if items and isinstance(items[0], Frame):
            return known.tree(items[0].text, to_device)
    return Node(record.kind, KIND_LABELS.get(record.kind, Label(record.kind, record.kind)), record.data)


def show_record(record: Record, dialect: str) -> TraceLine:
    """*record* with its one-line summary and its tree."""
    kind = KIND_LABELS.get(record.kind, Label(record.kind, record.kind))
    tree = decode(record, dialect)
    return TraceLine(record, kind, summarise(record, tree), tree)


def summarise(record: Record, tree: Node | None) -> Label:
    """One line that says what a record is: the texts of its tree, or its note."""
    if tree is None or record.kind in ("step", "check"):
        return _note_line(record)
    said = [_meaning(each) for each in (Node(tree.name, Label("", ""), text=tree.text), *tree.children)]
    told = sorted((key, value) for key, value in record.note.items() if key != "to_device")
    notes = [Label(f"{key}={value}", f"{key}={value}") for key, value in told]
    parts = [tree.label, *[each for each in said if each.en][:SUMMARY_PARTS], *notes]
    return Label(" · ".join(each.zh for each in parts), " · ".join(each.en for each in parts))


def _meaning(node: Node) -> Label:
    """What a field says, in a summary: its text, or a label that holds the value itself (``stacker: empty``)."""
    if node.text:
        return Label(node.text, node.text)
    return node.label if ": " in node.label.en else Label("", "")


def _note_line(record: Record) -> Label:
    note = dict(record.note)
    kind = KIND_LABELS.get(record.kind, Label(record.kind, record.kind))
    if record.kind in ("step", "check"):
        name, phase = note.pop("name", note.pop("id", "")), note.pop("phase", "")
        edge = Label("开始", "begin") if phase == "begin" else Label("结束", "end")
        note.pop("facts", None)
        rest = f" {canonical(note)}" if note else ""
        return Label(f"{kind.zh} {name} {edge.zh}{rest}", f"{kind.en} {name} {edge.en}{rest}")
    rest = " ".join(f"{key}={value}" for key, value in sorted(note.items()))
    return Label(f"{kind.zh} {rest}".strip(), f"{kind.en} {rest}".strip())


def bilingual_tree(tree: Node) -> Iterator[str]:
    """One field a line: Chinese, English, meaning, bytes."""
    for depth, node in tree.walk():
        hexed = node.raw.hex(" ").upper() if not node.children else ""
        name = node.label.zh if node.label.zh == node.label.en else f"{node.label.zh} ({node.label.en})"
        yield "  " * depth + "  ".join(part for part in (name, node.text, hexed) if part)


def render_trace(result: RunResult, records: Sequence[Record], catalogue: Catalogue) -> str:
    """The whole of ``trace.txt``: one part a check, then what happened outside of the checks."""
    rows = [f"解码跟踪 decoded trace · 运行 run {result.run_id} · {len(records)} 条记录 records", ""]
    inside: set[int] = set()
    for outcome in result.outcomes:
        mine = records_of(records, outcome)
        inside.update(each.seq for each in mine)
        title, verdict = catalogue.check(outcome.check_id).title, VERDICT_LABELS[outcome.verdict]
        rows.append(f"=== {outcome.key} · {verdict.zh} {verdict.en} · {title.zh} · {title.en}")
        dialect = dialect_of(mine)
        for record in mine:
            rows.extend(_record_rows(record, dialect))
        rows.append("")
    dialects = {each.slot: each.dialect for each in result.bench.slots}
    rows.append("=== 检查项之外 outside of the checks")
    for record in records:
        if record.seq not in inside:
            rows.extend(_record_rows(record, dialects.get(record.slot, "")))
    return "\n".join(rows) + "\n"


def _record_rows(record: Record, dialect: str) -> Iterator[str]:
    line = show_record(record, dialect)
    both = line.summary.zh if line.summary.zh == line.summary.en else f"{line.summary.zh} | {line.summary.en}"
    yield f"#{record.seq:06d} {record.t:12.6f} s  {record.slot:<10} {line.arrow} {_one_line(both)}"
    if line.hexed:
        yield f"{'':8}{line.hexed}"
    if line.tree is not None and line.tree.children:
        for row in bilingual_tree(line.tree):
            yield f"{'':8}| {_one_line(row)}"


def _one_line(text: str) -> str:
    """Control characters made visible: a device must not be able to draw its own lines into the trace."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else f"\\x{ord(each):02X}" for each in text)

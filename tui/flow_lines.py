"""How a flow is shown while it happens: records of its history as lines for people, one language at a time.

A device that is polled says the same again and again: what was just seen on that line is not shown a second time.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocols.record import Record
from protocols.wire.base import Label
from protocols.wire.money import yuan_text
from tui.language import Language

__all__ = ["FlowLine", "FlowLines", "flow_dialects", "money_text"]

RECENT = 12
"""So many different frames of a line are remembered: a round of polling has a few."""

_SLOTS: dict[str, Label] = {
    "kiosk": Label("终端", "kiosk"),
    "backend": Label("后台", "backend"),
    "his": Label("HIS", "HIS"),
    "his_xml": Label("HIS", "HIS"),
    "insurance": Label("医保", "insurance"),
    "bank": Label("银行", "bank"),
    "qr": Label("扫码", "QR"),
    "credential": Label("凭证", "credential"),
    "notify": Label("通知", "notify"),
}
_PARTS = (
    ("fund_fen", Label("统筹", "fund")),
    ("account_fen", Label("账户", "account")),
    ("cash_fen", Label("现金", "cash")),
)
SHOWN_OF_BANK = ("4", "11", "37", "39", "41", "42", "52", "64")
"""Fields of a bank message that are shown: amount, traces, answer, places, and that PIN and MAC are there."""


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One line. ``kind`` is that of the record; ``style`` a rich style."""

    kind: str
    who: str
    text: str
    style: str = ""


def money_text(trade: Mapping[str, Any], language: Language) -> str:
    """``110.00 = fund 59.85 + account 30.00 + cash 20.15``; the total alone before there is a quote."""
    total = yuan_text(int(trade.get("total_fen", 0)))
    split = trade.get("split")
    if not isinstance(split, Mapping):
        return total
    parts = [f"{label[language]} {yuan_text(int(split.get(name, 0)))}" for name, label in _PARTS]
    return f"{total} = {' + '.join(parts)}"


def flow_dialects(run: Record) -> dict[str, str]:
    """Slot to dialect, from the first record of a flow."""
    flow: Any = run.note.get("flow")
    slots = flow["bench"]["slots"] if isinstance(flow, Mapping) else {}
    return {name: str(each.get("dialect", "")) for name, each in slots.items()}


class FlowLines:
    """Call with each record, in order; gives the lines that it makes."""

    def __init__(self, language: Language) -> None:
        self._language: Language = language
        self._seen: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=RECENT))
        self._page = ""
        self._money = ""
        self._dialects: dict[str, str] = {}

    def __call__(self, record: Record) -> list[FlowLine]:
        if record.kind == "run":
            self._dialects = flow_dialects(record)
        make = {
            "step": self._step,
            "page": self._page_of,
            "http": self._http,
            "message": self._message,
            "frame": self._frame,
            "prompt": self._prompt,
            "fault": self._fault,
            "leak": self._leak,
            "violation": self._violation,
        }.get(record.kind)
        return make(record) if make is not None else []

    def _t(self, zh: str, en: str) -> str:
        return zh if self._language == "zh" else en

    def _who(self, slot: str) -> str:
        return _SLOTS[slot][self._language] if slot in _SLOTS else slot

    def _step(self, record: Record) -> list[FlowLine]:
        note = record.note
        if note.get("phase") == "begin":
            text = f"{note.get('number')}. {note.get(self._language, note.get('name'))}"
            return [FlowLine("step", "", text, "bold")]
        if note.get("met"):
            return [FlowLine("met", "", f"[+] {int(note.get('ms', 0)) / 1000:.2f} s", "green")]
        return [FlowLine("unmet", "", f"[X] {note.get('why', '')}", "bold red")]

    def _page_of(self, record: Record) -> list[FlowLine]:
        note, lines = record.note, list[FlowLine]()
        title = note.get("title")
        text = str(title.get(self._language, "")) if isinstance(title, Mapping) else str(note.get("event", ""))
        if text and text != self._page:
            self._page = text
            lines.append(FlowLine("page", self._who("kiosk"), f"[ {text} ]", "cyan"))
        trade: Any = note.get("trade")
        if isinstance(trade, Mapping):
            money = f"{trade.get('state', '')}  {money_text(trade, self._language)}"
            if money != self._money:
                self._money = money
                number = trade.get("trade_no", "")
                lines.append(FlowLine("trade", self._t("交易", "trade"), f"{number}  {money}", "yellow"))
        return lines

    def _http(self, record: Record) -> list[FlowLine]:
        note = record.note
        status = note.get("status") or self._t("没有应答", "no reply")
        code = f"  {note['code']}" if note.get("code") else ""
        text = f"HTTP {note.get('call', '')} -> {status}{code}  {note.get('ms', 0)} ms"
        return [FlowLine("http", f"{self._who('kiosk')} > {self._who('backend')}", text, "dim")]

    def _message(self, record: Record) -> list[FlowLine]:
        note = record.note
        who = f"{self._who('backend')} > {self._who(record.slot)}"
        fault = f"  {self._t('故障', 'fault')}: {note['fault']}" if note.get("fault") else ""
        if "request" not in note:
            status = note.get("status") or self._t("没有应答", "no reply")
            text = f"HTTP {note.get('address', '')} -> {status}  {note.get('ms', 0)} ms{fault}"
            return [FlowLine("message", who, text, "red" if fault else "dim")]
        lines = [FlowLine("bank", who, "ISO 8583 " + self._fields(note["request"]), "magenta")]
        reply = note.get("reply")
        text = self._fields(reply) if reply else self._t("没有应答", "no reply")
        lines.append(FlowLine("bank", who, "      -> " + text + fault, "red" if fault else "magenta"))
        return lines

    def _fields(self, rows: Sequence[Sequence[str]]) -> str:
        """Message type and the fields that are shown; private ones as stars."""
        head, *fields = rows
        label = 1 if self._language == "zh" else 2
        parts = [f"{head[0]} {head[label]}"]
        parts += [f"{each[label]}({each[0]}) {each[3]}" for each in fields if each[0] in SHOWN_OF_BANK]
        return "  ".join(parts)

    def _frame(self, record: Record) -> list[FlowLine]:
        key = record.direction.encode() + record.data
        if key in self._seen[record.slot]:
            return []
        self._seen[record.slot].append(key)
        from conformance.service import show_record

        line = show_record(record, self._dialects.get(record.slot, ""))
        return [FlowLine("frame", f"{record.slot} {line.arrow}", line.summary[self._language], "dim")]

    def _prompt(self, record: Record) -> list[FlowLine]:
        note = record.note
        answer = "" if note.get("answer") == "done" else f"  ({note.get('answer')})"
        return [
            FlowLine("hand", self._t("市民", "citizen"), f"{record.slot}: {note.get('action', '')}{answer}", "blue")
        ]

    def _fault(self, record: Record) -> list[FlowLine]:
        note = record.note
        if "struck" in note:
            return []
        return [FlowLine("fault", self._who(record.slot), f"{note.get('id', '')}", "bold red")]

    def _leak(self, record: Record) -> list[FlowLine]:
        text = f"{self._t('泄漏', 'leak')}: {record.note.get('privacy', '')} ({record.note.get('form', '')})"
        return [FlowLine("leak", record.slot, text, "bold red")]

    def _violation(self, record: Record) -> list[FlowLine]:
        text = f"{self._t('主机违反协议', 'the host broke the protocol')}: {record.note.get('text', '')}"
        return [FlowLine("violation", record.slot, text, "yellow")]

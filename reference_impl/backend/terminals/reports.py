"""The fleet in numbers and as a table. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable

from protocols.clock import civil
from reference_impl.backend.terminals.fleet import Fleet
from reference_impl.backend.terminals.model import Terminal
from reference_impl.backend.terminals.schemas import FleetReport, TerminalView

__all__ = ["fleet_report", "fleet_table"]

_HEADINGS = (
    ("terminal_id", "终端编号"),
    ("name", "名称"),
    ("institution", "机构"),
    ("state", "状态"),
    ("online", "在线"),
    ("mode", "模式"),
    ("app_version", "软件版本"),
    ("heard_at", "最近心跳"),
    ("bank_terminal", "银行终端号"),
    ("merchant", "商户号"),
    ("services", "业务"),
    ("faults", "故障模块"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def fleet_report(terminals: Iterable[Terminal], fleet: Fleet) -> FleetReport:
    held = [each for each in terminals if each.state != "removed"]
    heard = [fleet.heard[each.terminal_id] for each in held if each.terminal_id in fleet.heard]
    online = {each.terminal_id for each in held if fleet.online(each.terminal_id)}
    places: dict[str, Counter[str]] = {}
    for each in held:
        places.setdefault(each.institution, Counter()).update(
            {"terminals": 1, "online": int(each.terminal_id in online)}
        )
    return FleetReport(
        terminals=len(held),
        online=len(online),
        by_state=dict(Counter(each.state for each in held)),
        by_mode=dict(Counter(each.mode for each in heard if each.terminal_id in online)),
        by_version=dict(Counter(each.app_version for each in heard)),
        faults=dict(
            Counter(name for each in heard for name, (state, _) in json.loads(each.modules).items() if state == "fault")
        ),
        by_institution={place: dict(count) for place, count in sorted(places.items())},
    )


def fleet_table(terminals: Iterable[Terminal], fleet: Fleet) -> str:
    """CSV with a heading in both languages; nothing in it is taken for a formula by a spreadsheet."""
    text = io.StringIO()
    text.write("\ufeff")  # spreadsheets take it for UTF-8 then
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow([f"{zh} {name}" for name, zh in _HEADINGS])
    for each in terminals:
        view = TerminalView.of(each, fleet)
        values = view.model_dump() | {
            "services": " ".join(view.services),
            "online": "1" if view.online else "0",
            "heard_at": f"{civil(view.heard_at):%Y-%m-%d %H:%M:%S}" if view.heard_at else "",
            "faults": " ".join(module.id for module in view.modules if module.state == "fault"),
        }
        table.writerow([_plain(str(values[name] or "")) for name, _ in _HEADINGS])
    return text.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

"""Histories of flows written by hand: what a judge must see, without a program or a socket."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protocols.record import History, Record
from scenarios.flow.lock import lock_of_flow
from scenarios.flow.model import Flow, load_flow

FLOWS = Path(__file__).resolve().parents[2] / "scenarios" / "flows"
TRADE = "DG2026112700001000001"
SPLIT = {"fund_fen": 5985, "account_fen": 3000, "mutual_aid_fen": 0, "cash_fen": 2015, "hospital_fen": 0}
"""59.85 + 30.00 + 20.15 = 110.00 yuan."""


def pay_bill() -> Flow:
    return load_flow(FLOWS / "pay-bill.yaml")


def short_flow() -> Flow:
    """The end of a payment: three steps."""
    flow = pay_bill()
    wanted = {"confirm-quote", "decided", "receipt"}
    return flow.model_copy(update={"steps": tuple(each for each in flow.steps if each.do in wanted)})


def trade(state: str, **more: Any) -> dict[str, Any]:
    return {"trade_no": TRADE, "state": state, "total_fen": 11_000, "split": dict(SPLIT), **more}


def money() -> dict[str, Any]:
    """The books of one bill that was paid: platform, HIS, insurance and bank agree."""
    attempts = [
        ("A1", "lock", "his", f"{TRADE}-lock", 11_000),
        ("A2", "visit", "insurance", "V1", 11_000),
        ("A3", "insurance", "insurance", "I1", 8_985),
        ("A4", "cash", "bank", "10000001/000001/000002", 2_015),
        ("A5", "commit", "his", TRADE, 11_000),
    ]
    return {
        "trades": [
            {"trade_no": TRADE, "state": "paid", "total_fen": 11_000, "fund_fen": 5_985, "account_fen": 3_000,
             "cash_fen": 2_015, "institution": "H44190000001", "terminal_id": "KSK-00001", "reason": ""}
        ],
        "attempts": [
            {"attempt_id": name, "trade_no": TRADE, "leg": leg, "act": "do", "channel": channel, "reference": reference,
             "amount_fen": fen, "state": "success", "original": ""}
            for name, leg, channel, reference, fen in attempts
        ],
        "postings": [
            {"trade_no": TRADE, "account": account, "amount_fen": fen, "attempt_id": attempt}
            for attempt, account, fen in (
                ("A3", "receivable:insurance:fund", 5_985), ("A3", "receivable:insurance:account", 3_000),
                ("A3", "clearing", -8_985), ("A4", "receivable:bank", 2_015), ("A4", "clearing", -2_015),
                ("A5", "clearing", 11_000), ("A5", "payable:H44190000001", -11_000),
            )
        ],
        "books": [
            {"book": book, "reference": reference, "kind": "pay", "amount_fen": fen, "original": ""}
            for book, reference, fen in (
                ("his", TRADE, 11_000), ("insurance", "I1", 8_985), ("bank", "10000001/000001/000002", 2_015)
            )
        ],
        "locks": [],
        "claims": [{"terminal_id": "KSK-00001", "trade_no": TRADE, "said": "paid"}],
        "alarms": [],
        "violations": [],
    }  # fmt: skip


SEARCHED = {"bytes": {"http": 1_000, "bank": 500}, "planted": 114, "found": 114, "leaks": 0, "keys_known": True}


class Story:
    """A history that grows line by line. ``text`` is its file."""

    def __init__(self, flow: Flow | None = None) -> None:
        self.flow = flow or short_flow()
        self.sink = io.StringIO()
        self.t = 0.0
        self.history = History(lambda: self.t, self.sink)
        self.add("", "run", flow=lock_of_flow(self.flow))

    def add(self, slot: str, kind: str, **note: Any) -> Record:
        self.t += 0.1
        return self.history.append(slot, "-", kind, **note)  # type: ignore[arg-type]

    def step(self, number: int, *pages: Mapping[str, Any], met: bool = True) -> None:
        name = self.flow.steps[number - 1].do
        self.add("", "step", name=name, number=number, phase="begin", zh="", en="")
        for each in pages:
            self.add("kiosk", "page", **each)
        self.add("", "step", name=name, number=number, phase="end", met=met, ms=5, why="" if met else "nothing came")

    def end(self, books: Mapping[str, Any] | None = None, **search: Any) -> list[Record]:
        if books is None:
            books = money()
        if books:
            self.add("books", "snapshot", **books)
        self.add("", "search", **{**SEARCHED, **search})
        self.add("", "end", status="done", why="")
        return list(self.history.records)


def paid_story(presses: int = 1) -> Story:
    """Everything as it has to be, when pay was pressed once."""
    story = Story()
    story.step(1, {"event": "business", "stage": "method", "trade": trade("awaiting")})
    result = {"event": "business", "stage": "result", "trade": trade("paid"), "told": "paid", "slip": "payment"}
    story.step(2, {"event": "business", "stage": "paying", "presses": presses, "trade": trade("paying")}, result)
    story.step(3)
    return story

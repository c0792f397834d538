"""The modes Kiosk and Scenario, driven by keys, with a kiosk of this process in place of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input

import conformance.service
import scenarios.service
from conformance.flow.dossier import begin_flow_dossier, seal_flow, verify_flow
from conformance.flow.run import FlowDone
from protocols.record import History, Record
from scenarios.flow.lock import lock_of_flow
from scenarios.service import Flow
from tui.app import OnecardApp
from tui.characters import ambiguous
from tui.screens.kiosk import KioskPane, page_text
from tui.screens.scenario import ScenarioPane
from tui.widgets.bars import CommandBar

SHAPES = [((80, 24), "en"), ((100, 30), "zh")]
MENU = {
    "event": "business",
    "stage": "menu",
    "word": "menu",
    "page": {
        "headline": {"zh": "请选择服务", "en": "Please choose a service"},
        "rows": [["就诊人", "Patient", "测**"]],
        "choices": [[1, "缴费", "Pay bills", True], [2, "挂号", "Register", True], [3, "结束服务", "End", True]],
        "hint": {"zh": "输入序号后按确认", "en": "Type a number and Enter"},
    },
}
SPLIT = {"fund_fen": 5985, "account_fen": 3000, "cash_fen": 2015}
TRADE = {"trade_no": "DG2026112700001000001", "state": "awaiting", "total_fen": 11_000, "split": SPLIT}
PIN = {
    "event": "business",
    "stage": "pin",
    "trade": TRADE,
    "page": {"headline": {"zh": "请在密码键盘输入密码", "en": "PIN, please, at the keypad"}, "stars": 3},
}


def rows_of(app: OnecardApp) -> list[str]:
    return ["".join(part.text for part in strip) for strip in app.screen._compositor.render_strips()]


async def settled(pilot: Pilot[Any], *groups: str) -> None:
    working = [each for each in pilot.app.workers if each.group in (*groups, "doctor", "read")]
    async with asyncio.timeout(60):
        if working:
            await pilot.app.workers.wait_for_complete(working)
    await pilot.pause()
    await pilot.pause()


class FakeDesk:
    """Remembers what was done."""

    slots: Mapping[str, str] = {"reader": "card_reader", "bank-reader": "card_reader", "pad": "pin_pad"}

    def __init__(self, on_page: Callable[[Mapping[str, Any]], None]) -> None:
        self.show, self.did = on_page, list[Any]()
        self.states: dict[str, dict[str, Any]] = {"pad": {"keypad": "plain", "entered": 0}, "reader": {"media": "none"}}
        self.stand = SimpleNamespace(services=SimpleNamespace(filled_in={"terminal": "KSK-00001"}))

    async def do(self, word: str, **fields: Any) -> str:
        self.did.append((word, fields))
        return "reader: its entry stayed shut" if word == "remove-card" else ""

    async def say(self, line: str) -> str:
        self.did.append(line)
        return ""

    async def press(self, slot: str, key: str) -> str:
        self.did.append((slot, key))
        return ""

    def look(self, slot: str) -> Mapping[str, Any]:
        return self.states.get(slot, {})


@pytest.fixture
def desks(monkeypatch: pytest.MonkeyPatch) -> list[FakeDesk]:
    stood: list[FakeDesk] = []

    @asynccontextmanager
    async def stand(flow: Flow, hear: Any, on_page: Any) -> AsyncIterator[FakeDesk]:
        stood.append(FakeDesk(on_page))
        yield stood[-1]
        stood[-1].did.append("down")

    monkeypatch.setattr(scenarios.service, "stand_kiosk", stand)
    return stood


@pytest.mark.parametrize(("size", "language"), SHAPES)
async def test_the_kiosk_fits_and_says_what_the_citizen_sees(
    tmp_path: Path, desks: list[FakeDesk], size: tuple[int, int], language: str
) -> None:
    app = OnecardApp("zh" if language == "zh" else "en", dossiers=tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("7", "u")
        await settled(pilot)
        desks[0].show(MENU)
        await settled(pilot)
        rows = rows_of(app)
        assert {cell_len(each) for each in rows} == {size[0]}
        assert ambiguous("".join(rows)) == ""
        shown = "\n".join(rows)
        wanted = (
            ("请选择服务", "缴费", "就诊人")
            if language == "zh"
            else ("Please choose a service", "Pay bills", "Patient")
        )
        assert all(each in shown for each in wanted)
        desks[0].show(PIN)
        await settled(pilot)
        shown = "\n".join(rows_of(app))
        assert "[ * * * _ _ _ ]" in shown
        assert "110.00" in shown
        assert "59.85" in shown
        assert "KSK-00001" in shown


async def test_every_hand_of_the_citizen_has_its_key(tmp_path: Path, desks: list[FakeDesk]) -> None:
    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7", "i")
        await settled(pilot)
        assert desks == [], "nothing stands yet"
        await pilot.press("u")
        await settled(pilot)
        desk = desks[0]
        await pilot.press("i", "p", "b", "s", "w", "z", "g", "t")
        await settled(pilot, "citizen")
        assert desk.did == [
            ("insert-card", {"card": "social", "into": "reader"}),
            ("identify", {"card": "social", "pin": "right"}),
            ("insert-card", {"card": "bank", "into": "bank-reader"}),
            ("show-code", {"code": "wechat"}),
            ("identify", {"card": "social", "pin": "wrong"}),
            "back",
            "cancel",
            ("remove-card", {"into": "reader"}),
        ]
        assert "its entry stayed shut" in "\n".join(rows_of(app))
        desk.did.clear()
        desk.states["pad"]["keypad"] = "pin"
        desk.states["bank-reader"] = {"media": "gate"}
        desk.show({**MENU, "method": "alipay"})
        await settled(pilot)
        await pilot.press("p", "s", "t", "down", "enter")
        await settled(pilot, "citizen")
        assert desk.did == [
            ("type-pin", {"card": "bank", "pin": "right"}),
            ("show-code", {"code": "alipay"}),
            ("remove-card", {"into": "bank-reader"}),
            "menu 2",
        ]
        desk.did.clear()
        desk.show({"event": "business", "stage": "quote", "word": "quote", "page": PIN["page"]})
        await settled(pilot)
        await pilot.press("e")
        await pilot.press("k", *"12", "space", *"clear", "enter")
        await settled(pilot, "citizen")
        await pilot.press("colon", *"detail 1", "enter")
        await settled(pilot, "citizen")
        assert desk.did == ["quote", ("pad", "1"), ("pad", "2"), ("pad", "clear"), "detail 1"]
        await pilot.press("x")
        await settled(pilot, "kiosk")
        assert desk.did[-1] == "down"
        assert app.query_one(KioskPane).desk is None


async def test_leaving_takes_the_kiosk_down(tmp_path: Path, desks: list[FakeDesk]) -> None:
    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("7", "u")
        await settled(pilot)
        await pilot.press("q")
        async with asyncio.timeout(20):
            while "down" not in desks[0].did:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def test_a_page_is_told_in_one_language_with_its_headline_in_both() -> None:
    page = {**MENU["page"], "notice": {"zh": "密码错误", "en": "Wrong PIN"}}  # type: ignore[dict-item]
    zh, en = page_text(page, "zh").plain, page_text(page, "en").plain
    assert zh.splitlines()[:2] == ["请选择服务", "Please choose a service"]
    assert en.splitlines()[:2] == ["Please choose a service", "请选择服务"]
    assert "就诊人  测**" in zh
    assert ("密码错误" in zh, "Wrong PIN" in en) == (True, True)


# Scenario.


async def tell(flow: Flow, folder: Path, hear: Callable[[Record], None], *, until: int, met: bool) -> FlowDone:
    """A run that is told, not done: its history, its verdict, its dossier."""
    path = begin_flow_dossier(folder, flow.flow)
    with path.open("w", encoding="utf-8") as sink:
        history = History(lambda: 0.0, sink)

        def add(kind: str, slot: str = "", **note: Any) -> None:
            hear(history.append(slot, "-", kind, **note))  # type: ignore[arg-type]

        add("run", flow=lock_of_flow(flow))
        for number, step in enumerate(flow.steps[:until], 1):
            note = {"name": step.do, "number": number}
            add("step", **note, phase="begin", zh=step.do, en=step.do)
            add("http", "backend", call="GET /v1/bills", status=200, ms=3)
            if met or number < until:
                add("page", "kiosk", event=step.expect.page[0])
            why = "" if met or number < until else "page menu expected within 10 s, at pin"
            add("step", **note, phase="end", met=not why, ms=3, why=why)
            await asyncio.sleep(0)
        add("end", status="done" if met else "failed", why="")
    return FlowDone(seal_flow(folder), folder, verify_flow(folder))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    how: dict[str, Any] = {"until": 2, "met": False, "hang": False, "ended": 0}

    async def certify(flow: Flow, folder: Path, *, hear: Any) -> FlowDone:
        try:
            if how["hang"]:
                await asyncio.Event().wait()
            return await tell(flow, folder, hear, until=how["until"], met=how["met"])
        finally:
            how["ended"] += 1

    monkeypatch.setattr(conformance.service, "certify_flow", certify)
    return how


@pytest.mark.parametrize(("size", "language"), SHAPES)
async def test_flows_are_listed_run_and_judged(
    tmp_path: Path, told: dict[str, Any], size: tuple[int, int], language: str
) -> None:
    app = OnecardApp("zh" if language == "zh" else "en", dossiers=tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("8")
        await settled(pilot)
        shown = "\n".join(rows_of(app))
        assert "pay-bill" in shown
        assert "register" in shown
        assert "onecard run scenarios/flows/pay-bill.yaml" in app.query_one(CommandBar).line
        await pilot.press("a")
        await settled(pilot, "scenario")
        rows = rows_of(app)
        assert {cell_len(each) for each in rows} == {size[0]}
        assert ambiguous("".join(rows)) == ""
        shown = "\n".join(rows)
        assert ("不通过" if language == "zh" else "fail") in shown
        assert "[+]  1" in shown
        assert "[X]  2" in shown
        assert "HTTP" in shown
        await pilot.press("t")
        await settled(pilot)
        assert app.mode == "trace"
        assert any("flow" in each or "step" in each or "步骤" in each for each in rows_of(app))


async def test_a_flow_is_stopped_and_leaving_ends_it(tmp_path: Path, told: dict[str, Any]) -> None:
    told["hang"] = True
    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("8", "a")
        await pilot.pause()
        assert "运行中" in "\n".join(rows_of(app))
        await pilot.press("a")
        await pilot.press("x")
        async with asyncio.timeout(20):
            while app.query_one(ScenarioPane).running:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert told["ended"] == 1
        await pilot.press("a")
        await pilot.pause()
        await pilot.press("q")
        async with asyncio.timeout(20):
            while told["ended"] < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_dossier_is_verified_again_from_its_files(tmp_path: Path, told: dict[str, Any]) -> None:
    app = OnecardApp("en", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8", "a")
        await settled(pilot, "scenario")
        pane = app.query_one(ScenarioPane)
        (done,) = pane.done.values()
        assert "onecard dossier verify" not in app.query_one(CommandBar).line
        await pilot.press("v")
        await settled(pilot, "verify")
        assert "dossier valid" in "\n".join(rows_of(app))
        history = done.folder / "history.jsonl"
        history.write_bytes(history.read_bytes().replace(b"GET", b"PUT", 1))
        await pilot.press("v")
        await settled(pilot, "verify")
        assert "NOT valid" in "\n".join(rows_of(app))


async def test_a_file_that_is_no_flow_is_said(tmp_path: Path, told: dict[str, Any]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("flow: x\n", encoding="utf-8")
    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.query_one(ScenarioPane)
        pane.files = [bad]
        pane.flows.clear()
        pane.on_mount()
        await pilot.press("8")
        await settled(pilot)
        assert "缺少 / missing" in "\n".join(rows_of(app))
        assert not app.query(Input).filter(".scenario")

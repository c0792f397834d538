"""``onecard load`` and its screen over a load that is only pretended: arguments, exit codes, what is shown, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import RichLog
from typer.testing import CliRunner, Result

import tui.commands.load as command
from loadtest.service import LoadFile, LoadNews, LoadResult, Tick, load_load_file
from loadtest.summary import GeneratorReport, StageSummary, summarise
from loadtest.verdict import judge
from protocols.wire.base import Label
from scenarios.load_model import find_load_file
from tui.app import OnecardApp
from tui.characters import ambiguous
from tui.cli import build_app
from tui.loads import exit_code_of, money_findings, stage_row, tick_text
from tui.screens.load import MOST_LINES, LoadPane

TICK = Tick(
    phase="running",
    t_s=12.0,
    of_s=93.0,
    stage="steady",
    ready=550,
    kiosks=550,
    offered=88,
    ended=40,
    paid=39,
    serving=48,
    in_flight=3,
    calls=700,
    services_per_s=7.3,
    calls_per_s=77.0,
    p50_ms=12.25,
    p99_ms=88.0,
    lag_p99_ms=1.5,
    refused=1,
    cpu=0.11,
    histogram=(1, 2, 40, 20, 10, 5, 0, 0, 0, 0, 1),
)


def _result(load: LoadFile, status: str = "complete", money: tuple[str, ...] | None = ()) -> LoadResult:
    """A load in which nobody was served: broken where it was complete."""
    report = GeneratorReport(status, planned={each.stage: 1 for each in load.stages})
    summary = summarise([each.stage for each in load.stages], [], [], report)
    return LoadResult(load, summary, judge(load, summary, money), money, 0, 61.0)


Carry = Callable[..., Any]


def _pretended(status: str = "complete", money: tuple[str, ...] | None = ()) -> Carry:
    async def run_one(load: LoadFile, on_news: Callable[[LoadNews], None], **_: Any) -> LoadResult:
        on_news(LoadNews(step=Label("立起后台", "the backend is coming up")))
        on_news(LoadNews(tick=TICK))
        return _result(load, status, money)

    return run_one


def _onecard(*words: str) -> Result:
    return CliRunner().invoke(build_app(), ["load", *words], prog_name="onecard")


# The command.


def test_what_the_command_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_one", _pretended(money=("second-debit T1: twice",)))
    shown = _onecard("dongguan", "--lang", "en")
    assert shown.exit_code == 1
    assert "550 kiosks, 93 s" in shown.stdout
    assert "the backend is coming up" in shown.stdout
    assert "12 s  steady  services 7.3/s  calls 77/s  p99 88 ms" in shown.stdout
    assert "X lost, doubled, books that differ: 1: second-debit T1: twice" in shown.stdout
    assert "broken: a limit does not hold" in shown.stdout
    assert "不通过" in _onecard("dongguan", "--lang", "zh").stdout


def test_two_cities_are_one_document_and_one_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_one", _pretended("not-ready"))
    shown = _onecard("dongguan", "beijing", "--json")
    document = json.loads(shown.stdout)
    assert [each["city"] for each in document] == ["dongguan", "beijing"]
    assert {each["verdict"]["overall"] for each in document} == {"not-brought-up"}
    assert shown.exit_code == 2


def test_a_load_that_was_stopped_is_followed_by_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_one", _pretended("stopped"))
    assert json.loads(_onecard("dongguan", "beijing", "--json").stdout)["city"] == "dongguan"


def test_only_the_stages_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_one", _pretended())
    document = json.loads(_onecard("dongguan", "--stage", "barrier", "--json").stdout)
    assert [each["stage"] for each in document["summary"]["stages"]] == ["barrier"]


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("shanghai",), "dongguan"),
        (("dongguan", "--stage", "none"), "steady, poisson, barrier"),
        (("/nowhere/city.yaml",), "/nowhere/city.yaml"),
    ],
)
def test_what_cannot_be_run_is_told_with_its_remedy(words: tuple[str, ...], word: str) -> None:
    shown = _onecard(*words, "--lang", "en")
    assert shown.exit_code == 2
    assert word in shown.stderr


def test_several_exit_codes_are_one() -> None:
    load = load_load_file(find_load_file("dongguan"))
    broken, nothing = _result(load), _result(load, "not-ready")
    assert (broken.verdict.exit_code, nothing.verdict.exit_code) == (1, 2)
    assert exit_code_of([]) == 0
    assert exit_code_of([nothing]) == 2
    assert exit_code_of([nothing, broken]) == 1


def test_money_is_judged_by_the_oracles() -> None:
    note: dict[str, Any] = {name: [] for name in ("attempts", "postings", "locks", "claims", "alarms", "violations")}
    trade = {"trade_no": "T1", "state": "paid", "total_fen": 1000, "cash_fen": 1000}
    book = {"book": "bank", "reference": "10000001/1/1", "kind": "pay", "amount_fen": 1000, "original": ""}
    found = money_findings({**note, "trades": [trade], "books": [book]})
    assert any(each.startswith("lost 10000001/1/1: bank holds 1000 fen") for each in found)


def test_figures_as_a_row_and_as_a_line() -> None:
    load = load_load_file(find_load_file("dongguan"))
    stage: StageSummary = _result(load).summary.stages[0]
    assert stage_row(stage, 15.0)[:4] == ["steady", "0/1", "0.0", "0"]
    assert tick_text(TICK, "en").endswith("serving 48  paid 39  !1")
    assert tick_text(Tick("preparing", ready=50, kiosks=550), "zh") == "终端注册 50/550"


# The screen.


def _rows(app: OnecardApp) -> str:
    return "\n".join("".join(part.text for part in strip) for strip in app.screen._compositor.render_strips())


async def _load(pilot: Pilot[Any]) -> LoadPane:
    await pilot.press("6")
    await pilot.pause()
    return pilot.app.query_one(LoadPane)


async def _until(pilot: Pilot[Any], done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():
            await pilot.pause()


async def test_the_screen_shows_live_figures_from_news_alone(tmp_path: Path) -> None:
    app = OnecardApp("en", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await _load(pilot)
        assert "Dongguan one-card" in _rows(app)
        pane.hear(LoadNews(step=Label("立起后台", "the backend is coming up")))
        pane.hear(LoadNews(tick=TICK))
        await pilot.pause()
        shown = _rows(app)
        for word in ("12/93  steady", "7.3/s   77/s", "12.2 / 88.0 ms", "88 / 48 / 39", "1 / 0 / 0", "< 10 ms"):
            assert word in shown
        assert "the backend is coming up" in shown
        assert ambiguous(shown) == ""


async def test_the_list_is_bounded(tmp_path: Path) -> None:
    app = OnecardApp("en", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await _load(pilot)
        for number in range(MOST_LINES + 50):
            pane.note(f"line {number}")
        await pilot.pause()
        assert len(pane.query_one(RichLog).lines) == MOST_LINES


async def test_a_load_from_the_screen_ends_with_its_verdict(tmp_path: Path) -> None:
    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await _load(pilot)
        pane.run_load = _pretended(money=("second-debit T1: twice",))
        await pilot.press("a")
        await _until(pilot, lambda: pane.result is not None and not pane.running)
        await pilot.pause()
        shown = _rows(app)
        assert "不通过" in shown
        assert "second-debit T1: twice" in shown
        assert {cell_len(each) for each in shown.split("\n")} == {120}
        await pilot.press("n")
        await pilot.pause()
        assert "1114" in _rows(app)
        assert pane.result is None


async def test_a_load_is_stopped_gently_then_at_once(tmp_path: Path) -> None:
    ended: list[str] = []

    async def run_one(
        load: LoadFile, on_news: Callable[[LoadNews], None], *, stop: asyncio.Event, **_: Any
    ) -> LoadResult:
        try:
            on_news(LoadNews(tick=TICK))
            await stop.wait()
            ended.append("stop")
            await asyncio.sleep(3600)
            raise AssertionError("it was not ended")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    app = OnecardApp("en", dossiers=tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await _load(pilot)
        pane.run_load = run_one
        await pilot.press("a")
        await _until(pilot, lambda: pane.tick is not None)
        await pilot.press("x")
        await _until(pilot, lambda: ended == ["stop"])
        await pilot.press("x")
        await _until(pilot, lambda: ended == ["stop", "cancelled"] and not pane.running)
        await pilot.press("a")
        await _until(pilot, lambda: pane.running)
        await pilot.press("q")
        await _until(pilot, lambda: app.return_code is not None)
    assert ended[-1] == "cancelled"


async def test_a_bench_that_does_not_come_up_is_news_and_not_the_end(tmp_path: Path) -> None:
    async def run_one(*_: Any, **__: Any) -> LoadResult:
        from tui.console import UserError

        raise UserError(Label("台架没有立起来：没有 PostgreSQL", "the bench did not come up: no PostgreSQL"))

    app = OnecardApp("en", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = await _load(pilot)
        pane.run_load = run_one
        await pilot.press("a")
        await _until(pilot, lambda: not pane.running and "no PostgreSQL" in _rows(app))
        assert app.return_code is None

"""The screens, driven by keys, at the sizes of a console, a laptop and a wall."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, Static, Tree

from conformance.model import Blame, Finding
from conformance.service import Certified, Outcome, Progress, Verdict, discover_checks
from protocols.wire.base import Label
from tui.actions import MODES
from tui.app import OnecardApp
from tui.characters import ambiguous
from tui.run_state import SYMBOLS, RunState, worst
from tui.runner import MatrixHeard, PersonWanted, RunFailed
from tui.screens.conformance import ConformancePane
from tui.screenshot import with_cell_widths
from tui.suites import suites_of
from tui.widgets.bars import CommandBar
from tui.widgets.dialogs import HelpScreen, PaletteScreen, PromptScreen
from tui.widgets.trace_list import TraceList

SIZES = [(80, 24), (120, 40), (200, 60)]
CHECK = discover_checks()[0]


def _rows(app: OnecardApp) -> list[str]:
    """What the terminal would show, row by row."""
    return ["".join(part.text for part in strip) for strip in app.screen._compositor.render_strips()]


async def _settled(pilot: Pilot[Any]) -> None:
    await _ended(pilot.app, "read", "doctor", "explain", "verify", "hand")
    await pilot.pause()
    await pilot.pause()


async def _ended(app: Any, *groups: str) -> None:
    working = [each for each in app.workers if each.group in groups]
    async with asyncio.timeout(60):
        if working:  # an empty list would mean all of them
            await app.workers.wait_for_complete(working)


@pytest.fixture
def app(made: Certified) -> OnecardApp:
    return OnecardApp("zh", dossier=made.folder, dossiers=made.folder.parent)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_mode_fills_the_screen_and_stays_straight(
    app: OnecardApp, size: tuple[int, int], language: str
) -> None:
    async with app.run_test(size=size) as pilot:
        await _settled(pilot)
        if language == "en":
            await pilot.press("l")
        for number, mode in enumerate(MODES, 1):
            await pilot.press(str(number))
            await _settled(pilot)
            assert app.mode == mode
            rows = _rows(app)
            assert len(rows) == size[1]
            assert {cell_len(each) for each in rows} == {size[0]}
            assert ambiguous("".join(rows)) == ""
            assert ("命令: " if language == "zh" else "command: ") in rows[-2]
            assert "?" in rows[-1]


async def test_function_keys_and_language_at_run_time(app: OnecardApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f3")
        await _settled(pilot)
        assert app.mode == "conformance"
        assert "符合性" in _rows(app)[0]
        await pilot.press("l")
        await _settled(pilot)
        assert "Conformance" in _rows(app)[0]
        assert "符合性" not in "".join(_rows(app))


def _outcome(verdict: Verdict, target: str = "card-1") -> Outcome:
    findings = (
        (Finding("violation", Label("应答多了一个字节", "one byte too many"), (7,)),) if verdict == "fail" else ()
    )
    blame = Blame.DEVICE if verdict is Verdict.FAIL else None
    return Outcome(CHECK.id, target, verdict, findings, blame)


async def test_the_conformance_screen_eats_progress_alone(tmp_path: Path) -> None:
    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await _settled(pilot)
        app.hear(Progress("begin", 1, 4, CHECK.id, "card-1"))
        await pilot.pause()
        assert f"> {CHECK.id}[card-1]" in _rows(app)[1]
        app.hear(Progress("end", 1, 4, CHECK.id, "card-1", _outcome(Verdict.FAIL)))
        app.hear(Progress("begin", 2, 4, CHECK.id, "card-2"))
        app.hear(Progress("end", 2, 4, CHECK.id, "card-2", _outcome(Verdict.PASS, "card-2")))
        app.hear(Progress("done"))
        await pilot.press("enter", "down", "down")
        await _settled(pilot)
        shown = "\n".join(_rows(app))
        assert "X 1" in shown
        assert "+ 1" in shown
        assert "应答多了一个字节  #7" in shown
        app.post_message(MatrixHeard(3, 9))
        app.post_message(RunFailed(ValueError("no such bench")))
        await _settled(pilot)
        assert "no such bench" in _rows(app)[1]


async def test_filter_marks_and_command_line(app: OnecardApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await _settled(pilot)
        await pilot.press("slash", *"reader.sync")
        await pilot.press("enter")
        await _settled(pilot)
        tree = app.query_one(ConformancePane).query_one(Tree)
        assert [str(each.data.name) for each in tree.root.children] == ["reader.sync"]
        await pilot.press("down", "m", "down")
        pane = app.query_one(ConformancePane)
        assert pane.marked
        assert all(each.startswith("reader.sync.") for each in pane.marked)
        await pilot.press("m")
        assert "onecard checks reader.sync" in app.query_one(CommandBar).line
        await pilot.press("escape")
        await _settled(pilot)
        assert len(tree.root.children) == len(suites_of(discover_checks()))
        assert app.query_one("#conf-filter", Input).value == ""


async def test_a_run_from_the_screen_ends_in_a_dossier(in_process_plan: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    app = OnecardApp("zh", dossiers=tmp_path / "dossiers", plans=[in_process_plan], with_matrix=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await _settled(pilot)
        await pilot.press("slash", *"card.atr", "enter", "down", "o")
        await _ended(app, "run")
        await _settled(pilot)
        assert app.run_thread is None
        assert app.dossier_path is not None
        assert (app.dossier_path / "report.html").is_file()
        assert app.conformance.state.of("card.atr.form") == "pass"
        await pilot.press("5")
        await _settled(pilot)
        assert app.dossier_path.name[:10] in "\n".join(_rows(app))


async def test_trace_scrubs_filters_and_decodes(app: OnecardApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await _settled(pilot)
        await pilot.press("4")
        await _settled(pilot)
        listed = app.query_one(TraceList)
        total = len(listed.records)
        assert total > 100
        await pilot.press("n")
        assert listed.selected is not None
        assert listed.selected.kind == "check"
        await pilot.press("G")
        assert listed.cursor == total - 1
        await pilot.press("g", "down", "down", "up")
        assert listed.cursor == 1
        await pilot.press("slash", *"ACK", "enter")
        await _settled(pilot)
        assert 0 < len(listed.records) < total
        assert "ACK" in str(app.query_one("#trace-tree", Static).content)


async def test_reports_verify_exceptions_and_matrix(app: OnecardApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await _settled(pilot)
        await pilot.press("v")
        await _settled(pilot)
        assert "档案未改动" in str(app.query_one("#reports-detail", Static).content)
        assert "onecard dossier verify" in app.query_one(CommandBar).line
        await pilot.press("m")
        await _settled(pilot)
        assert "DG-" in str(app.query_one("#reports-detail", Static).content)
        await pilot.press("t")
        await _settled(pilot)
        assert app.mode == "trace"


async def test_explain_shows_the_frames(app: OnecardApp, made: Certified) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await _settled(pilot)
        await pilot.press("3", "slash", *made.result.outcomes[0].check_id, "enter", "down", "down", "e")
        await _settled(pilot)
        assert "重现命令" in str(app.query_one("#conf-detail", Static).content)


async def test_a_bench_comes_up_and_obeys(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    text = "bench: b\nunder_test: device.card_reader\nslots:\n  reader: {class: card_reader, dialect: crt591, link: 'pty://', timing: brisk}\n"
    file.write_text(text, encoding="utf-8")
    app = OnecardApp("en", dossiers=tmp_path, bench_files=[file])
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("2")
        await _settled(pilot)
        await pilot.press("i")
        await pilot.press("u")
        await _settled(pilot)
        assert "serial:///dev/pts/" in "\n".join(_rows(app))
        await pilot.press("p")
        await _settled(pilot)
        assert "reader poweroff: done" in "\n".join(_rows(app))
        assert app.query_one(CommandBar).line == "reader poweron"
        await pilot.press("x")
        await _settled(pilot)
        await pilot.press("q")
    assert app.return_code == 0


@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False)])
async def test_a_persons_hand_is_asked_and_answers(tmp_path: Path, key: str, answer: bool) -> None:
    import concurrent.futures

    app = OnecardApp("zh", dossiers=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        waiting: concurrent.futures.Future[bool] = concurrent.futures.Future()
        app.post_message(PersonWanted("reader.insert.3.0", Label("请将 3.0 卡插入", "insert a 3.0 card"), waiting))
        await _settled(pilot)
        assert isinstance(app.screen, PromptScreen)
        shown = "\n".join(_rows(app))
        assert "reader.insert.3.0" in shown
        assert "请将 3.0 卡插入" in shown
        await pilot.press("escape")
        assert not waiting.done()
        await pilot.press(key)
        await _settled(pilot)
        assert waiting.result(0) is answer


async def test_help_and_palette_come_from_the_table(app: OnecardApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await _settled(pilot)
        assert isinstance(app.screen, HelpScreen)
        assert ambiguous("".join(_rows(app))) == ""
        await pilot.press("escape", "ctrl+p")
        await _settled(pilot)
        assert isinstance(app.screen, PaletteScreen)
        await pilot.press(*"Reports", "enter")
        await _settled(pilot)
        assert app.mode == "reports"


def test_run_state_counts_and_keeps_the_worst() -> None:
    state = RunState()
    state.hear(Progress("begin", 1, 2, CHECK.id, "card-1"))
    assert state.of(CHECK.id) == "running"
    state.hear(Progress("end", 1, 2, CHECK.id, "card-1", _outcome(Verdict.FAIL)))
    state.hear(Progress("end", 2, 2, CHECK.id, "card-2", _outcome(Verdict.PASS, "card-2")))
    assert state.of(CHECK.id) == "fail"
    assert state.counts() == {"fail": 1, "pass": 1}
    assert (state.index, state.total) == (2, 2)
    state.hear(Progress("done"))
    assert not state.running
    assert worst([]) == ""
    assert all(len(each) == 1 and each.isascii() for each in SYMBOLS.values())


def test_every_check_stands_in_the_tree_once() -> None:
    checks = discover_checks()
    listed = [check.id for suite in suites_of(checks) for check in suite.checks]
    assert sorted(listed) == [check.id for check in checks]


def test_a_picture_gives_chinese_its_cells() -> None:
    svg = '<text class="a" x="0" textLength="24.4" clip-path="url(#x)">台&#160;</text>'
    assert 'textLength="36.6"' in with_cell_widths(svg)

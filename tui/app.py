"""The screens: Home, Bench, Conformance, Trace, Reports, Load, Kiosk, Scenario over the same services as the commands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.terminal_theme import TerminalTheme
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.theme import Theme
from textual.widgets import ContentSwitcher

# Here and at once: the modes work in threads, and two threads must not import one package at the same time.
import conformance.service
import loadtest.service  # noqa: F401 as said
import scenarios.service
from protocols.wire.base import Label
from tui.actions import ACTIONS, MODES, Action, action_for_key, command_line
from tui.characters import steady
from tui.commands.certify import OVERALL_LABELS, default_folder
from tui.console import Console
from tui.dossiers import short_path
from tui.errors import describe
from tui.language import Language
from tui.locale import text
from tui.runner import MatrixHeard, PersonWanted, ProgressHeard, RunEnded, RunFailed, RunThread
from tui.screens.base import Pane
from tui.screens.bench import BenchPane
from tui.screens.conformance import ConformancePane
from tui.screens.home import HomePane
from tui.screens.kiosk import KioskPane
from tui.screens.load import LoadPane
from tui.screens.reports import ReportsPane
from tui.screens.scenario import ScenarioPane
from tui.screens.trace import TracePane
from tui.widgets.ascii_parts import install
from tui.widgets.bars import CommandBar, KeyBar, TopBar
from tui.widgets.dialogs import HelpScreen, PaletteScreen, PromptScreen

if TYPE_CHECKING:
    from conformance.service import Dossier, Progress, Resolved

__all__ = ["OnecardApp"]

THEME = Theme(
    name="onecard",
    primary="#6fb3d2",
    secondary="#8fa7b3",
    accent="#e0b35c",
    foreground="#d5dde3",
    background="#11171c",
    surface="#151d24",
    panel="#1b252e",
    success="#7fc98a",
    warning="#e0b35c",
    error="#e2736e",
    dark=True,
)

# The sixteen colours that the texts name, made calm: a screen full of verdicts must not shout.
ANSI = TerminalTheme(
    (17, 23, 28),
    (213, 221, 227),
    [
        (17, 23, 28),
        (226, 115, 110),
        (127, 201, 138),
        (224, 179, 92),
        (111, 160, 210),
        (196, 146, 208),
        (111, 179, 210),
        (213, 221, 227),
    ],
    [
        (98, 114, 126),
        (240, 140, 134),
        (150, 214, 160),
        (238, 200, 124),
        (140, 182, 224),
        (212, 170, 222),
        (140, 200, 224),
        (255, 255, 255),
    ],
)

_KEYS = {key for action in ACTIONS for key in (action.key, *action.also)}


class OnecardApp(App[None]):
    """One window, eight modes. Everything that a key does is in ``tui/actions.py``."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "onecard"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"key_pressed('{key}')", show=False) for key in sorted(_KEYS)),
        Binding("escape", "clear_filter", show=False),
    ]

    language: reactive[Language] = reactive("zh", init=False)
    mode: reactive[str] = reactive("home", init=False)

    def __init__(
        self,
        language: Language = "zh",
        *,
        dossier: Path | None = None,
        dossiers: Path = Path("dossiers"),
        plans: Iterable[Path] | None = None,
        bench_files: Iterable[Path] | None = None,
        with_matrix: bool = True,
    ) -> None:
        super().__init__()
        install()
        self.ansi_theme_dark = ANSI
        self.set_reactive(OnecardApp.language, language)
        self.dossiers, self.dossier_path = dossiers, dossier
        self.bench_files = list(bench_files or ())
        self._plans = list(plans or ())
        self._plan = 0
        self._with_matrix = with_matrix
        self._last_action: Action | None = None
        self.run_thread: RunThread | None = None
        self._resolved: Resolved | None = None

    # Layout.

    def compose(self) -> ComposeResult:
        yield TopBar(id="top")
        with ContentSwitcher(initial="home", id="modes"):
            yield HomePane(id="home")
            yield BenchPane(id="bench")
            yield ConformancePane(id="conformance")
            yield TracePane(id="trace")
            yield ReportsPane(id="reports")
            yield LoadPane(id="load")
            yield KioskPane(id="kiosk")
            yield ScenarioPane(id="scenario")
        yield CommandBar(id="command")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = "onecard"
        if not self._plans:
            first = conformance.service.default_plan()
            others = [each for each in scenarios.service.plan_files() if each.name != first.name]
            self._plans = [first, *others]
        if self.dossier_path is not None:
            self.open_dossier(str(self.dossier_path))
        self.call_after_refresh(self._redraw)

    def pane(self, mode: str) -> Pane:
        return self.query_one(f"#{mode}", Pane)

    @property
    def conformance(self) -> ConformancePane:
        return self.query_one(ConformancePane)

    def watch_mode(self) -> None:
        self.query_one("#modes", ContentSwitcher).current = self.mode
        self._last_action = None
        self._redraw()

    def watch_language(self) -> None:
        self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._bars)

    def _redraw(self) -> None:
        if not self.is_mounted:
            return
        pane = self.pane(self.mode)
        pane.shown()
        pane.focus_main()
        self._bars()

    def _bars(self) -> None:
        self.query_one(TopBar).show(self.mode, self.language)
        self.query_one(KeyBar).show(self.mode, self.language)
        self.refresh_command()

    def refresh_command(self) -> None:
        """The command of the last action, or of the mode."""
        action = self._last_action or next(each for each in ACTIONS if each.id == f"mode.{self.mode}")
        context = {
            "dossier": str(self.dossier_path or ""),
            "plan": self.plan_shown,
            "other": "en" if self.language == "zh" else "zh",
            **self.pane(self.mode).context(),
        }
        self.query_one(CommandBar).show(command_line(action, context), self.language)

    def overall_text(self, overall: str) -> str:
        label = OVERALL_LABELS.get(overall, Label(overall or "-", overall or "-"))
        return label[self.language]

    # Keys and actions.

    def action_key_pressed(self, key: str) -> None:
        action = action_for_key(key, self.mode)
        if action is not None and not self.screen.is_modal:
            self.perform(action)

    def perform(self, action: Action) -> None:
        """Do *action*; its command line is shown."""
        if action.id.startswith("mode."):
            self.show_mode(action.id.removeprefix("mode."))
            return
        self._last_action = action
        self.refresh_command()
        name = action.id.rpartition(".")[2]
        owner: Any = self if action.mode == "all" else self.pane(self.mode)
        getattr(owner, f"do_{name}")()

    def show_mode(self, mode: str) -> None:
        assert mode in MODES, f"no mode {mode!r}"
        self.mode = mode

    def action_clear_filter(self) -> None:
        clear = getattr(self.pane(self.mode), "clear_filter", None)
        if clear is not None:
            clear()

    def do_help(self) -> None:
        self.push_screen(HelpScreen(self.mode, self.language))

    def do_palette(self) -> None:
        def chosen(action_id: str | None) -> None:
            if action_id is not None:
                self.perform(next(each for each in ACTIONS if each.id == action_id))

        self.push_screen(PaletteScreen(self.mode, self.language), chosen)

    def do_language(self) -> None:
        self.language = "en" if self.language == "zh" else "zh"

    async def _leave(self) -> None:
        await self.query_one(BenchPane).take_down()
        await self.query_one(LoadPane).take_down()
        await self.query_one(KioskPane).take_down()
        await self.query_one(ScenarioPane).take_down()
        self.exit()

    def do_quit(self) -> None:
        if self.stop_run():
            self.notify(text(self.language, "app.bye.running"))
        self.run_worker(self._leave(), exclusive=True, group="leave")

    # Plans and runs.

    @property
    def plan_shown(self) -> str:
        if not self._plans:
            return ""
        return short_path(self._plans[self._plan])

    def next_plan(self) -> None:
        self._plan = (self._plan + 1) % max(len(self._plans), 1)
        self._resolved = None

    def _load_plan(self) -> Resolved | None:
        from conformance.service import load

        if self._resolved is None:
            try:
                self._resolved = load(self._plans[self._plan])
            except Exception as error:  # shown in the head of the mode
                self.conformance.failed(self._told(error))
        return self._resolved

    def plan_text(self) -> str:
        resolved = self._load_plan()
        if resolved is None:
            return text(self.language, "conf.plan_bad")
        targets = ", ".join(resolved.bench.targets())
        return text(self.language, "conf.idle", plan=resolved.plan.plan, count=len(resolved.selected), targets=targets)

    def start_run(self, checks: tuple[str, ...] | None) -> bool:
        """Run the plan, or only *checks* of it, in a thread. False when it cannot be."""
        from conformance.service import load

        if self.run_thread is not None:
            return False
        try:
            resolved = load(self._plans[self._plan], {"select": checks} if checks else None)
        except Exception as error:  # shown, as above
            self.conformance.failed(self._told(error))
            return False
        folder = _unused(self.dossiers / default_folder(resolved.plan.plan).name)
        thread = RunThread(self.post_message, folder, self._with_matrix and checks is None)
        self.run_thread, self._resolved = thread, resolved if checks is None else self._resolved
        self.run_worker(lambda: thread.run(resolved), thread=True, group="run")
        self._live_dialects = {name: slot.dialect for name, slot in resolved.bench.slots.items()}
        return True

    def stop_run(self) -> bool:
        """Ask the run to stop; False when there is none."""
        if self.run_thread is None:
            return False
        self.run_thread.stop()
        return True

    def follow_run(self) -> None:
        """Show the records of the running run in the trace."""
        if self.run_thread is None:
            self.notify(text(self.language, "conf.not_running"))
            return
        self.query_one(TracePane).follow(self.run_thread.folder / "history.jsonl", self._live_dialects)

    def hear(self, progress: Progress) -> None:
        """The one way in for everything that a run says."""
        self.conformance.hear(progress)

    def on_progress_heard(self, message: ProgressHeard) -> None:
        self.hear(message.progress)

    def on_matrix_heard(self, message: MatrixHeard) -> None:
        self.conformance.hear_matrix(message.done, message.total)

    def on_run_ended(self, message: RunEnded) -> None:
        self.run_thread = None
        self.dossier_path = message.certified.folder
        self.conformance.finished(message.certified)
        self.refresh_command()

    def on_run_failed(self, message: RunFailed) -> None:
        self.run_thread = None
        self.conformance.failed(self._told(message.error))

    def _told(self, error: Exception) -> str:
        problems = describe(error, Console(self.language)) or [{"where": type(error).__name__, "what": str(error)}]
        rows = (" ".join(filter(None, (each.get("where"), each["what"], each.get("remedy")))) for each in problems)
        return steady("; ".join(rows))

    # A person's hand.

    def on_person_wanted(self, message: PersonWanted) -> None:
        def answered(done: bool | None) -> None:
            if not message.answer.done():
                message.answer.set_result(bool(done))

        self.push_screen(PromptScreen(message.prompt, message.request[self.language], self.language), answered)

    async def ask_person(self, prompt: str, action: str, request: Label) -> bool:
        """The ``ask_person`` of a bench that stands on this loop."""
        return bool(await self.push_screen_wait(PromptScreen(prompt, request[self.language], self.language)))

    # Dossiers.

    def open_dossier(self, path: str) -> None:
        """Make the dossier at *path* the one that explain, trace and reports speak of."""
        self.dossier_path = Path(path)
        self._last_action = None
        self.run_worker(lambda: self._read(Path(path)), thread=True, exclusive=True, group="read")

    def _read(self, path: Path) -> None:
        from conformance.service import DossierError, read_dossier

        try:
            dossier = read_dossier(path)
        except DossierError:
            return  # the reports mode says what is wrong with it
        self.call_from_thread(self.took_dossier, path, dossier)

    def took_dossier(self, path: Path, dossier: Dossier) -> None:
        """A dossier was read: its verdicts are shown in the conformance mode too."""
        self.dossier_path = path
        if self.run_thread is None:
            self.conformance.take_result(dossier.result)
        if not self.query_one(TracePane).records:
            self._give_records(dossier)

    def _give_records(self, dossier: Dossier) -> None:
        dialects = {each.slot: each.dialect for each in dossier.result.bench.slots}
        self.query_one(TracePane).take(list(dossier.records), dialects)

    def show_records(self, dossier: Dossier) -> None:
        """Open the records of *dossier* in the trace."""
        self._give_records(dossier)
        self.show_mode("trace")


def _unused(folder: Path) -> Path:
    """*folder*, or with a number behind it when two runs begin within a second."""
    number, tried = 1, folder
    while tried.exists():
        number += 1
        tried = folder.with_name(f"{folder.name}-{number}")
    return tried

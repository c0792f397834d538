"""Conformance: the tree of checks, a run with live progress, and why a check came out as it did."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Static
from textual.widgets.tree import TreeNode

from tui.characters import steady
from tui.console import STYLES
from tui.run_state import SYMBOLS, RunState, worst
from tui.screens.base import Pane
from tui.screens.check_detail import check_detail, group_detail
from tui.suites import suites_of
from tui.widgets.ascii_parts import AsciiTree, bar

if TYPE_CHECKING:
    from conformance.service import Certified, Check, Progress

__all__ = ["ConformancePane"]

MARK = "*"
COUNTED = ("pass", "fail", "error", "inconclusive", "needs_review", "not_tested", "not_applicable")


class ConformancePane(Pane):
    """Draws :class:`RunState`; runs through the application."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state = RunState()
        self.checks: tuple[Check, ...] = ()
        self.marked: set[str] = set()
        self.matrix: tuple[int, int] | None = None
        self.ended: Certified | None = None
        self.leaves: dict[str, TreeNode[Any]] = {}
        self.branches: list[tuple[TreeNode[Any], str, tuple[Check, ...]]] = []
        self._wrong_only = False
        self._message, self._message_style = "", "bold yellow"

    def compose(self) -> ComposeResult:
        yield Static(id="conf-head")
        yield Input(id="conf-filter", classes="filter")
        with Horizontal(id="conf-body"):
            with Vertical(id="conf-tree-box", classes="box"):
                yield AsciiTree("", id="conf-tree")
            with VerticalScroll(id="conf-detail-box", classes="box"):
                yield Static(id="conf-detail")

    def on_mount(self) -> None:
        from conformance.service import discover_checks

        self.checks = discover_checks()
        self.query_one("#conf-filter").display = False
        tree = self.query_one(AsciiTree)
        tree.show_root = False
        tree.guide_depth = 3
        self._build()

    def shown(self) -> None:
        self.query_one("#conf-filter", Input).placeholder = self.t("filter.placeholder")
        self._label_all()
        self._head()
        self._detail()

    def focus_main(self) -> None:
        self.query_one(AsciiTree).focus()

    def context(self) -> dict[str, str]:
        data = self._cursor()
        ids = [each.id for each in self._checks_at(data)]
        return {
            "check": ids[0] if len(ids) == 1 else _glob(ids),
            "marked": " ".join(f"--check {each}" for each in sorted(self.marked)),
            "plan": self.onecard.plan_shown,
        }

    # The tree.

    def _wanted(self, check: Check) -> bool:
        words = self.query_one("#conf-filter", Input).value.lower().split()
        verdicts = self.state.verdicts.get(check.id, {}).values()
        if self._wrong_only and worst(verdicts) not in ("fail", "error", "inconclusive", "needs_review"):
            return False
        text = " ".join((check.id, *check.clauses, check.title.zh, check.title.en, *verdicts)).lower()
        return all(word in text for word in words)

    def _build(self) -> None:
        tree = self.query_one(AsciiTree)
        tree.clear()
        self.leaves.clear()
        self.branches.clear()
        narrowed = bool(self.query_one("#conf-filter", Input).value) or self._wrong_only
        for suite in suites_of(self.checks, self._wanted):
            branch = tree.root.add("", data=suite, expand=narrowed)
            self.branches.append((branch, suite.name, suite.checks))
            for group in suite.clauses:
                twig = branch.add("", data=group, expand=True)
                self.branches.append((twig, group.clause, group.checks))
                for check in group.checks:
                    self.leaves[check.id] = twig.add_leaf("", data=check)
        self._label_all()

    def _label_all(self) -> None:
        by_id = {check.id: check for check in self.checks}
        for check_id, node in self.leaves.items():
            node.set_label(self._check_label(by_id[check_id]))
        self._label_groups(self.branches)

    def _label_groups(self, groups: Iterable[tuple[TreeNode[Any], str, tuple[Check, ...]]]) -> None:
        for node, name, checks in groups:
            verdicts = [self.state.of(each.id) for each in checks]
            verdict = worst(verdicts)
            label = Text(f"[{SYMBOLS[verdict]}] ", style=STYLES.get(verdict, "cyan" if verdict == "running" else ""))
            label.append(name, style="bold")
            known = sum(each not in ("", "running") for each in verdicts)
            label.append(f"  {known}/{len(checks)}" if known else f"  {len(checks)}", style="dim")
            node.set_label(label)

    def _check_label(self, check: Check) -> Text:
        verdict = self.state.of(check.id)
        label = Text(f"[{SYMBOLS[verdict]}]", style=STYLES.get(verdict, "cyan" if verdict == "running" else ""))
        label.append(MARK if check.id in self.marked else " ", style="bold yellow")
        label.append(steady(check.title[self.language]), style="default")
        return label

    def _cursor(self) -> Any:
        node = self.query_one(AsciiTree).cursor_node
        return node.data if node is not None else None

    @staticmethod
    def _checks_at(data: Any) -> tuple[Check, ...]:
        if data is None:
            return ()
        return data.checks if hasattr(data, "checks") else (data,)

    def on_tree_node_highlighted(self) -> None:
        self._detail()
        self.onecard.refresh_command()

    def on_input_changed(self) -> None:
        self._build()

    def on_input_submitted(self) -> None:
        self.query_one(AsciiTree).focus()

    def clear_filter(self) -> None:
        """Escape: everything again."""
        entry = self.query_one("#conf-filter", Input)
        entry.value = ""
        entry.display = False
        self.focus_main()

    # What is shown.

    def _head(self) -> None:
        state, line = self.state, Text(" ", no_wrap=True, overflow="crop")
        if state.running:
            line.append(f"{bar(state.index, state.total, 20)} {state.index}/{state.total}  ", style="cyan")
            if self.matrix is not None:
                line.append(f"{self.t('conf.matrix')} {self.matrix[0]}/{self.matrix[1]}  ", style="dim")
        elif self._message:
            line.append(self._message + "  ", style=self._message_style)
        elif self.ended is not None:
            style = {0: "bold green", 1: "bold red"}.get(self.ended.exit_code, "bold yellow")
            line.append(
                f"{self.t('conf.overall')}: {self.onecard.overall_text(self.ended.result.overall)}  ", style=style
            )
        else:
            line.append(self.onecard.plan_text() + "  ")
        counts = state.counts()
        for verdict in COUNTED:
            if counts[verdict]:
                line.append(f"{SYMBOLS[verdict]} {counts[verdict]}  ", style=STYLES[verdict])
        if self.marked:
            line.append(self.t("conf.marked", count=len(self.marked)) + "  ", style="yellow")
        if state.current[0]:
            line.append(f"> {state.current[0]}[{state.current[1]}]", style="cyan")
        self.query_one("#conf-head", Static).update(line)

    def _detail(self) -> None:
        data = self._cursor()
        if data is None:
            shown = Text(self.t("conf.detail.empty"), style="dim")
        elif hasattr(data, "checks"):
            shown = group_detail(getattr(data, "clause", "") or data.name, data.checks, self.state, self.language)
        else:
            shown = check_detail(data, self.state, self.language)
        self.query_one("#conf-detail", Static).update(shown)
        self.query_one("#conf-detail-box").scroll_home(animate=False)

    # The run: fed by the application.

    def hear(self, message: Progress) -> None:
        """One message of the engine."""
        self.state.hear(message)
        if message.kind in ("begin", "end"):
            node = self.leaves.get(message.check_id)
            if node is not None:
                node.set_label(self._check_label(node.data))
                self._label_groups(g for g in self.branches if any(c.id == message.check_id for c in g[2]))
        elif message.kind == "preflight":
            self._message = ""
        data = self._cursor()
        if getattr(data, "id", "") == message.check_id and message.check_id:
            self._detail()
        self._head()

    def hear_matrix(self, done: int, total: int) -> None:
        self.matrix = (done, total)
        self._head()

    def finished(self, certified: Certified) -> None:
        """The dossier is there."""
        self.ended, self.matrix, self._message = certified, None, ""
        self.state.running = False
        for left in certified.result.not_run:
            self.state.verdicts.setdefault(left.check_id, {}).setdefault(left.target, left.verdict.value)
        self._refresh()

    def failed(self, message: str) -> None:
        """The run could not be made; *message* says why."""
        self.state.running, self.matrix = False, None
        self._message, self._message_style = steady(message.replace("\n", "; ")), "bold yellow"
        self._refresh()

    def take_result(self, result: Any) -> None:
        """Show the verdicts of a dossier."""
        if not self.state.running:
            self.state.take(result)
            self.ended = None
            self._message = f"{self.t('conf.dossier')}: {self.onecard.overall_text(result.overall)}"
            good = str(result.overall).startswith("pass")
            self._message_style = "bold green" if good else "bold red" if result.overall == "fail" else "bold yellow"
            self._refresh()

    def _refresh(self) -> None:
        self._label_all()
        self._head()
        self._detail()

    # Actions.

    def _begin(self, checks: Iterable[str] | None) -> None:
        if self.state.running:
            self.app.notify(self.t("conf.busy"), severity="warning")
            return
        wanted = None if checks is None else tuple(checks)
        if self.onecard.start_run(wanted):
            self.ended, self._message = None, ""
            if wanted is None:
                self.state.verdicts.clear()
                self.state.outcomes.clear()
            self.state.start()
            self._refresh()

    def do_all(self) -> None:
        self._begin(None)

    def do_one(self) -> None:
        checks = [each.id for each in self._checks_at(self._cursor())]
        if checks:
            self._begin(checks)

    def do_selected(self) -> None:
        if not self.marked:
            self.app.notify(self.t("conf.nothing_marked"), severity="warning")
            return
        self._begin(sorted(self.marked))

    def do_mark(self) -> None:
        ids = {each.id for each in self._checks_at(self._cursor())}
        self.marked = self.marked - ids if ids <= self.marked else self.marked | ids
        self._refresh()
        self.onecard.refresh_command()

    def do_stop(self) -> None:
        self.app.notify(self.t("conf.stopping" if self.onecard.stop_run() else "conf.not_running"))

    def do_explain(self) -> None:
        data = self._cursor()
        dossier = self.onecard.dossier_path
        if data is None or hasattr(data, "checks"):
            return
        if dossier is None:
            self.app.notify(self.t("conf.no_dossier"), severity="warning")
            return
        targets = sorted(
            (target for check, target in self.state.outcomes if check == data.id),
            key=lambda each: self.state.verdicts[data.id].get(each) == "pass",
        )
        target = targets[0] if targets else None
        self.run_worker(lambda: self._explain(data.id, target, dossier), thread=True, exclusive=True, group="explain")

    def _explain(self, check_id: str, target: str | None, dossier: Path) -> None:
        from conformance.service import DossierError, explain

        try:
            shown = explain(dossier, check_id, target).render(self.language)
        except DossierError as error:
            shown = f"{error.where}: {error.what[self.language]}\n{error.remedy[self.language]}"
        self.app.call_from_thread(self.query_one("#conf-detail", Static).update, Text(steady(shown)))

    def do_filter(self) -> None:
        entry = self.query_one("#conf-filter", Input)
        entry.display = True
        entry.focus()

    def do_wrong(self) -> None:
        self._wrong_only = not self._wrong_only
        self._build()

    def do_plan(self) -> None:
        if not self.state.running:
            self.onecard.next_plan()
            self._message = ""
            self._head()
            self.onecard.refresh_command()


def _glob(ids: list[str]) -> str:
    """A pattern that names a group: what its ids begin with."""
    if not ids:
        return ""
    parts = [each.split(".") for each in ids]
    shared = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return ".".join([*shared, "*"])

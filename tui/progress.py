"""How a running job is shown on a terminal: a bar in ASCII there, plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import rich.progress
import rich.text

from protocols.wire.base import Label
from tui.console import STYLES, Console

if TYPE_CHECKING:
    from conformance.service import Progress

__all__ = ["MatrixProgress", "RunProgress", "matrix_progress", "seconds_bar"]

BAR_CELLS = 24
KILL_MATRIX = Label("变异矩阵", "kill matrix")
PLAIN_LINE_EVERY = 20
"""A kill matrix has some hundred rows: one plain line for so many of them."""


class AsciiBar(rich.progress.ProgressColumn):
    """``[#####.....]``: rich's own bar uses characters that are two cells wide in many Chinese terminals."""

    def render(self, task: rich.progress.Task) -> rich.text.Text:
        done = int(BAR_CELLS * task.completed / task.total) if task.total else 0
        return rich.text.Text("[" + "#" * done + "." * (BAR_CELLS - done) + "]", style="cyan")


def _bar(console: Console) -> rich.progress.Progress:
    return rich.progress.Progress(
        AsciiBar(),
        rich.progress.TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        rich.progress.TextColumn("{task.description}", markup=False),
        console=console.rich,
        transient=True,
    )


def seconds_bar(console: Console) -> rich.progress.Progress:
    """A bar that counts seconds, for something that goes on for a known time. Use it as a context."""
    return rich.progress.Progress(
        AsciiBar(),
        rich.progress.TextColumn("{task.completed:.0f}/{task.total:.0f} s"),
        rich.progress.TextColumn("{task.description}", markup=False),
        console=console.rich,
        transient=True,
    )


class RunProgress:
    """Consumes the engine's :class:`Progress` messages. Use as a context around the run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar = _bar(console) if console.live else None
        self._task: rich.progress.TaskID | None = None
        self._ended_count = 0  # targets run side by side: numbers of messages may come out of order

    def __enter__(self) -> RunProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, message: Progress) -> None:
        if message.kind == "preflight":
            where = f"{message.target}: " if message.target else ""
            self.console.say(f"{self.console.text('预检', 'preflight')}  {where}{self.console.of(message.text)}")
        elif message.kind == "begin" and self._bar is not None:
            name = f"{message.check_id}[{message.target}]"
            if self._task is None:
                self._task = self._bar.add_task(name, total=message.total)
            self._bar.update(self._task, completed=self._ended_count, total=message.total, description=name)
        elif message.kind == "end":
            self._ended(message)
        elif message.kind == "note":
            self.console.say(self.console.of(message.text))

    def _ended(self, message: Progress) -> None:
        from conformance.service import VERDICT_LABELS

        self._ended_count += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._ended_count)
        outcome = message.outcome
        if outcome is None or (self._bar is not None and outcome.verdict == "pass"):
            return  # on a terminal only what needs attention stays on the screen
        word = self.console.of(VERDICT_LABELS[outcome.verdict])
        line = rich.text.Text(f"{self._ended_count:>4}/{message.total}  ")
        line.append(word, style=STYLES.get(outcome.verdict, ""))
        line.append(f"  {message.check_id}[{message.target}]")
        if outcome.cause:
            line.append("  " + self.console.of(outcome.cause))
        self.console.say(line)


class MatrixProgress:
    """Progress of what is counted, the kill matrix unless *head* says otherwise: called with (done, total, name)."""

    def __init__(self, console: Console, head: Label = KILL_MATRIX, every: int = PLAIN_LINE_EVERY) -> None:
        self.console, self._head, self._every = console, head, every
        self._bar = _bar(console) if console.live else None
        self._task: rich.progress.TaskID | None = None

    def __call__(self, done: int, total: int, name: str) -> None:
        head = self.console.of(self._head)
        if self._bar is None:
            if done == total or done % self._every == 0:
                self.console.say(f"{head}  {done}/{total}  {name}")
            return
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task(head, total=total)
        self._bar.update(self._task, completed=done, description=f"{head} {name}")
        if done == total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def matrix_progress(
    console: Console, head: Label = KILL_MATRIX, every: int = PLAIN_LINE_EVERY
) -> Iterator[MatrixProgress]:
    """A :class:`MatrixProgress` that leaves the terminal as it was, whatever happens."""
    shown = MatrixProgress(console, head, every)
    try:
        yield shown
    finally:
        shown.close()

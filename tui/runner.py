"""Runs a plan in a thread for the screens, and turns what it says into messages."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from protocols.wire.base import Label

if TYPE_CHECKING:
    from conformance.service import Certified, Progress, Resolved

__all__ = [
    "MatrixHeard",
    "PersonWanted",
    "ProgressHeard",
    "RunEnded",
    "RunFailed",
    "RunThread",
    "prepare_processes",
]


def prepare_processes() -> None:
    """Start the tracker of multiprocessing while standard error is still a file.

    It is handed the descriptor of standard error, and Textual's stand-in has none: the kill matrix, which is measured in
    worker processes, could not start from inside the screens.
    """
    resource_tracker.ensure_running()


class ProgressHeard(Message):
    """The one message of a run."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress


class MatrixHeard(Message):
    """The kill matrix of the dossier is being measured."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__()
        self.done, self.total = done, total


class PersonWanted(Message):
    """A person's hand is needed; set ``answer``."""

    def __init__(self, prompt: str, request: Label, answer: concurrent.futures.Future[bool]) -> None:
        super().__init__()
        self.prompt, self.request, self.answer = prompt, request, answer


class RunEnded(Message):
    """The dossier is written and verified."""

    def __init__(self, certified: Certified) -> None:
        super().__init__()
        self.certified = certified


class RunFailed(Message):
    """The run could not be made."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class RunThread:
    """One run. ``post`` must be safe to call from another thread, as Textual's ``post_message`` is."""

    def __init__(self, post: Callable[[Message], Any], folder: Path, with_matrix: bool) -> None:
        self._post, self.folder, self._with_matrix = post, folder, with_matrix
        self._stop = False

    def stop(self) -> None:
        """End after the check that is running."""
        self._stop = True

    def run(self, resolved: Resolved) -> None:
        """Blocks until the dossier is there. Never raises: what went wrong is a message too."""
        from conformance.service import certify

        try:
            certified = certify(
                resolved,
                self.folder,
                progress=lambda message: self._post(ProgressHeard(message)),
                ask_person=self._ask(),
                with_matrix=self._with_matrix,
                matrix_progress=self._measured,
                stop_requested=lambda: self._stop,
            )
        except Exception as error:  # shown to the person; a thread's traceback would spoil the screen
            self._post(RunFailed(error))
        else:
            self._post(RunEnded(certified))

    def _measured(self, done: int, total: int, name: str) -> None:
        if self._stop:
            raise InterruptedError("stopped while the kill matrix was measured")
        self._post(MatrixHeard(done, total))

    def _ask(self) -> Callable[[str, str, Label], Awaitable[bool]]:
        async def ask(prompt: str, action: str, request: Label) -> bool:
            answer: concurrent.futures.Future[bool] = concurrent.futures.Future()
            self._post(PersonWanted(prompt, request, answer))
            return await asyncio.wrap_future(answer)

        return ask

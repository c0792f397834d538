"""The citizen's or tester's hand: a role of its own. Inserts a card, takes it, cuts the power.

Each request has a stable prompt id and is answered by the simulator, by a person (TUI or CLI), or by a program named
in the bench file that gets one line per action on its standard input and need not answer.
The vocabulary is described in docs/hand.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from protocols.wire.base import Label

__all__ = ["PROGRAM_ACTIONS", "Hand", "HandError", "PersonHand", "ProgramHand", "SimulatorHand", "action_label"]

PROGRAM_ACTIONS = frozenset({"insert", "remove", "poweroff", "poweron", "jam", "short-circuit"})
"""What a program is taken to understand unless its bench file lists more."""

READ_BYTES = 65_536

_ACTIONS: dict[str, Label] = {
    "insert": Label("请将 {0} 插入读卡器", "insert {0} into the reader"),
    "remove": Label("请取走卡口的卡", "take the card from the mouth"),
    "pull": Label("请在卡移动时将卡拔出", "pull the card out while it moves"),
    "poweroff": Label("请切断设备电源", "switch the device off"),
    "poweron": Label("请接通设备电源", "switch the device on"),
    "jam": Label("请使卡在下一次移动时卡住", "make the card jam at its next movement"),
    "clear-jam": Label("请清除卡堵塞", "clear the jam"),
    "short-circuit": Label("请插入触点短路的测试卡", "insert the test card with shorted contacts"),
    "bin-full": Label("请将回收箱置为满", "make the retain bin full"),
    "bin-empty": Label("请清空回收箱", "empty the retain bin"),
    "tear": Label("请在写卡过程中断电", "cut the power while the card writes"),
    "press": Label("请按密码键盘的 {0} 键", "press the key {0} of the PIN pad"),
    "type": Label("请在密码键盘上依次按 {0}", "press {0} on the PIN pad, one after the other"),
    "hold": Label("请按住密码键盘的 {0} 键不放", "press the key {0} of the PIN pad and hold it"),
    "release": Label("请松开按住的键", "let go of the key"),
    "remove-keypad": Label("请将密码键盘从机柜取下", "take the PIN pad out of the cabinet"),
    "refit": Label("请将密码键盘装回机柜", "put the PIN pad back into the cabinet"),
}


def action_label(action: str) -> Label:
    """What a person is asked to do, in both languages."""
    word, _, rest = action.partition(" ")
    found = _ACTIONS.get(word, Label("请执行：{0}", "do: {0}"))
    shown = rest or word
    return Label(found.zh.format(shown), found.en.format(shown))


class HandError(Exception):
    """The hand cannot be brought up; the text says what to do."""


class Hand(Protocol):
    """See ``act``: ``done``, ``unanswered``, ``unsupported`` or ``timeout``."""

    actions: frozenset[str]
    patience_s: float

    async def act(self, action: str, prompt: str) -> str: ...

    async def aclose(self) -> None: ...


class SimulatorHand:
    """The hand of a simulated device: *apply* does the action at once, or raises ValueError for an unknown one."""

    def __init__(
        self, apply: Callable[[str], Awaitable[None]], actions: Iterable[str], patience_s: float = 5.0
    ) -> None:
        self._apply, self.patience_s = apply, patience_s
        self.actions = frozenset(actions)

    async def act(self, action: str, prompt: str) -> str:
        if action.partition(" ")[0] not in self.actions:
            return "unsupported"
        try:
            await self._apply(action)
        except ValueError:
            return "unsupported"
        return "done"

    async def aclose(self) -> None:
        return None


class PersonHand:
    """A person answers. *ask* shows the prompt (id, action, text) and gives True when done, False when impossible."""

    def __init__(self, ask: Callable[[str, str, Label], Awaitable[bool]], patience_s: float = 60.0) -> None:
        self._ask, self.patience_s = ask, patience_s
        self.actions = frozenset(_ACTIONS)

    async def act(self, action: str, prompt: str) -> str:
        try:
            async with asyncio.timeout(self.patience_s):
                done = await self._ask(prompt, action, action_label(action))
        except TimeoutError:
            return "timeout"
        return "done" if done else "unsupported"

    async def aclose(self) -> None:
        return None


class ProgramHand:
    """A program does it: a robot, a relay board, somebody else's simulator. One line an action on its standard input.

    It may answer each line with ``ok`` or ``unsupported`` on its standard output; silence is ``unanswered`` and the
    harness watches the device instead.
    """

    ANSWER_WAIT_S = 0.3
    SETTLE_S = 0.1
    """The line and the hand reach the device on two ways: time for a mute program to act before the next command."""

    def __init__(self, process: asyncio.subprocess.Process, actions: Iterable[str], patience_s: float) -> None:
        self._process, self.patience_s = process, patience_s
        self.actions = frozenset(actions)
        self._mute = False
        self._answered: asyncio.Future[str] | None = None
        self._listener = asyncio.create_task(self._listen())

    @staticmethod
    async def start(
        command: Sequence[str], folder: Path, actions: Iterable[str] = PROGRAM_ACTIONS, patience_s: float = 10.0
    ) -> ProgramHand:
        """Start *command* in *folder*. Raises :class:`HandError` when it cannot be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise HandError(f"hand program {command[0]!r} cannot be started: {error}") from error
        return ProgramHand(process, actions, patience_s)

    async def act(self, action: str, prompt: str) -> str:
        if action.partition(" ")[0] not in self.actions:
            return "unsupported"
        if self._process.stdin is None or self._process.returncode is not None:
            return "timeout"
        self._answered = asyncio.get_running_loop().create_future()
        try:
            self._process.stdin.write(action.encode() + b"\n")
            async with asyncio.timeout(self.patience_s):  # a program that does not read must not stop the run
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return "timeout"
        return await self._answer(self._answered)

    async def _listen(self) -> None:
        """Read all that the program says, for ever: one that prints a lot must not block on a full pipe."""
        pipe, rest = self._process.stdout, b""
        while pipe is not None and (chunk := await pipe.read(READ_BYTES)):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-READ_BYTES:]
            if lines and self._answered is not None and not self._answered.done():
                self._answered.set_result(lines[0].decode(errors="replace").strip().lower())

    async def _answer(self, answered: asyncio.Future[str]) -> str:
        if self._mute:
            await asyncio.sleep(self.SETTLE_S)
            return "unanswered"
        try:
            async with asyncio.timeout(self.ANSWER_WAIT_S):
                line = await answered
        except TimeoutError:
            self._mute = True  # it need not answer: from now on only the device is watched
            return "unanswered"
        return {"ok": "done", "done": "done", "unsupported": "unsupported"}.get(line, "unanswered")

    async def aclose(self) -> None:
        """End the program and everything that it started."""
        try:
            await self._end()
            await asyncio.wait({self._listener}, timeout=1.0)  # to the end of its output, unless a child holds the pipe
        finally:
            self._listener.cancel()

    async def _end(self) -> None:
        if self._process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                pass
            try:
                async with asyncio.timeout(2.0):
                    await self._process.wait()
                return
            except TimeoutError:
                continue

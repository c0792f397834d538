"""The program that plays the hand, at the pipe: it may say anything, a lot of it, or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scenarios.hand import ProgramHand

CHATTY = """
import sys
for line in sys.stdin:
    sys.stdout.write("x" * 1_000_000)
    sys.stdout.write("\\nunsupported\\n" if "jam" in line else "\\nok\\n")
    sys.stdout.flush()
    open(sys.argv[1], "a").write(line)
"""
ANSWERS = """
import sys
for line in sys.stdin:
    print({"insert 3.0": "OK", "jam": "unsupported"}.get(line.strip(), "what?"), flush=True)
"""


async def hand_of(code: str, folder: Path, patience_s: float = 10.0) -> ProgramHand:
    command = [sys.executable, "-c", code, str(folder / "heard")]
    return await ProgramHand.start(command, folder, patience_s=patience_s)


async def test_answers_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProgramHand, "ANSWER_WAIT_S", 10.0)
    hand = await hand_of(ANSWERS, tmp_path)
    try:
        assert [await hand.act(each, "p") for each in ("insert 3.0", "jam", "remove")] == [
            "done",
            "unsupported",
            "unanswered",
        ]
        assert await hand.act("dance", "p") == "unsupported"
    finally:
        await hand.aclose()


async def test_a_program_that_prints_a_lot_still_hears_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProgramHand, "ANSWER_WAIT_S", 10.0)
    hand = await hand_of(CHATTY, tmp_path)
    words = ["insert 3.0", "remove"] * 5
    try:
        for each in words:
            await hand.act(each, "p")
        assert hand._process.stdin is not None
        hand._process.stdin.close()
        assert await hand._process.wait() == 0
    finally:
        await hand.aclose()
    assert (tmp_path / "heard").read_text().split("\n")[:-1] == words


async def test_a_program_that_has_ended_is_a_timeout(tmp_path: Path) -> None:
    hand = await hand_of("pass", tmp_path)
    await hand._process.wait()
    assert await hand.act("remove", "p") == "timeout"
    await hand.aclose()


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    hand = await hand_of("import time\ntime.sleep(1000)", tmp_path)
    assert await hand.act("remove", "p") == "unanswered"
    await hand.aclose()
    assert hand._process.returncode is not None

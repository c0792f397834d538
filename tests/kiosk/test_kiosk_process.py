"""The kiosk as a process, over real ttys and the real pcscd, and as a program of a bench file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from protocols.clock import RealClock
from scenarios.models import Bench, load_bench
from scenarios.runtime import LiveBench
from scenarios.service import stand_bench

ROOT = Path(__file__).resolve().parents[2]
BENCHES = ROOT / "scenarios" / "benches"
LIMIT_S = 30.0


class KioskProcess:
    """``python -m reference_impl.kiosk ... --json`` with pipes; ``until`` reads on to the next line of that event."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen: list[dict[str, Any]] = []

    async def until(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            while line := await self.process.stdout.readline():
                self.seen.append(json.loads(line))
                if self.seen[-1]["event"] == event:
                    return self.seen[-1]
        raise AssertionError(f"the kiosk ended before {event!r}: {[each['event'] for each in self.seen]}")

    async def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def ended(self) -> int:
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()


@asynccontextmanager
async def kiosk(*arguments: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[KioskProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "reference_impl.kiosk",
        "--json",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield KioskProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def pty_bench(dialect: str, **more: Any) -> Bench:
    reader = {"class": "card_reader", "dialect": dialect, "link": "pty://", "timing": "brisk"}
    return Bench.model_validate({"bench": "t", "under_test": "kiosk", "slots": {"reader": reader}, **more})


async def until(condition: Callable[[], bool]) -> None:
    clock = RealClock()
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await clock.sleep_until(clock.now() + 0.02)


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
async def test_a_whole_session_over_a_real_tty(dialect: str) -> None:
    async with LiveBench(pty_bench(dialect), RealClock()) as live:
        reader = live.readers["reader"]
        line = ("--reader", reader.link_shown, "--dialect", dialect, "--psam-socket", "1", "--once")
        async with kiosk(*line) as process:
            await process.until("idle")
            assert await reader.hand.act("insert 3.0", "t") == "done"
            assert (await process.until("pin"))["tries_left"] == 6
            await process.say("999999")
            wrong = await process.until("pin")
            assert (wrong["wrong"], wrong["tries_left"]) == (True, 5)
            await process.say("123456")
            shown = await process.until("holder")
            assert shown["holder"] == {"name": "测**", "id_number": "4****************X", "card_number": "A*******1"}
            assert shown["version"] == "3.0"
            await process.say("")
            await process.until("take")
            assert await reader.hand.act("remove", "t") == "done"
            await process.until("stopped")
            assert await process.ended() == 0


async def test_sigterm_returns_the_card_before_the_process_ends() -> None:
    async with LiveBench(pty_bench("crt591"), RealClock()) as live:
        reader = live.readers["reader"]
        assert reader.device is not None
        async with kiosk("--reader", reader.link_shown) as process:
            await process.until("idle")
            await reader.hand.act("insert 2.0", "t")
            await process.until("pin")
            assert reader.device.snapshot()["media"] == "ic"
            process.process.send_signal(signal.SIGTERM)
            assert (await process.until("take"))["problem"] == "stopping"
            assert reader.device.snapshot()["media"] == "gate"
            await reader.hand.act("remove", "t")
            assert await process.ended() == 0


async def test_a_second_signal_does_not_wait_for_the_hand() -> None:
    async with LiveBench(pty_bench("crt591"), RealClock()) as live:
        reader = live.readers["reader"]
        async with kiosk("--reader", reader.link_shown) as process:
            await process.until("idle")
            await reader.hand.act("insert 2.0", "t")
            await process.until("pin")
            process.process.send_signal(signal.SIGINT)
            await process.until("take")
            process.process.send_signal(signal.SIGINT)
            await process.until("stopped")
            assert await process.ended() == 0


async def test_a_kiosk_started_anew_returns_the_card_that_its_predecessor_left_inside() -> None:
    async with LiveBench(pty_bench("crt310"), RealClock()) as live:
        reader = live.readers["reader"]
        line = ("--reader", reader.link_shown, "--dialect", "crt310")
        async with kiosk(*line) as process:
            await process.until("idle")
            await reader.hand.act("insert 2.0", "t")
            await process.until("pin")
            process.process.kill()
            await process.ended()
        async with kiosk(*line, "--once") as process:
            await process.until("take")
            await reader.hand.act("remove", "t")
            await process.until("idle")


async def test_without_reader_and_input_it_says_so_and_waits_without_a_traceback() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "reference_impl.kiosk", "--json", "--reader", "serial:///dev/null"),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    fault = await KioskProcess(process).until("fault")
    assert fault["problem"] == "reader_fault"
    assert "/dev/null" in fault["detail"]
    process.send_signal(signal.SIGTERM)
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")


@pytest.mark.parametrize("name", ["kiosk", "kiosk-310"])
async def test_the_bench_starts_the_kiosk_feeds_it_lines_and_ends_it(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []

    def on_screen(text: str) -> Callable[[], bool]:
        def look() -> bool:
            shown.append(capfd.readouterr().out)
            return text in "".join(shown)

        return look

    async with stand_bench(load_bench(BENCHES / f"{name}.yaml")) as standing:
        assert standing.programs == ("kiosk",)
        await until(on_screen("请 插 入 社 会 保 障 卡"))
        assert await standing.say("reader insert 3.0") == "done"
        await until(on_screen("请 输 入 卡 密 码"))
        assert await standing.say("kiosk 123456") == "done"
        await until(on_screen("测试甲"))
        assert await standing.say("kiosk") == "done"
        await until(on_screen("请 取 走 您 的 卡"))
        assert standing.look("reader")["media"] == "gate"
        assert await standing.say("reader remove") == "done"
    assert "44190019900101001X" not in "".join(shown)


async def test_a_program_ends_with_its_bench_and_says_when_it_cannot_be_reached() -> None:
    command = ["{python}", "-c", "import sys; sys.stdin.readline()"]
    async with LiveBench(pty_bench("crt591", programs={"one": command, "two": command}), RealClock()) as live:
        one, two = live.programs["one"], live.programs["two"]
        assert await one.send_line("go") is True
        assert await one.wait() == 0
        assert await one.send_line("again") is False
        assert not two.ended
    assert await two.send_line("gone") is False


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({"kiosk": ["{nobody}"]}, "no slot of this bench"),
        ({"kiosk": []}, "needs a command line"),
        ({"reader": ["x"]}, "a name that no slot has"),
    ],
)
def test_a_program_that_does_not_fit_its_bench_is_refused(programs: dict[str, list[str]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pty_bench("crt591", programs=programs)


def test_a_program_cannot_reach_a_slot_that_is_in_process() -> None:
    reader = {"class": "card_reader", "dialect": "crt591", "link": "sim://"}
    with pytest.raises(ValueError, match="in process only"):
        Bench.model_validate(
            {"bench": "t", "under_test": "kiosk", "slots": {"r": reader}, "programs": {"k": ["x", "{r}"]}}
        )


def test_a_kiosk_under_test_has_no_slot_of_its_own() -> None:
    bench = load_bench(BENCHES / "kiosk.yaml")
    assert (bench.targets(), bench.bench_class) == ((), "simulated")


@pytest.mark.pcsc
async def test_a_whole_session_over_the_real_pcscd() -> None:
    bench = load_bench(BENCHES / "kiosk-pcsc.yaml").model_copy(update={"programs": {}})
    async with LiveBench(bench, RealClock()) as live:
        assert live.pcscd is not None
        card, psam = (slot.reader for slot in live.pcscd.slots)
        line = ("--pcsc", card, "--psam-pcsc", psam)
        async with kiosk(*line, environment=live.pcscd.environment()) as process:
            await process.until("pin")
            await process.say("123456")
            assert (await process.until("holder"))["version"] == "3.0"
            await process.say("")
            await process.until("take")
            assert await live.cards["card"].hand.act("remove", "t") == "done"
            await process.until("idle")
            assert await live.cards["card"].hand.act("insert", "t") == "done"
            await process.until("pin")
            assert await live.cards["card"].hand.act("remove", "t") == "done"
            assert (await process.until("return"))["problem"] == "card_gone"
            await process.until("idle")
            process.process.send_signal(signal.SIGTERM)
            assert await process.ended() == 0


@pytest.mark.pcsc
async def test_the_bench_with_pcsc_readers_starts_its_kiosk(capfd: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []

    def asks_for_the_pin() -> bool:
        shown.append(capfd.readouterr().out)
        return "请 输 入 卡 密 码" in "".join(shown)

    async with stand_bench(load_bench(BENCHES / "kiosk-pcsc.yaml")) as standing:
        await until(asks_for_the_pin)
        assert [each.dialect for each in standing.places] == ["3.0", "psam"]

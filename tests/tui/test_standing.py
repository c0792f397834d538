"""Simulators that stand alone: a program of somebody else's finds them, and a hand reaches them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from protocols.clock import RealClock
from protocols.link.base import open_link
from scenarios.service import Bench, BenchError, bench_files, load_bench, stand_bench, stand_device
from scenarios.strict_yaml import parse_model

ROOT = Path(__file__).resolve().parents[2]
INITIALISE = bytes.fromhex("F200000343303003B1")
ACK = b"\x06"


async def test_a_reader_on_tcp_answers_and_obeys() -> None:
    async with stand_device("crt591", "tcp://127.0.0.1:0", timing="brisk") as up:
        assert up.places[0].link.startswith("tcp://127.0.0.1:")
        assert await up.say("insert 3.0") in ("done", "unsupported")
        assert await up.say("reader dance") == "unsupported"
        link = await open_link(up.places[0].link, RealClock())
        try:
            await link.send(INITIALISE)
            async with asyncio.timeout(5):
                assert (await link.receive())[:1] == ACK
        finally:
            await link.aclose()


RESET, DONE = b"\x02013130\x03", b"\x02010405\x03"


async def test_a_pin_pad_on_tcp_answers_and_its_keys_can_be_pressed() -> None:
    async with stand_device("epp-b", "tcp://127.0.0.1:0", timing="brisk") as up:
        assert (up.places[0].slot, up.places[0].device_class) == ("pad", "pin_pad")
        link = await open_link(up.places[0].link, RealClock())
        try:
            for frame in (RESET, b"\x02024503" + b"44\x03"):
                await link.send(frame)
                async with asyncio.timeout(5):
                    assert await link.receive() == DONE
            assert await up.say("press 7") == "done"
            async with asyncio.timeout(5):
                assert await link.receive() == b"7"
            assert await up.say("pad press f1") == await up.say("insert 3.0") == "unsupported"
            assert up.look("pad")["keypad"] == "plain"
        finally:
            await link.aclose()


async def test_a_bench_with_a_pin_pad() -> None:
    bench = load_bench(next(each for each in bench_files() if each.stem == "pin-pad"))
    async with stand_bench(bench) as up:
        assert [(each.slot, each.dialect, each.simulated) for each in up.places] == [("pad", "epp-b", True)]
        link = await open_link(up.places[0].link, RealClock())
        try:
            await link.send(b"\x020265" + b"0067\x03")
            async with asyncio.timeout(5):
                assert await link.receive() == b"\x02050408D7B4FB91\x03"
        finally:
            await link.aclose()
        assert await up.say("pad remove-keypad") == "done"
        assert (up.look("pad")["tampered"], up.look("pad")["masters"]) == (True, [])


@pytest.mark.parametrize(
    "bad",
    [
        "options: {masters: {0: 12}}",
        "options: {masters: 5}",
        "options: {masters: {77: '0123456789ABCDEF'}}",
        "options: {terminal: '1'}",
        "options: {fleet_key: 'XY'}",
        "readings: {bad_frame: 15}",
        "readings: {time_out: never}",
        "options: {no_such: 1}",
    ],
)
async def test_a_pin_pad_that_cannot_be_built(bad: str) -> None:
    text = f"{{bench: b, under_test: device.pin_pad, slots: {{pad: {{class: pin_pad, dialect: epp-b, link: 'pty://', {bad}}}}}}}"
    with pytest.raises(BenchError, match="slot 'pad'"):
        async with stand_bench(parse_model(text, Bench)):
            pass


async def test_state_can_be_watched() -> None:
    async with stand_device("crt310", timing="brisk") as up:
        assert up.look("reader")["powered"] is True
        assert await up.say("poweroff") == "done"
        assert up.look("reader")["powered"] is False


async def test_what_cannot_be_built_is_a_bench_error() -> None:
    for dialect, fault in (("crt999", ""), ("crt591", "no-such-mutant")):
        with pytest.raises(BenchError):
            async with stand_device(dialect, fault=fault):
                pass


async def test_a_bench_stands_and_is_acted_on() -> None:
    path = next(each for each in bench_files() if each.stem == "in-process")
    bench = load_bench(path).model_copy(update={"clock": "real"})
    async with stand_bench(bench) as up:
        assert [each.slot for each in up.places] == list(bench.slots)
        assert await up.say("reader-591 poweroff") == "done"
        assert up.look("reader-591")["powered"] is False
        assert await up.say("card-3 remove") == "done"
        assert await up.say("nobody insert") == "unsupported"


async def _onecard(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui.cli", *words, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


async def test_the_device_command_is_a_hand_program() -> None:
    process = await _onecard("device", "crt591", "--hand-stdin", "--timing", "brisk")
    out, err = await asyncio.wait_for(process.communicate(b"poweroff\ndance\npoweron\n"), 60)
    lines = out.decode().splitlines()
    assert lines[0].startswith("serial:///dev/pts/")
    assert lines[1:] == ["ok", "unsupported", "ok"]
    assert (process.returncode, err) == (0, b"")


async def test_the_device_command_stands_a_pin_pad_up_too() -> None:
    process = await _onecard("device", "epp-b", "--hand-stdin", "--timing", "brisk")
    out, err = await asyncio.wait_for(process.communicate(b"press 1\npress no\nremove-keypad\nrefit\n"), 60)
    lines = out.decode().splitlines()
    assert lines[0].startswith("serial:///dev/pts/")
    assert lines[1:] == ["ok", "unsupported", "ok", "ok"]
    assert (process.returncode, err) == (0, b"")


async def test_ctrl_c_is_clean() -> None:
    process = await _onecard("device", "crt310")
    assert process.stdout is not None
    async with asyncio.timeout(60):
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")

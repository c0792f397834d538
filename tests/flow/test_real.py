"""``onecard run`` of a flow with everything real: programs, ttys, sockets; and how it ends when it is interrupted or killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from flow_histories import FLOWS

from conformance.flow.dossier import verify_flow
from conformance.flow.leaks import flow_leaks
from conformance.flow.run import certify_flow
from protocols.record import read_history
from scenarios.flow.model import load_flow

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 150.0


@asynccontextmanager
async def onecard(folder: Path, flow: Path = FLOWS / "pay-bill.yaml") -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui.cli", "run", str(flow), "--json", "--out", str(folder / "out")),
        cwd=ROOT,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder / "config")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_the_kiosk_speaks(folder: Path) -> None:
    history = folder / "out" / "history.jsonl"
    async with asyncio.timeout(LIMIT_S):
        while not (history.exists() and '"kind":"page"' in history.read_text(encoding="utf-8")):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def _left(pid: int) -> list[str]:
    """Programs whose files are in the working folder of that run, and the folder itself."""
    mark = f"onecard-flow-{pid}-"
    found: list[str] = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes()
        except OSError:
            continue
        if mark.encode() in words:
            found.append(words.replace(b"\x00", b" ").decode())
    return found


def _folders(pid: int) -> list[Path]:
    return [each for place in ("/dev/shm", "/tmp") for each in Path(place).glob(f"onecard-flow-{pid}-*")]


async def test_a_bill_is_paid_and_its_history_verifies_and_holds_no_secret(tmp_path: Path) -> None:
    async with onecard(tmp_path) as process:
        async with asyncio.timeout(LIMIT_S):
            out, error = await process.communicate()
        assert process.returncode == 0, (out.decode()[-2000:], error.decode()[-2000:])
        assert _left(process.pid) == []
        assert _folders(process.pid) == []
    told = json.loads(out)
    assert (told["verdict"], told["findings"], told["verification"]["problems"]) == ("pass", [], [])
    (book,) = told["books"]
    assert book["fund_fen"] + book["account_fen"] + book["cash_fen"] == book["total_fen"]
    assert (book["his_fen"], book["bank_fen"], book["qr_fen"]) == (book["total_fen"], book["cash_fen"], 0)
    assert book["insurance_fen"] == book["fund_fen"] + book["account_fen"]
    assert min(book["fund_fen"], book["account_fen"], book["cash_fen"]) > 0

    folder = tmp_path / "out"
    records = read_history(folder / "history.jsonl")
    slots = {each.slot for each in records if each.kind == "frame"}
    assert slots == {"reader", "bank-reader", "pad"}
    bank = [each.note["request"][0][0] for each in records if each.kind == "message" and each.slot == "bank"]
    assert bank == ["0800", "0200"]
    leaks = flow_leaks(folder)
    assert leaks.open, leaks
    assert leaks.wire_bytes > 20_000
    history = folder / "history.jsonl"
    raw = history.read_bytes()
    history.write_bytes(raw.replace(b'"cash_fen":2015', b'"cash_fen":2016', 1))
    assert history.read_bytes() != raw
    assert {each.file for each in verify_flow(folder).problems} == {"history.jsonl"}


CARD_ONLY = """flow: card-only
title: card-only
bench:
  bench: card-only
  under_test: kiosk
  slots:
    reader: {class: card_reader, dialect: crt591, link: "pty://", timing: brisk}
  peers: {bank: sim}
  programs:
    kiosk: ["{python}", -m, reference_impl.kiosk, --json, --reader, "{reader}", --psam-socket, "1"]
steps:
  - {do: decided, within_s: 100, expect: {page: menu}}
limit_s: 100
"""
"""A kiosk that waits for a card which never comes."""


async def test_ctrl_c_ends_everything_and_leaves_a_history_that_says_so(tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(CARD_ONLY, encoding="utf-8")
    async with onecard(tmp_path, flow) as process:
        await _until_the_kiosk_speaks(tmp_path)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(LIMIT_S):
            out, _ = await process.communicate()
        assert process.returncode == 130
        assert json.loads(out)["verdict"] == "incomplete"
        assert _left(process.pid) == []
        assert _folders(process.pid) == []
    assert read_history(tmp_path / "out" / "history.jsonl")[-1].note["status"] == "stopped"
    assert json.loads((tmp_path / "out" / "verdict.json").read_text(encoding="utf-8"))["verdict"] == "incomplete"


async def test_a_run_that_is_killed_takes_its_programs_with_it(tmp_path: Path) -> None:
    async with onecard(tmp_path) as process:
        await _until_the_kiosk_speaks(tmp_path)
        assert len(_left(process.pid)) == 2, "backend and kiosk"
        process.kill()
        await process.wait()
        async with asyncio.timeout(LIMIT_S):
            while _left(process.pid):  # noqa: ASYNC110 the kernel tells nobody
                await asyncio.sleep(0.05)
        assert len(_folders(process.pid)) == 1
    assert [each.where for each in verify_flow(tmp_path / "out").problems] == ["early"]
    assert read_history(tmp_path / "out" / "history.jsonl")
    # The next run sweeps away what the killed one could not.
    flow = load_flow(FLOWS / "pay-bill.yaml")
    broken = flow.stood.model_copy(update={"programs": {"kiosk": ("/nowhere/kiosk",)}, "peers": {}, "backend": None})
    done = await certify_flow(flow.model_copy(update={"bench": broken}), tmp_path / "next")
    assert done.verdict.verdict == "error"
    assert "cannot be started" in done.verdict.why
    assert _folders(process.pid) == []

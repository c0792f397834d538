"""A headless kiosk as a process on a platform behind real HTTP: enrolment, a payment, and SIGKILL at any moment."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_platform import FakePlatform
from platform_server import CODE, PlatformServer

from protocols.clock import UnixClock
from protocols.seeded import SeededChoice
from reference_impl.kiosk.outbox import Outbox

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 40.0
SCAN = "login e_credential 4240000000000000000100440000"
WECHAT = "134567890123456789"
PAY = ("menu pay", "bills 1", "payer insured", "account yes", "quote ok", "method wechat", f"scan {WECHAT}", "confirm")


class HeadlessKiosk:
    """``python -m reference_impl.kiosk --headless --json``; lines in, events out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen: list[dict[str, Any]] = []

    def say(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    async def next(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            line = await self.process.stdout.readline()
        if not line:
            return None
        self.seen.append(json.loads(line))
        return self.seen[-1]

    async def until(self, name: str) -> dict[str, Any]:
        """The next line about that stage or phase."""
        while (event := await self.next()) is not None:
            if event.get("stage", event["event"]) == name:
                return event
        assert self.process.stderr is not None
        raise AssertionError(f"ended before {name}: {(await self.process.stderr.read()).decode()[-2000:]}")

    async def ended(self) -> tuple[int, str]:
        async with asyncio.timeout(LIMIT_S):
            _, complaints = await self.process.communicate()
        return self.process.returncode or 0, complaints.decode()


def command(folder: Path, origin: str, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "reference_impl.kiosk", "--headless", "--json", "--backend", origin),
        *("--terminal", "KSK-00001", "--key-file", str(folder / "key"), "--outbox", str(folder / "outbox")),
        *("--receipts", str(folder / "slips"), "--fault-s", "0.2", "--settle-s", "0.3", *more),
    ]


@asynccontextmanager
async def kiosk(folder: Path, origin: str, *more: str) -> AsyncIterator[HeadlessKiosk]:
    process = await asyncio.create_subprocess_exec(
        *command(folder, origin, *more),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield HeadlessKiosk(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def platform() -> AsyncIterator[PlatformServer]:
    clock = UnixClock()
    server = await PlatformServer(FakePlatform(clock), clock.now).start()
    try:
        yield server
    finally:
        await server.stop()
    assert server.complaints == []
    assert server.platform.violations == []


async def test_a_headless_kiosk_enrols_takes_a_payment_and_stops(tmp_path: Path) -> None:
    async with platform() as server:
        async with kiosk(tmp_path, server.origin, "--enrol", CODE) as process:
            await process.until("idle")
            process.say(SCAN, *PAY, "result done")
            result = await process.until("result")
            assert (result["told"], result["trade"]["state"]) == ("paid", "paid")
            await process.until("idle")
            process.process.send_signal(signal.SIGTERM)
            assert await process.ended() == (0, "")
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
        slip = (tmp_path / "slips" / "000001-payment.txt").read_text(encoding="utf-8")
        assert result["trade"]["trade_no"] in slip
        assert (tmp_path / "slips" / "000001-payment.escpos").read_bytes().startswith(b"\x1b@")
        shown = json.dumps(process.seen, ensure_ascii=False) + (tmp_path / "outbox").read_text()
        for secret in ("4240000000000000000100440000", WECHAT, "测"):
            assert secret not in shown
        async with kiosk(tmp_path, server.origin, "--once") as again:  # enrolled for good
            await again.until("idle")
            again.say(SCAN, "menu end")
            await again.until("stopped")
            assert (await again.ended())[0] == 0
        assert len(server.platform.beats) >= 1


async def test_an_enrolment_whose_answer_was_lost_is_no_trouble(tmp_path: Path) -> None:
    async with platform() as server:
        server.breaks["POST /v1/terminal/enrolments"] = ["drop"]
        for _ in range(2):
            async with kiosk(tmp_path, server.origin, "--enrol", CODE) as process:
                await process.until("idle")
        assert len(server.keys) == 1


async def test_the_kiosk_waits_for_its_platform_and_serves_when_it_is_there(tmp_path: Path) -> None:
    async with platform() as server:
        async with kiosk(tmp_path, server.origin, "--enrol", CODE) as process:
            await process.until("idle")
        server.breaks["POST /v1/terminal/sessions"] = ["500"] * 3
        async with kiosk(tmp_path, server.origin) as process:
            await process.until("idle")


@pytest.mark.parametrize(
    ("spoil", "code", "why"),
    [
        ("no key", 2, "enrol this terminal first"),
        ("bad key", 2, "64 hexadecimal digits"),
        ("open key", 2, "chmod 600"),
        ("damaged outbox", 2, "line 1 of the outbox is damaged"),
        ("wrong code", 3, "enrolment-refused"),
    ],
)
async def test_what_keeps_a_kiosk_from_starting_is_said_in_one_line(
    tmp_path: Path, spoil: str, code: int, why: str
) -> None:
    more: list[str] = []
    key = tmp_path / "key"
    if spoil != "no key":
        key.write_text("zz" if spoil == "bad key" else "00" * 32)
        key.chmod(0o644 if spoil == "open key" else 0o600)
    if spoil == "damaged outbox":
        (tmp_path / "outbox").write_bytes(b"rubbish\n" + _a_line(tmp_path))
    if spoil == "wrong code":
        more = ["--enrol", "WRONG-CODE"]
    async with platform() as server, kiosk(tmp_path, server.origin, *more) as process:
        ended, complaints = await process.ended()
    assert ended == code
    assert why in complaints
    assert len(complaints.strip().splitlines()) == 1


def _a_line(folder: Path) -> bytes:
    box = Outbox.open(folder / "other", lambda: 0.0)
    box.open_trade("bill")
    box.aclose()
    return (folder / "other").read_bytes()


def _taken(server: PlatformServer) -> dict[str, int]:
    taken: dict[str, int] = {}
    for number, _, fen in server.platform.debits:
        taken[number] = taken.get(number, 0) + fen
    return taken


async def test_a_kiosk_killed_at_any_moment_asks_about_what_it_left_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    """Killed after a seeded number of lines of its own output, again and again, while citizens pay."""
    choice = SeededChoice(20_261_122, "moments of death")
    said_paid: set[str] = set()
    async with platform() as server:
        server.platform.outcomes = ["paid", "fail:other_method:51", "paid", "manual", "paid"] * 20
        async with kiosk(tmp_path, server.origin, "--enrol", CODE) as process:
            await process.until("idle")
        for life in range(7):
            server.platform.bills_due = {
                f"B{life}-{number}": each.model_copy(update={"bill_id": f"B{life}-{number}"})
                for number, each in enumerate(server.platform.bills_due.values())
            }
            asked_before = len(server.seen)
            open_before = await asyncio.to_thread(_open_keys, tmp_path / "outbox")
            async with kiosk(tmp_path, server.origin) as process:
                await process.until("idle")
                _check_asked(server, asked_before, open_before)
                process.say(SCAN, *PAY, "method alipay", "scan 281234567890123456", "confirm", "result done")
                for _ in range(3 + choice.below(24)):
                    event = await process.next()
                    if event is None or (event["event"] == "idle" and len(process.seen) > 4):
                        break
                    if event.get("told") == "paid":
                        said_paid.add(event["trade"]["trade_no"])
                process.process.kill()
                await process.process.wait()
        async with kiosk(tmp_path, server.origin) as process:
            idle = await process.until("idle")
            server.platform.settle_down()
            while idle.get("undecided"):  # it goes on asking until the platform has decided
                idle = await process.until("idle")
            process.process.send_signal(signal.SIGTERM)
            assert (await process.ended())[0] == 0
        taken = _taken(server)
        for number in said_paid:
            assert server.platform.trades[number].state == "paid"
        for trade in server.platform.trades.values():
            assert trade.state in ("paid", "closed", "manual")
            assert taken.get(trade.trade_no, 0) == (trade.split.cash_fen if trade.state == "paid" else 0)
            assert len(trade.pay_keys) == len(set(trade.pay_keys))
        assert said_paid, "no life lasted long enough: the test proves nothing"
        assert any(each.state == "closed" for each in server.platform.trades.values())
    assert await asyncio.to_thread(_open_keys, tmp_path / "outbox") == {}


def _open_keys(path: Path) -> dict[str, str]:
    box = Outbox.open(path, lambda: 0.0)
    try:
        return {each.key: each.trade_no for each in box.entries()}
    finally:
        box.aclose()


def _check_asked(server: PlatformServer, since: int, open_keys: dict[str, str]) -> None:
    """Every key that was open when the kiosk died was asked about before anybody was let in."""
    asked = [told[0] for name, told in server.platform.calls if name in ("trade", "trade_by_key") and told]
    assert since <= len(server.seen)
    for key, trade_no in open_keys.items():
        assert key in asked or trade_no in asked

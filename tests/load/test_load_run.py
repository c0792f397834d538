"""A small load in earnest: private PostgreSQL, peers, backend and Locust as processes. No time is judged here."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.guests import FIRST_GUEST
from loadtest.service import LoadNews, load_load_file, run_load
from protocols.clock import stopwatch_s
from scenarios.postgres import missing
from simulators.peer.city import City
from tui.loads import money_findings

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 240.0
MARK = "ONECARD_LOAD_TEST"
CITY = City(towns=2, clinics=3, kiosks=6)

SMALL = """
city: small
title: {zh: 小城, en: a small city}
towns: 2
clinics: 3
kiosks: 6
heartbeat_s: 2
exchange_s: 60
think: {bills: 0.1, open: 0.1, pay: 0.1, receipt: 0.1}
mix:
  payers: {insured: 1, covered: 1, self: 1}
  methods: {bank_card: 2, wechat: 1, alipay: 1, unionpay_qr: 1}
  credentials: {social_security_card: 2, resident_id: 1, e_credential: 1}
stages:
  - {stage: steady, shape: steady, rate_per_s: 2, for_s: 3, rest_s: 1, limits: {api_p99_ms: 600000}}
  - {stage: barrier, shape: barrier, count: 6, for_s: 5, limits: {all_decided_s: 600}}
limits: {dropped: 20}
"""

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not on this machine: {', '.join(missing())}")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL, encoding="utf-8")
    return file


async def test_every_payment_stands_in_all_books(small: Path, tmp_path: Path) -> None:
    news: list[LoadNews] = []
    async with asyncio.timeout(LIMIT_S):
        result = await run_load(load_load_file(small), money_findings, news.append, keep=tmp_path / "kept")
    stages = {each.stage: each for each in result.summary.stages}
    assert result.money == ()
    assert result.trades == result.summary.total("paid") > 0
    assert result.summary.total("paid") + result.summary.total("dropped") == 12
    assert result.summary.total("refused") == result.summary.total("unanswered") == 0
    assert result.verdict.overall in ("passed", "generator-was-the-bottleneck")
    assert {"identify", "bills", "open", "pay", "receipt", "heartbeat"} <= set(stages["steady"].by_call)
    assert any(each.tick is not None and each.tick.phase == "running" for each in news)
    assert set(stages["steady"].machine) >= {"backend", "peers", "postgres", "generator", "others"}
    secrets = (tmp_path / "kept" / "calls.jsonl").read_bytes() + (tmp_path / "kept" / "visits.jsonl").read_bytes()
    for number in range(FIRST_GUEST, FIRST_GUEST + 400):
        resident = CITY.resident(number)
        assert resident is not None
        for secret in (resident.pan, resident.person.id_number, resident.person.card_number, resident.person.name):
            assert secret.encode() not in secrets


def _left(mark: str) -> list[str]:
    found: list[str] = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                state = (each / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and f"{MARK}={mark}".encode() in (each / "environ").read_bytes():
                    found.append((each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120])
            except OSError:
                continue  # it has just ended
    return found


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A folder into which PostgreSQL's own user may look: those of pytest are closed to it."""
    home = Path(tempfile.mkdtemp(prefix="onecard-load-test-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


def test_whoever_is_killed_in_the_middle_leaves_nobody_behind(small: Path, open_home: Path) -> None:
    mark, home = str(os.getpid()), open_home
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(home), MARK: mark}
    command = [sys.executable, "-m", "tui.cli", "load", str(small), "--lang", "en"]
    until = stopwatch_s() + LIMIT_S
    with subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as one:
        try:
            assert one.stdout is not None
            while " s  steady" not in (line := one.stdout.readline()):
                assert line, "it ended before the load began"
            assert len(_left(mark)) >= 5
        finally:
            os.killpg(one.pid, signal.SIGKILL)
    pause = threading.Event()
    while (left := _left(mark)) and stopwatch_s() < until:
        pause.wait(0.05)
    assert left == []

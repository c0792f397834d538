"""The shells of a load: replies out of bytes, processes that end with us, rows on the disk, money read where it stands."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from loadtest.child import BenchFailed, Child
from loadtest.http_reply import MalformedReply, ReplyReader, request_bytes
from loadtest.money import note_of_load
from loadtest.order import Order, manners_of, stage_of
from loadtest.rows import Tick, VisitRow, read_calls, read_visits
from loadtest.schedule import Stage
from loadtest.visit import Manners, Outcome
from protocols.wire.http import HttpRequest
from scenarios.books import BooksUnreadable, undecided
from scenarios.load_model import find_load_file, load_files, load_load_file
from scenarios.strict_yaml import FileError

# HTTP (RFC 9112).

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n" + b'{"a":1}'


def test_a_reply_in_any_pieces() -> None:
    for step in (1, 7, len(REPLY)):
        reader = ReplyReader()
        found = [reader.feed(REPLY[at : at + step]) for at in range(0, len(REPLY), step)]
        assert found[:-1] == [None] * (len(found) - 1)
        reply = found[-1]
        assert reply is not None
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "application/json", b'{"a":1}')
        assert reader.keep_alive


def test_a_chunked_reply_and_one_after_100_continue() -> None:
    reader = ReplyReader()
    assert reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n") is None
    reply = reader.feed(
        b"HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert reply is not None
    assert (reply.status, reply.body, reader.keep_alive) == (409, b"abcde", False)


@pytest.mark.parametrize(
    "data", [b"\x00\x01", b"GET / HTTP/1.1\r\n\r\n", REPLY + b"HTTP/1.1 200 OK\r\n", REPLY[:9] + b"x" * 40]
)
def test_what_is_no_reply(data: bytes) -> None:
    with pytest.raises(MalformedReply):
        ReplyReader().feed(data)


def test_a_request_on_the_wire() -> None:
    request = HttpRequest("POST", "/v1/trades?a=b", {"content-type": "application/json", "host": "other"}, b"{}")
    assert request_bytes(request, "127.0.0.1:80") == (
        b"POST /v1/trades?a=b HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )
    with pytest.raises(ValueError, match="line end"):
        request_bytes(HttpRequest("GET", "/", {"x": "a\r\nb: c"}), "h")


# Processes.


def _child(tmp_path: Path, code: str, *, takes_end: bool = True) -> Child:
    return Child("part", [sys.executable, "-c", code], tmp_path, tmp_path / "part.log", takes_end=takes_end)


def test_a_part_says_where_it_is_and_ends_with_its_input(tmp_path: Path) -> None:
    child = _child(tmp_path, "import sys; print('hello'); print('{\"at\": 1}', flush=True); sys.stdin.read()")
    try:
        assert child.first_document(20.0) == {"at": 1}
        assert child.exit_code is None
    finally:
        child.end()
    assert child.exit_code == 0


def test_a_part_that_cannot_begin_is_quoted(tmp_path: Path) -> None:
    child = _child(tmp_path, "import sys; sys.exit('no such port')")
    try:
        with pytest.raises(BenchFailed, match="part ended at once with code 1: no such port"):
            child.first_document(20.0)
    finally:
        child.end()


def test_a_program_of_others_dies_with_us(tmp_path: Path) -> None:
    """A process in between is killed; the kernel ends what it had started."""
    inner = f"import time, pathlib, os; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"
    outer = (
        "import sys, pathlib, time\nfrom loadtest.child import Child\n"
        f"p = pathlib.Path({str(tmp_path)!r})\n"
        f"Child('part', [sys.executable, '-c', {inner!r}], p, p / 'log', takes_end=False)\n"
        "while not (p / 'pid').exists() or not (p / 'pid').read_text(): time.sleep(0.01)\n"
        "print('{\"up\": 1}', flush=True); time.sleep(60)"
    )
    child = _child(tmp_path, outer)
    child.first_document(30.0)
    pid = int((tmp_path / "pid").read_text())
    os.kill(child.pid, 9)
    child.end()
    for _ in range(500):
        if (
            not Path(f"/proc/{pid}").exists()
            or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        ):
            break
        asyncio.run(asyncio.sleep(0.02))
    else:
        pytest.fail("the program outlived whoever started it")


# Rows and files.


def test_rows_come_back_from_the_disk(tmp_path: Path) -> None:
    visit = VisitRow("s", 1, "KSK-00001", 1.0, 2.0, "self", "resident_id", None, Outcome("T1", "paid", decided_s=0.5))
    (tmp_path / "visits.jsonl").write_text(json.dumps(visit.as_json()) + "\n")
    assert read_visits(tmp_path / "visits.jsonl") == [visit]
    assert read_calls(tmp_path / "none.jsonl") == []
    tick = Tick("running", 1.5, histogram=(1, 2))
    assert Tick.of_json(json.loads(json.dumps(tick.as_json()))) == tick


def test_the_cities_are_those_of_the_requirements() -> None:
    """spec/requirements.md: Dongguan 33 towns, 389 clinics, 550 kiosks; Beijing 1114 kiosks; every kiosk busy: one service in 75 s."""
    cities = {each.stem: load_load_file(each) for each in load_files()}
    dongguan, beijing = cities["dongguan"], cities["beijing"]
    assert (dongguan.towns, dongguan.clinics, dongguan.kiosks) == (33, 389, 550)
    assert beijing.kiosks == 1114
    for load in (dongguan, beijing):
        for stage in load.stages:
            if stage.rate_per_s is not None:
                assert stage.rate_per_s == pytest.approx(load.kiosks / 75, abs=0.05)
                assert stage.limits.api_p99_ms == 200
    barrier = next(each for each in dongguan.stages if each.shape == "barrier")
    assert (barrier.count, barrier.limits.all_decided_s) == (550, 4)
    assert any(each.shape == "poisson" for each in dongguan.stages)
    assert any(each.shape == "poisson" for each in beijing.stages)


def test_a_city_that_is_none_is_told_so() -> None:
    with pytest.raises(FileError) as told:
        find_load_file("shanghai")
    assert "dongguan" in str(told.value.problems)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("  - {stage: b, shape: barrier, count: 551, for_s: 10, limits: {all_decided_s: 4}}", "551"),
        ("  - {stage: b, shape: barrier, rate_per_s: 3, for_s: 10, limits: {all_decided_s: 4}}", "barrier"),
        ("  - {stage: b, shape: steady, rate_per_s: 3, for_s: 10, limits: {}}", "limit"),
        ("  - {stage: steady, shape: steady, rate_per_s: 3, for_s: 10, limits: {api_p99_ms: 1}}", "阶段重复|one name"),
        ("  - {stage: b, shape: steady, rate_per_s: 3, for_s: 10, limit: {api_p99_ms: 1}}", "limit"),
    ],
)
def test_a_load_file_that_cannot_be(tmp_path: Path, line: str, word: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(find_load_file("dongguan").read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(FileError) as told:
        load_load_file(file)
    assert any(part in str(told.value.problems) for part in word.split("|"))


def test_an_order_is_one_file(tmp_path: Path) -> None:
    load = load_load_file(find_load_file("dongguan"))
    order = Order(load=load, url="http://127.0.0.1:1", codes={"KSK-00001": "c"}, folder=tmp_path, run_id="r")
    assert Order.model_validate_json(order.model_dump_json(by_alias=True)) == order
    barrier = next(each for each in load.stages if each.shape == "barrier")
    assert stage_of(barrier) == Stage(barrier.stage, "barrier", barrier.for_s, count=550, rest_s=barrier.rest_s)
    assert manners_of(load.think) == Manners(bills_s=1, open_s=2, pay_s=4, receipt_s=1)


# Books.


async def test_a_database_that_is_not_there_is_said_so() -> None:
    for asked in (
        undecided("postgresql://nobody@127.0.0.1:9/none"),
        note_of_load("postgresql://nobody@127.0.0.1:9/none", "", ()),
    ):
        with pytest.raises(BooksUnreadable, match="the platform's database"):
            await asked

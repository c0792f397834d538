"""Storage on both databases: what is told is durable, what is refused is not written, groups group, and one writer writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Split, Trade, TradeKind, TradeState
from reference_impl.backend.settlement.rows import attempt_write, trade_write
from reference_impl.backend.settlement.tables import ATTEMPTS, OUTBOX, POSTINGS, TRADES
from reference_impl.backend.storage import open_store
from reference_impl.backend.storage.errors import (
    DatabaseUrlError,
    Fenced,
    RowRefused,
    StoreClosed,
    StoreUnavailable,
    WriterBusy,
)
from reference_impl.backend.storage.groups import GroupCommit
from reference_impl.backend.storage.postgres import PostgresStore
from reference_impl.backend.storage.sqlite import SqliteStore
from reference_impl.backend.storage.store import Store, parsed_url
from reference_impl.backend.storage.writes import Write


def trade(number: int, **changes: object) -> Trade:
    made = Trade(
        trade_no=f"DG2026112700001{number:06d}",
        kind=TradeKind.BILL,
        key=f"key-{number}",
        request_hash="00" * 32,
        terminal_id="KSK-00001",
        institution="H44190000001",
        patient_id="P00000001",
        total_fen=12_345,
        opened_at=1_795_305_600.25,
        deadline=1_795_305_900.25,
        day="20261127",
        insured=True,
        terms={"bills": ["B1", "B2"], "名": "测试"},
        split=Split(fund_fen=10_000, account_fen=2_000, cash_fen=345, mutual_aid_fen=500),
        pay_keys=("p1", "p2"),
    )
    return replace(made, **changes)


def attempt(owner: Trade, seq: int, **changes: object) -> Attempt:
    made = Attempt(
        attempt_id=f"{owner.trade_no}{seq:03d}",
        trade_no=owner.trade_no,
        seq=seq,
        leg=Leg.CASH,
        act=Act.DO,
        channel="bank",
        operation="purchase",
        reference=f"{owner.trade_no}-{seq}",
        amount_fen=345,
        created_at=1_795_305_601.5,
        op="send",
        due=1_795_305_602.0,
        facts={"trace": "000123"},
        sealed=b"\x00\xff\x10",
    )
    return replace(made, **changes)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await open_store(database_url)
    yield opened
    await opened.aclose()


async def unlocked(url: str) -> Store:
    """A second writer that does not ask for the lock, as after a split of the network or on a file system without locks."""
    parsed = parsed_url(url)
    kind = SqliteStore if parsed.get_backend_name() == "sqlite" else PostgresStore
    return await kind.open(parsed, locked=False)


async def count_of(store: Store, table: str) -> int:
    async with store.engine.connect() as connection:
        return (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


async def test_a_trade_comes_back_as_it_was_written(store: Store) -> None:
    one, two = trade(1), trade(2, split=None, insured=False, state=TradeState.CLOSED, terms={})
    attempts = (attempt(one, 1, state=AttemptState.FAIL), attempt(one, 2))
    await store.commit([trade_write(one), *map(attempt_write, attempts), trade_write(two)])

    assert await store.trade(one.trade_no) == replace(one, attempts=attempts)
    assert await store.trade_by_key("KSK-00001", "key-2") == two
    assert await store.trade("DG0") is None
    assert await store.trade_by_key("KSK-00002", "key-1") is None


async def test_open_trades_are_the_unended_and_those_with_an_open_attempt(store: Store) -> None:
    unended = trade(1, state=TradeState.PAYING)
    ended = trade(2, state=TradeState.PAID)
    loose = trade(3, state=TradeState.CLOSED)
    held = trade(4, state=TradeState.MANUAL)
    unknown = attempt(loose, 1, act=Act.UNDO, state=AttemptState.UNKNOWN)
    done = attempt(ended, 1, state=AttemptState.SUCCESS)
    rows = [trade_write(each) for each in (held, loose, ended, unended)]
    await store.commit([*rows, attempt_write(unknown), attempt_write(done)])

    assert [each.trade_no for each in await store.open_trades()] == [unended.trade_no, loose.trade_no, held.trade_no]
    assert (await store.open_trades())[1].attempts == (unknown,)


async def test_of_several_writes_of_a_row_in_one_group_the_last_counts(store: Store) -> None:
    one = trade(1)
    versions = [replace(one, version=number, state=TradeState.AWAITING) for number in range(1, 40)]
    await asyncio.gather(*(store.commit([trade_write(each)]) for each in versions))
    assert await store.trade(one.trade_no) == versions[-1]


async def test_an_older_version_is_refused_and_means_that_somebody_else_writes(store: Store) -> None:
    await store.commit([trade_write(trade(1, version=5))])
    await store.commit([trade_write(trade(1, version=5))])  # the same again: its answer may have been lost
    with pytest.raises(Fenced):
        await store.commit([trade_write(trade(1, version=4))])
    with pytest.raises(Fenced):
        await asyncio.shield(store.failed)
    with pytest.raises(Fenced):
        await store.commit([trade_write(trade(2))])
    assert await count_of(store, "trades") == 1


async def test_append_only_rows_are_written_once(store: Store) -> None:
    first = Write(POSTINGS, ("A/1", "T", "A", "clearing", 5, 1.0, "20261127"))
    await store.commit([first])
    await store.commit([Write(POSTINGS, ("A/1", "T", "A", "clearing", 7, 2.0, "20261127"))])
    async with store.engine.connect() as connection:
        assert (await connection.execute(POSTINGS.select())).one().amount_fen == 5


async def test_a_refused_row_harms_nobody_else_in_its_group(store: Store) -> None:
    """300 commits at once, three of them impossible: exactly those three are refused, whole."""
    bad = {17: trade(17, total_fen=0), 150: trade(150, key="key-149"), 299: trade(299, total_fen=-1)}
    commits = [
        store.commit([trade_write(bad.get(n, trade(n))), attempt_write(attempt(trade(n), 1))]) for n in range(300)
    ]
    results = await asyncio.gather(*commits, return_exceptions=True)

    refused = {number: result for number, result in enumerate(results) if result is not None}
    assert {number: type(error) for number, error in refused.items()} == dict.fromkeys(bad, RowRefused)
    assert [refused[number].kind for number in (17, 150, 299)] == ["check", "unique", "check"]
    assert "12345" not in str(refused[17])
    assert "key-149" not in str(refused[150])
    assert await count_of(store, "trades") == 297
    assert await count_of(store, "attempts") == 297
    assert not store.failed.done()


@pytest.mark.parametrize("broken", ["text\ud800", 5])
async def test_a_value_that_the_database_cannot_hold_is_refused(store: Store, broken: object) -> None:
    values = list(trade_write(trade(1)).values)
    values[2] = broken
    if broken == 5:
        values[7] = 2**70
    with pytest.raises(RowRefused):
        await store.commit([Write(TRADES, tuple(values))])
    await store.commit([trade_write(trade(1))])


async def test_commits_that_come_together_share_a_transaction(store: Store) -> None:
    before = store.stats.groups
    await asyncio.gather(*(store.commit([trade_write(trade(number))]) for number in range(500)))
    groups = store.stats.groups - before
    assert groups <= 20
    assert store.stats.largest > 25
    assert store.stats.commits == 500
    assert await count_of(store, "trades") == 500


async def test_each_process_has_an_epoch_of_its_own(database_url: str) -> None:
    epochs = []
    for _ in range(3):
        store = await open_store(database_url)
        epochs.append(store.epoch)
        await store.aclose()
    assert epochs == [1, 2, 3]


async def test_a_zombie_writer_is_fenced(database_url: str, store: Store) -> None:
    """Another process takes the database over although this one still runs: nothing of this one is written any more."""
    await store.commit([trade_write(trade(1))])
    other = await unlocked(database_url)
    try:
        results = await asyncio.gather(
            *(store.commit([trade_write(trade(number))]) for number in range(2, 30)), return_exceptions=True
        )
        assert {type(each) for each in results} == {Fenced}
        assert isinstance(store.failed.exception(), Fenced)
        await other.commit([trade_write(trade(40))])
        assert await count_of(other, "trades") == 2
    finally:
        await other.aclose()


async def test_a_second_backend_is_refused_or_waits(database_url: str, store: Store) -> None:
    with pytest.raises(WriterBusy):
        await open_store(database_url, wait=False)

    standing = asyncio.Event()
    standby = asyncio.create_task(open_store(database_url, on_standby=standing.set))
    await standing.wait()
    await store.commit([trade_write(trade(1))])
    assert not standby.done()
    await store.aclose()
    second = await standby
    assert second.epoch == store.epoch + 1
    assert await second.trade(trade(1).trade_no) == trade(1)
    with pytest.raises(StoreClosed):
        await store.commit([trade_write(trade(2))])
    await second.aclose()


async def test_closing_writes_what_was_handed_in(database_url: str) -> None:
    store = await open_store(database_url)
    commits = [asyncio.create_task(store.commit([trade_write(trade(number))])) for number in range(200)]
    await asyncio.sleep(0)
    await store.aclose()
    await asyncio.gather(*commits)
    again = await open_store(database_url)
    assert await count_of(again, "trades") == 200
    await again.aclose()


async def test_administrative_questions_go_through_sqlalchemy(store: Store) -> None:
    await store.commit([Write(OUTBOX, ("M1", "T1", "paid", "{}", "waiting", 1.5, 0, 1.5, 1))])
    async with store.engine.connect() as connection:
        row = (await connection.execute(OUTBOX.select().where(OUTBOX.c.state == "waiting"))).one()
    assert (row.message_id, row.due, row.version) == ("M1", 1.5, 1)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("mysql://x/y", "mysql"),
        ("sqlite://", "file"),
        ("sqlite:///:memory:", "file"),
        ("postgresql://host", "names no database"),
        ("not a url", "no URL"),
    ],
)
async def test_a_url_that_makes_no_sense_is_refused_with_the_remedy(url: str, word: str) -> None:
    with pytest.raises(DatabaseUrlError, match=word) as caught:
        await open_store(url)
    assert "sqlite:///folder/file.db" in str(caught.value)


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await open_store("postgresql://user:geheim@127.0.0.1:1/none")
    assert "127.0.0.1:1" in str(caught.value)
    assert "geheim" not in str(caught.value)


async def test_a_file_that_is_no_database_is_named(tmp_path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(StoreUnavailable, match=r"letter\.db"):
        await open_store(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear Sir")


# The group alone, against an apply that we hold in our hands.


def write(number: int) -> Write:
    return Write(ATTEMPTS, (f"A{number}",))


async def test_order_is_kept_and_a_full_queue_waits() -> None:
    applied: list[list[str]] = []
    gate = asyncio.Event()

    async def apply(writes: Sequence[Write]) -> None:
        await gate.wait()
        applied.append([each.values[0] for each in writes])

    group = GroupCommit(apply, most_commits=4, most_waiting=10)
    commits = [asyncio.create_task(group.commit([write(number)])) for number in range(30)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert group.waiting <= 10
    gate.set()
    await asyncio.gather(*commits)
    assert [name for each in applied for name in each] == [f"A{number}" for number in range(30)]
    assert all(len(each) <= 4 for each in applied)
    await group.aclose()


async def test_an_error_of_the_store_stops_it_for_everybody() -> None:
    async def apply(writes: Sequence[Write]) -> None:
        raise OSError("disk")

    group = GroupCommit(apply)
    results = await asyncio.gather(*(group.commit([write(number)]) for number in range(5)), return_exceptions=True)
    assert {type(each) for each in results} == {OSError}
    assert isinstance(group.failed.exception(), OSError)
    with pytest.raises(OSError, match="disk"):
        await group.commit([write(9)])
    await group.aclose()


async def test_what_is_not_written_at_the_end_is_refused() -> None:
    async def apply(writes: Sequence[Write]) -> None:
        await asyncio.Event().wait()

    group = GroupCommit(apply, most_commits=1)
    commits = [asyncio.create_task(group.commit([write(number)])) for number in range(3)]
    await asyncio.sleep(0)
    await group.aclose(limit_s=0.01)
    results = await asyncio.gather(*commits, return_exceptions=True)
    assert {type(each) for each in results} == {StoreClosed}

"""The journal of open business: every cut of the file, damage, compaction, a full disk, two kiosks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from business_bench import JumpingClock, run_now
from fake_platform import FakePlatform
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.seeded import SeededChoice
from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.business.journal import (
    JournalDamaged,
    OpenBusiness,
    Record,
    decode_line,
    encode_record,
    read_lines,
)
from reference_impl.kiosk.outbox import COMPACT_BYTES, Outbox, OutboxFailed
from reference_impl.kiosk.platform import PlatformSilent
from reference_impl.kiosk.settle import settle

KEY = "K00112233445566778899aabbccddeeff"
LINE = b'7ad3a1bb4b8eb1ba {"v":1,"op":"open","at":1795320000,"key":"' + KEY.encode() + b'","kind":"bill"}\n'


def opened(path: Path, seed: int = 1) -> Outbox:
    return Outbox.open(path, lambda: 1_795_320_000.9, SeededChoice(seed, "keys").bytes)


def view(trade_no: str, state: str) -> TradeView:
    return TradeView(
        trade_no=trade_no, kind="bill", state=state, decided=False, total_fen=1, split=None, method="", deadline=0.0, reason=""
    )  # fmt: skip


def a_day(box: Outbox) -> list[tuple[str, ...]]:
    """Business of all kinds; gives the open keys after every record."""
    states: list[tuple[str, ...]] = [tuple(each.key for each in box.entries())]

    def note() -> None:
        states.append(tuple(each.key for each in box.entries()))

    first = box.open_trade("bill")
    note()
    box.number(first, "DG1")
    note()
    box.press(first, "wechat")
    note()
    second = box.open_trade("registration")
    note()
    box.close(first, "paid")
    note()
    box.number(second, "DG2")
    note()
    box.refund("DG1")
    note()
    box.close("refund:DG1", "refunded")
    note()
    return states


def test_a_record_is_one_checked_line() -> None:
    """The line as it was typed: the first sixteen digits of SHA-256 over the text, a space, the text."""
    record = Record("open", 1795320000, key=KEY, kind="bill")
    line = encode_record(record)
    checksum, _, text = line.decode().partition(" ")
    assert text == '{"v":1,"op":"open","at":1795320000,"key":"' + KEY + '","kind":"bill"}\n'
    import hashlib

    assert checksum == hashlib.sha256(text.rstrip("\n").encode()).hexdigest()[:16]
    assert decode_line(line[:-1]) == record


@pytest.mark.parametrize("value", ["测试甲", "6299990000000000012\n", "a b", "x" * 81, '"'])
def test_what_is_no_key_cannot_be_written(value: str) -> None:
    with pytest.raises(ValueError, match="journal record"):
        encode_record(Record("open", 0, key=value))


def test_what_was_noted_is_there_after_a_restart(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    key = box.open_trade("bill")
    box.number(key, "DG1")
    pay_key = box.press(key, "bank_card")
    box.aclose()
    again = opened(tmp_path / "outbox", 2)
    (entry,) = again.entries()
    assert (entry.key, entry.trade_no, entry.pay_keys, entry.method) == (key, "DG1", (pay_key,), "bank_card")
    assert again.open_trade("bill") not in (key, pay_key)


def test_every_cut_of_the_file_loses_at_most_what_was_being_written(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    box = opened(path)
    states = a_day(box)
    box.aclose()
    data = path.read_bytes()
    ends = [0]
    for line in data.splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    assert len(ends) == len(states)
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        again = opened(path)
        whole = max(number for number, end in enumerate(ends) if end <= cut)
        assert tuple(each.key for each in again.entries()) == states[whole], f"cut at {cut}"
        assert path.stat().st_size == ends[whole]
        again.open_trade("bill")
        again.aclose()
        assert len(opened_records(path)) == whole + 1


def opened_records(path: Path) -> tuple[Record, ...]:
    return read_lines(path.read_bytes())[0]


@settings(max_examples=200, deadline=None)
@given(tail=st.binary(max_size=60), cut=st.integers(0, 400))
def test_rubbish_after_the_last_whole_line_is_cut_off(tail: bytes, cut: int) -> None:
    whole = b"".join(encode_record(Record("open", 1, key=f"K{number}", kind="bill")) for number in range(3))
    kept = whole[: min(cut, len(whole))]
    records, good = read_lines(kept + tail)
    assert len(records) == kept.count(b"\n")
    assert good == kept.rfind(b"\n") + 1


def test_a_tail_of_zeros_is_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    box = opened(path)
    key = box.open_trade("bill")
    box.aclose()
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert [each.key for each in opened(path).entries()] == [key]


def test_a_damaged_middle_is_told_and_nothing_is_lost_silently(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    box = opened(path)
    a_day(box)
    box.aclose()
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(JournalDamaged, match="line 1 of the outbox"):
        opened(path)
    assert path.read_bytes() == bytes(data)


@pytest.mark.parametrize("line", [b"", b"x", b"\xff\xfe", b"0" * 16 + b" {}", LINE[:-1].replace(b"bill", b"bull")])
def test_what_is_no_record_is_none(line: bytes) -> None:
    assert decode_line(line) is None


def test_compaction_keeps_what_is_open_and_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    box = opened(path)
    kept = box.open_trade("bill")
    box.number(kept, "DG-kept")
    box.press(kept, "alipay")
    biggest = 0
    for number in range(700):
        key = box.open_trade("bill")
        box.number(key, f"DG{number}")
        biggest = max(biggest, path.stat().st_size)
        box.close(key, "paid")
    assert COMPACT_BYTES - 1000 < biggest < COMPACT_BYTES + 1000
    assert path.stat().st_size < COMPACT_BYTES
    before = box.entries()
    box.aclose()
    assert opened(path).entries() == before
    assert not (tmp_path / "outbox.new").exists()


def test_the_fold_of_a_compacted_journal_is_the_same() -> None:
    records = [
        Record("open", 1, key="A", kind="bill"),
        Record("trade", 2, key="A", trade_no="T"),
        Record("pay", 3, key="A", pay_key="P", method="wechat"),
        Record("pay", 3, key="A", pay_key="Q", method="alipay"),
        Record("open", 4, key="B", kind="registration"),
        Record("refund", 5, trade_no="U"),
        Record("close", 6, key="B", end="paid"),
        Record("pay", 7, key="gone", pay_key="R"),
    ]
    business = OpenBusiness(records)
    assert [each.key for each in business.entries()] == ["A", "refund:U"]
    assert business.entries()[0].pay_keys == ("P", "Q")
    assert OpenBusiness(business.compact()).entries() == business.entries()


def test_what_the_platform_has_decided_is_closed(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    key = box.open_trade("bill")
    box.number(key, "DG1")
    for state in ("quoting", "awaiting", "paying", "cancelling", "refunding"):
        box.heard(view("DG1", state))
        assert len(box) == 1
    box.heard(view("DG2", "paid"))
    assert len(box) == 1
    box.heard(view("DG1", "paid"))
    assert len(box) == 0
    box.refund("DG1")
    box.heard(view("DG1", "paid"))
    assert len(box) == 1
    box.heard(view("DG1", "refunded"))
    assert len(box) == 0


def test_two_kiosks_cannot_share_one_outbox(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    with pytest.raises(OutboxFailed, match="give each its own"):
        opened(tmp_path / "outbox")
    box.aclose()
    opened(tmp_path / "outbox").aclose()


def test_a_full_disk_notes_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outbox"
    box = opened(path)
    key = box.open_trade("bill")
    size = path.stat().st_size
    real = os.pwrite

    def half(file: int, data: bytes, offset: int) -> int:
        return real(file, data[: len(data) // 2], offset)

    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(OutboxFailed, match="only a part"):
        box.press(key, "wechat")
    monkeypatch.undo()
    assert path.stat().st_size == size
    with pytest.raises(OutboxFailed):
        box.open_trade("bill")
    box.aclose()
    (entry,) = opened(path).entries()
    assert (entry.key, entry.pay_keys) == (key, ())


def test_a_failed_sync_promises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = opened(tmp_path / "outbox")

    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OutboxFailed, match="Input/output error"):
        box.open_trade("bill")
    assert len(box) == 0


@pytest.mark.parametrize("name", ["/proc/nothing/outbox", "."])
def test_a_place_that_cannot_be_written_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutboxFailed, match="outbox"):
        opened(tmp_path / name if name == "." else Path(name))


# After the power has come back.


def platform_with(states: dict[str, str]) -> tuple[FakePlatform, JumpingClock]:
    from fake_platform import Trade

    from protocols.wire.platform.models import OpenTradeRequest, SplitView

    clock = JumpingClock()
    platform = FakePlatform(clock)
    split = SplitView(fund_fen=0, account_fen=0, mutual_aid_fen=0, cash_fen=1, hospital_fen=0)
    for number, (key, state) in enumerate(states.items()):
        trade = Trade(f"DG{number}", key, OpenTradeRequest(visitor_id="V"), 1, split, clock.now() + 300, "bill", state)
        platform.trades[trade.trade_no], platform.by_key[key] = trade, trade.trade_no
    return platform, clock


@pytest.mark.parametrize(
    ("state", "then", "left"),
    [
        ("quoting", "cancelling", 1),
        ("awaiting", "cancelling", 1),
        ("paying", "paying", 1),
        ("cancelling", "cancelling", 1),
        ("paid", "paid", 0),
        ("closed", "closed", 0),
        ("refunded", "refunded", 0),
        ("manual", "manual", 0),
    ],
)
def test_every_open_key_is_asked_about(tmp_path: Path, state: str, then: str, left: int) -> None:
    box = opened(tmp_path / "outbox")
    key = box.open_trade("bill")
    platform, _ = platform_with({key: state})
    assert run_now(settle(platform, box)) == left
    assert platform.trades["DG0"].state == then
    assert [name for name, _ in platform.calls][:2] == ["session", "trade_by_key"]
    if left:
        assert box.entries()[0].trade_no == "DG0"
        platform.settle_down()
        assert run_now(settle(platform, box)) == (1 if platform.trades["DG0"].state == "paying" else 0)


def test_a_key_that_opened_nothing_is_forgotten(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    box.open_trade("bill")
    platform, _ = platform_with({})
    assert run_now(settle(platform, box)) == 0


def test_a_silent_platform_leaves_everything_open(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    keys = [box.open_trade("bill") for _ in range(3)]
    platform, _ = platform_with(dict.fromkeys(keys, "paid"))
    platform.faults["trade_by_key"] = ["", "lost"]
    with pytest.raises(PlatformSilent):
        run_now(settle(platform, box))
    assert [each.key for each in box.entries()] == keys[1:]
    assert run_now(settle(platform, box)) == 0


def test_a_refusal_about_one_key_does_not_stop_the_others(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    first, second = box.open_trade("bill"), box.open_trade("bill")
    platform, _ = platform_with({first: "paid", second: "paid"})
    platform.faults["trade_by_key"] = ["refuse:busy"]
    assert run_now(settle(platform, box)) == 1
    assert [each.key for each in box.entries()] == [first]


def test_a_refund_that_was_never_asked_for_is_forgotten_and_one_under_way_is_followed(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox")
    platform, _ = platform_with({"a": "paid", "b": "refunding"})
    platform.trades["DG1"].looks = 5
    box.refund("DG0")
    box.refund("DG1")
    assert run_now(settle(platform, box)) == 1
    assert [each.key for each in box.entries()] == ["refund:DG1"]

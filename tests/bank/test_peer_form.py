"""What is no message, or not the right one; faults that the core makes; settings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.bank.fields import FIELDS
from protocols.wire.bank.message import decode
from protocols.wire.base import WireError

from .conftest import (
    MORNING,
    PAN,
    PIN,
    START,
    Bank,
    answered,
    ask,
    buy,
    holder,
)
from .foreign_terminal import frame

QUICK = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("number", [3, 4, 11, 22, 25, 41, 42, 49, 60])
def test_a_missing_field_is_named(bank: Bank, number: int) -> None:
    terminal = bank.terminal()
    reply = ask(terminal, terminal.purchase(1250, PAN, PIN, **{f"f{number}": ""}), MORNING)
    assert reply["39"] == ("40" if number == 3 else "30")
    assert bank.rows == []
    if number != 3:
        assert bank.core.violations() == [
            f"0200/000000: field {number} is missing" if number != 3 else "0200: field 3 is missing"
        ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"f52": ""}, "field 52: missing"),
        ({"f53": ""}, "field 53: missing"),
        ({"f22": "052"}, "field 52: present"),
        ({"f2": "", "f35": ""}, "field 2: missing"),
        ({"f2": holder(2).pan}, "field 35: its card number"),
        ({"f22": "041"}, "field 22"),
        ({"f53": "1600000000000000"}, "field 53"),
        ({"f60": "23000001000"}, "field 60: 60.1"),
        ({"f60": "22000"}, "field 60"),
        ({"f49": "840"}, "field 49"),
        ({"f39": "00"}, "field 39 is not allowed"),
        ({"f48": "0000"}, "field 48 is not allowed"),
    ],
)
def test_a_wrong_field_is_named(bank: Bank, change: dict[str, str], why: str) -> None:
    terminal = bank.terminal()
    reply = ask(terminal, terminal.purchase(1250, PAN, PIN, **change), MORNING)
    assert (reply["39"], reply["authentic"]) == ("30", True)
    assert bank.rows == []
    (found,) = bank.core.violations()
    assert why in found


def test_a_realistic_bank_takes_what_it_does_not_need_and_says_so() -> None:
    bank = Bank(temper="realistic")
    assert buy(bank.terminal(), f39="00")[0]["39"] == "00"
    assert bank.core.violations() == ["0200/000000: field 39 is not allowed"]


@pytest.mark.parametrize("mti", ["0100", "0620"])
def test_what_this_host_does_not_do(bank: Bank, mti: str) -> None:
    terminal = bank.terminal()
    fields = {**terminal.base(), 3: "030000", 60: "10000001000"}
    assert answered(terminal, frame(mti, fields)) == "40"


@pytest.mark.parametrize("mti", ["0210", "0810", "0000", "9999"])
def test_what_is_no_request_gets_no_answer(bank: Bank, mti: str) -> None:
    terminal = bank.terminal()
    assert terminal.raw(frame(mti, terminal.base()), MORNING) is None
    assert bank.core.violations() == [f"{mti}: not a request"]


@QUICK
@given(st.binary(max_size=120), st.integers(0, 2))
def test_anything_at_all_never_raises_and_changes_nothing(data: bytes, head: int) -> None:
    bank = Bank()
    terminal = bank.terminal()
    whole = terminal.purchase(1250, PAN, PIN)
    before = list(bank.events)
    raw = (data, whole[:11] + data, whole[:21] + data)[head]
    bank.core.handle(raw, MORNING)
    assert bank.core.address(raw)
    assert bank.events == before


@QUICK
@given(
    st.dictionaries(
        st.sampled_from([2, 3, 4, 11, 14, 22, 25, 35, 37, 39, 41, 42, 48, 49, 55, 60, 61, 62, 63]),
        st.text("0123456789", max_size=30),
    ),
    st.sampled_from(["0100", "0200", "0220", "0320", "0400", "0500", "0620", "0800", "0820"]),
    st.booleans(),
)
def test_well_formed_nonsense_never_raises(fields: dict[int, str], mti: str, sign: bool) -> None:
    bank = Bank()
    terminal = bank.terminal()
    before = list(bank.events)
    own = {11: "000001", 41: terminal.terminal, 42: terminal.merchant, **fields}

    def fit(number: int, text: str) -> str:
        field = FIELDS[number]
        text = text or "1"
        return text[: field.length].rjust(field.length, "0") if not field.prefix else text[: field.length]

    fitted = {n: fit(n, v) if n not in (41, 42) else v.rjust(8 if n == 41 else 15, "0")[:15] for n, v in own.items()}
    fitted = {n: v + "0" * (len(v) % 2) if FIELDS[n].form == "b" else v for n, v in fitted.items()}
    fitted[41] = fitted[41][:8]
    try:
        raw = frame(mti, fitted, terminal.mac_key if sign else None)
    except ValueError:
        return
    bank.core.handle(raw, MORNING)
    moved = [event for event in bank.events[len(before) :] if event["type"] in ("approved", "reversed")]
    assert moved == []


def test_twists(bank: Bank) -> None:
    terminal = bank.terminal()
    message = terminal.purchase(1250, PAN, PIN)
    assert answered(terminal, message, MORNING, "refuse") == "05"
    assert answered(terminal, message) == "94"
    message = terminal.purchase(1250, PAN, PIN, "000500")
    reply = ask(terminal, message, MORNING, "wrong-reference")
    assert (reply["39"], reply["11"], reply["authentic"]) == ("00", "000501", True)
    assert answered(terminal, terminal.reversal(1250, "000500"), MORNING, "refuse") == "06"
    assert bank.core.balance_fen(1) == START - 1250
    reply = ask(terminal, terminal.purchase(1250, PAN, PIN), MORNING, "sign-in-expired")
    assert reply["39"] == "77"
    assert buy(terminal)[0]["39"] == "77"
    assert terminal.sign_in(MORNING, twist="refuse")["39"] == "05"
    terminal.sign_in(MORNING)
    assert buy(terminal)[0]["39"] == "00"
    bank.core.expire_sign_ins()
    assert buy(terminal)[0]["39"] == "77"


def test_a_spoilt_reply_cannot_be_read(bank: Bank) -> None:

    terminal = bank.terminal()
    reply = bank.core.handle(terminal.purchase(1250, PAN, PIN), MORNING)
    assert reply is not None
    with pytest.raises(WireError):
        decode(bank.core.spoil(reply))


def test_a_hostile_bank_asks_for_a_new_sign_in_in_the_header() -> None:
    terminal = Bank(temper="hostile").terminal()
    headers = [buy(terminal, 1)[0]["header"] for _ in range(10)]
    assert [each[5] for each in headers] == ["0"] * 8 + ["1", "0"]


def test_settings_that_cannot_be() -> None:
    for wrong in (
        {"fleet_key": "00"},
        {"fleet_key": "zz"},
        {"cut_over": "9"},
        {"cards": "1"},
        {"mac_key_bytes": 5},
        {"terminal_keys": "10000001=00"},
    ):
        with pytest.raises(ValueError):
            Bank(**wrong)

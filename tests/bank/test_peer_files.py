"""The day bill, rebirth from the journal, and secrets that stay inside."""

from __future__ import annotations

import json

import pytest

from protocols.wire.bank.bill import decode_bill

from .conftest import (
    CITY,
    MORNING,
    PAN,
    PIN,
    READY,
    REF,
    Bank,
    answered,
    buy,
    chip_data,
    close,
    fetch,
)


def test_the_bill_of_a_day(bank: Bank) -> None:
    terminal, other = bank.terminal(1), bank.terminal(2)
    reply, trace = buy(terminal, 1000)
    _, reversed_trace = buy(terminal, 77)
    terminal.raw(terminal.reversal(77, reversed_trace), MORNING)
    buy(other, 500)
    terminal.raw(terminal.undo("0200", 1000, PAN, trace, reply["37"], "000050"), MORNING)
    late = MORNING + 15 * 3600
    terminal.sign_in(late)
    _, late_trace = buy(terminal, 300, now=late)
    assert fetch(bank, "/bills/2026-11-22", READY - 1)[0] == 404
    status, body_ = fetch(bank, "/bills/2026-11-22?institution=H44190000001", READY)
    assert status == 200
    bill = decode_bill(body_)
    assert [(line.kind, line.reference, line.original) for line in bill.lines] == [
        ("pay", REF(int(trace)), ""),
        ("void", REF(50), REF(int(trace))),
    ]
    assert (bill.day, bill.institution, bill.made_at) == ("2026-11-22", "H44190000001", READY)
    assert (bill.paid_fen, bill.returned_fen) == (1000, 1000)
    whole = decode_bill(fetch(bank, "/bills/2026-11-22", READY)[1])
    assert [line.amount_fen for line in whole.lines] == [1000, 500, 1000]
    assert whole.institution == "*"
    next_day = decode_bill(fetch(bank, "/bills/2026-11-23", READY + 86_400)[1])
    assert [line.reference for line in next_day.lines] == [REF(int(late_trace))]


def test_a_reversal_after_the_file_stands_in_its_own_day(bank: Bank) -> None:
    terminal = bank.terminal()
    _, early = buy(terminal, 10, now=MORNING + 15 * 3600 - 1)
    _, late = buy(terminal, 20, now=MORNING + 15 * 3600 - 1)
    night = MORNING + 15 * 3600 + 30
    terminal.sign_in(night)
    terminal.raw(terminal.reversal(10, early), night)
    terminal.raw(terminal.reversal(20, late), READY)
    first = decode_bill(fetch(bank, "/bills/2026-11-22", READY)[1])
    assert [(line.kind, line.amount_fen) for line in first.lines] == [("pay", 20)]
    second = decode_bill(fetch(bank, "/bills/2026-11-23", READY + 86_400)[1])
    assert [(line.kind, line.amount_fen, line.original) for line in second.lines] == [("reversal", 20, REF(int(late)))]
    assert decode_bill(fetch(bank, "/bills/2026-11-22", READY + 10**6)[1]) == first


@pytest.mark.parametrize(
    ("target", "method", "twist", "status", "code"),
    [
        ("/bills/2026-11-22", "GET", "file-not-ready", 404, "file-not-ready"),
        ("/bills/2027-11-22", "GET", "", 404, "file-not-ready"),
        ("/bills/2026-11-22?institution=H44190099999", "GET", "", 404, "unknown-institution"),
        ("/bills/2026-11-31", "GET", "", 400, "bad-day"),
        ("/bills/", "GET", "", 400, "bad-day"),
        ("/bills/../secret", "GET", "", 400, "bad-day"),
        ("/other", "GET", "", 404, "no-such-file"),
        ("/bills/2026-11-22", "POST", "", 405, "method"),
        ("/bills/2026-11-22", "GET", "refuse", 403, "refused"),
    ],
)
def test_errors_of_the_file_face(bank: Bank, target: str, method: str, twist: str, status: int, code: str) -> None:
    found, raw = fetch(bank, target, READY, method, twist)
    assert (found, json.loads(raw)["code"]) == (status, code)


def test_a_core_from_the_journal_is_the_earlier_one(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal, 1000, f55=chip_data(1000, 3))
    buy(terminal, 5, f52="00" * 8)
    terminal.raw(terminal.purchase(5, PAN, "000000"), MORNING)
    terminal.raw(terminal.undo("0200", 1000, PAN, trace, reply["37"], "000050"), MORNING)
    terminal.raw(terminal.reversal(1000, "000050", "200000", "23"), MORNING)
    terminal.raw(terminal.reversal(5, "000060"), MORNING)
    close(terminal, (1000, 1))
    again = bank.reborn()
    assert list(again.book()) == list(bank.core.book())
    assert again.snapshot() == bank.core.snapshot()
    assert again._state.__dict__ == bank.core._state.__dict__
    bank.core = terminal.core = again
    assert buy(terminal, f55=chip_data(1250, 3))[0]["39"] == "05"
    assert answered(terminal, terminal.undo("0220", 1000, PAN, trace, reply["37"], batch="000001")) == "00"


def test_no_card_number_pin_or_key_leaves_the_core(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal, 1000)
    terminal.raw(terminal.purchase(5, PAN, "000000", f39="00"), MORNING)
    terminal.raw(terminal.purchase(5, PAN[:-1] + "0", PIN), MORNING)
    terminal.raw(terminal.undo("0200", 1000, PAN, trace, reply["37"]), MORNING)
    bank.core.handle(b"\x60" + PAN.encode(), MORNING)
    text = json.dumps([bank.events, bank.core.snapshot(), bank.core.violations()], default=str)
    text += str(list(bank.core.book())) + fetch(bank, "/bills/2026-11-22", READY)[1].decode()
    secrets = [PAN, PIN, terminal.pin_key.hex(), terminal.mac_key.hex(), terminal.master_key.hex()]
    assert bank.events
    for secret in secrets:
        assert secret.lower() not in text.lower()


def test_city_has_the_terminal_of_the_published_messages() -> None:
    place = CITY.terminal(1)
    assert place is not None
    assert (place.bank_terminal, place.merchant) == ("10000001", "898441900000001")

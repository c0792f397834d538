"""Repeats, reversals, fences, voids, refunds and settlement at the bank's core."""

from __future__ import annotations

from .conftest import (
    MORNING,
    PAN,
    PIN,
    REF,
    START,
    Bank,
    answered,
    ask,
    buy,
    close,
    holder,
)
from .foreign_terminal import frame


def test_a_repeated_purchase_is_never_a_second_debit(bank: Bank) -> None:
    terminal = bank.terminal()
    message = terminal.purchase(1250, PAN, PIN)
    codes = [answered(terminal, message) for _ in range(3)]
    assert codes == ["00", "94", "94"]
    assert bank.core.balance_fen(1) == START - 1250
    assert bank.core.violations() == []  # the network may do that


def test_a_reversal_is_idempotent_and_the_late_original_refused(bank: Bank) -> None:
    terminal = bank.terminal()
    message = terminal.purchase(1250, PAN, PIN, "000100")
    assert answered(terminal, message) == "00"
    codes = [answered(terminal, terminal.reversal(1250, "000100")) for _ in range(3)]
    assert codes == ["00", "00", "00"]
    assert answered(terminal, message) == "94"
    assert bank.rows == [("pay", REF(100), 1250, ""), ("undo", REF(100), 1250, REF(100))]
    assert bank.core.balance_fen(1) == START


def test_a_reversal_of_nothing_fences_it(bank: Bank) -> None:
    terminal = bank.terminal()
    message = terminal.purchase(1250, PAN, PIN, "000100")
    assert [answered(terminal, terminal.reversal(1250, "000100")) for _ in range(2)] == ["25", "25"]
    assert answered(terminal, message) == "12"
    assert bank.core.handle(message, MORNING)
    assert bank.rows == []
    assert bank.reborn().balance_fen(1) == START


def test_a_hostile_bank_answers_a_repeated_reversal_with_12() -> None:
    bank = Bank(temper="hostile")
    terminal = bank.terminal()
    _, trace = buy(terminal)
    codes = [answered(terminal, terminal.reversal(1250, trace)) for _ in range(2)]
    assert codes == ["00", "12"]


def test_a_reversal_that_is_not_of_its_original(bank: Bank) -> None:
    terminal = bank.terminal()
    _, trace = buy(terminal)
    assert answered(terminal, terminal.reversal(1251, trace)) == "64"
    assert answered(terminal, terminal.reversal(1250, trace, "200000", "23")) == "64"
    assert bank.core.balance_fen(1) == START - 1250
    assert len(bank.core.violations()) == 2


def test_a_reversal_after_a_refusal_has_nothing_to_do(bank: Bank) -> None:
    terminal = bank.terminal()
    terminal.raw(terminal.purchase(100, PAN, "000000", "000100"), MORNING)
    assert answered(terminal, terminal.reversal(100, "000100")) == "00"
    assert bank.rows == []


def test_void_and_its_conditions(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal)
    retrieval = reply["37"]

    def void(fen: int = 1250, original: str = trace, number: str = retrieval, pan: str = PAN) -> str:
        return answered(terminal, terminal.undo("0200", fen, pan, original, number))

    assert void(1249) == "64"
    assert void(original="000999") == "25"
    assert void(number="000000000999") == "25"
    assert void(pan=holder(2).pan) == "14"
    assert void() == "00"
    assert bank.core.balance_fen(1) == START
    assert void() == "12"
    assert answered(terminal, terminal.reversal(1250, trace)) == "12"
    assert bank.core.balance_fen(1) == START
    assert bank.rows[1][0] == "undo"
    assert bank.rows[1][3] == REF(int(trace))


def test_a_void_that_is_reversed_leaves_the_payment_standing(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal)
    message = terminal.undo("0200", 1250, PAN, trace, reply["37"], "000200")
    assert answered(terminal, message) == "00"
    reversal = terminal.reversal(1250, "000200", "200000", "23")
    assert answered(terminal, reversal) == "00"
    assert bank.core.balance_fen(1) == START - 1250
    assert answered(terminal, message) == "94"
    again = terminal.undo("0200", 1250, PAN, trace, reply["37"], "000201")
    assert answered(terminal, again) == "00"
    assert bank.core.balance_fen(1) == START


def test_refunds_up_to_what_is_left(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal)
    retrieval = reply["37"]
    close(terminal, (1250, 1))

    def refund(fen: int, original: str = trace, number: str = retrieval, batch: str = "000001") -> str:
        return answered(terminal, terminal.undo("0220", fen, PAN, original, number, batch=batch))

    assert answered(terminal, terminal.undo("0200", 1250, PAN, trace, retrieval, batch="000001")) == "12"
    assert refund(1251) == "61"
    assert refund(0) == "13"
    assert refund(100, number="000000000099") == "25"
    assert refund(100, original="000999") == "25"
    assert [refund(1000), refund(251), refund(250), refund(1)] == ["00", "61", "00", "61"]
    assert bank.core.balance_fen(1) == START
    assert [row[0] for row in bank.rows] == ["pay", "undo", "undo"]


def test_a_refund_needs_its_retrieval_number(bank: Bank) -> None:
    terminal = bank.terminal()
    _, trace = buy(terminal)
    fields = {
        **terminal.base(),
        2: PAN,
        3: "200000",
        4: "000000000100",
        22: "052",
        25: "00",
        49: "156",
        60: "25000001000",
        61: f"000001{trace}",
    }
    assert answered(terminal, frame("0220", fields, terminal.mac_key)) == "30"
    assert bank.core.violations() == ["0220/200000: field 37 is missing"]
    fields |= {37: "000000000001"}
    reply = ask(terminal, frame("0220", fields, terminal.mac_key), MORNING)
    fence = ask(terminal, terminal.reversal(100, reply["11"], "200000", "25"), MORNING)
    assert fence["39"] == "30"  # 60.1 = 25 belongs to no reversal


def test_settlement_equal(bank: Bank) -> None:
    terminal = bank.terminal()
    buy(terminal, 1000)
    reply, trace = buy(terminal, 250)
    terminal.raw(terminal.undo("0200", 250, PAN, trace, reply["37"]), MORNING)
    _, gone = buy(terminal, 77)
    terminal.raw(terminal.reversal(77, gone), MORNING)
    answer = terminal.settle((1250, 2), (250, 1), MORNING)
    assert answer["39"] == "00"
    assert answer["48"] == f"{1250:012d}002{250:012d}0011{'0' * 30}1"
    assert terminal.end("207", 0, MORNING)["39"] == "00"
    # Repeated for the batch that is closed: as the first time.
    assert terminal.settle((1250, 2), (250, 1), MORNING)["48"] == answer["48"]
    assert terminal.end("207", 0, MORNING)["39"] == "00"
    assert buy(terminal)[0]["39"] == "77"  # the old batch
    assert terminal.sign_in(MORNING)["60"][2:8] == "000002"
    assert buy(terminal)[0]["39"] == "00"


def test_settlement_not_equal_and_upload(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal, 1000)
    assert terminal.settle((999, 1), (0, 0), MORNING)["48"][30] == "2"
    assert terminal.upload(1000, reply["37"], trace, MORNING)["39"] == "00"
    assert terminal.upload(1000, "000000000999", "000999", MORNING)["39"] == "25"
    assert terminal.upload(999, reply["37"], trace, MORNING)["39"] == "64"
    assert terminal.end("202", 3, MORNING)["39"] == "95"
    assert terminal.end("202", 2, MORNING)["39"] == "00"
    assert bank.core.snapshot()["terminals"]["10000001"]["batch"] == 2


def test_settlement_needs_a_sign_in(bank: Bank) -> None:
    terminal = bank.terminal(sign_in=False)
    assert terminal.settle((0, 0), (0, 0), MORNING)["39"] == "77"
    assert terminal.end("207", 0, MORNING)["39"] == "77"

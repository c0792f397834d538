"""Sign-in, purchase, PIN, chip and MAC at the bank's core, asked by a terminal that shares no code with it."""

from __future__ import annotations

import iso8583
import pytest

from protocols.wire.base import discover
from simulators.peer.bank import PEER
from simulators.peer.bank_chip import arpc_field, cryptogram_in, is_genuine, session_key

from .conftest import (
    IMK,
    MORNING,
    PAN,
    PIN,
    REF,
    START,
    Bank,
    answered,
    ask,
    buy,
    chip_data,
)
from .foreign_terminal import SPEC, ForeignTerminal, frame


def test_the_peer_is_found() -> None:
    found = [each for each in discover("simulators.peer", "PEER") if not isinstance(each, tuple)]
    assert PEER in found
    assert (PEER.name, PEER.transport, PEER.files) == ("bank", "frames", True)


@pytest.mark.parametrize(("network", "length"), [("001", 24), ("003", 40), ("004", 60)])
def test_sign_in_gives_fresh_keys_that_check(bank: Bank, network: str, length: int) -> None:
    terminal = bank.terminal(sign_in=False)
    first = terminal.sign_in(MORNING, network)
    assert {int(n) for n in first if n.isdecimal()} == {11, 12, 13, 32, 37, 39, 41, 42, 60, 62}
    assert len(first["62"]) == 2 * length
    keys = terminal.mac_key, terminal.pin_key
    second = terminal.sign_in(MORNING + 1, network)
    assert second["62"] != first["62"]
    assert (terminal.mac_key, terminal.pin_key) != keys
    assert buy(terminal)[0]["39"] == "00"


def test_a_double_length_mac_key_works(bank: Bank) -> None:
    bank = Bank(mac_key_bytes=16)
    terminal = bank.terminal()
    assert len(terminal.mac_key) == 16
    assert buy(terminal)[0]["authentic"] is True


def test_who_is_not_known(bank: Bank) -> None:
    stranger = ForeignTerminal(bank.core, bytes(16), "99999999", "898441900000001")
    assert stranger.sign_in(MORNING)["39"] == "97"
    other_shop = ForeignTerminal(bank.core, bytes(16), "10000001", "898441900000009")
    assert other_shop.sign_in(MORNING)["39"] == "03"
    assert bank.events == []


def test_without_a_sign_in_of_today(bank: Bank) -> None:
    terminal = bank.terminal(sign_in=False)
    terminal.mac_key, terminal.pin_key = bytes(8), bytes(range(16))
    reply, _ = buy(terminal)
    assert reply["39"] == "77"
    assert "64" not in reply
    terminal.sign_in(MORNING)
    assert buy(terminal, now=MORNING + 15 * 3600 - 1)[0]["39"] == "00"
    reply, trace = buy(terminal, now=MORNING + 15 * 3600)
    assert (reply["39"], reply["authentic"]) == ("77", True)
    terminal.sign_in(MORNING + 15 * 3600)
    assert answered(terminal, terminal.purchase(1250, PAN, PIN, trace), MORNING + 15 * 3600) == "00"


def test_echo_and_sign_out(bank: Bank) -> None:
    terminal = bank.terminal()
    for network, code in (("301", "00"), ("401", "00"), ("360", "40"), ("002", "00")):
        fields = {**terminal.base(), 60: f"00000001{network}"}
        assert answered(terminal, frame("0820", fields)) == code
    assert buy(terminal)[0]["39"] == "77"


def test_a_purchase_is_approved_booked_and_answered_with_a_mac(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, trace = buy(terminal)
    assert {int(n) for n in reply if n.isdecimal()} == {3, 4, 11, 12, 13, 15, 25, 32, 37, 38, 39, 41, 42, 49, 60, 64}
    assert reply["39"] == "00"
    assert reply["authentic"] is True
    assert (reply["11"], reply["4"], reply["15"]) == (trace, "000000001250", "1122")
    assert bank.rows == [("pay", REF(int(trace)), 1250, "")]
    row = next(iter(bank.core.book()))
    assert (row.day, row.institution, row.channel) == ("2026-11-22", "H44190000001", "bank")
    assert bank.core.balance_fen(1) == START - 1250
    assert bank.core.violations() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"f4": "000000000000"}, "13"),
        ({"f4": "000005000001"}, "61"),
        ({"f4": f"{START + 1:012d}"}, "51"),
        ({"f2": "6299990000000000013", "f35": ""}, "14"),
        ({"f2": "6225880123456789", "f35": ""}, "14"),
        ({"f14": "2912"}, "54"),
        ({"f14": "", "f35": f"{PAN}D29122010000000000"}, "54"),
        ({"f52": "00" * 8}, "99"),
    ],
)
def test_refusals_move_nothing_and_use_up_the_trace(bank: Bank, change: dict[str, str], code: str) -> None:
    terminal = bank.terminal()
    trace = terminal.next_trace()
    wrong = terminal.purchase(1250, PAN, PIN, trace, **change)
    reply = ask(terminal, wrong, MORNING)
    assert (reply["39"], reply["authentic"]) == (code, True)
    assert "38" not in reply
    assert bank.rows == []
    assert answered(terminal, wrong) == "94"
    assert answered(terminal, terminal.purchase(1250, PAN, PIN, trace)) == "94"
    assert bank.core.balance_fen(1) == START
    assert bank.core.violations() == ["0200/000000: field 11: the trace was used for another message of this batch"]


def test_insufficient_funds() -> None:
    bank = Bank(single_limit_fen=10**11)
    terminal = bank.terminal()
    assert buy(terminal, START + 1)[0]["39"] == "51"
    assert buy(terminal, START)[0]["39"] == "00"
    assert buy(terminal, 1)[0]["39"] == "51"


def test_wrong_pins_are_counted_and_a_right_one_forgives(bank: Bank) -> None:
    terminal = bank.terminal()

    def enter(pin: str, now: float = MORNING) -> str:
        return answered(terminal, terminal.purchase(100, PAN, pin), now)

    wrong = "1" * 6 if PIN != "1" * 6 else "2" * 6
    assert [enter(each) for each in (wrong, wrong, PIN, wrong, wrong, wrong, PIN)] == [
        "55",
        "55",
        "00",
        "55",
        "55",
        "75",
        "75",
    ]
    next_day = MORNING + 86_400
    terminal.sign_in(next_day)
    assert enter(PIN, next_day) == "00"


def test_without_a_pin_up_to_the_limit_only() -> None:
    for limit, code in ((0, "55"), (1249, "55"), (1250, "00")):
        terminal = Bank(no_pin_limit_fen=limit).terminal()
        assert buy(terminal, 1250, f22="052", f52="", f53="", f26="")[0]["39"] == code


def test_balance(bank: Bank) -> None:
    terminal = bank.terminal()
    buy(terminal, 1250)
    fields = {
        **terminal.base(),
        2: PAN,
        3: "310000",
        22: "051",
        25: "00",
        49: "156",
        52: terminal.pin_block(PIN, PAN),
        53: "2600000000000000",
        60: "01000001000",
    }
    reply = ask(terminal, frame("0200", fields, terminal.mac_key), MORNING)
    assert reply["54"] == f"1002156C{START - 1250:012d}"
    assert len(bank.rows) == 1


def test_the_cryptogram_of_cards_2_2_is_known() -> None:
    """The vector itself: amount 0, type 31, counter 1."""
    tags = (
        "9F02060000000000009F03060000000000009F1A02015695050000000000"
        "5F2A0201569A032611229C01319F37041122334482021C009F36020001"
        "9F26088E49F1EFFD0A1D089F2701809F100807010103A0000001"
    )
    found = cryptogram_in(tags)
    key = session_key(IMK, "6299990000000000012", "001", 1)
    assert key.hex().upper() == "1430F25C81AABC2E1944919367650F67"
    assert is_genuine(found, key)
    assert arpc_field(found, key, "00") == "910A4485F94C7E2EE1543030"


def test_chip_data_are_verified(bank: Bank) -> None:
    terminal = bank.terminal()
    reply, _ = buy(terminal, 1250, f55=chip_data(1250, 5))
    assert reply["39"] == "00"
    assert reply["55"].startswith("910A")
    assert reply["55"].endswith("3030")
    assert buy(terminal, 1250, f55=chip_data(1250, 5))[0]["39"] == "05"  # the card counts up
    assert buy(terminal, 1250, f55=chip_data(1250, 6, amount="000000001249"))[0]["39"] == "05"
    assert buy(terminal, 1250, f55=chip_data(1250, 6, pan="6299990000000000020"))[0]["39"] == "05"
    damaged = chip_data(1250, 6)
    at = damaged.index("9F2608") + 6
    damaged = damaged[:at] + f"{int(damaged[at], 16) ^ 1:X}" + damaged[at + 1 :]
    assert buy(terminal, 1250, f55=damaged)[0]["39"] == "05"
    assert buy(terminal, 1250, f55="9F2608")[0]["39"] == "30"
    assert buy(terminal, 1250, f55="9F270180")[0]["39"] == "30"
    assert buy(terminal, 1250, f55=chip_data(1250, 6))[0]["39"] == "00"
    assert bank.core.balance_fen(1) == START - 2500


def test_every_byte_of_a_maced_message_that_is_changed_is_refused(bank: Bank) -> None:
    terminal = bank.terminal()
    for message in (
        terminal.purchase(1250, PAN, PIN, "000777"),
        terminal.reversal(1250, "000777"),
        terminal.undo("0200", 1250, PAN, "000777", "000000000001", "000778"),
    ):
        before = len(bank.events)
        for at, bit in [(at, bit) for at in range(11, len(message)) for bit in (0x01, 0x10, 0x80)]:
            changed = bytearray(message)
            changed[at] ^= bit
            reply = bank.core.handle(bytes(changed), MORNING)
            if reply is not None:  # most are not even read
                fields, _ = iso8583.decode(reply[11:], SPEC)
                assert fields["39"] in ("A0", "30", "40", "77", "97", "03")
        assert len(bank.events) == before
    assert bank.rows == []
    assert answered(terminal, terminal.purchase(1250, PAN, PIN, "000777")) == "00"


def test_no_mac_and_a_wrong_mac(bank: Bank) -> None:
    terminal = bank.terminal()
    whole = terminal.purchase(1250, PAN, PIN)
    wrong = whole[:-8] + b"00000000"
    assert answered(terminal, wrong) == "A0"

    fields, _ = iso8583.decode(whole[11:], SPEC)
    bare = {int(n): v for n, v in fields.items() if n.isdecimal() and n != "64"}
    assert answered(terminal, frame("0200", bare)) == "A0"
    assert bank.core.violations() == [
        "0200/000000: field 64: the MAC is wrong",
        "0200/000000: field 64: the MAC is missing",
    ]


def test_a_message_from_before_the_last_sign_in_is_old_not_forged(bank: Bank) -> None:
    terminal = bank.terminal()
    late = terminal.purchase(1250, PAN, PIN)
    terminal.sign_in(MORNING + 1)
    assert answered(terminal, late, MORNING + 2) == "A0"
    assert bank.core.violations() == []
    assert bank.rows == []

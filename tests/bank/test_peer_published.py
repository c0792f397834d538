"""The published messages, and the SM4 variant as a foreign library makes it."""

from __future__ import annotations

import iso8583
from Cryptodome.Cipher import DES3
from gmssl.sm4 import SM4_DECRYPT, SM4_ENCRYPT, CryptSM4

from protocols.wire.bank.frame import without_length
from protocols.wire.bank.vectors import K1, VECTORS
from simulators.peer.bank import BankPeer
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.base import PeerOptions

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
from .foreign_terminal import SPEC, ForeignTerminal, des3, mac


def published(**settings: object) -> BankPeer:
    """A bank whose terminals have the master key and the working keys of K1 and K3."""
    tmk = bytes.fromhex(K1.master_key)

    other = bytes.fromhex("0723C80DB5F4CD3D")
    cipher = DES3.new(tmk, DES3.MODE_ECB)

    check = des3(other).encrypt(bytes(8))[:4]  # type: ignore[attr-defined]
    field_62 = K1.field_62[:40] + (cipher.encrypt(other) + bytes(8) + check).hex().upper()
    options = PeerOptions(
        settings={
            "terminal_keys": f"10000001={K1.master_key},00000001={K1.master_key}",
            "terminals": "00000001=952718182217875",
            "cards": "6225880123456789=1,284412345678901234=2",
            "no_pin_limit_fen": 100_000,
            **settings,
        }
    )
    events = [
        {"type": "signed-in", "terminal": number, "day": "2026-11-22", "application": "60", "keys": keys}
        for number, keys in (("10000001", K1.field_62), ("00000001", field_62))
    ]
    return BankPeer(options, lambda event: None, events)


def test_the_published_messages_are_accepted() -> None:
    core = published()
    terminal = ForeignTerminal(core, bytes.fromhex(K1.master_key))
    terminal.mac_key = bytes.fromhex(K1.mac_key)
    by_name = {vector.source[-2:]: without_length(vector.raw) for vector in VECTORS}
    assert answered(terminal, by_name["M3"]) == "00"
    assert core.balance_fen(1) == START - 1250
    settled = ask(terminal, by_name["M6"], MORNING)
    assert settled["48"][30] == "1"
    reversed_ = ask(terminal, by_name["M5"], MORNING)
    assert (reversed_["39"], reversed_["authentic"]) == ("00", True)
    assert core.balance_fen(1) == START
    signed = ask(terminal, by_name["M1"], MORNING)
    assert signed["39"] == "00"
    assert len(signed["62"]) == 80
    assert core.violations() == []


def test_the_published_purchase_by_code_is_accepted() -> None:
    core = published()
    terminal = ForeignTerminal(core, bytes.fromhex(K1.master_key), "00000001", "952718182217875")
    terminal.mac_key = bytes.fromhex("0723C80DB5F4CD3D")
    raw = without_length(VECTORS[0].raw)
    answer = core.handle(raw, MORNING)
    assert answer is not None
    assert mac(terminal.mac_key, answer[11:-8]) == answer[-8:]
    assert core.balance_fen(2) == holder(2).bank_fen - 1234
    wrong = raw[:-1] + b"F"
    assert b"A0" in core.handle(wrong, MORNING)  # type: ignore[operator]


def sm4(key: bytes, data: bytes, encrypt: bool = True) -> bytes:
    cipher = CryptSM4()
    cipher.set_key(key, SM4_ENCRYPT if encrypt else SM4_DECRYPT)
    blocks = [data[at : at + 16] for at in range(0, len(data), 16)]
    return b"".join(bytes(cipher.one_round(cipher.sk, block)) for block in blocks)


def sm4_mac(key: bytes, data: bytes) -> bytes:
    """The folding of spec/services.md 3.3 over blocks of 16 bytes."""
    folded = bytes(16)
    for at in range(0, len(data), 16):
        folded = bytes(a ^ b for a, b in zip(folded, data[at : at + 16].ljust(16, b"\0"), strict=True))
    text = folded.hex().upper().encode()
    half = sm4(key, text[:16])
    return sm4(key, bytes(a ^ b for a, b in zip(half, text[16:], strict=True))).hex().upper()[:8].encode()


def test_the_sm4_variant() -> None:
    """The judge's SM4 is gmssl's; layout by devices.md 3 (16-byte PIN form, folding over 16 bytes)."""

    bank = Bank()
    factor = b"10000001"

    tmk = sm4(bytes.fromhex(TEST_FLEET_KEY), factor + bytes(each ^ 0xFF for each in factor))
    head = bytes.fromhex("6000060000" + "610100310000")
    spec16 = {**SPEC, "52": {**SPEC["52"], "max_len": 16}}

    def ask(mti: str, fields: dict[int, str], key: bytes | None = None) -> dict:
        document = {"t": mti, **{str(n): v for n, v in fields.items()}}
        if key is not None:
            document["64"] = "00" * 8
        raw = bytes(iso8583.encode(document, spec16)[0])
        if key is not None:
            raw = raw[:-8] + sm4_mac(key, raw[:-8])
        answer = bank.core.handle(head + raw, MORNING)
        assert answer is not None
        return iso8583.decode(answer[11:], spec16)[0]

    names = {41: "10000001", 42: "898441900000001"}
    signed = ask("0800", {**names, 11: "000001", 60: "00000001003", 63: "01 "})
    keys = bytes.fromhex(signed["62"])
    pin_key, mac_key = sm4(tmk, keys[:16], False), sm4(tmk, keys[20:36], False)
    assert sm4(pin_key, bytes(16))[:4] == keys[16:20]
    assert sm4(mac_key, bytes(16))[:4] == keys[36:40]
    clear = bytes(
        a ^ b
        for a, b in zip(bytes.fromhex(f"06{PIN}".ljust(32, "F")), bytes(10) + bytes.fromhex(PAN[-13:-1]), strict=True)
    )
    fields = {
        **names,
        2: PAN,
        3: "000000",
        4: "000000001250",
        11: "000002",
        22: "051",
        25: "00",
        49: "156",
        52: sm4(pin_key, clear).hex().upper(),
        53: "2600000000000000",
        60: "22000001000",
    }
    assert ask("0200", fields, mac_key)["39"] == "00"
    assert ask("0200", {**fields, 11: "000003"}, bytes(16))["39"] == "A0"
    terminal = ForeignTerminal(bank.core, bytes(16))
    terminal.mac_key, terminal.pin_key = bytes(8), bytes(range(16))
    assert buy(terminal)[0]["39"] == "77"  # signed in under the other class
    assert bank.core.balance_fen(1) == START - 1250

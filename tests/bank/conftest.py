"""A bank and terminals of somebody else in front of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from Cryptodome.Cipher import DES3
from postgres import database_url, migrated, postgres_server  # noqa: F401
from psec.des import encrypt_tdes_ecb
from pyemv import ac, kd

from protocols.wire.http import HttpRequest
from simulators.peer.bank import BankPeer
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.base import PeerOptions
from simulators.peer.city import City

from .foreign_terminal import ForeignTerminal

MORNING = 1_795_305_600.0
"""2026-11-22 08:00 in China."""
CITY = City()


def master_key(terminal: str) -> bytes:
    """Of the test fleet: the number and its complement under the fleet key, by another library than the peer's."""
    factor = terminal.encode()
    cipher = DES3.new(bytes.fromhex(TEST_FLEET_KEY), DES3.MODE_ECB)
    return cipher.encrypt(factor + bytes(each ^ 0xFF for each in factor))


class Bank:
    """A peer core with its journal; :meth:`reborn` is what comes back after a crash."""

    def __init__(self, **settings: Any) -> None:
        temper = settings.pop("temper", "strict")
        self.options = PeerOptions(temper=temper, settings=settings)
        self.events: list[Mapping[str, Any]] = []
        self.core = BankPeer(self.options, self.journal, ())

    def journal(self, event: Mapping[str, Any]) -> None:
        self.events.append(json.loads(json.dumps(event)))

    def terminal(self, number: int = 1, sign_in: bool = True) -> ForeignTerminal:
        place = CITY.terminal(number)
        assert place is not None
        found = ForeignTerminal(self.core, master_key(place.bank_terminal), place.bank_terminal, place.merchant)
        if sign_in:
            assert found.sign_in(MORNING)["39"] == "00"
        return found

    def reborn(self) -> BankPeer:
        return BankPeer(self.options, self.journal, list(self.events))

    @property
    def rows(self) -> list[tuple[str, str, int, str]]:
        return [(row.kind, row.reference, row.amount_fen, row.original) for row in self.core.book()]


@pytest.fixture
def bank() -> Bank:
    return Bank()


def holder(number: int = 1) -> Any:
    found = CITY.resident(number)
    assert found is not None
    return found


PAN, PIN, START = holder().pan, holder().bank_pin, holder().bank_fen
REF = "10000001/000001/{:06d}".format


def buy(terminal: ForeignTerminal, fen: int = 1250, now: float = MORNING, **more: str) -> tuple[dict, str]:
    """The reply to a purchase by resident 1, and its trace."""
    trace = terminal.next_trace()
    return ask(terminal, terminal.purchase(fen, PAN, PIN, trace, **more), now), trace


def ask(terminal: ForeignTerminal, raw: bytes, now: float = MORNING, twist: str = "") -> dict:
    """The reply, which must come."""
    reply = terminal.raw(raw, now, twist)
    assert reply is not None
    return reply


def answered(terminal: ForeignTerminal, raw: bytes, now: float = MORNING, twist: str = "") -> str:
    return ask(terminal, raw, now, twist)["39"]


def close(terminal: ForeignTerminal, debit: tuple[int, int], credit: tuple[int, int] = (0, 0)) -> None:
    assert terminal.settle(debit, credit, MORNING)["48"][30] == "1"
    assert terminal.end("207", 0, MORNING)["39"] == "00"
    terminal.batch = f"{int(terminal.batch) + 1:06d}"


IMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")


def chip_data(fen: int, counter: int, pan: str = PAN, amount: str = "") -> str:
    icc = kd.derive_icc_mk_a(IMK, pan, "01")
    count = counter.to_bytes(2, "big")
    key = encrypt_tdes_ecb(icc, bytes(6) + count + bytes(6) + bytes(each ^ 0xFF for each in count))
    values = {
        "9F02": amount or f"{fen:012d}",
        "9F03": "0" * 12,
        "9F1A": "0156",
        "95": "0000000000",
        "5F2A": "0156",
        "9A": "261122",
        "9C": "00",
        "9F37": "11223344",
        "82": "1C00",
        "9F36": f"{counter:04X}",
    }
    data = bytes.fromhex("".join(values.values()) + "03A00000")
    values |= {
        "9F10": "07010103A0000001",
        "9F27": "80",
        "9F26": ac.generate_ac(key, data, ac.PaddingType.EMV).hex().upper(),
        "84": "A000000333010101",
    }
    return "".join(f"{tag}{len(value) // 2:02X}{value}" for tag, value in values.items())


def fetch(bank: Bank, target: str, now: float, method: str = "GET", twist: str = "") -> tuple[int, bytes]:
    reply = bank.core.handle_file(HttpRequest(method, target), now, twist)  # type: ignore[arg-type]
    return reply.status, reply.body


READY = MORNING + 17 * 3600  # 01:00: cut-over 23:00 and two hours

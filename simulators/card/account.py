"""Offline medical account of DF04: purchase, load, balance, proof after a torn card (spec/cards.md 1.7).

Amounts are integer fen. Balance, counters, log and proof of one transaction become permanent together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.card.chip import Apdu, StatusError
from simulators.card.files import ElementaryFile
from simulators.card.security import Security
from simulators.card.storage import Memory

__all__ = ["ACCOUNT_COMMANDS", "LOAD", "PURCHASE", "MedicalAccount", "Started"]

LOAD, PURCHASE = b"1", b"2"
"""Transaction types, the ASCII digits that EF08 stores (cards.md, Unknown 9)."""

KEY_INDEX = 1
KEY_VERSION, ALGORITHM = 0x01, 0x00
MOST_FEN = 0xFFFFFFFF
LAST_SEQUENCE = 0xFFFF
UPDATE_DAY_RIGHT = frozenset({"DF04.85"})

ACCOUNT_COMMANDS = {
    (0xB0, 0x28): ("in", "account_init"),
    (0xB0, 0x2C): ("in", "account_debit"),
    (0xB0, 0x2A): ("in", "account_credit"),
    (0xB0, 0x26): ("out", "account_balance"),
    (0xB0, 0x2E): ("in", "account_proof"),
}
"""Commands of the account; ``B056`` joins them in the card, where its direction depends on P1."""


@dataclass(frozen=True, slots=True)
class Started:
    """An initialised transaction: what the next command completes. ``amounts`` account, self-paid and pool, in fen."""

    kind: bytes
    amounts: tuple[int, int, int]
    terminal: bytes
    random: bytes
    sequence: int


def number(value: int, length: int = 4) -> bytes:
    return value.to_bytes(length, "big")


class MedicalAccount:
    """The account. ``log`` is EF08; *random* draws the card's random numbers.

    ``started`` lives for one command: :meth:`next_command` moves it to ``usable``, and forgets what was there.
    """

    def __init__(self, memory: Memory, security: Security, log: ElementaryFile, random: Callable[[int], bytes]) -> None:
        self.memory, self.security, self.log, self.random = memory, security, log, random
        self.suite, self.ring = security.suite, security.ring
        self.started: Started | None = None
        self.usable: Started | None = None

    def next_command(self) -> None:
        """Another command than GET RESPONSE arrived."""
        self.usable, self.started = self.started, None

    def drop(self) -> None:
        self.usable = self.started = None

    # Initialisation.

    def init(self, apdu: Apdu) -> bytes:
        """INIT FOR PURCHASE (P1 01) or LOAD (P1 00). Raises 6A86, 6700, 9401, 9402, 9403."""
        lengths = {0x00: 11, 0x01: 19}
        if apdu.p2 != 0x01 or apdu.p1 not in lengths:
            raise StatusError(0x6A86)
        if len(apdu.data) != lengths[apdu.p1]:
            raise StatusError(0x6700)
        if apdu.data[0] != KEY_INDEX:
            raise StatusError(0x9403)
        values = [int.from_bytes(apdu.data[at : at + 4], "big") for at in range(1, len(apdu.data) - 6, 4)]
        if apdu.p1 == 0x00:
            return self.init_load(values[0], apdu.data[-6:])
        return self.init_purchase((values[0], values[1], values[2]), apdu.data[-6:])

    def init_purchase(self, amounts: tuple[int, int, int], terminal: bytes) -> bytes:
        """Balance 4, self-paid 4, pool 4, year 2, sequence 2, key version, algorithm, random 4."""
        self.check_funds(amounts[0])
        self.started = Started(PURCHASE, amounts, terminal, self.random(4), self.sequence(PURCHASE))
        totals = [self.memory.read_number(f"account/{name}") for name in ("balance", "self_paid", "pool")]
        year = self.memory.read("account/year")
        return b"".join(number(each) for each in totals) + year + self.common(self.started)

    def init_load(self, amount: int, terminal: bytes) -> bytes:
        """Balance 4, sequence 2, key version, algorithm, random 4, MAC1 4."""
        balance = self.balance()
        if balance + amount > MOST_FEN:
            raise StatusError(0x9402)
        self.started = started = Started(LOAD, (amount, 0, 0), terminal, self.random(4), self.sequence(LOAD))
        mac1 = self.suite.mac(self.load_session(started), number(balance) + number(amount) + LOAD + terminal)
        return number(balance) + self.common(started) + mac1

    @staticmethod
    def common(started: Started) -> bytes:
        return number(started.sequence, 2) + bytes((KEY_VERSION, ALGORITHM)) + started.random

    def balance(self) -> int:
        return self.memory.read_number("account/balance")

    def check_funds(self, amount: int) -> None:
        if amount > self.balance():
            raise StatusError(0x9401)

    def sequence(self, kind: bytes) -> int:
        """Number of the coming transaction of that kind. Raises 9402 when the counter is used up."""
        value = self.memory.read_number(f"account/sequence/{kind.decode()}")
        if value > LAST_SEQUENCE:
            raise StatusError(0x9402)
        return value

    def take_started(self, kind: bytes) -> Started:
        """What the command before this one initialised. Raises 6901."""
        if self.usable is None or self.usable.kind != kind:
            raise StatusError(0x6901)
        return self.usable

    def load_session(self, started: Started) -> bytes:
        return self.suite.session_key(self.ring.load, started.random + number(started.sequence, 2) + b"\x80\x00")

    # Completion.

    def debit(self, apdu: Apdu) -> bytes:
        """DEBIT FOR PURCHASE: terminal sequence 4, time 7, MAC1 4; gives TAC 4, MAC2 4. Raises 6901, 6700, 9302."""
        started = self.take_started(PURCHASE)
        if len(apdu.data) != 15:
            raise StatusError(0x6700)
        terminal_sequence, time, mac1 = apdu.data[:4], apdu.data[4:11], apdu.data[11:]
        session = self.suite.session_key(
            self.ring.purchase, started.random + number(started.sequence, 2) + terminal_sequence[2:]
        )
        amounts = b"".join(number(each) for each in started.amounts)
        self.check_mac(mac1, self.suite.mac(session, amounts + PURCHASE + started.terminal + time))
        self.check_funds(started.amounts[0])
        message = amounts + PURCHASE + started.terminal + terminal_sequence + time
        answer = self.certificate(message) + self.suite.mac(session, amounts)
        self.take_money(started, time)
        self.finish(started, time, answer)
        return answer

    def credit(self, apdu: Apdu) -> bytes:
        """CREDIT FOR LOAD: time 7, MAC2 4; gives TAC 4. Raises 6901, 6700, 9302."""
        started = self.take_started(LOAD)
        if len(apdu.data) != 11:
            raise StatusError(0x6700)
        time, mac2 = apdu.data[:7], apdu.data[7:]
        message = number(started.amounts[0]) + LOAD + started.terminal + time
        self.check_load_mac(mac2, self.suite.mac(self.load_session(started), message))
        balance = self.balance() + started.amounts[0]
        # The order of the load TAC is the project's own: new balance, sequence, then what MAC2 covers.
        answer = self.certificate(number(balance) + number(started.sequence, 2) + message)
        self.memory.write_number("account/balance", balance)
        self.finish(started, time, answer)
        return answer

    def check_mac(self, given: bytes, right: bytes) -> None:
        if given != right:
            raise StatusError(0x9302)

    def check_load_mac(self, given: bytes, right: bytes) -> None:
        self.check_mac(given, right)

    def certificate(self, message: bytes) -> bytes:
        """TAC, 4 bytes."""
        return self.suite.tac(self.ring.tac, message)

    def take_money(self, started: Started, time: bytes) -> None:
        """New balance and the sums of the medical year, which start anew when a new one has begun."""
        self.memory.write_number("account/balance", self.balance() - started.amounts[0])
        year = medical_year(time, self.memory.read("account/start_day"))
        new = year > self.memory.read("account/year")
        for name, amount in (("self_paid", started.amounts[1]), ("pool", started.amounts[2])):
            before = 0 if new else self.memory.read_number(f"account/{name}")
            self.memory.write_number(f"account/{name}", min(before + amount, MOST_FEN))
        if new:
            self.memory.write("account/year", year)

    def finish(self, started: Started, time: bytes, answer: bytes) -> None:
        """Sequence, log and proof; the command's end commits them together with the money."""
        kind = started.kind.decode()
        self.write_sequence(kind, started.sequence + 1)
        amounts = b"".join(number(each) for each in started.amounts)
        self.write_log(number(started.sequence, 2) + started.kind + started.terminal + time + amounts)
        self.memory.write(f"account/proof/{kind}", number(started.sequence, 2) + answer)

    def write_sequence(self, kind: str, value: int) -> None:
        self.memory.write_number(f"account/sequence/{kind}", value)

    def write_log(self, record: bytes) -> None:
        self.log.append(self.memory, record)

    # Questions.

    def read_balance(self, apdu: Apdu) -> bytes:
        """P2 01 balance; 02 and 03 self-paid and pool of the year, followed by the year. Raises 6A86."""
        if apdu.p1 or apdu.p2 not in (1, 2, 3):
            raise StatusError(0x6A86)
        if apdu.p2 == 1:
            return number(self.balance())
        name = "self_paid" if apdu.p2 == 2 else "pool"
        return number(self.memory.read_number(f"account/{name}")) + self.memory.read("account/year")

    def proof(self, apdu: Apdu) -> bytes:
        """GET TRANSACTION PROOF of the last load (P2 01) or purchase (P2 02): what its answer was. Raises 9406."""
        if apdu.p1 or apdu.p2 not in (1, 2):
            raise StatusError(0x6A86)
        if len(apdu.data) != 2:
            raise StatusError(0x6700)
        stored = self.memory.read(f"account/proof/{apdu.p2}")
        if not stored or stored[:2] != apdu.data:
            raise StatusError(0x9406)
        return stored[2:]

    def start_day(self) -> bytes:
        """First day of the medical year, MMDD."""
        return self.memory.read("account/start_day")

    def set_start_day(self, day: bytes) -> None:
        """Needs UK1DF04. Raises 6700, 6982, 6A80."""
        if len(day) != 2:
            raise StatusError(0x6700)
        self.security.demand((UPDATE_DAY_RIGHT,))
        if not day.hex().isdecimal():
            raise StatusError(0x6A80)
        self.memory.write("account/start_day", day)


def medical_year(time: bytes, start_day: bytes) -> bytes:
    """Year, two BCD bytes, in which *time* (YYYYMMDDhhmmss) lies, when each year begins on *start_day* (MMDD)."""
    text = time[:2].hex()
    if time[2:4] >= start_day or not text.isdecimal() or text == "0000":
        return time[:2]
    return bytes.fromhex(f"{int(text) - 1:04d}")

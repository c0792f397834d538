"""What the checks of the offline medical account share: its commands, and what their answers mean (cards.md 1.7).

A load comes before each purchase, so a run leaves the balance as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from conformance.judge_crypto import CardKeys, LoadKeys, PurchaseKeys
from conformance.model import NoObservation
from conformance.roles.card import CardAnswer, CardTester
from conformance.roles.card_view import CardStep, CardView
from conformance.suites.card_conversation import DF04, Session, Talk, judge_keys, pin_given, spoiled, talks
from protocols.wire.base import Label

CLAUSES = ("BJ-OFF-01", "DG-FIN-PAY-02")
NEEDS = ("card.offline_account", "card.pin", "card.test_keys")

__all__ = [
    "AMOUNT",
    "AMOUNTS",
    "CLAUSES",
    "KIND_LOAD",
    "KIND_PURCHASE",
    "LOG_LENGTH",
    "NEEDS",
    "TERMINAL",
    "TERMINAL_SEQUENCE",
    "TIME",
    "Account",
    "LoadStart",
    "PurchaseStart",
    "State",
    "judge_account",
    "load_start",
    "must_not_change",
    "purchase_start",
    "state",
]

AMOUNT = 1000
"""Fen moved by each transaction of the suite."""
TERMINAL = bytes.fromhex("441900000001")
TERMINAL_SEQUENCE = bytes.fromhex("00000001")
TIME = bytes.fromhex("20261122093000")
KIND_LOAD, KIND_PURCHASE = b"1", b"2"
LOG_LENGTH = 0x1C
LOG_FIRST = bytes.fromhex("00B201441C")
"""Record 1, the newest, of EF08 (SFI 08)."""


def amounts(fen: int) -> bytes:
    """Account, self-paid and pool amount of a command: everything from the account."""
    return fen.to_bytes(4) + bytes(8)


AMOUNTS = amounts(AMOUNT)


@dataclass(frozen=True, slots=True)
class PurchaseStart:
    """Answer to INIT FOR PURCHASE: 22 bytes."""

    balance: int
    sequence: bytes
    random: bytes


@dataclass(frozen=True, slots=True)
class LoadStart:
    """Answer to INIT FOR LOAD: 16 bytes."""

    balance: int
    sequence: bytes
    random: bytes
    mac1: bytes


def parse_purchase(data: bytes) -> PurchaseStart | None:
    """Balance 4, self-paid 4, pool 4, year 2, sequence 2, key version, algorithm, random 4; None at other lengths."""
    if len(data) != 22:
        return None
    return PurchaseStart(int.from_bytes(data[:4]), data[14:16], data[18:22])


def parse_load(data: bytes) -> LoadStart | None:
    """Balance 4, sequence 2, key version, algorithm, random 4, MAC1 4; None at other lengths."""
    if len(data) != 16:
        return None
    return LoadStart(int.from_bytes(data[:4]), data[4:6], data[8:12], data[12:16])


class Account:
    """Stimulus side: DF04 selected, PIN verified, and the keys of the judge."""

    def __init__(self, session: Session, keys: CardKeys) -> None:
        self.session, self.t, self.keys = session, session.t, keys

    @staticmethod
    async def open(t: CardTester) -> Account:
        session = await Session.open(t)
        account = Account(session, await session.keys())
        await account.enter()
        return account

    async def enter(self) -> None:
        """Into DF04, with the PIN, as a pharmacy terminal does."""
        await self.session.select(DF04)
        await self.session.right()

    async def again(self) -> None:
        """Reset, and into DF04 again."""
        await self.session.again()
        await self.enter()

    async def look(self, name: str) -> None:
        """Balance, both sequences and newest log record, in the step *name*: what must move together."""
        with self.t.step(name):
            await self.balance()
            await self.init_load()
            await self.init_purchase(1)
            await self.t.ask(LOG_FIRST)

    async def balance(self, which: int = 1) -> CardAnswer:
        return await self.t.ask(bytes((0xB0, 0x26, 0x00, which, 0x04)))

    async def init_purchase(self, fen: int = AMOUNT, key_index: int = 1) -> CardAnswer:
        body = bytes((key_index,)) + amounts(fen) + TERMINAL
        return await self.t.ask(bytes((0xB0, 0x28, 0x01, 0x01, len(body))) + body)

    async def debit(self, started: CardAnswer, *, spoil: int | None = None) -> CardAnswer:
        """DEBIT FOR PURCHASE of :data:`AMOUNT` after INIT answered *started*."""
        parsed = parse_purchase(started.data)
        code = bytes(4)
        if parsed is not None:
            judge = PurchaseKeys(self.keys, parsed.random, parsed.sequence, TERMINAL_SEQUENCE)
            code = judge.mac1(AMOUNTS, KIND_PURCHASE, TERMINAL, TIME)
        return await self.t.ask(bytes.fromhex("B02C01000F") + TERMINAL_SEQUENCE + TIME + spoiled(code, spoil))

    async def init_load(self, key_index: int = 1) -> CardAnswer:
        body = bytes((key_index,)) + AMOUNT.to_bytes(4) + TERMINAL
        return await self.t.ask(bytes((0xB0, 0x28, 0x00, 0x01, len(body))) + body)

    async def credit(self, started: CardAnswer, *, spoil: int | None = None) -> CardAnswer:
        """CREDIT FOR LOAD of :data:`AMOUNT` after INIT answered *started*."""
        parsed = parse_load(started.data)
        code = bytes(4)
        if parsed is not None:
            judge = LoadKeys(self.keys, parsed.random, parsed.sequence)
            code = judge.mac2(AMOUNT.to_bytes(4), KIND_LOAD, TERMINAL, TIME)
        return await self.t.ask(bytes.fromhex("B02A00000B") + TIME + spoiled(code, spoil))

    async def load(self) -> CardAnswer:
        """A whole load, outside any step: money for what follows."""
        return await self.credit(await self.init_load())

    async def spend(self) -> CardAnswer:
        """A whole purchase, outside any step: takes back what :meth:`load` brought."""
        return await self.debit(await self.init_purchase())


# Oracle side.


@dataclass(frozen=True, slots=True)
class State:
    """What :meth:`Account.look` saw: balance in fen, both sequences, newest log record (empty when none)."""

    balance: int
    load_sequence: int
    purchase_sequence: int
    log: bytes


def state(v: CardView, step: str | CardStep) -> tuple[State, Talk]:
    """State of the account at *step* (or at the one of that name). Raises :class:`NoObservation` on another form."""
    found = talks(v.step(step) if isinstance(step, str) else step)
    if len(found) != 4:
        raise NoObservation(Label("账户状态没有读全", "the state of the account was not read whole"))
    told, log = found[0], found[3]
    load, purchase = parse_load(found[1].data), parse_purchase(found[2].data)
    if not told.ok or len(told.data) != 4 or load is None or purchase is None:
        what = Label("读余额或交易初始化的答复格式不符", "the balance or the answer to an INIT has not its form")
        raise NoObservation(what, (told.seqs[0], log.seqs[1]))
    seen = Talk((told.seqs[0], log.seqs[1]), told.command, told.data, told.sw)
    sequences = int.from_bytes(load.sequence), int.from_bytes(purchase.sequence)
    return State(int.from_bytes(told.data), *sequences, log.data), seen


def judge_account(v: CardView) -> CardKeys:
    """The keys of the card, after every VERIFY of the check was seen to succeed. Raises :class:`NoObservation`."""
    keys = judge_keys(v)
    pin_given(v)
    for step in v.each("pin")[1:]:
        v.must(talks(step)[-1:] != [] and talks(step)[-1].ok, "密码应再次通过", "the PIN must be accepted again", step)
    return keys


def purchase_start(talk: Talk) -> PurchaseStart:
    """Parsed answer to INIT FOR PURCHASE. Raises :class:`NoObservation`."""
    parsed = parse_purchase(talk.data)
    if not talk.ok or parsed is None:
        raise NoObservation(Label("消费初始化没有得到 22 字节答复", "INIT FOR PURCHASE gave no 22 bytes"), talk.seqs)
    return parsed


def load_start(talk: Talk) -> LoadStart:
    """Parsed answer to INIT FOR LOAD. Raises :class:`NoObservation`."""
    parsed = parse_load(talk.data)
    if not talk.ok or parsed is None:
        raise NoObservation(Label("圈存初始化没有得到 16 字节答复", "INIT FOR LOAD gave no 16 bytes"), talk.seqs)
    return parsed


def must_not_change(v: CardView, before: str = "before", after: str = "after") -> None:
    """Balance, sequences and log at two steps must be equal."""
    old, first = state(v, before)
    new, second = state(v, after)
    v.must(
        old == new,
        "余额、交易序号和交易明细都不得改变",
        "balance, sequences and log must not have changed",
        first,
        second,
    )

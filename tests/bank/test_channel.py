"""The bank as a channel of the engine: what every fault makes of an attempt, and that bank and platform agree at the end."""

from __future__ import annotations

import asyncio

import pytest

from protocols.clock import run_virtual
from protocols.wire.bank.message import Message
from reference_impl.backend.settlement.channel import Secrets
from reference_impl.backend.settlement.model import AttemptState, TradeState

from .bank_bench import KIOSK, OTHER_KIOSK, World, decided, states
from .conftest import MORNING, PAN, PIN


def run(scene: object) -> None:
    run_virtual(scene())  # type: ignore[operator]


def test_a_payment_is_durable_with_its_trace_before_it_is_sent() -> None:
    async def scene() -> None:
        world = World()
        seen: list[str] = []

        def look(message: Message) -> None:
            if message.mti == "0200":
                reference = f"{message[41]}/{message[60][2:8]}/{message[11]}"
                row = world.connection.execute(
                    "SELECT state FROM attempts WHERE reference = ?", (reference,)
                ).fetchone()
                assert row == ("pending",)
            trace = world.connection.execute("SELECT trace FROM bank_terminals").fetchone()
            assert trace is not None
            assert trace[0] >= int(message[11])
            seen.append(message.mti)

        world.line.before_send = look
        trade = await world.pay()
        assert trade.state is TradeState.PAID
        await world.end()
        assert seen == ["0800", "0200"]
        assert states(world.attempts) == ["purchase:success"]
        (attempt,) = world.attempts
        assert attempt.facts["card"] == "**** " + PAN[-4:]
        assert set(attempt.facts) >= {"retrieval", "approval", "bank_date", "bank_time"}
        world.check()

    run(scene)


FAULTS = {
    "refuse": "purchase:fail",
    "delay-then-commit": "purchase:reversed",
    "commit-then-drop-reply": "purchase:reversed",
    "drop-request": "purchase:reversed",
    "duplicate": "purchase:reversed",
    "malformed": "purchase:reversed",
    "wrong-reference": "purchase:reversed",
    "clock-skew": "purchase:success",
    "sign-in-expired": "purchase:reversed",
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.items())
@pytest.mark.parametrize("temper", ["strict", "realistic", "hostile"])
def test_a_fault_on_a_purchase(fault: str, expected: str, temper: str) -> None:
    async def scene() -> None:
        world = World(f"{fault}:0200/000000", temper=temper)
        trade = await world.pay()
        assert states(world.attempts) == [expected]
        if trade.state is TradeState.AWAITING:
            trade = await world.press(trade, press="p2")  # the citizen tries again
        assert trade.state is TradeState.PAID
        await world.end()
        assert states(world.attempts)[-1] == "purchase:success"
        assert [count for _, count in world.line.switch.struck] == [1]
        world.check()

    run(scene)


@pytest.mark.parametrize("fault", [*FAULTS, "none"])
@pytest.mark.parametrize("first", ["commit-then-drop-reply", "drop-request"])
def test_a_fault_on_the_reversal_too(first: str, fault: str) -> None:
    async def scene() -> None:
        faults = [f"{first}:0200/000000"] + ([] if fault == "none" else [f"{fault}:0400,times=2"])
        world = World(*faults)
        trade = await world.pay()
        assert trade.state is TradeState.AWAITING
        assert states(world.attempts) == ["purchase:reversed"]
        await world.press(trade, press="p2")
        await world.end()
        world.check()
        reversals = world.line.messages("0400")
        assert reversals
        assert {each[39] for each in reversals} == {"98"}
        original = world.line.messages("0200")[0]
        for each in reversals:
            kept = (3, 4, 11, 22, 25, 60)
            assert [each[number] for number in kept] == [original[number] for number in kept]

    run(scene)


def test_a_reversal_is_never_dropped_and_alarms_from_the_third_try() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/000000", "drop-request:0400,times=40")
        trade = await world.open()
        await world.engine.pay(trade.trade_no, "bank_card", "p1", await world.card())
        await asyncio.sleep(60 + 2 * 62)
        assert "reversal-unanswered" not in world.alarms()
        await asyncio.sleep(200)
        assert "reversal-unanswered" in world.alarms()
        trade = await world.until(trade.trade_no, decided)
        assert states(world.attempts) == ["purchase:reversed"]
        assert len(world.line.messages("0400")) == 41
        await world.end()
        world.check()

    run(scene)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda reply: reply[:-8] + b"00000000", "A0"),
        (lambda reply: reply[:-8] + bytes(each ^ 1 for each in reply[-8:]), "A0"),
        (lambda reply: reply[: len(reply) // 2], "98"),
        (lambda reply: b"", "98"),
        (lambda reply: b"HTTP/1.1 400 Bad Request", "98"),
    ],
)
def test_a_reply_that_is_not_authentic_decides_nothing(spoil: object, reason: str) -> None:
    async def scene() -> None:
        world = World()
        world.line.mangle = lambda m, r: spoil(r) if m.mti == "0200" else r  # type: ignore[operator]
        trade = await world.pay()
        assert trade.state is TradeState.AWAITING
        assert states(world.attempts) == ["purchase:reversed"]
        assert world.line.messages("0400")[0][39] == reason
        world.line.mangle = lambda m, r: r
        await world.press(trade, press="p2")
        await world.end()
        world.check()

    run(scene)


def test_a_refusal_that_somebody_forged_is_not_believed() -> None:
    """The bank has approved; on the way the answer becomes a refusal, and the citizen would pay twice."""

    async def scene() -> None:
        world = World()

        def forge(message: Message, reply: bytes) -> bytes:
            if message.mti != "0200":
                return reply
            assert reply.count(b"00" + message[41].encode()) == 1
            return reply.replace(b"00" + message[41].encode(), b"51" + message[41].encode())

        world.line.mangle = forge
        await world.pay()
        assert states(world.attempts) == ["purchase:reversed"]
        await world.end()
        world.check()

    run(scene)


def test_an_approval_of_another_message_is_not_taken() -> None:
    async def scene() -> None:
        world = World()
        replies: list[bytes] = []

        def replay(message: Message, reply: bytes) -> bytes:
            if message.mti != "0200":
                return reply
            replies.append(reply)
            return replies[0]

        world.line.mangle = replay
        await world.pay()
        trade = await world.pay(key="k2", fen=1250)
        assert trade.state is TradeState.AWAITING
        assert states(world.attempts) == ["purchase:success", "purchase:reversed"]
        assert world.line.messages("0400")[0][39] == "06"
        await world.end()
        world.check()

    run(scene)


@pytest.mark.parametrize("code", ["51", "55", "61", "14"])
def test_a_refusal_fails_and_nothing_is_reversed(code: str) -> None:
    async def scene() -> None:
        world = World(single_limit_fen=20_000_000)
        fen = {"51": 19_000_000, "61": 20_000_001}.get(code, 1250)
        if code == "55":
            secrets = await world.card(pin="000000" if PIN != "000000" else "111111")
        elif code == "14":
            secrets = await world.card(pan="6225880123456789", track2="")
        else:
            secrets = await world.card()
        trade = await world.pay(secrets, fen=fen)
        assert trade.state is TradeState.AWAITING
        assert states(world.attempts) == ["purchase:fail"]
        assert world.attempts[0].code == code
        assert world.line.messages("0400") == []
        await world.end()
        world.check()

    run(scene)


def test_what_was_never_sent_fails_and_nothing_is_reversed() -> None:
    async def scene() -> None:
        world = World()
        secrets = await world.card()
        world.line.down = True
        trade = await world.pay(secrets)
        assert trade.state is TradeState.AWAITING
        assert (states(world.attempts), world.attempts[0].code) == (["purchase:fail"], "unsent")
        world.line.down = False
        await world.press(trade, press="p2")
        await world.end()
        assert world.line.messages("0400") == []
        world.check()

    run(scene)


# Keys and sign-in.


def test_a_pin_under_an_earlier_key_is_asked_for_again_before_anything_is_sent() -> None:
    async def scene() -> None:
        world = World()
        old = await world.card()
        world.terminals.at(KIOSK).key_refused = True
        await world.channel.pin_key(KIOSK)
        trade = await world.open()
        await world.engine.pay(trade.trade_no, "bank_card", "p1", old)
        trade = await world.until(trade.trade_no, decided)
        assert (trade.state, trade.reason) == (TradeState.AWAITING, "payment-data-lost")
        assert world.line.messages("0200") == []
        assert (await world.press(trade, press="p2")).state is TradeState.PAID
        await world.end()
        world.check()

    run(scene)


def test_a_key_that_changes_between_press_and_send_is_noticed() -> None:
    async def scene() -> None:
        world = World()
        terminal = world.terminals.at(KIOSK)
        secrets = await world.card()
        trade = await world.open()
        async with terminal.lock:  # somebody is on the line: the payment is opened, and waits
            await world.engine.pay(trade.trade_no, "bank_card", "p1", secrets)
            await asyncio.sleep(1)
            terminal.key_refused = True
            await world.channel.host.sign_in(terminal)
        await world.until(trade.trade_no, decided)
        assert world.attempts[0].code == "pin-key-changed"
        assert world.line.messages("0200") == []
        await world.end()
        world.check()

    run(scene)


def test_the_pin_key_is_fetched_once_a_day_and_when_the_bank_asks_for_it() -> None:
    async def scene() -> None:
        world = World(begins_at=MORNING + 15 * 3600 - 45)
        first = await asyncio.gather(*(world.channel.pin_key(KIOSK) for _ in range(5)))
        assert len(set(first)) == 1
        assert len(world.line.messages("0800")) == 1
        await asyncio.sleep(50)  # the cut-over
        second = await world.channel.pin_key(KIOSK)
        assert second.version != first[0].version
        assert second.cipher != first[0].cipher
        world.bank.core.expire_sign_ins()
        trade = await world.pay(await world.card())
        assert trade.state is TradeState.AWAITING
        assert (await world.press(trade, press="p2")).state is TradeState.PAID
        await world.end()
        world.check()

    run(scene)


def test_sign_in_that_fails_says_so_and_is_tried_again() -> None:
    from reference_impl.backend.banking.host import BankUnavailable

    async def scene() -> None:
        world = World("drop-request:0800", "refuse:0800", "wrong-reference:0800", "malformed:0800")
        for why in ("no-reply", "05", "reply-reference", "reply-unreadable"):
            with pytest.raises(BankUnavailable, match=why):
                await world.channel.pin_key(KIOSK)
        await world.channel.pin_key(KIOSK)
        world.check()

    run(scene)


def test_keys_without_their_check_value_are_not_taken() -> None:
    from reference_impl.backend.banking.host import BankUnavailable

    async def scene() -> None:
        world = World()
        world.line.mangle = lambda m, r: r[:-1] + bytes([r[-1] ^ 1]) if m.mti == "0800" else r
        with pytest.raises(BankUnavailable, match="check value"):
            await world.channel.pin_key(KIOSK)
        assert world.terminals.at(KIOSK).keys == ""

    run(scene)


def test_a_kiosk_without_a_bank_terminal_takes_no_cards() -> None:
    from reference_impl.backend.banking.terminals import NoBankTerminal

    async def scene() -> None:
        world = World()
        world.place = lambda kiosk: None
        with pytest.raises(NoBankTerminal):
            await world.channel.pin_key(KIOSK)
        trade = await world.open()
        secrets = Secrets({"pan": PAN, "pin_block": "00" * 8, "pin_key": "1", "entry_mode": "051"})
        await world.engine.pay(trade.trade_no, "bank_card", "p1", secrets)
        trade = await world.until(trade.trade_no, decided)
        assert trade.state is TradeState.AWAITING
        await world.end()

    run(scene)


@pytest.mark.parametrize("lost", ["pan", "pin_block", "pin_key", "entry_mode"])
def test_payment_data_that_lack_something(lost: str) -> None:
    async def scene() -> None:
        world = World()
        trade = await world.open()
        await world.engine.pay(trade.trade_no, "bank_card", "p1", await world.card(**{lost: ""}))
        trade = await world.until(trade.trade_no, decided)
        assert trade.state is TradeState.AWAITING
        assert world.line.messages("0200") == []
        await world.end()

    run(scene)


# One thing at a time at a terminal.


def test_a_reversal_goes_out_before_the_next_payment_of_that_terminal_and_of_no_other() -> None:
    async def scene() -> None:
        world = World("commit-then-drop-reply:0200/000000", "drop-request:0400,times=3")
        cards = [await world.card(), await world.card(), await world.card(OTHER_KIOSK)]
        trades = [await world.open(key="k1"), await world.open(key="k2"), await world.open(OTHER_KIOSK, key="k3")]
        await world.engine.pay(trades[0].trade_no, "bank_card", "p", cards[0])
        await asyncio.sleep(1)
        await world.engine.pay(trades[2].trade_no, "bank_card", "p", cards[2])
        other = await world.until(trades[2].trade_no, decided, limit_s=5)
        assert other.state is TradeState.PAID
        await world.engine.pay(trades[1].trade_no, "bank_card", "p", cards[1])
        await world.until(trades[1].trade_no, decided)
        mine = [each.mti for each in world.line.sent if each[41] == "10000001" and each.mti in ("0200", "0400")]
        assert mine == ["0200", "0400", "0400", "0400", "0400", "0200"]
        await world.end()
        world.check()

    run(scene)


def test_a_terminal_that_changes_its_number_leaves_old_attempts_where_they_were() -> None:
    from reference_impl.backend.banking.terminals import BankPlace

    async def scene() -> None:
        world = World()
        trade = await world.pay()
        await world.engine.refund(trade.trade_no, "citizen")  # while it still has its number: only to know it works
        await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)
        trade = await world.pay(key="k2")
        world.place = lambda kiosk: BankPlace("10000390", "898441900000001")
        await world.restart()
        await world.engine.refund(trade.trade_no, "citizen")
        await world.until(trade.trade_no, lambda t: t.state is TradeState.REFUNDED)
        assert {each[41] for each in world.line.messages("0200", "0220")} == {"10000001"}
        await world.end()
        world.check()
        assert all(each.state is AttemptState.SUCCESS for each in world.attempts)

    run(scene)

"""Card reader: the contact chip. Answer to reset, supply classes, T=0 exchange, and what happens without a chip."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderView
from conformance.suites.card_reader_acts import (
    SELECT_SSSE,
    activate,
    command,
    eject,
    move,
    put_in,
    read_ef05,
    transmit,
)
from conformance.suites.card_reader_words import (
    IN_READER,
    ReaderCheck,
    atr_flaws,
    card_seen,
    first_talk,
    position,
)
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request

CHIP = ("reader.contact",)
BOTH = ("insert", "remove")
SELECT_MF = bytes.fromhex("00A40000023F00")
READ_VERSION = bytes.fromhex("00B2030006")
NO_SUCH_FILE = bytes.fromhex("00A4000002EFEE")
GET_RESPONSE = bytes.fromhex("00C0000010")
NO_CHIP = (
    Error.ACTIVATION,
    Error.NO_ANSWER,
    Error.CANNOT_REACH_IC,
    Error.SEQUENCE,
    Error.CANNOT_EXECUTE,
    Error.CARD_COMMUNICATION,
    Error.NOT_ACTIVATED,
    Error.OTHER,
)
"""What a reader may say when there is no chip to reset (open-readings.md), and the nearest words of a CRT-310."""


def first_protocol(atr: bytes) -> int:
    """The protocol that TD1 announces, 0 without it."""
    if not atr[1] & 0x80:
        return 0
    at = 2 + bin(atr[1] >> 4 & 0x07).count("1")
    return atr[at] & 0x0F


def sw_of(data: bytes) -> str:
    return data[-2:].hex().upper() or "-"


class AtrCold(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: an answer to reset that is cut, padded or not the card's own would break it."""

    id = "reader.chip.atr-cold"
    title = Label("冷复位给出合规且不变的 ATR", "a cold reset gives a well-formed, steady ATR")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = ("reader.atr-of-previous",)
    source = "spec/cards.md 3.1"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("again"):
            await t.ask(Request(Op.CHIP_ON))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        first, again = v.step("activate").only(Op.CHIP_ON), v.step("again").only(Op.CHIP_ON)
        if v.succeeded(first, "冷复位", "cold reset") and v.succeeded(again, "再次冷复位", "cold reset again"):
            flaws = ", ".join(atr_flaws(first.reply.data))
            v.must(not flaws, f"ATR 合规{flaws and '：' + flaws}", f"the ATR is well formed {flaws}".strip(), first)
            v.must(first.reply.data == again.reply.data, "两次 ATR 相同", "the same ATR both times", first, again)


class AtrProtocol(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: naming another protocol than the one that the ATR announces would break it."""

    id = "reader.chip.protocol"
    title = Label("协议字节与 ATR 一致", "the protocol byte agrees with the ATR")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = ("reader.atr-protocol",)
    source = "spec/devices.md 4.1 (51 30), spec/cards.md 1.1"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        reset = v.step("activate").only(Op.CHIP_ON)
        if card_seen(v) and v.succeeded(reset, "冷复位", "cold reset"):
            if not v.must(not atr_flaws(reset.reply.data), "ATR 合规", "the ATR is well formed", reset):
                return
            wanted = first_protocol(reset.reply.data)
            v.must(
                reset.reply.protocol == wanted,
                f"协议应为 T={wanted}，实际 T={reset.reply.protocol}",
                f"the protocol must be T={wanted}, got T={reset.reply.protocol}",
                reset,
            )


class AtrFresh(ReaderCheck):
    """DG-WXC-19, DG-WXC-21: giving the answer to reset of the card before would break it."""

    id = "reader.chip.atr-fresh"
    title = Label("换卡后给出新卡的 ATR", "the next card gives its own ATR")
    clauses = ("DG-WXC-19", "DG-WXC-21")
    needs, hand = CHIP, BOTH
    kills = ("reader.ic-stops-short",)
    source = "spec/devices.md 10: stale answer"

    async def drive(self, t: ReaderTester) -> None:
        for card in ("1.0", "3.0"):
            await put_in(t, card)
            await activate(t)
            await eject(t) if card == "1.0" else None
        for _ in range(2):
            with t.step("again"):
                await t.ask(Request(Op.CHIP_ON))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        resets = [each.only(Op.CHIP_ON) for each in (*v.each("activate")[1:], *v.each("again"))]
        if card_seen(v) and card_seen(v, 1):
            good = [v.succeeded(each, "复位", "reset") for each in resets]
            if all(good):
                atrs = {each.reply.data for each in resets}
                v.must(len(atrs) == 1, "同一张卡的 ATR 不变", "one card, one ATR", *resets)


class WarmReset(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: a warm reset that fails, resets nothing, or leaves the chip dead, would break it."""

    id = "reader.chip.warm-reset"
    title = Label("热复位给出 ATR，芯片可用", "a warm reset gives an ATR and a live chip")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    control = "activate"
    kills = ("reader.warm-reset-fails",)
    source = "spec/devices.md 4.1 (51 38), 4.2 (37 2F)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        await read_ef05(t)
        with t.step("warm"):
            await t.ask(Request(Op.CHIP_WARM))
        with t.step("forgotten"):
            await transmit(t, READ_VERSION)
        with t.step("apdu"):
            await transmit(t, SELECT_SSSE)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "冷复位", "cold reset"):
            warm = v.step("warm").only(Op.CHIP_WARM)
            v.succeeded(warm, "热复位", "warm reset")
            v.must(not atr_flaws(warm.reply.data), "ATR 合规", "the ATR is well formed", warm)
            v.must(v.step("apdu").first.reply.ok, "热复位后可通信", "the chip answers afterwards", v.step("apdu"))
            kept = first_talk(v.step("forgotten"))
            v.must(
                not kept.done,
                "热复位后卡不再有当前文件",
                "the card was reset: it has no current file any more",
                kept.exchange,
            )


class ClassA(ReaderCheck):
    """DG-WXC-19: a card that works at 5 V only, and does not answer, or answers at 3 V, would break it."""

    id = "reader.chip.class-a"
    title = Label("A 类（5 V）卡", "class A (5 V) cards")
    clauses = ("DG-WXC-19",)
    needs, hand = ("reader.contact", "reader.class_a"), BOTH
    kills = (
        "reader.mute-invents-atr",
        "reader.volts-always-5",
    )
    source = "spec/devices.md 4.1 (30, 33: 5 V; 35: 3 V), 4.4"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "5v")
        await activate(t)
        low = Request(Op.CHIP_ON, volts=3)
        if t.dialect.supports(low):
            with t.step("low"):
                await t.ask(low)
            with t.step("high"):
                await t.ask(Request(Op.CHIP_ON, emv=False))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "5 V 复位", "reset at 5 V"):
            v.must(
                not atr_flaws(v.step("activate").only(Op.CHIP_ON).reply.data),
                "ATR 合规",
                "well-formed ATR",
                v.step("activate"),
            )
            if v.steps("low"):
                v.refused(v.step("low").first, NO_CHIP, "A 类卡 3 V 复位", "reset of a class A card at 3 V")
                v.succeeded(v.step("high").first, "再以 5 V 复位", "reset at 5 V again")


class ClassB(ReaderCheck):
    """DG-WXC-19: a card that works at 3 V, and does not answer at 3 V, would break it."""

    id = "reader.chip.class-b"
    title = Label("B 类（3 V）卡", "class B (3 V) cards")
    clauses = ("DG-WXC-19",)
    variants = ("crt591",)
    needs, hand = ("reader.contact", "reader.class_b"), BOTH
    kills = (
        "reader.volts-3-fails",
        "reader.volts-always-5",
    )
    source = "spec/devices.md 4.1 (51 30 35)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "3v")
        await activate(t, volts=3)
        with t.step("apdu"):
            await transmit(t, SELECT_MF)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        reset = v.step("activate").only(Op.CHIP_ON)
        if card_seen(v) and v.succeeded(reset, "3 V 复位", "reset at 3 V"):
            v.must(not atr_flaws(reset.reply.data), "ATR 合规", "the ATR is well formed", reset)
            v.must(v.step("apdu").first.reply.ok, "3 V 下可通信", "the chip answers at 3 V", v.step("apdu"))


class PowerOff(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: a chip that still answers after it was switched off would break it."""

    id = "reader.chip.power-off"
    title = Label("下电后不再应答", "a chip that is off answers nothing")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    control = "on"
    kills = (
        "reader.apdu-cached",
        "reader.chip-answers-off",
    )
    source = "spec/devices.md 4.1 (51 31, 65), 4.2 (33 31)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        with t.step("early"):
            await command(t, Request(Op.MOVE, place=Place.IC))
            await t.ask(Request(Op.CHIP_APDU, data=SELECT_MF))
        await activate(t)
        with t.step("on"):
            await transmit(t, SELECT_MF)
        with t.step("off"):
            await t.ask(Request(Op.CHIP_OFF))
            await t.ask(Request(Op.CHIP_APDU, data=SELECT_MF))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "复位", "reset"):
            v.refused(v.step("early").only(Op.CHIP_APDU), (), "复位之前的 APDU", "an APDU before the reset")
            v.must(v.step("on").first.reply.ok, "上电时应答", "it answers while it is on", v.step("on"))
            v.succeeded(v.step("off").only(Op.CHIP_OFF), "下电", "power off")
            v.refused(v.step("off").only(Op.CHIP_APDU), (), "下电之后的 APDU", "an APDU after power off")


class AfterEject(ReaderCheck):
    """DG-WXC-21, DG-CXC-12: an answer from a chip that has left the contacts would break it."""

    id = "reader.chip.after-eject"
    title = Label("卡离开后芯片命令被拒绝", "no answer from a chip that has left")
    clauses = ("DG-WXC-21", "DG-CXC-12")
    needs, hand = CHIP, BOTH
    control = "on"
    kills = ("reader.apdu-cached",)
    source = "spec/open-readings.md: error after the card is pulled"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        with t.step("on"):
            await transmit(t, SELECT_MF)
        with t.step("released"):
            await t.ask(Request(Op.CHIP_OFF))
        await eject(t)
        with t.step("gone"):
            await t.ask(Request(Op.CHIP_APDU, data=SELECT_MF))
            await t.ask(Request(Op.CHIP_ON))
            await t.status()

    def judge(self, v: ReaderView) -> None:
        if card_seen(v) and v.must(
            v.step("on").first.reply.ok, "上电时应答", "it answers while it is on", v.step("on")
        ):
            gone = v.step("gone")
            v.refused(gone.only(Op.CHIP_APDU), (), "卡离开后的 APDU", "an APDU after the card left")
            v.refused(gone.only(Op.CHIP_ON), NO_CHIP, "卡离开后的复位", "a reset after the card left")
            position(v, "gone", (Media.NONE,), "随后的状态", "the status afterwards")


class NeedsPosition(ReaderCheck):
    """DG-CXC-09, DG-WXC-19: a reset that succeeds while the card is away from the contacts would break it."""

    id = "reader.chip.needs-position"
    title = Label("卡不在 IC 位时复位被拒绝", "no reset while the card is away from the contacts")
    clauses = ("DG-CXC-09", "DG-WXC-19")
    needs, hand = ("reader.contact", "reader.motorised"), BOTH
    control = "activate"
    kills = ("reader.ic-stops-short",)
    source = "spec/open-readings.md: reset of a chip with no card or card elsewhere"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("empty"):
            await t.ask(Request(Op.CHIP_ON))
        await put_in(t)
        await move(t, Place.GATE, "gate")
        with t.step("mouth"):
            await t.ask(Request(Op.CHIP_ON))
            await t.status()
        await activate(t)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        v.refused(v.step("empty").first, NO_CHIP, "无卡复位", "a reset without a card")
        if card_seen(v):
            mouth = v.step("mouth")
            reset = mouth.only(Op.CHIP_ON)
            if reset.reply.ok:  # a reader may fetch the card itself: then the card must be inside
                v.media_is(mouth.only(Op.STATUS), IN_READER, "复位成功后的位置", "the position after that reset")
            else:
                v.refused(reset, NO_CHIP, "卡在卡口时复位", "a reset with the card at the mouth")
            v.succeeded(v.step("activate").only(Op.CHIP_ON), "IC 位复位", "a reset under the contacts")


class CardType(ReaderCheck):
    """DG-WXC-21, DG-CXC-08: telling a type of card although none is there, or none although one is, would break it."""

    id = "reader.chip.card-type"
    title = Label("识别卡类型", "the type of card is detected")
    clauses = ("DG-WXC-21", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = ("reader.insertion-unreported",)
    source = "spec/devices.md 4.1 (50 30), 4.2 (31 31)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("empty"):
            await t.ask(Request(Op.DETECT))
        await put_in(t)
        await move(t, Place.IC, "ready")
        with t.step("card"):
            await t.ask(Request(Op.DETECT))
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        empty, card = v.step("empty").first, v.step("card").only(Op.DETECT)
        if card_seen(v) and v.succeeded(v.step("ready").only(Op.MOVE), "移到 IC 位", "move to the IC position"):
            v.succeeded(card, "识别卡类型", "detect the type")
            told = not empty.reply.ok or empty.reply.data != card.reply.data
            v.must(told, "有卡与无卡的结果不同", "a card makes a difference", empty, card)
            position(v, "card", IN_READER, "随后的状态", "the status afterwards")

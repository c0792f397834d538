"""Card reader: the SAM sockets. Fitted, each with a card of its own, and no business of the user's card."""

from __future__ import annotations

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderStep, ReaderView
from conformance.suites.card_reader_acts import activate, eject, put_in, read_ef05, transmit
from conformance.suites.card_reader_vouched import known_sam
from conformance.suites.card_reader_words import ReaderCheck, atr_flaws, card_seen, ef05_follows, first_talk, pics
from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Op, Reply, Request

SELECT_MF = bytes.fromhex("00A40000023F00")
SILENT = (Error.ACTIVATION, Error.NO_ANSWER, Error.CARD_COMMUNICATION, Error.OTHER, Error.OVERTIME)
"""What a socket says whose card is missing: nobody can tell that from a broken socket without looking."""

MOST_SOCKETS = 4


async def sam(t: ReaderTester, socket: int, op: Op, data: bytes = b"") -> Reply:
    """A command to a SAM socket, chosen first where the dialect wants that."""
    choose = Request(Op.SOCKET, socket=socket)
    if t.dialect.supports(choose):
        reply = await t.ask(choose)
        if not reply.ok:
            return reply
    if op is Op.CHIP_APDU:
        return await transmit(t, data, socket=socket)
    return await t.ask(Request(op, socket=socket, data=data))


def sam_reset(v: ReaderView, step: ReaderStep, zh: str, en: str, *, vouched: bool = False) -> bool:
    """The socket must be there and its card must give an ATR; unless *vouched*, a card may be missing: nothing follows."""
    exchange = step.exchanges[-1]
    if exchange.reply.error in SILENT and not vouched:
        v.unsure(f"{zh}：卡无应答，请确认已插入 PSAM 卡", f"{en}: no answer; is a PSAM in it?", exchange)
        return False
    if not v.succeeded(exchange, zh, en):
        return False
    flaws = atr_flaws(exchange.reply.data)
    return v.must(not flaws, f"{zh}：ATR 合规", f"{en}: the ATR is well formed", exchange)


class SamSockets(ReaderCheck):
    """Every fitted socket up to a number."""

    device_class = "card_reader"
    count = 2

    async def drive(self, t: ReaderTester) -> None:
        for socket in range(1, self.count + 1):
            with t.step(f"sam.{socket}"):
                await sam(t, socket, Op.CHIP_ON)
            with t.step(f"talk.{socket}"):
                await sam(t, socket, Op.CHIP_APDU, SELECT_MF)
            with t.step(f"again.{socket}"):
                await sam(t, socket, Op.CHIP_ON)

    def judge(self, v: ReaderView) -> None:
        for step in v.each("sam.*"):
            number = step.name.removeprefix("sam.")
            vouched = bool(known_sam(v.facts, int(number)))
            if sam_reset(v, step, f"SAM 卡座 {number} 复位", f"reset of SAM socket {number}", vouched=vouched):
                first, again = step.exchanges[-1], v.step(f"again.{number}").exchanges[-1]
                same = again.reply.ok and first.reply.data == again.reply.data
                v.must(same, f"卡座 {number} 的 ATR 不变", f"socket {number} keeps its ATR", first, again)
                talk = v.step(f"talk.{number}").only(Op.CHIP_APDU)
                v.must(
                    talk.reply.ok and len(talk.reply.data) >= 2,
                    f"SAM 卡座 {number} 可交换 APDU",
                    f"SAM socket {number} exchanges APDUs",
                    talk,
                )


class SamTwo(SamSockets):
    """DG-W20-14, DG-CXC-17: fewer than two working PSAM sockets would break it."""

    id = "reader.sam.two"
    title = Label("两个 PSAM 卡座可用", "two PSAM sockets work")
    clauses = ("DG-W20-14", "DG-CXC-17")
    needs = ("reader.sam_sockets>=2",)
    witness = True
    kills = ("reader.atr-of-previous",)
    source = "spec/devices.md 4.1 (52), 4.2 (3D)"


class SamFour(SamSockets):
    """DG-WXC-24: fewer than four working PSAM sockets would break it."""

    id = "reader.sam.four"
    title = Label("四个 PSAM 卡座可用", "four PSAM sockets work")
    clauses = ("DG-WXC-24",)
    needs = ("reader.sam_sockets>=4",)
    witness = True
    count = 4
    kills = (
        "reader.sam-two-only",
        "reader.sam-4-dead",
        "reader.atr-of-previous",
    )
    source = "spec/devices.md 4.1 (52), 4.2 (3D)"


class SamDistinct(ReaderCheck):
    """DG-W20-14, DG-WXC-24, DG-CXC-17: two socket numbers that lead to one card would break it."""

    id = "reader.sam.distinct"
    title = Label("各 PSAM 卡座相互独立", "each PSAM socket has a card of its own")
    clauses = ("DG-W20-14", "DG-WXC-24", "DG-CXC-17")
    needs = ("reader.sam_sockets>=2",)
    variants = ("crt591",)
    control = "talk.before"
    kills = (
        "reader.sam-all-one",
        "reader.chip-answers-off",
    )
    source = "spec/devices.md 4.1 (52 40)"

    async def drive(self, t: ReaderTester) -> None:
        for socket in (1, 2):
            with t.step(f"sam.{socket}"):
                await sam(t, socket, Op.CHIP_ON)
        with t.step("talk.before"):
            await sam(t, 1, Op.CHIP_APDU, SELECT_MF)
        with t.step("off"):
            await sam(t, 2, Op.CHIP_OFF)
        with t.step("talk.off"):
            await sam(t, 2, Op.CHIP_APDU, SELECT_MF)
        with t.step("talk.after"):
            await sam(t, 1, Op.CHIP_APDU, SELECT_MF)

    def judge(self, v: ReaderView) -> None:
        resets = [sam_reset(v, step, "SAM 复位", "SAM reset") for step in v.each("sam.*")]
        if not all(resets):
            return
        before, after = v.step("talk.before").only(Op.CHIP_APDU), v.step("talk.after").only(Op.CHIP_APDU)
        v.succeeded(before, "卡座 1 的 APDU", "an APDU to socket 1")
        v.succeeded(v.step("off").only(Op.CHIP_OFF), "卡座 2 下电", "socket 2 off")
        v.refused(
            v.step("talk.off").only(Op.CHIP_APDU), (), "卡座 2 下电后的 APDU", "an APDU to socket 2 while it is off"
        )
        v.succeeded(after, "卡座 2 下电后，卡座 1 仍应答", "socket 1 still answers while socket 2 is off")


class SamBeyond(ReaderCheck):
    """DG-WXC-24, DG-W20-14: saying yes to a socket that is not fitted would break it."""

    id = "reader.sam.beyond-fitted"
    title = Label("未安装的 SAM 卡座被拒绝", "a socket that is not fitted is refused")
    clauses = ("DG-WXC-24", "DG-W20-14")
    needs = ("reader.sam_sockets>=2",)
    control = "sam.1"
    kills = ("reader.sam-beyond-fitted",)
    source = "spec/devices.md 4.1 (03)"

    async def drive(self, t: ReaderTester) -> None:
        fitted = int((t.facts.get("pics") or {}).get("reader.sam_sockets", MOST_SOCKETS))
        with t.step("sam.1"):
            await sam(t, 1, Op.CHIP_ON)
        if t.dialect.supports(Request(Op.CHIP_ON, socket=fitted + 1)):
            with t.step("beyond"):
                await sam(t, fitted + 1, Op.CHIP_ON)

    def judge(self, v: ReaderView) -> None:
        sam_reset(v, v.step("sam.1"), "卡座 1 复位", "reset of socket 1")
        fitted = pics(v, "sam_sockets", MOST_SOCKETS)
        beyond = v.step("beyond").exchanges[-1]
        v.refused(
            beyond, (), f"只有 {fitted} 个卡座，第 {fitted + 1} 个", f"{fitted} sockets fitted, number {fitted + 1}"
        )


class SamIndependent(ReaderCheck):
    """DG-W20-14, DG-CXC-17, DG-W20-11: a SAM that disturbs the session of the user's card, or is that card, would break it."""

    id = "reader.sam.with-user-card"
    title = Label("PSAM 与用户卡互不干扰", "PSAM and user's card do not disturb each other")
    clauses = ("DG-W20-14", "DG-CXC-17", "DG-W20-11")
    hand = ("insert", "remove")
    needs = ("reader.sam_sockets>=2", "reader.contact")
    kills = (
        "reader.sam-is-user",
        "reader.apdu-sw-swapped",
    )
    source = "spec/devices.md 4.1 (51, 52)"

    async def drive(self, t: ReaderTester) -> None:
        with t.step("alone"):
            await sam(t, 1, Op.CHIP_ON)
        await put_in(t)
        await activate(t)
        await read_ef05(t)
        with t.step("beside"):
            await sam(t, 1, Op.CHIP_ON)
        with t.step("sam"):
            await sam(t, 1, Op.CHIP_APDU, SELECT_MF)
        with t.step("user"):
            await transmit(t, bytes.fromhex("00B2030006"))
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        alone, beside = v.step("alone").exchanges[-1], v.step("beside").exchanges[-1]
        if not (card_seen(v) and v.succeeded(v.step("activate").only(Op.CHIP_ON), "用户卡复位", "user's card reset")):
            return
        ef05_follows(v, "3.0")
        if beside.reply.ok and not alone.reply.ok:
            v.must(
                False, "只有插入用户卡时 SAM 才应答", "the SAM answers only while a user's card is in", alone, beside
            )
            return
        sam_reset(v, v.step("beside"), "SAM 复位", "SAM reset")
        talk = first_talk(v.step("user"))
        v.must(talk.done, "用户卡的会话未受影响", "the session of the user's card is untouched", talk.exchange)

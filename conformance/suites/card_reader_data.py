"""Card reader: every byte between host and chip. Answers are those of this card, now, whole; commands arrive unchanged."""

from __future__ import annotations

from conformance.judge_crypto import SM4, TDES
from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import ReaderStep, ReaderView
from conformance.suites.card_reader_acts import SELECT_EF05, SELECT_SSSE, activate, eject, put_in, transmit
from conformance.suites.card_reader_chip import BOTH, CHIP, SELECT_MF
from conformance.suites.card_reader_vouched import (
    EF05_LENGTHS,
    atr_is_known,
    card_keys,
    enciphered_blocks,
    identity,
    known_card,
    records_are_known,
)
from conformance.suites.card_reader_words import ReaderCheck, Talk, card_seen, first_talk, needed_talks, talks
from protocols.wire.base import Label
from protocols.wire.card_reader import Op

SFI_05, BY_NUMBER = 0x28, 0x04
READ_ALL = bytes.fromhex("00B20105FF")
CHALLENGE = bytes.fromhex("0084000008")
VERSION = 0x03
SECOND_PERSON = "3.0/2"


def read_by_tag(tag: int) -> bytes:
    return bytes((0x00, 0xB2, tag, 0x00, EF05_LENGTHS[tag] + 2))


async def open_ef05(t: ReaderTester, op: Op = Op.CHIP_APDU) -> None:
    """Step ``open``: the application and EF05."""
    with t.step("open"):
        await transmit(t, SELECT_SSSE, op)
        for select in SELECT_EF05:
            if (await transmit(t, select, op)).data[-2:] == b"\x90\x00":
                return


async def read_every_record(t: ReaderTester, step: str = "tags", op: Op = Op.CHIP_APDU) -> None:
    """Every record of the open EF05, by its tag."""
    with t.step(step):
        for tag in EF05_LENGTHS:
            await transmit(t, read_by_tag(tag), op)


def by_tag(step: ReaderStep, op: Op = Op.CHIP_APDU) -> dict[int, Talk]:
    return {talk.apdu[2]: talk for talk in needed_talks(step, 1, op)}


def is_on(v: ReaderView, which: int = 0) -> bool:
    """The card must be seen, and give its ATR."""
    return card_seen(v, which) and v.succeeded(v.each("activate")[which].only(Op.CHIP_ON), "复位", "reset")


class RecordsWhole(ReaderCheck):
    """DG-WXC-19, DG-W20-11, DG-CXC-08: a byte of a record that is changed, lost or zeroed on its way would break it.

    Each record of EF05 is read by tag, by number in the file of its short identifier, and with all others at once.
    """

    id = "reader.chip.records-whole"
    title = Label("EF05 各记录逐字节正确", "every record of EF05 comes through byte for byte")
    clauses = ("DG-WXC-19", "DG-W20-11", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.data-zero",
        "reader.data-reversed",
        "reader.data-bit-flip",
        "reader.data-last-flip",
        "reader.data-complemented",
        "reader.atr-constant",
        "reader.atr-last-byte",
    )
    source = "spec/cards.md 1.3, 1.4"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        await open_ef05(t)
        await read_every_record(t)
        with t.step("numbers"):
            for number in range(1, len(EF05_LENGTHS) + 1):
                length = EF05_LENGTHS[number] + 2
                await transmit(t, bytes((0x00, 0xB2, number, SFI_05 | BY_NUMBER, length)))
        with t.step("all"):
            await transmit(t, READ_ALL)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not is_on(v):
            return
        known, read = known_card(v.facts, "3.0"), by_tag(v.step("tags"))
        atr_is_known(v, known, v.step("activate").only(Op.CHIP_ON))
        for tag, talk in read.items():
            if talk.done:
                whole = talk.data[:1] == bytes((tag,)) and len(talk.data) == 2 + talk.data[1]
                v.must(whole, f"记录 {tag:02X} 完整", f"record {tag:02X} is whole", talk.exchange)
        records_are_known(v, known, read)
        self.same_by_every_way(v, read)

    def same_by_every_way(self, v: ReaderView, read: dict[int, Talk]) -> None:
        for talk in needed_talks(v.step("numbers"), 1):
            first = read.get(talk.data[0]) if talk.done and talk.data else None
            if first is not None and first.done:
                v.must(
                    talk.data == first.data,
                    f"记录 {talk.data[0]:02X} 按标签与按记录号读出的相同",
                    f"record {talk.data[0]:02X} is the same by tag and by number",
                    first.exchange,
                    talk.exchange,
                )
        everything = first_talk(v.step("all"))
        if everything.done and all(each.done for each in read.values()):
            joined = b"".join(each.data for each in read.values())
            v.must(
                joined in everything.data,
                "一次读出全部记录与逐条读出的相同",
                "all records at once are those read one by one",
                everything.exchange,
            )


class OwnRecords(ReaderCheck):
    """DG-WXC-21, DG-W20-11, DG-CXC-12: records of the citizen before, given for the next one's, would break it."""

    id = "reader.chip.own-records"
    title = Label("换卡后读到的是新卡的数据", "the next citizen's records are those of the next card")
    clauses = ("DG-WXC-21", "DG-W20-11", "DG-CXC-12")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.records-of-previous",
        "reader.number-of-first",
        "reader.atr-constant",
    )
    source = "spec/devices.md 10: stale answer; spec/cards.md 1.4 (01, 07: unique for each card)"

    async def drive(self, t: ReaderTester) -> None:
        for word in ("3.0", SECOND_PERSON if known_card(t.facts, SECOND_PERSON) else "1.0"):
            await put_in(t, word)
            await activate(t)
            await open_ef05(t)
            await read_every_record(t)
            await eject(t)

    def judge(self, v: ReaderView) -> None:
        words = [str(each.note.get("card", "")) for each in v.steps("insert")]
        reads: list[dict[int, Talk]] = []
        for which, word in enumerate(words):
            if not is_on(v, which):
                return
            known = known_card(v.facts, word)
            atr_is_known(v, known, v.each("activate")[which].only(Op.CHIP_ON))
            reads.append(by_tag(v.each("tags")[which]))
            records_are_known(v, known, reads[-1])
        (first, second), steps = [identity(each) for each in reads], v.each("tags")
        vouched = all(known_card(v.facts, word) for word in words)
        for one, other, zh, en in (
            (first[0], second[0], "识别码", "identification code"),
            (first[1], second[1], "卡号", "card number"),
        ):
            if not (one and other):
                v.unsure(f"没有读到{zh}", f"the {en} was not read", *steps)
            elif one == other and not vouched:
                v.unsure(f"两张卡的{zh}相同，请换另一人的卡", f"both cards have one {en}: use another's", *steps)
            else:
                v.must(one != other, f"两张卡的{zh}不同", f"each card has its own {en}", *steps)


class AnswersFresh(ReaderCheck):
    """DG-WXC-19, DG-CXC-08: answering a command from memory, when the card would answer otherwise by now, would break it."""

    id = "reader.chip.answers-fresh"
    title = Label("应答来自卡而非记忆", "answers come from the card, not from memory")
    clauses = ("DG-WXC-19", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.read-cached",
        "reader.challenge-cached",
    )
    source = "spec/cards.md 1.2, 1.3 (no file is selected after SELECT), 1.6 (challenges never repeat)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        for name in ("before", "after"):
            await open_ef05(t)
            with t.step(name):
                await transmit(t, read_by_tag(VERSION))
            if name == "before":
                with t.step("left"):
                    await transmit(t, SELECT_MF)
                    await transmit(t, read_by_tag(VERSION))
        with t.step("challenges"):
            for _ in range(3):
                await transmit(t, CHALLENGE)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not is_on(v):
            return
        before, after = first_talk(v.step("before")), first_talk(v.step("after"))
        if not v.must(before.done, "读出规范版本", "read the version record", before.exchange):
            return
        v.must(after.done and after.data == before.data, "再次选择后读出的相同", "the same again", after.exchange)
        leave, left = needed_talks(v.step("left"), 2)[:2]
        if leave.done:
            v.must(
                not left.done,
                "选择主文件之后，卡不再给出 EF05 的记录",
                "after the master file is selected the card gives no record of EF05",
                left.exchange,
            )
        given = [each for each in talks(v.step("challenges")) if each.done]
        v.must(
            len({each.data for each in given}) == len(given),
            "随机数不重复",
            "no challenge comes twice",
            *(each.exchange for each in given),
        )


class CommandsWhole(ReaderCheck):
    """DG-WXC-19, DG-W20-14, DG-CXC-08: a byte of a command that is changed on its way to the card would break it.

    The card's cryptogram depends on each byte that it was sent. Whose keys are known is judged by computing it; of any
    other card, two commands that differ in one byte must give two answers, and one command one answer.
    """

    id = "reader.chip.commands-whole"
    title = Label("命令数据逐字节到达卡", "every byte of a command reaches the card")
    clauses = ("DG-WXC-19", "DG-W20-14", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.command-bit-flip",
        "reader.data-bit-flip",
    )
    source = "spec/cards.md 1.6 (INTERNAL AUTHENTICATE)"
    DATA = (
        bytes.fromhex("01020304050607081112131415161718"),
        bytes.fromhex("01020304050607081112131415161719"),
        bytes.fromhex("01020304050607081112131415161718"),
    )

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t)
        await activate(t)
        await open_ef05(t)
        with t.step("prove"):
            for data in self.DATA:
                await transmit(t, bytes.fromhex("0088000010") + data)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not is_on(v):
            return
        said = needed_talks(v.step("prove"), len(self.DATA))
        known = known_card(v.facts, "3.0")
        if not known and not all(each.done for each in said):
            v.unsure("这张卡不做内部认证", "this card does no INTERNAL AUTHENTICATE", v.step("prove"))
            return
        one, other, again = (each.data for each in said)
        v.must(one != other, "一字节之差得出不同的应答", "one other byte gives another answer", v.step("prove"))
        v.must(one == again, "同一命令得出相同的应答", "the same command gives the same answer", v.step("prove"))
        if known.get("keyed"):
            keys = [card_keys(known, algorithm) for algorithm in (TDES, SM4)]
            for data, each in zip(self.DATA, said, strict=False):
                v.must(
                    each.done and each.data in [key.authentication(data[:8], data[8:]) for key in keys],
                    "内部认证应答与独立计算一致",
                    "the cryptogram is the one that is computed independently",
                    each.exchange,
                )


class LongCommandWhole(ReaderCheck):
    """DG-WXC-19, DG-WXC-24, DG-CXC-08: cutting or changing a command of 240 bytes, or its answer, would break it.

    A PSAM under the user's contacts enciphers all of it: no byte can be missing in either direction.
    """

    id = "reader.chip.long-command-whole"
    title = Label("240 字节的命令与应答逐字节正确", "240 bytes to a card and back, byte for byte")
    clauses = ("DG-WXC-19", "DG-WXC-24", "DG-CXC-08")
    needs, hand = CHIP, BOTH
    kills = (
        "reader.command-cut-128",
        "reader.data-zero",
        "reader.data-reversed",
    )
    source = "spec/cards.md 6 (DELIVER SESSION KEY, CIPHER DATA)"
    FACTORS = tuple(bytes.fromhex(each) for each in ("3434303030307368", "3434313930307378", "8660441900000001"))
    SESSION = bytes.fromhex("A1B2C3D4E5F60718")
    TEXT = bytes(range(0x0A, 0x0A + 240))

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "psam")
        await activate(t)
        with t.step("key"):
            await transmit(t, SELECT_MF)
            await transmit(t, bytes.fromhex("BFDE670820") + b"".join(reversed(self.FACTORS)) + self.SESSION)
        with t.step("cipher"):
            await transmit(t, bytes.fromhex("80FA0000F0") + self.TEXT)
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not is_on(v):
            return
        known, key = known_card(v.facts, "psam"), needed_talks(v.step("key"), 2)[1]
        answer = first_talk(v.step("cipher"))
        if not known and not (key.done and answer.done):
            v.unsure("这张 PSAM 卡不给出密文", "this PSAM gives no cipher text", v.step("cipher"))
            return
        good = answer.done and len(answer.data) == len(self.TEXT)
        v.must(good, "应答 240 字节", "240 bytes come back", answer.exchange)
        if known.get("keyed"):
            wanted = enciphered_blocks(self.FACTORS, self.SESSION, self.TEXT)
            v.must(
                answer.data == wanted,
                "密文与独立计算一致",
                "the cipher text is the one that is computed independently",
                answer.exchange,
            )

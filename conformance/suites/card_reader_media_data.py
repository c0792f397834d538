"""Card reader: what is on the card, through the antenna and through the magnetic head, and of no card before it."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderView
from conformance.suites.card_reader_acts import eject, move, put_in
from conformance.suites.card_reader_contactless import BOTH, CRT591, field_is_on, field_on
from conformance.suites.card_reader_data import SECOND_PERSON, by_tag, open_ef05, read_every_record
from conformance.suites.card_reader_stripe import CRT310, read_tracks, tracks_of
from conformance.suites.card_reader_vouched import digest, identity, known_card, records_are_known
from conformance.suites.card_reader_words import ReaderCheck, card_seen
from protocols.wire.base import Label, WireError
from protocols.wire.card_reader import Op, Place, Request
from protocols.wire.crt310_tracks import parse_tracks

SENTINELS = b"%;?"
BOTH_TRACKS = 0x34
"""Tracks 1 and 2 together."""


def activation_is_known(v: ReaderView, exchange: Exchange, known: Mapping[str, str]) -> None:
    """The answer to an activation must hold what is known of the vouched card."""
    for name, zh, en in (("uid", "UID", "UID"), ("historical", "ATS 历史字节", "historical bytes of the ATS")):
        if name in known:
            v.must(
                exchange.reply.ok and bytes.fromhex(known[name]) in exchange.reply.data,
                f"激活应答含这张卡的 {zh}",
                f"the activation holds the card's own {en}",
                exchange,
            )


class FieldOwn(ReaderCheck):
    """DG-WXC-15, DG-WXC-21: UID, ATS or records of another card than the one before the antenna would break it."""

    id = "reader.rf.own-data"
    title = Label("非接触激活和记录来自这张卡", "activation and records before the antenna are the card's own")
    clauses = ("DG-WXC-15", "DG-WXC-21")
    variants, needs, hand = CRT591, ("reader.rf",), BOTH
    kills = (
        "reader.field-uid-constant",
        "reader.field-ats-constant",
        "reader.field-data-zero",
    )
    source = "spec/devices.md 4.1 (60 30: type, ATQA, UID, SAK, ATS), spec/cards.md 1.4, 3.3"

    async def drive(self, t: ReaderTester) -> None:
        for word in ("3.0", SECOND_PERSON) if known_card(t.facts, SECOND_PERSON) else ("3.0",):
            await put_in(t, word)
            await field_on(t)
            await open_ef05(t, Op.RF_APDU)
            await read_every_record(t, "tags", Op.RF_APDU)
            await read_every_record(t, "again", Op.RF_APDU)
            await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not field_is_on(v):
            return
        identities: list[tuple[bytes, bytes]] = []
        for which, step in enumerate(v.each("tags")):
            if not card_seen(v, which):
                return
            known = known_card(v.facts, str(v.steps("insert")[which].note.get("card", "")))
            activation_is_known(v, v.each("field")[which].only(Op.RF_ON), known.get("rf") or {})
            read, again = by_tag(step, Op.RF_APDU), by_tag(v.each("again")[which], Op.RF_APDU)
            records_are_known(v, known, read)
            for tag, talk in read.items():
                if talk.done and tag in again:
                    v.must(
                        again[tag].data == talk.data and talk.data[:1] == bytes((tag,)),
                        f"记录 {tag:02X} 两次读出相同",
                        f"record {tag:02X} is the same twice",
                        talk.exchange,
                        again[tag].exchange,
                    )
            identities.append(identity(read))
        v.must(
            len(set(identities)) == len(identities),
            "各卡的识别码和卡号不同",
            "each card has its own identification",
            *v.each("tags"),
        )


class FieldOwnStorage(ReaderCheck):
    """DG-WXC-16, DG-WXC-21: the type or UID of the storage card before, given for the next one, would break it."""

    id = "reader.rf.own-uid"
    title = Label("换储值卡后给出新卡的类型和 UID", "the next storage card gives its own type and UID")
    clauses = ("DG-WXC-16", "DG-WXC-21")
    variants, needs, hand = CRT591, ("reader.mifare",), BOTH
    kills = ("reader.field-uid-of-first",)
    source = "spec/devices.md 4.1 (60 30; ATQA 0004, 0002)"

    async def drive(self, t: ReaderTester) -> None:
        for word in ("m1-s50", "m1-s70"):
            await put_in(t, word)
            await field_on(t)
            await eject(t)

    def judge(self, v: ReaderView) -> None:
        fields = [each.only(Op.RF_ON) for each in v.each("field")]
        for which, exchange in enumerate(fields):
            if not (card_seen(v, which) and v.succeeded(exchange, "非接触激活", "contactless activation")):
                return
            word = str(v.steps("insert")[which].note.get("card", ""))
            activation_is_known(v, exchange, known_card(v.facts, word).get("rf") or {})
        differ = len({each.reply.data for each in fields}) == len(fields)
        v.must(differ, "两张卡的激活应答不同", "two cards, two activations", *fields)


class StripeContent(ReaderCheck):
    """DG-WXC-23, DG-CXC-08: a character of a track that is changed on its way would break it.

    Tracks 1 and 2 bear one account number. What stands on a track never enters a history, so it is compared while it is
    read: the history keeps the answer, yes or no.
    """

    id = "reader.stripe.content"
    title = Label("磁道内容逐字符正确", "every character of a track comes through")
    clauses = ("DG-WXC-23", "DG-CXC-08")
    variants, needs, hand = CRT310, ("reader.magnetic",), BOTH
    control = "compare"
    kills = (
        "reader.track-digits-wrong",
        "reader.track-mix-up",
    )
    source = "spec/cards.md 3.5 (account number on tracks 1 and 2)"

    async def drive(self, t: ReaderTester) -> None:
        await put_in(t, "magstripe")
        await move(t, Place.RF)
        await read_tracks(t, BOTH_TRACKS)
        reply = await t.ask(Request(Op.TRACKS, data=bytes((0x30, BOTH_TRACKS))))
        try:
            found = [each.data.strip(SENTINELS) for each in parse_tracks(reply.data)] if reply.ok else []
        except WireError:
            found = []
        first, second = (*found, b"", b"")[:2]
        account = first.partition(b"^")[0].lstrip(b"B").replace(b" ", b"")
        wanted = known_card(t.facts, "magstripe").get("tracks")
        seen = {str(number): digest(each) for number, each in ((1, first), (2, second))}
        with t.step(
            "compare",
            account=bool(account) and account == second.partition(b"=")[0],
            known=None if wanted is None else seen == wanted,
        ):
            await t.status()
        await eject(t)

    def judge(self, v: ReaderView) -> None:
        if not card_seen(v):
            return
        exchange = v.step(f"tracks.{BOTH_TRACKS:02X}").first
        if not v.succeeded(exchange, "读磁道", "read the stripe"):
            return
        tracks_of(v, exchange, BOTH_TRACKS)
        note = v.step("compare").note
        if note.get("known") is not None:
            v.must(bool(note["known"]), "磁道内容与卡上所写相同", "the tracks are what the card bears", exchange)
        elif note.get("account"):
            v.must(True, "两个磁道的账号相同", "both tracks bear one account number", exchange)
        else:
            v.unsure("这张卡两个磁道的账号不同", "the tracks of this card bear no common account number", exchange)

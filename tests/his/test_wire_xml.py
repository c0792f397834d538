"""The XML vendor: exchanges typed by hand, and everything that an XML parser can be attacked with.

The literal texts were written from the tables of names in spec/services.md 2.2 before the codec; replies are read by the standard
library's minidom, which the codec does not use.
"""

from __future__ import annotations

import hashlib
import hmac
from xml.dom import minidom

import pytest

from protocols.wire.base import WireError
from protocols.wire.his.examples import EXAMPLES
from protocols.wire.his.fields import read
from protocols.wire.his.money_messages import LockTrade, SettleTrade, TradeLocked, TradeSettled, TradeStatus
from protocols.wire.his.operations import OPERATIONS, Operation
from protocols.wire.his.people_messages import CreatePatient
from protocols.wire.his.refusals import REFUSALS, Refused
from protocols.wire.his_xml import envelope
from protocols.wire.his_xml.codec import decode, encode, parse, text, yuan_in_fen
from protocols.wire.his_xml.tables import CODES, SUCCESS, TYPES
from protocols.wire.http import HttpReply

from .bench import CLINIC, MORNING, SECRET

O = Operation  # noqa: E741
NONCE = "8f3c1d2e4b5a69788f3c1d2e4b5a6978"

HOLD_CALL = (
    '<?xml version="1.0" encoding="UTF-8"?><SELFCALL><TYPE>HOLDFEE</TYPE><UNIT>H44190000001</UNIT>'
    f"<SEQNO>{NONCE}</SEQNO><CALLTIME>20261122080000</CALLTIME><ONCE>DG2026112200000001001</ONCE>"
    "<DATA><ORDERNO>DG2026112200000001</ORDERNO><PATNO>P00000001</PATNO><FEES><FEENO>B00001-00000001-0001</FEENO></FEES>"
    "<YLLB>11</YLLB><DEVNO>KSK-0001</DEVNO></DATA></SELFCALL>"
)
HOLD_BACK = (
    f'<?xml version="1.0" encoding="UTF-8"?><SELFBACK><TYPE>HOLDFEE</TYPE><SEQNO>{NONCE}</SEQNO><CODE>0</CODE>'
    "<NOTE>成功</NOTE><DATA><ORDERNO>DG2026112200000001</ORDERNO><YWLX>F</YWLX><FEEAMT>2490</FEEAMT>"
    "<HOLDTO>20261122081500</HOLDTO><DIAGS><DIAG><KIND>1</KIND><SEQ>1</SEQ><CODE>J00.x00</CODE><NAME>急性鼻咽炎</NAME>"
    "</DIAG></DIAGS><DETAILS><DETAIL><SN>1</SN><FEETIME>20261122075500</FEETIME><YBCODE>XSIM000000000000A001</YBCODE>"
    "<JE>2490</JE><SL>2</SL><DJ>1245</DJ></DETAIL></DETAILS></DATA></SELFBACK>"
)
SURE_CALL = (
    '<?xml version="1.0" encoding="UTF-8"?><SELFCALL><TYPE>SUREFEE</TYPE><UNIT>H44190000001</UNIT>'
    f"<SEQNO>{NONCE}</SEQNO><CALLTIME>20261122080000</CALLTIME><ONCE>DG2026112200000001</ONCE>"
    "<DATA><ORDERNO>DG2026112200000001</ORDERNO><PAYLIST><PAY><MODE>TC</MODE><AMT>8295</AMT><REFNO>4419</REFNO></PAY>"
    "<PAY><MODE>WX</MODE><AMT>4265</AMT></PAY></PAYLIST><SHARE><TC>8295</TC><XJ>4265</XJ></SHARE>"
    "<YB><YBJSH>4419</YBJSH></YB></DATA></SELFCALL>"
)


def call(operation: Operation, message: object, key: str = "") -> bytes:
    made = envelope.call_request(
        operation,
        message,
        secret=SECRET,
        institution=CLINIC,
        key=key,
        nonce=NONCE,
        now=MORNING,  # type: ignore[arg-type]
    )
    assert made.headers["x-self-sign"] == hmac.new(SECRET.encode(), made.body, hashlib.sha256).hexdigest()
    assert made.method == "POST"
    assert made.target == "/selfservice/call"
    return made.body


# Typed exchanges.


def test_a_lock_as_typed() -> None:
    message = LockTrade(
        trade_no="DG2026112200000001",
        patient_id="P00000001",
        bill_ids=("B00001-00000001-0001",),
        med_type="11",
        terminal_id="KSK-0001",
    )
    assert call(O.LOCK_TRADE, message, "DG2026112200000001001").decode() == HOLD_CALL
    found = envelope.read_call(HOLD_CALL.encode())
    assert (found.operation, found.institution, found.nonce, found.key) == (
        O.LOCK_TRADE,
        CLINIC,
        NONCE,
        "DG2026112200000001001",
    )
    assert found.at == "2026-11-22T08:00:00+08:00"
    assert found.message() == message


def test_the_answer_to_a_lock_as_typed() -> None:
    told = envelope.read_answer(O.LOCK_TRADE, HttpReply(200, {}, HOLD_BACK.encode()), NONCE)
    assert isinstance(told, TradeLocked)
    assert (told.business, told.total_fen, told.expires_at) == ("charge", 2_490, "2026-11-22T08:15:00+08:00")
    line = told.feedetail[0]
    assert (line.det_item_fee_sumamt, line.cnt, line.pric) == ("24.90", "2", "12.45")
    assert line.fee_ocur_time == "2026-11-22 07:55:00"
    made = envelope.success_answer(O.LOCK_TRADE, told, NONCE)
    back = HOLD_BACK.replace("<NAME>急性鼻咽炎</NAME>", "<NAME>急性鼻咽炎</NAME><VALID>1</VALID>")
    assert made.body.decode() == back


def test_a_settlement_as_typed() -> None:
    found = envelope.read_call(SURE_CALL.encode()).message()
    assert isinstance(found, SettleTrade)
    assert [(pay.kind, pay.amount_fen, pay.channel_ref) for pay in found.pays] == [
        ("07", 8_295, "4419"),
        ("11", 4_265, ""),
    ]
    assert found.split is not None
    assert found.split.total_fen == 12_560
    assert call(O.SETTLE_TRADE, found, "DG2026112200000001").decode() == SURE_CALL


def test_success_is_zero_and_refusals_are_numbers() -> None:
    told = TradeSettled(trade_no="DG1", reconciliation_no="HIS20261122000001", settled_at="2026-11-22T08:00:00+08:00")
    tree = minidom.parseString(envelope.success_answer(O.SETTLE_TRADE, told, NONCE).body)
    leaves = {each.tagName: each.firstChild.data for each in tree.documentElement.childNodes if each.tagName != "DATA"}
    assert leaves == {"TYPE": "SUREFEE", "SEQNO": NONCE, "CODE": "0", "NOTE": "成功"}
    for code, number in CODES.items():
        reply = envelope.refusal_answer("SUREFEE", Refused(code), NONCE)
        assert reply.status == 200
        shown = minidom.parseString(reply.body).getElementsByTagName("CODE")[0].firstChild
        assert shown.data == number != SUCCESS
        with pytest.raises(Refused) as refused:
            envelope.read_answer(O.SETTLE_TRADE, reply, NONCE)
        assert refused.value.code == code
    assert set(CODES) == set(REFUSALS)
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize("operation", Operation)
def test_every_example_goes_both_ways(operation: Operation) -> None:
    kind = OPERATIONS[operation]
    message, told = (
        read(kind.request, EXAMPLES[operation].request),
        read(kind.reply, EXAMPLES[operation].reply),
    )
    assert envelope.read_call(call(operation, message, "k")).message() == message
    assert envelope.read_answer(operation, envelope.success_answer(operation, told, NONCE), NONCE) == told


def test_words_of_the_vendor_are_its_own() -> None:
    words = [kind.word for kind in TYPES.values()]
    assert len(set(words)) == len(Operation)
    assert all(word.isalpha() and word.isupper() for word in words)
    # Those of the public systems that services.md names.
    assert not set(words) & {"GETPATINFO", "GETPATRECORD", "OUTFEEPAYLOCK", "OUTFEEPAYSAVE", "GETORDERSTATUS"}


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [("24.90", "2490"), ("0.125", "12.5"), ("0.00", "0"), ("1000.00", "100000"), ("0.000001", "0.0001")],
)
def test_yuan_are_written_in_fen(yuan: str, fen: str) -> None:
    field = (yuan_in_fen("pric", "DJ"),)
    assert encode(field, {"pric": yuan}) == f"<DJ>{fen}</DJ>"
    assert decode(field, parse(f"<R><DJ>{fen}</DJ></R>".encode()), strict=True) == {"pric": yuan}


def test_an_answer_to_another_call_is_none() -> None:
    told = TradeStatus(trade_no="DG1", state="DONE")
    reply = envelope.success_answer(O.TRADE_STATUS, told, NONCE)
    with pytest.raises(WireError, match="another call"):
        envelope.read_answer(O.TRADE_STATUS, reply, "0" * 32)
    with pytest.raises(WireError, match="another call"):
        envelope.read_answer(O.UNLOCK_TRADE, reply, NONCE)
    with pytest.raises(WireError, match="HTTP"):
        envelope.read_answer(O.TRADE_STATUS, HttpReply(500, {}, reply.body), NONCE)


def test_what_xml_cannot_carry_is_not_sent() -> None:
    with pytest.raises(WireError, match="cannot carry"):
        call(O.CREATE_PATIENT, CreatePatient(id_no="44190019900101001X", name="测￿"), "k")


def test_special_characters_survive() -> None:
    message = CreatePatient(id_no="44190019900101001X", name="<测> & ]]>\"'")
    assert envelope.read_call(call(O.CREATE_PATIENT, message, "k")).message() == message


# Attacks.

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><SELFCALL><TYPE>&c;</TYPE></SELFCALL>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE foo [<!ENTITY xxe SYSTEM "file:///etc/hostname">]>'
    "<SELFCALL><TYPE>&xxe;</TYPE></SELFCALL>"
)
PARAMETER = (
    '<?xml version="1.0"?><!DOCTYPE foo SYSTEM "http://127.0.0.1:1/x.dtd"><SELFCALL><TYPE>HOLDFEE</TYPE></SELFCALL>'
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB.encode(),
        OUTSIDE.encode(),
        PARAMETER.encode(),
        b"",
        b"\xff\xfe",
        b"<SELFCALL>",
        b"<SELFCALL/>",
        b"<OTHER/>",
        b'{"TYPE":"HOLDFEE"}',
        HOLD_CALL.replace("<SEQNO>", "<SEQNO><X/>").encode(),
        HOLD_CALL.replace("</TYPE>", "</TYPE><TYPE>SUREFEE</TYPE>").encode(),
        HOLD_CALL.replace("</TYPE>", "</TYPE>text").encode(),
        HOLD_CALL.replace("</TYPE>", "</TYPE><MORE>1</MORE>").encode(),
        HOLD_CALL.replace("<CALLTIME>20261122080000", "<CALLTIME>20261322080000").encode(),
        HOLD_CALL.replace("<CALLTIME>20261122080000", "<CALLTIME>now").encode(),
        HOLD_CALL.replace(f"<SEQNO>{NONCE}</SEQNO>", "").encode(),
        (HOLD_CALL + HOLD_CALL).encode(),
        HOLD_CALL.replace("</SELFCALL>", "<DATA/></SELFCALL>").encode(),
        b"<SELFCALL>" + b"<A>" * 200 + b"</A>" * 200 + b"</SELFCALL>",
        b"<SELFCALL>" + b"<A>" * 100_000 + b"</A>" * 100_000 + b"</SELFCALL>",
        b"<SELFCALL><TYPE>" + b"x" * (1 << 20) + b"</TYPE></SELFCALL>",
        HOLD_CALL.replace("UTF-8", "GBK").encode(),
        HOLD_CALL.replace("UTF-8", "no-such-encoding").encode(),
    ],
    ids=range(23),
)
def test_a_call_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        envelope.read_call(body).message()
    assert refused.value.code == "malformed"
    assert len(refused.value.where) < 200


def test_a_word_that_nobody_knows() -> None:
    with pytest.raises(Refused) as refused:
        envelope.read_call(HOLD_CALL.replace("HOLDFEE", "HOLDFEES").encode()).message()
    assert refused.value.code == "no-such-operation"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("<AMT>8295</AMT>", "<AMT>-1</AMT>", "AMT"),
        ("<AMT>8295</AMT>", "<AMT>0</AMT>", "amount_fen"),
        ("<AMT>8295</AMT>", "<AMT>82.95</AMT>", "AMT"),
        ("<AMT>8295</AMT>", "<AMT>9999999999999999</AMT>", "amount_fen"),
        ("<AMT>8295</AMT>", f"<AMT>{'9' * 40}</AMT>", "AMT"),
        ("<AMT>8295</AMT>", "<AMT>08295</AMT>", "AMT"),
        ("<AMT>8295</AMT>", "<AMT>١٢</AMT>", "AMT"),
        ("<MODE>WX</MODE>", "<MODE>11</MODE>", "MODE"),
        ("<PAYLIST>", "<PAYLIST><OTHER/>", "PAYLIST"),
        ("<PAYLIST>", "<PAYLIST>text", "PAYLIST"),
        ("<SHARE>", "<SHARE><TC>1</TC>", "TC"),
        ("<ORDERNO>DG2026112200000001</ORDERNO>", "", "trade_no"),
        ("<YB>", "<NEWS>1</NEWS><YB>", "NEWS"),
    ],
)
def test_a_field_of_another_form_is_named_and_not_shown(old: str, new: str, named: str) -> None:
    with pytest.raises(Refused) as refused:
        envelope.read_call(SURE_CALL.replace(old, new, 1).encode()).message()
    assert refused.value.code == "malformed"
    assert named in refused.value.where
    assert "8295" not in refused.value.where
    assert "999" not in refused.value.where.replace("99999999999999", "")


def test_an_answer_may_say_more_than_was_agreed() -> None:
    body = HOLD_BACK.replace("</SELFBACK>", "<NEWS>1</NEWS></SELFBACK>").replace("<DATA>", "<DATA><X>2</X>")
    assert envelope.read_answer(O.LOCK_TRADE, HttpReply(200, {}, body.encode()), NONCE)


@pytest.mark.parametrize(
    "change",
    [
        ("<CODE>0</CODE>", "<CODE>7777</CODE>"),
        ("<CODE>0</CODE>", ""),
        ("<YWLX>F</YWLX>", "<YWLX>Z</YWLX>"),
        ("<FEEAMT>2490</FEEAMT>", "<FEEAMT>24.90</FEEAMT>"),
        ("<SL>2</SL>", "<SL>3</SL>"),
        ("<DJ>1245</DJ>", "<DJ>1e3</DJ>"),
        ("<HOLDTO>20261122081500</HOLDTO>", "<HOLDTO>soon</HOLDTO>"),
    ],
)
def test_an_answer_of_another_form_is_none(change: tuple[str, str]) -> None:
    with pytest.raises(WireError):
        envelope.read_answer(O.LOCK_TRADE, HttpReply(200, {}, HOLD_BACK.replace(*change, 1).encode()), NONCE)


def test_peeking_at_the_word_reads_nothing_else() -> None:
    assert envelope.peek_word(HOLD_CALL.encode()) == "HOLDFEE"
    assert envelope.peek_word(b"\xff<TYPE>HOLDFEE</TYPE>") == "HOLDFEE"
    assert envelope.peek_word(b"x" * 600 + b"<TYPE>HOLDFEE</TYPE>") == ""
    assert envelope.peek_word(b"") == ""


def test_a_leaf_is_escaped() -> None:
    assert encode((text("a", "A"),), {"a": "<&>\r"}) == "<A>&lt;&amp;&gt;&#13;</A>"

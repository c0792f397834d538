"""Payment codes and messages of WeChat against vectors typed from spec/services.md 4, openssl and a foreign library."""

from __future__ import annotations

import base64
import subprocess

import pytest
from Cryptodome.Hash import SHA256
from Cryptodome.PublicKey import RSA
from Cryptodome.Signature import pkcs1_15

from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr import alipay, wechat, wechat_v3
from protocols.wire.qr.fields import read
from protocols.wire.qr.payment_codes import FAMILY_LABELS, Family, family_of
from protocols.wire.qr.signing import (
    HMAC_SHA256,
    MD5,
    sorted_text,
    wechat_sign,
    wechat_verify,
)
from protocols.wire.qr.wechat_xml import read_xml, write_xml
from simulators.peer.qr_keys import (
    WECHAT_KEY,
    gateway_key,
    merchant_key,
    public_text,
)

G1 = {
    "appid": "wx0000000000000001",
    "auth_code": "134567890123456789",
    "body": "门诊缴费",
    "device_info": "10000001",
    "mch_id": "1900000001",
    "nonce_str": "8f3c1d2e4b5a6978",
    "out_trade_no": "DG20261122000001",
    "spbill_create_ip": "127.0.0.1",
    "total_fee": "1250",
}
G1_MD5 = "1208C7D7BE3E53F9FED980B0A288E0BF"
G1_HMAC = "095B02FFE8F5F23F7F47383A2CB1928D9356D26B33A9077BA158F9F68C507E1F"


class TestPaymentCodes:
    @pytest.mark.parametrize(
        ("code", "family"),
        [
            ("100000000000000000", Family.WECHAT),
            ("134567890123456789", Family.WECHAT),
            ("159999999999999999", Family.WECHAT),
            ("2500000000000000", Family.ALIPAY),
            ("280000000000000000", Family.ALIPAY),
            ("300000000000000000000000", Family.ALIPAY),
            ("6200000000000000000", Family.UNIONPAY),
        ],
    )
    def test_of_a_family(self, code: str, family: Family) -> None:
        assert family_of(code) is family
        assert FAMILY_LABELS[family].zh

    @pytest.mark.parametrize(
        "code",
        [
            "",
            "1",
            "160000000000000000",  # WeChat begins with 10..15
            "10000000000000000",  # 17
            "1000000000000000000",  # 19
            "240000000000000000",
            "310000000000000000",
            "250000000000000",  # 15
            "3000000000000000000000000",  # 25
            "62000000000000000",
            "620000000000000000",  # 18
            "6300000000000000000",
            "62000000000000000000",
            "13456789012345678a",
            "１３４５６７８９０１２３４５６７８９",  # full-width digits
            "١٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩",
            " 134567890123456789",
            "134567890123456789\n",
            "4240000000000000000100440000",  # an e-credential
        ],
    )
    def test_others_are_refused_without_being_repeated(self, code: str) -> None:
        with pytest.raises(WireError) as caught:
            family_of(code)
        assert not code.strip() or code.strip() not in str(caught.value) or len(code) < 3


class TestWechatSignature:
    def test_vector_g1_as_text(self) -> None:
        assert sorted_text(G1) == (
            "appid=wx0000000000000001&auth_code=134567890123456789&body=门诊缴费&device_info=10000001&mch_id=1900000001"
            "&nonce_str=8f3c1d2e4b5a6978&out_trade_no=DG20261122000001&spbill_create_ip=127.0.0.1&total_fee=1250"
        )

    def test_vector_g1_signed(self) -> None:
        assert wechat_sign(G1, WECHAT_KEY, MD5) == G1_MD5
        assert wechat_sign(G1, WECHAT_KEY, HMAC_SHA256) == G1_HMAC

    def test_vector_g1_verified(self) -> None:
        assert wechat_verify({**G1, "sign": G1_MD5}, WECHAT_KEY, MD5)
        assert wechat_verify({**G1, "sign": G1_HMAC}, WECHAT_KEY, HMAC_SHA256)
        assert not wechat_verify({**G1, "sign": G1_HMAC}, WECHAT_KEY, MD5)
        assert not wechat_verify({**G1, "sign": G1_MD5, "total_fee": "1251"}, WECHAT_KEY, MD5)
        assert not wechat_verify({**G1, "sign": G1_MD5}, WECHAT_KEY[:-1] + "0", MD5)
        assert not wechat_verify(G1, WECHAT_KEY, MD5)
        assert not wechat_verify({**G1, "sign": G1_MD5}, WECHAT_KEY, "SHA1")

    def test_openssl_says_the_same(self) -> None:
        text = f"{sorted_text(G1)}&key={WECHAT_KEY}".encode()
        md5 = subprocess.run(["openssl", "dgst", "-md5"], input=text, capture_output=True, check=True).stdout
        hmac = subprocess.run(
            ["openssl", "dgst", "-sha256", "-hmac", WECHAT_KEY], input=text, capture_output=True, check=True
        ).stdout
        assert md5.split()[-1].decode().upper() == G1_MD5
        assert hmac.split()[-1].decode().upper() == G1_HMAC

    def test_empty_fields_and_the_signature_itself_are_not_signed(self) -> None:
        assert wechat_sign({**G1, "attach": "", "sign": "X"}, WECHAT_KEY, MD5) == G1_MD5

    def test_an_unknown_sign_type_is_an_error(self) -> None:
        with pytest.raises(WireError, match="MD5 or HMAC-SHA256"):
            wechat_sign(G1, WECHAT_KEY, "RSA")


class TestWechatXml:
    PUBLISHED = (
        b"<xml>\n<appid>wx0000000000000001</appid>\n<body><![CDATA[\xe9\x97\xa8\xe8\xaf\x8a\xe7\xbc\xb4\xe8\xb4\xb9]]></body>\n"
        b"<attach></attach>\n</xml>"
    )

    def test_a_message_as_gateways_write_it(self) -> None:
        assert read_xml(self.PUBLISHED) == {"appid": "wx0000000000000001", "body": "门诊缴费", "attach": ""}

    def test_g1_whole(self) -> None:
        body = wechat.signed_body(read(wechat.MicropayRequest, G1), WECHAT_KEY, MD5)
        fields = read_xml(body)
        # The model adds the currency, which G1 leaves to its default.
        assert {name: value for name, value in fields.items() if name in G1} == G1
        assert fields["fee_type"] == "CNY"
        assert wechat.verified_fields(body, WECHAT_KEY) == fields
        with pytest.raises(WireError, match=r"^sign: "):
            wechat.verified_fields(body.replace(b"1250", b"1249"), WECHAT_KEY)

    @pytest.mark.parametrize("value", ["a<b>&c", "]]>", "&lt;", "门诊\r\n缴费", "\r", "a\tb", "'\"", "𠮷", " 空 "])
    def test_every_text_comes_back_as_it_was(self, value: str) -> None:
        assert read_xml(write_xml({"body": value})) == {"body": value}

    @pytest.mark.parametrize("value", ["\x00", "\x0b", "\ufffe", "\ud800"])
    def test_what_xml_cannot_carry_is_refused(self, value: str) -> None:
        with pytest.raises(WireError, match="body"):
            write_xml({"body": value})

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"<xml>",
            b"<xml><a>1</a></xml",
            b"<yml><a>1</a></yml>",
            b"<xml><a>1</a><a>2</a></xml>",
            b"<xml><a><b>1</b></a></xml>",
            b"<xml><a-b>1</a-b></xml>",
            b"<xml><a>\xff</a></xml>",
            b"<xml><a>\x00</a></xml>",
            b'<?xml version="1.0" encoding="utf-7"?><xml><a>1</a></xml>',
            b'<?xml version="1.0" encoding="no-such"?><xml><a>1</a></xml>',
            b"<xml>" + b"<a>" * 20_000,
            b"<xml>" + b"".join(b"<a%d>1</a%d>" % (n, n) for n in range(201)) + b"</xml>",
            b"<xml><a>" + b"1" * 70_000 + b"</a></xml>",
            # Bombs and files.
            b'<!DOCTYPE xml [<!ENTITY a "1">]><xml><a>&a;</a></xml>',
            (
                b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
                b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><xml><a>&c;</a></xml>'
            ),
            b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><a>&a;</a></xml>',
            b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><xml><a>1</a></xml>',
        ],
    )
    def test_bad_bodies_are_refused(self, body: bytes) -> None:
        with pytest.raises(WireError):
            read_xml(body)


class TestAmounts:
    @pytest.mark.parametrize(
        "text", ["0", "-1", "1.5", "01", "+5", "1e3", "１２", "", "99999999999", "9" * 40, " 5", "NaN"]
    )
    def test_fen_are_digits_and_positive(self, text: str) -> None:
        with pytest.raises(WireError, match="total_fee"):
            read(wechat.MicropayRequest, {**G1, "total_fee": text})

    @pytest.mark.parametrize(
        "value",
        ["0", "0.00", "-1.00", "1.005", "1e2", "", "１", "100000000.01", "9" * 30, None, True, "NaN", "Infinity"],
    )
    def test_yuan_are_decimal_and_positive(self, value: object) -> None:
        biz = {"out_trade_no": "T1", "scene": "bar_code", "auth_code": "2", "subject": "s", "total_amount": value}
        with pytest.raises(WireError, match="total_amount"):
            read(alipay.PayBiz, biz)

    @pytest.mark.parametrize(("value", "fen"), [("12.50", 1250), ("12.5", 1250), ("0.01", 1), (12, 1200)])
    def test_yuan_as_text_and_as_number(self, value: object, fen: int) -> None:
        biz = {"out_trade_no": "T1", "scene": "bar_code", "auth_code": "2", "subject": "s", "total_amount": value}
        assert read(alipay.PayBiz, biz).total_amount == fen

    def test_an_error_never_repeats_a_value(self) -> None:
        with pytest.raises(WireError) as caught:
            read(wechat.MicropayRequest, {**G1, "auth_code": "1" * 200, "body": ""})
        assert "1111" not in str(caught.value)
        assert "auth_code" in str(caught.value)
        assert caught.value.__cause__ is None


class TestWechatV3:
    REQUEST = HttpRequest("GET", "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL")

    def test_what_is_signed_of_a_request(self) -> None:
        signed = wechat_v3.authorized(self.REQUEST, "1900000001", "SERIAL", 1_795_305_600, "NONCE", merchant_key())
        text = b"GET\n/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL\n1795305600\nNONCE\n\n"
        found = wechat_v3.authorization_of(signed, merchant_key().public_key())
        assert (found.merchant, found.serial, found.timestamp) == ("1900000001", "SERIAL", 1_795_305_600)
        judge = RSA.import_key(base64.b64decode(public_text(merchant_key())))
        pkcs1_15.new(judge).verify(SHA256.new(text), base64.b64decode(found.signature))

    @pytest.mark.parametrize(
        "header", ["", "Bearer x", "WECHATPAY2-SHA256-RSA2048 ", 'WECHATPAY2-SHA256-RSA2048 mchid="1"']
    )
    def test_who_has_not_signed_is_refused(self, header: str) -> None:
        with pytest.raises(WireError):
            wechat_v3.authorization_of(
                HttpRequest("GET", "/v3/bill/tradebill", {"authorization": header}), merchant_key().public_key()
            )

    def test_another_target_is_refused(self) -> None:
        signed = wechat_v3.authorized(self.REQUEST, "1900000001", "S", 1, "N", merchant_key())
        with pytest.raises(WireError, match=r"^sign: "):
            wechat_v3.authorization_of(
                HttpRequest("GET", "/v3/bill/tradebill?bill_date=2026-11-21", signed.headers),
                merchant_key().public_key(),
            )

    def test_a_reply_is_believed_only_as_it_was_signed(self) -> None:
        body = b'{"hash_type":"SHA1","hash_value":"' + b"0" * 40 + b'","download_url":"/f?token=1"}'
        headers = wechat_v3.reply_headers(body, 1_795_305_600, "N", "S", gateway_key())
        found = wechat_v3.verified_address(HttpReply(200, headers, body), gateway_key().public_key())
        assert found.download_url == "/f?token=1"
        for reply in (
            HttpReply(200, headers, body.replace(b"/f?", b"/g?")),
            HttpReply(200, {**headers, "wechatpay-timestamp": "1"}, body),
            HttpReply(200, {}, body),
        ):
            with pytest.raises(WireError, match=r"^sign: "):
                wechat_v3.verified_address(reply, gateway_key().public_key())

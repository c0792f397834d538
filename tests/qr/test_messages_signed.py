"""Messages of Alipay and UnionPay QR, and the trees of all: typed texts, and cryptography of other hands as judge."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from Cryptodome.Hash import SHA256
from Cryptodome.PublicKey import RSA
from Cryptodome.Signature import pkcs1_15
from cryptography.hazmat.primitives.asymmetric import rsa

from protocols.wire.base import Privacy, WireError
from protocols.wire.qr import alipay, unionpay, wechat
from protocols.wire.qr.fields import read, write
from protocols.wire.qr.labels import FIELD_LABELS, PRIVATE_FIELDS
from protocols.wire.qr.signing import (
    Rsa2Sealing,
    private_key,
    public_key,
    rsa2_sign,
    rsa2_verify,
    sorted_text,
)
from protocols.wire.qr.trace import tree
from protocols.wire.qr.wechat_xml import write_xml
from simulators.peer.qr_keys import (
    gateway_key,
    gateway_sealings,
    merchant_key,
    merchant_sealing,
    private_text,
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


class TestRsa2:
    TEXT = "app_id=2021000000000001&charset=utf-8&subject=门诊缴费".encode()

    def test_a_foreign_library_verifies_ours(self) -> None:
        signature = base64.b64decode(rsa2_sign(self.TEXT, merchant_key()))
        judge = RSA.import_key(base64.b64decode(public_text(merchant_key())))
        pkcs1_15.new(judge).verify(SHA256.new(self.TEXT), signature)

    def test_we_verify_a_foreign_librarys(self) -> None:
        judge = RSA.import_key(base64.b64decode(private_text(gateway_key())))
        signature = base64.b64encode(pkcs1_15.new(judge).sign(SHA256.new(self.TEXT))).decode()
        assert rsa2_verify(self.TEXT, signature, gateway_key().public_key())
        assert not rsa2_verify(self.TEXT + b"0", signature, gateway_key().public_key())
        assert not rsa2_verify(self.TEXT, signature, merchant_key().public_key())

    @pytest.mark.parametrize("signature", ["", "x", "====", "AAAA", "签名"])
    def test_what_is_no_signature_verifies_nothing(self, signature: str) -> None:
        assert not rsa2_verify(self.TEXT, signature, gateway_key().public_key())

    def test_openssl_verifies_ours(self, tmp_path: Path) -> None:
        for name, content in (
            ("key.der", base64.b64decode(public_text(merchant_key()))),
            ("text", self.TEXT),
            ("signature", base64.b64decode(rsa2_sign(self.TEXT, merchant_key()))),
        ):
            (tmp_path / name).write_bytes(content)
        command = "openssl dgst -sha256 -keyform DER -verify key.der -signature signature text"
        said = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True).stdout
        assert said.strip() == b"Verified OK"

    def test_the_test_keys_are_real_keys(self) -> None:
        for key in (merchant_key(), gateway_key()):
            assert key.private_numbers().private_key().key_size == 2048  # validates primes and exponents
            assert RSA.import_key(base64.b64decode(private_text(key))).has_private()

    def test_keys_as_merchants_hold_them(self) -> None:
        text = private_text(merchant_key())
        pem = f"-----BEGIN PRIVATE KEY-----\n{text[:64]}\n{text[64:]}\n-----END PRIVATE KEY-----\n"
        assert private_key(pem).private_numbers() == private_key(text).private_numbers()
        assert public_key(public_text(merchant_key())).public_numbers() == merchant_key().public_key().public_numbers()

    @pytest.mark.parametrize("text", ["", "no key", "AAAA", "%%%", "MIIB"])
    def test_what_is_no_key_is_refused_without_being_shown(self, text: str) -> None:
        for read_key in (private_key, public_key):
            with pytest.raises(WireError) as caught:
                read_key(text)
            assert not text or text not in str(caught.value)

    def test_a_short_key_is_refused(self) -> None:
        short = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
        with pytest.raises(WireError, match="2048"):
            private_key(private_text(short))
        with pytest.raises(WireError, match="2048"):
            public_key(public_text(short))


class TestAlipay:
    BIZ = alipay.PayBiz(
        out_trade_no="DG20261122000001", auth_code="280000000000000000", subject="门诊缴费", total_amount=1250
    )

    def body(self) -> bytes:
        return alipay.call_body("2021000000000001", alipay.PAY, "2026-11-22 08:30:15", self.BIZ, merchant_key())

    def test_what_is_signed_of_a_call(self) -> None:
        """All parameters but sign, sign_type among them, in the order of their names."""
        fields = alipay.form_fields(self.body())
        text = (
            "app_id=2021000000000001&biz_content="
            '{"out_trade_no":"DG20261122000001","scene":"bar_code","auth_code":"280000000000000000","subject":"门诊缴费",'
            '"total_amount":"12.50"}'
            "&charset=utf-8&format=JSON&method=alipay.trade.pay&sign_type=RSA2&timestamp=2026-11-22 08:30:15&version=1.0"
        )
        judge = RSA.import_key(base64.b64decode(public_text(merchant_key())))
        pkcs1_15.new(judge).verify(SHA256.new(text.encode()), base64.b64decode(fields["sign"]))
        assert alipay.signature_right(fields, merchant_key().public_key())

    def test_a_call_comes_back(self) -> None:
        call = alipay.read_call(alipay.form_fields(self.body()))
        assert alipay.read_biz(alipay.PayBiz, call) == self.BIZ

    def test_common_parameters_may_stand_in_the_address(self) -> None:
        body = self.body().decode()
        head, _, rest = body.partition("&")
        assert alipay.form_fields(rest.encode(), head) == alipay.form_fields(body.encode())

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"app_id",
            b"&&&",
            b"a=1&a=2",
            b"a=%ff",
            b"a=\xe4",
            b"a=%e4%b8",
            "&".join(f"a{n}=1" for n in range(60)).encode(),
            b"a=1;b=2&c",
        ],
    )
    def test_bad_forms_are_refused(self, body: bytes) -> None:
        with pytest.raises(WireError):
            alipay.read_call(alipay.form_fields(body))

    @pytest.mark.parametrize(
        "content", ["[]", '{"a"', '{"a":1,"a":2}', "null", '{"out_trade_no":"\\ud800"}', '{"a":' * 20 + "1" + "}" * 20]
    )
    def test_bad_business_content_is_refused(self, content: str) -> None:
        call = alipay.Call(app_id="a", method=alipay.PAY, timestamp="2026-11-22 08:30:15", biz_content=content)
        with pytest.raises(WireError):
            alipay.read_biz(alipay.PayBiz, call)

    def test_a_reply_is_signed_over_its_very_bytes(self) -> None:
        node = alipay.PayNode(code="10000", msg="Success", out_trade_no="DG20261122000001", total_amount=1250)
        body = alipay.reply_body(alipay.PAY, node, gateway_key())
        assert body.startswith(
            b'{"alipay_trade_pay_response":{"code":"10000","msg":"Success","out_trade_no":"DG20261122000001",'
            b'"total_amount":"12.50"},"sign":"'
        )
        found = alipay.node_of(body, alipay.PAY, gateway_key().public_key())
        assert read(alipay.PayNode, found) == node

    def test_a_foreign_gateway_that_writes_with_blanks(self) -> None:
        node = '{ "code" : "10000", "msg":"成功 \\"x\\" } {" , "out_trade_no":"T1" }'
        judge = RSA.import_key(base64.b64decode(private_text(gateway_key())))
        sign = base64.b64encode(pkcs1_15.new(judge).sign(SHA256.new(node.encode()))).decode()
        body = f'{{ "sign" : "{sign}" ,\n "alipay_trade_query_response" : {node} , "alipay_cert_sn":"x" }}'.encode()
        assert alipay.node_of(body, alipay.QUERY, gateway_key().public_key())["out_trade_no"] == "T1"

    def test_a_changed_reply_is_not_believed(self) -> None:
        body = alipay.reply_body(alipay.PAY, alipay.ReplyNode(code="10003"), gateway_key())
        for bad in (
            body.replace(b"10003", b"10000"),
            body.replace(b'"code":"10003"', b'"code": "10003"'),
            alipay.reply_body(alipay.PAY, alipay.ReplyNode(code="10000"), None),
            alipay.reply_body(alipay.PAY, alipay.ReplyNode(code="10000"), merchant_key()),
        ):
            with pytest.raises(WireError, match=r"^sign: "):
                alipay.node_of(bad, alipay.PAY, gateway_key().public_key())

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"sign":"x"}',
            b'{"alipay_trade_pay_response":1,"sign":"x"}',
            b"\xff",
            b'{"error_response":{}}',
        ],
    )
    def test_what_is_no_reply_is_refused(self, body: bytes) -> None:
        with pytest.raises(WireError):
            alipay.node_of(body, alipay.PAY, gateway_key().public_key())

    def test_a_node_that_stands_twice_is_refused(self) -> None:
        """Otherwise the one that is verified need not be the one that is read."""
        body = alipay.reply_body(alipay.PAY, alipay.ReplyNode(code="10003"), gateway_key())
        twice = body[:-1] + b',"alipay_trade_pay_response":{"code":"10000"}}'
        with pytest.raises(WireError):
            alipay.node_of(twice, alipay.PAY, gateway_key().public_key())


class TestUnionpay:
    PAY = unionpay.PayRequest(
        mer_id="898441900000001",
        txn_time="20261122083015",
        nonce="8f3c1d2e4b5a6978",
        order_id="DG20261122000001",
        txn_amt=1250,
        qr_no="6200000000000000000",
        subject="门诊缴费",
    )

    @pytest.mark.parametrize("sign_type", ["RSA2", "SM2"])
    def test_signed_by_one_end_and_verified_by_the_other(self, sign_type: str) -> None:
        body = unionpay.sealed_body(self.PAY, merchant_sealing(sign_type))
        gateway = gateway_sealings(merchant_key().public_key())[sign_type]
        fields = unionpay.text_fields(body)
        unionpay.verify(fields, gateway)
        assert read(unionpay.PayRequest, fields).txn_amt == 1250
        for name in ("txn_amt", "order_id", "nonce", "mer_id"):
            with pytest.raises(WireError, match=r"^sign: "):
                unionpay.verify({**fields, name: "1" + fields[name][1:] + "9"}, gateway)
        with pytest.raises(WireError, match=r"^sign: "):
            unionpay.verify({**fields, "sign": ""}, gateway)
        other = gateway_sealings(merchant_key().public_key())["SM2" if sign_type == "RSA2" else "RSA2"]
        with pytest.raises(WireError, match=r"^sign: "):
            unionpay.verify(fields, other)

    def test_what_is_signed(self) -> None:
        fields = {**write(self.PAY)}
        assert sorted_text(fields) == (
            "ccy=156&mer_id=898441900000001&nonce=8f3c1d2e4b5a6978&order_id=DG20261122000001&qr_no=6200000000000000000"
            "&sign_type=RSA2&subject=门诊缴费&txn_amt=1250&txn_time=20261122083015&version=1.0"
        )

    def test_one_text_has_one_sm2_signature_and_two_texts_have_two(self) -> None:
        sealing = merchant_sealing("SM2")
        assert sealing.sign(b"one") == sealing.sign(b"one")
        assert sealing.sign(b"one") != sealing.sign(b"two")

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b'{"a":1}', b'{"a":"1","a":"2"}', b'{"a":"\\ud800"}', b"\xff", b'{"a":null}']
    )
    def test_bad_bodies_are_refused(self, body: bytes) -> None:
        with pytest.raises(WireError):
            unionpay.text_fields(body)

    def test_the_sealing_shows_no_key(self) -> None:
        assert "70415b73" not in repr(merchant_sealing("SM2"))
        assert isinstance(merchant_sealing(), Rsa2Sealing)


class TestTrees:
    def test_codes_are_private_in_every_family(self) -> None:
        bodies = (
            write_xml(G1),
            alipay.call_body("1", alipay.PAY, "2026-11-22 08:30:15", TestAlipay.BIZ, merchant_key()),
            unionpay.sealed_body(TestUnionpay.PAY, merchant_sealing()),
        )
        for body in bodies:
            nodes = [node for _, node in tree(body).walk()]
            secret = [node for node in nodes if node.privacy is Privacy.PIN]
            assert [node.name for node in secret] in (["auth_code"], ["qr_no"])
            assert all(node.label.zh and node.label.en for node in nodes)
            open_text = " ".join(node.text for node in nodes if node.privacy is Privacy.OPEN and not node.children)
            assert secret[0].text not in open_text

    def test_every_field_of_every_message_has_a_label(self) -> None:
        for module in (wechat, alipay, unionpay):
            for name in module.__all__:
                fields = getattr(getattr(module, name), "model_fields", {})
                assert set(fields) <= set(FIELD_LABELS), (module.__name__, name)
        assert set(PRIVATE_FIELDS) - set(FIELD_LABELS) == {"sub_openid", "buyer_logon_id"}

    @pytest.mark.parametrize("body", [b"<xml>", b"{", b"\xff", b"a=b&a=c", b"biz_content=%7B"])
    def test_a_tree_never_raises_and_keeps_what_it_cannot_read_private(self, body: bytes) -> None:
        found = tree(body)
        assert found.name == "undecodable"
        assert found.privacy is Privacy.PIN

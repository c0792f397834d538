"""PIN pad: encipher, decipher and authenticate, against known answers (spec/devices.md 3) and an independent judge."""

from __future__ import annotations

import hashlib
from typing import ClassVar

from conformance.judge_pin_pad import cbc, cbc_mac, encipher, retail_mac, unionpay_mac
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadView
from conformance.suites.pin_pad_words import (
    DOUBLE,
    M18,
    SINGLE,
    TRIPLE,
    PadCheck,
    ask,
    keyed,
    load,
    load_work,
    parameter,
    put,
    use,
)
from protocols.wire.base import Label
from protocols.wire.pin_pad import Chaining, Cipher, MacMode, Op, Request, Setting

TEXT = bytes(range(64))
VECTOR = bytes.fromhex("1122334455667788")
LONG_TEXT = bytes(range(256)) * 8
LONG_SHA_256 = "74926ed7e066daa17f2e92ab5c467e1f4f43913173bfd37d739897ab29a0cc29"
LIMIT_S = 2.0
"""DG-WXC-08: 2048 bytes with 3DES."""


class DataCheck(PadCheck):
    """One work key under a master key of the same value, active."""

    key = DOUBLE
    cipher: ClassVar[Cipher] = Cipher.TDES

    async def prepare(self, t: PadTester) -> None:
        await load(t, self.key)
        await load_work(t, encipher(self.key, self.key))
        await put(t, Setting.WORK_CIPHER, self.cipher)
        await use(t)


class TripleDes(DataCheck):
    """DG-WXC-09, DG-WXC-07, DG-W20-09: triple DES that is not, or does not undo itself, would break it."""

    id = "pad.data.triple-des"
    title = Label("3DES 的 ECB 加密和解密正确", "triple DES, ECB, enciphers and deciphers")
    clauses = ("DG-WXC-09", "DG-WXC-07", "DG-W20-09")
    kills = ("pad.des-for-triple-des", "pad.decipher-enciphers")
    needs = ("pad.group_bytes>=16",)
    source = "spec/devices.md 3"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "encipher", Request(Op.ENCRYPT, data=TEXT))
        await ask(t, "decipher", Request(Op.DECRYPT, data=encipher(DOUBLE, TEXT)))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("encipher").first, encipher(DOUBLE, TEXT), "加密", "enciphered")
        v.known_answer(v.step("decipher").first, TEXT, "解密", "deciphered")


class SingleDes(DataCheck):
    """DG-WXC-07: single DES that is not would break it."""

    id = "pad.data.single-des"
    title = Label("DES 加密和解密正确", "single DES enciphers and deciphers")
    kills = ("pad.decipher-enciphers",)
    key = SINGLE
    cipher = Cipher.DES
    source = "spec/devices.md 3"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "encipher", Request(Op.ENCRYPT, data=TEXT))
        await ask(t, "decipher", Request(Op.DECRYPT, data=encipher(SINGLE, TEXT)))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("encipher").first, encipher(SINGLE, TEXT), "加密", "enciphered")
        v.known_answer(v.step("decipher").first, TEXT, "解密", "deciphered")


class Chained(DataCheck):
    """DG-WXC-09, DG-WXC-07: the ANSI mode (CBC) that does not chain, or ignores its vector, would break it."""

    id = "pad.data.cbc"
    title = Label("CBC 模式和初始向量正确", "CBC chains its blocks from the vector that was set")
    clauses = ("DG-WXC-09", "DG-WXC-07")
    kills = ("pad.cbc-is-ecb", "pad.vector-ignored")
    needs = ("pad.group_bytes>=16",)
    source = "spec/devices.md 1.2, 46 07 and 60; 3"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await put(t, Setting.CHAINING, Chaining.CBC)
        await ask(t, "vector", Request(Op.VECTOR, data=VECTOR))
        await ask(t, "encipher", Request(Op.ENCRYPT, data=TEXT))
        await ask(t, "decipher", Request(Op.DECRYPT, data=cbc(DOUBLE, VECTOR, TEXT)))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("encipher").first, cbc(DOUBLE, VECTOR, TEXT), "CBC 加密", "enciphered with CBC")
        v.known_answer(v.step("decipher").first, TEXT, "CBC 解密", "deciphered with CBC")


class LongText(DataCheck):
    """DG-WXC-08: 2048 bytes that come out wrong, or take two seconds of the device's own time, would break it."""

    id = "pad.data.2048"
    title = Label(
        "3DES 加密 2048 字节正确，设备用时小于 2 s", "2048 bytes with triple DES, right and under 2 s of device time"
    )
    clauses = ("DG-WXC-08",)
    kills = ("pad.slow", "pad.last-block-lost")
    needs = ("pad.group_bytes>=16",)
    claims_time = True
    source = "spec/devices.md 1.4, 3, 2048-byte test block (AS-07)"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        step = t.dialect.rules.data_limit
        with t.step("long", baud=int(t.facts.get("baud", 0))):
            for at in range(0, len(LONG_TEXT), step):
                await t.ask(Request(Op.ENCRYPT, data=LONG_TEXT[at : at + step]))

    def judge(self, v: PadView) -> None:
        keyed(v)
        step = v.step("long")
        calls = step.all(Op.ENCRYPT)
        out = b"".join(each.reply.data for each in calls if each.reply.ok)
        digest = hashlib.sha256(out).hexdigest()
        v.must(
            digest == LONG_SHA_256,
            f"{len(out)} 字节的 SHA-256 {digest[:16]}",
            f"SHA-256 of {len(out)} bytes: {digest[:16]}",
            step,
        )
        whole_s = sum(each.took_s for each in calls)
        v.must(
            whole_s < LIMIT_S,
            f"{len(calls)} 次调用共用 {whole_s:.3f} s（至应答末字节）",
            f"{len(calls)} calls took {whole_s:.3f} s, to the last byte of each answer",
            step,
        )


class MacCheck(DataCheck):
    """One MAC of eighteen characters, and one of a longer text."""

    mode: ClassVar[MacMode] = MacMode.X9
    LONGER = bytes(range(200))
    clauses = ("DG-W20-09", "DG-WXC-07")

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await put(t, Setting.MAC_MODE, self.mode)
        await ask(t, "mac", Request(Op.MAC, data=M18))
        await ask(t, "longer", Request(Op.MAC, data=self.LONGER))

    def right(self, data: bytes) -> bytes:
        raise TypeError(f"{type(self).__name__} judges nothing")

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("mac").first, self.right(M18), "18 个字符的 MAC", "MAC of 18 characters")
        v.known_answer(v.step("longer").first, self.right(self.LONGER), "200 字节的 MAC", "MAC of 200 bytes")


class RetailMac(MacCheck):
    """DG-W20-09, DG-WXC-07: an X9.19 MAC that uses half of its key would break it."""

    id = "pad.mac.x9-19"
    title = Label("X9.19 MAC 正确", "the X9.19 MAC is right")
    kills = ("pad.mac-half-key",)
    needs = ("pad.group_bytes>=16",)
    source = "spec/devices.md 3, X9.19"

    def right(self, data: bytes) -> bytes:
        return retail_mac(DOUBLE, data)


class SingleMac(MacCheck):
    """DG-W20-09, DG-WXC-07: an X9.9 MAC that is not the last block of CBC would break it."""

    id = "pad.mac.x9-9"
    title = Label("X9.9 MAC 正确", "the X9.9 MAC is right")
    kills = ("pad.mac-first-block",)
    key = SINGLE
    source = "spec/devices.md 3, X9.9"

    def right(self, data: bytes) -> bytes:
        return cbc_mac(SINGLE, data)


class PbocMac(MacCheck):
    """DG-W20-09, DG-WXC-07: a PBOC MAC that is not padded with 80 would break it."""

    id = "pad.mac.pboc"
    title = Label("PBOC MAC 正确", "the PBOC MAC is right")
    kills = ("pad.mac-padded-with-zeros",)
    needs = ("pad.group_bytes>=16",)
    mode = MacMode.PBOC
    source = "spec/devices.md 3, pad 80"

    def right(self, data: bytes) -> bytes:
        return retail_mac(DOUBLE, data, method_2=True)


class CbcMac(MacCheck):
    """DG-W20-09, DG-WXC-07: a CBC MAC that is made with single DES would break it."""

    id = "pad.mac.cbc"
    title = Label("3DES CBC MAC 正确", "the triple DES CBC MAC is right")
    kills = ("pad.mac-half-key",)
    needs = ("pad.group_bytes>=16",)
    mode = MacMode.CBC
    source = "spec/devices.md 3, 3DES CBC-MAC"

    def right(self, data: bytes) -> bytes:
        return cbc_mac(DOUBLE, data)


class UnionPayMac(MacCheck):
    """DG-W20-09, DG-WXC-07: a UnionPay MAC that enciphers the folded block instead of its characters would break it."""

    id = "pad.mac.unionpay"
    title = Label("银联 ECB MAC 正确", "the UnionPay ECB MAC is right")
    kills = ("pad.mac-without-characters",)
    needs = ("pad.group_bytes>=16", "pad.mac_unionpay")
    mode = MacMode.UNIONPAY
    source = "spec/devices.md 3, UnionPay POS ECB MAC; open-readings.md, UnionPay MAC answer"

    def right(self, data: bytes) -> bytes:
        return unionpay_mac(DOUBLE, data)

    def judge(self, v: PadView) -> None:
        keyed(v)
        settled = parameter(v, "unionpay_answer")
        for name, data in (("mac", M18), ("longer", self.LONGER)):
            exchange, code = v.step(name).first, self.right(data)
            got = exchange.reply.data
            fits = {"characters": got == code, "bytes": len(got) == 8 and got[:4].hex().upper().encode() == code}
            shown = got.hex().upper()
            v.must(
                exchange.reply.ok and (fits[settled] if settled in fits else any(fits.values())),
                f"银联 MAC：应为 {code.decode()}，实际 {shown}",
                f"UnionPay MAC: must be {code.decode()}, got {shown}",
                exchange,
            )


class TripleLength(DataCheck):
    """DG-WXC-09, LL-A1-14: a key of three parts of which one is never used would break it."""

    id = "pad.data.triple-length"
    title = Label("三倍长密钥的三部分都起作用", "all three parts of a triple-length key matter")
    clauses = ("DG-WXC-09", "LL-A1-14")
    kills = ("pad.triple-as-double",)
    needs = ("pad.group_bytes>=24",)
    key = TRIPLE
    source = "spec/devices.md 3, T"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "encipher", Request(Op.ENCRYPT, data=TEXT))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("encipher").first, encipher(TRIPLE, TEXT), "加密", "enciphered")

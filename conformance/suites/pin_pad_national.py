"""PIN pad: SM4 (spec/devices.md 1.2, 3; AS-03): keys, data, and the PIN block of sixteen bytes."""

from __future__ import annotations

from conformance.judge_pin_pad import sm4, sm4_format
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadView
from conformance.suites.pin_pad_words import DOUBLE, PAN, PIN, PadCheck, ask, entered, keyed, pin_entry
from protocols.wire.base import Label
from protocols.wire.pin_pad import Cipher, Op, Request, Setting, SmLayout

TEXT = bytes(range(48))
WORK = bytes.fromhex("F351D490994603795C6EBEE8FAEBB481")


class Sm4Check(PadCheck):
    """An SM4 work key under an SM4 master key, active."""

    clauses = ("DG-WXC-07", "DG-W20-10")
    needs = ("pad.sm4",)

    async def prepare(self, t: PadTester) -> None:
        await ask(t, "load", Request(Op.LOAD_MASTER, cipher=Cipher.SM4, data=DOUBLE))
        await ask(t, "load-work", Request(Op.LOAD_WORK, slot=0, data=sm4(DOUBLE, WORK)))
        await ask(t, "activate", Request(Op.ACTIVATE, slot=0, cipher=Cipher.SM4))


class Sm4Data(Sm4Check):
    """DG-WXC-07, DG-W20-10: an SM4 key or text that comes out wrong would break it."""

    id = "pad.sm4.known-answers"
    title = Label("SM4 密钥、加密和解密正确", "SM4 keys and data are right")
    kills = ("pad.sm4-reversed", "pad.work-key-in-clear")
    source = "spec/devices.md 3, SM4"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "encipher", Request(Op.ENCRYPT, data=TEXT))
        await ask(t, "decipher", Request(Op.DECRYPT, data=sm4(WORK, TEXT)))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(
            v.step("load").first, sm4(DOUBLE, bytes(16))[:4], "主密钥校验值", "check value of the master key"
        )
        v.known_answer(v.step("load-work").first, sm4(WORK, bytes(16))[:4], "工作密钥校验值", "that of the work key")
        v.known_answer(v.step("encipher").first, sm4(WORK, TEXT), "SM4 加密", "enciphered with SM4")
        v.known_answer(v.step("decipher").first, TEXT, "SM4 解密", "deciphered with SM4")


class Sm4Block(Sm4Check):
    """DG-WXC-07, DG-W20-10: an SM4 PIN block that is not the field of sixteen bytes would break it (AS-03)."""

    id = "pad.sm4.pin-block"
    title = Label("SM4 密码块正确", "the PIN block under SM4 is right")
    kills = ("pad.sm4-reversed", "pad.keys-swapped")
    hand = ("press", "type")
    source = "spec/devices.md 3, SM4 PIN block, 16-byte form"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "layout", Request(Op.SET, setting=Setting.SM_LAYOUT, value=SmLayout.WIDE))
        await pin_entry(t)
        await entered(t)
        await ask(t, "block", Request(Op.PIN_BLOCK))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("block").first, sm4(WORK, sm4_format(PIN, PAN)), "SM4 密码块", "PIN block under SM4")

"""PIN pads that compute wrongly, or too slowly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from protocols.wire.pin_pad import Chaining, MacMode, Op, PinFormat, Reply, Request
from simulators.device.base import Device
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_ciphers import DES, SM4_CIPHER, BlockCipher, cbc, clear_block, mac
from simulators.device.pin_pad_crypto import KeyLogic
from simulators.device.pin_pad_keys import StoredKey
from simulators.device.pin_pad_logic import PadLogic
from simulators.device.pin_pad_rules import Outcome, PinPadTiming
from simulators.fault.pin_pad_mutant import pad_mutant

__all__ = ["MUTANTS"]


class DesForTripleDes(KeyLogic):
    def work_cipher(self, key: StoredKey) -> BlockCipher:
        return SM4_CIPHER if key.sm4 else DES


class DecipherEnciphers(KeyLogic):
    def modes(self, cipher: BlockCipher, key: bytes, data: bytes, decipher: bool) -> bytes:
        return super().modes(cipher, key, data, False)


class CbcIsEcb(KeyLogic):
    def modes(self, cipher: BlockCipher, key: bytes, data: bytes, decipher: bool) -> bytes:
        return cipher.decipher(key, data) if decipher else cipher.encipher(key, data)


class VectorIgnored(KeyLogic):
    def modes(self, cipher: BlockCipher, key: bytes, data: bytes, decipher: bool) -> bytes:
        if self.state.settings.chaining is Chaining.CBC:
            return cbc(cipher, key, bytes(cipher.block), data, decipher=decipher)
        return super().modes(cipher, key, data, decipher)


class LastBlockLost(KeyLogic):
    """Beyond thirty blocks the last one is left as it was before."""

    def modes(self, cipher: BlockCipher, key: bytes, data: bytes, decipher: bool) -> bytes:
        out = super().modes(cipher, key, data, decipher)
        return out[:-8] + bytes(8) if len(out) > 240 else out


class Sm4Reversed(KeyLogic):
    """Bytes of an SM4 key in the wrong order."""

    def keep_work(self, request: Request, key: StoredKey) -> Reply:
        return super().keep_work(request, StoredKey(key.value[::-1], True) if key.sm4 else key)


def slow(*, timing: PinPadTiming | None = None, **options: Any) -> Device:
    """A pad as fast as the oldest that is documented: 25 ms a DES block, 75 ms a triple one."""
    return build_pin_pad(timing=replace(timing or PinPadTiming(), des_block_s=0.025, tdes_block_s=0.075), **options)


class MacKeys(KeyLogic):
    """Base of the pads whose MAC is wrong: ``wrong`` takes the place of the right one."""

    wrong: Callable[[MacMode, BlockCipher, bytes, bytes], bytes] = staticmethod(mac)

    def mac_of(self, mode: MacMode, cipher: BlockCipher, key: StoredKey, data: bytes) -> bytes:
        return type(self).wrong(mode, cipher, key.value, data)


def _half(mode: MacMode, cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    return mac(mode, DES, key[:8], data) if mode in (MacMode.X9, MacMode.CBC) else mac(mode, cipher, key, data)


def _first_block(mode: MacMode, cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    return mac(mode, cipher, key, data[:8]) if mode is MacMode.X9 else mac(mode, cipher, key, data)


def _zeros(mode: MacMode, cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    return mac(MacMode.X9 if mode is MacMode.PBOC else mode, cipher, key, data)


def _without_characters(mode: MacMode, cipher: BlockCipher, key: bytes, data: bytes) -> bytes:
    if mode is not MacMode.UNIONPAY:
        return mac(mode, cipher, key, data)
    folded = bytearray(8)
    for at, byte in enumerate(data):
        folded[at % 8] ^= byte
    return cipher.encipher(key, bytes(folded)).hex().upper()[:8].encode()


class MacHalfKey(MacKeys):
    wrong = staticmethod(_half)


class MacFirstBlock(MacKeys):
    wrong = staticmethod(_first_block)


class MacPaddedWithZeros(MacKeys):
    wrong = staticmethod(_zeros)


class MacWithoutCharacters(MacKeys):
    wrong = staticmethod(_without_characters)


class BlockWithoutPan(PadLogic):
    def block_of(self, key: StoredKey, pin: str) -> bytes | None:
        kept, self.pan = self.pan, "0" * 12
        try:
            return super().block_of(key, pin)
        finally:
            self.pan = kept


class LengthAlwaysSix(PadLogic):
    def block_of(self, key: StoredKey, pin: str) -> bytes | None:
        block = super().block_of(key, pin)
        return block if block is None else bytes((block[0] & 0xF0 | 6,)) + block[1:]


class FormatAlways0(PadLogic):
    def block_of(self, key: StoredKey, pin: str) -> bytes | None:
        return (
            super().block_of(key, pin) if key.sm4 else clear_block(PinFormat.ISO_0, pin, self.pan, self.choice.one_of)
        )


class UnknownIsDone(PadLogic):
    def begin(self, request: Request, now: float) -> Outcome:
        if request.op is Op.UNKNOWN and not request.number:
            return self.state.done()
        return super().begin(request, now)


class ParameterIsDone(PadLogic):
    def begin(self, request: Request, now: float) -> Outcome:
        if request.op is Op.UNKNOWN and request.number:
            return self.state.done()
        return super().begin(request, now)


class DeafAfterError(PadLogic):
    """After a refusal nothing is answered rightly until the next reset."""

    refused = False

    def begin(self, request: Request, now: float) -> Outcome:
        if self.refused and request.op not in (Op.RESET, Op.KEYPAD, Op.SET):
            return self.state.unknown()
        outcome = super().begin(request, now)
        if request.op is Op.RESET:
            self.refused = False
        elif isinstance(outcome, Reply) and not outcome.ok and request.op is Op.UNKNOWN and not request.number:
            self.refused = True
        return outcome


_SEVEN, _NINE, _EIGHT = "DG-WXC-07", "DG-W20-09", "DG-W20-08"

MUTANTS = (
    pad_mutant("des-for-triple-des", "3DES 实为 DES", "triple DES is single DES", "DG-WXC-09", keys=DesForTripleDes),
    pad_mutant("decipher-enciphers", "解密实为加密", "deciphering enciphers", _NINE, keys=DecipherEnciphers),
    pad_mutant("cbc-is-ecb", "CBC 实为 ECB", "CBC is ECB", "DG-WXC-09", keys=CbcIsEcb),
    pad_mutant("vector-ignored", "忽略初始向量", "the vector is ignored", "DG-WXC-09", keys=VectorIgnored),
    pad_mutant(
        "last-block-lost",
        "长数据的最后一组丢失",
        "the last block of long data is lost",
        "DG-WXC-08",
        keys=LastBlockLost,
    ),
    pad_mutant("slow", "每个 3DES 分组 75 ms", "75 ms a triple DES block", "DG-WXC-08", make=slow),
    pad_mutant("sm4-reversed", "SM4 密钥字节倒序", "the bytes of an SM4 key are reversed", _SEVEN, keys=Sm4Reversed),
    pad_mutant("mac-half-key", "MAC 只用半个密钥", "a MAC uses half of its key", _NINE, keys=MacHalfKey),
    pad_mutant("mac-first-block", "MAC 只算第一组", "a MAC covers the first block only", _NINE, keys=MacFirstBlock),
    pad_mutant(
        "mac-padded-with-zeros",
        "PBOC MAC 用零填充",
        "the PBOC MAC is padded with zeros",
        _NINE,
        keys=MacPaddedWithZeros,
    ),
    pad_mutant(
        "mac-without-characters",
        "银联 MAC 未展开为字符",
        "the UnionPay MAC enciphers the block, not its characters",
        _NINE,
        keys=MacWithoutCharacters,
    ),
    pad_mutant(
        "block-without-pan", "密码块不含卡号", "the block has no card number in it", _EIGHT, logic=BlockWithoutPan
    ),
    pad_mutant(
        "length-always-six", "密码块长度总是 6", "the block's length is always six", _EIGHT, logic=LengthAlwaysSix
    ),
    pad_mutant("format-always-0", "总是格式 0", "every block is format 0", _EIGHT, logic=FormatAlways0),
    pad_mutant(
        "unknown-is-done", "不存在的命令也成功", "a command that does not exist succeeds", _SEVEN, logic=UnknownIsDone
    ),
    pad_mutant("parameter-is-done", "错误的参数也成功", "a wrong parameter succeeds", _SEVEN, logic=ParameterIsDone),
    pad_mutant("deaf-after-error", "出错后不再工作", "after an error nothing works", _SEVEN, logic=DeafAfterError),
)

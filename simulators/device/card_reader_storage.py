"""Storage cards inside a card reader: SLE4442 and SLE4428 with their PSC, S50 and S70 with their sector keys.

The reader itself speaks the card's own protocol; its host sends pseudo-APDUs (spec/devices.md 4.1 rows 53 and 60 33,
spec/cards.md 3.3 and 3.4). Status words: 9000, 6F00 failed, 6F01 wrong key, 6F02 locked, 6700 length, 6B00 address.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BLOCK_BYTES", "SLE_KINDS", "MifareImage", "SleImage", "mifare_command", "sle_command"]

DONE, FAILED, WRONG_KEY, LOCKED = b"\x90\x00", b"\x6f\x00", b"\x6f\x01", b"\x6f\x02"
WRONG_LENGTH, WRONG_ADDRESS, UNKNOWN_INS = b"\x67\x00", b"\x6b\x00", b"\x6d\x00"
BLOCK_BYTES = 16
FACTORY_KEY = b"\xff" * 6
TRANSPORT_ACCESS = bytes.fromhex("FF078069")


@dataclass(frozen=True, slots=True)
class SleKind:
    """One memory card type: raw ATR, memory size, PSC length and tries."""

    atr: bytes
    size_bytes: int
    psc_bytes: int
    tries: int


SLE_KINDS: dict[str, SleKind] = {
    "SLE4442": SleKind(bytes.fromhex("A2131091"), 256, 3, 3),
    "SLE4428": SleKind(bytes.fromhex("92231091"), 1024, 2, 8),
}


@dataclass(slots=True)
class SleImage:
    """What one memory card remembers. ``verified`` lasts until its supply goes."""

    kind: SleKind
    psc: bytes = b""
    tries_left: int = 0
    verified: bool = False
    content: bytearray = field(default_factory=bytearray)

    @classmethod
    def fresh(cls, name: str) -> SleImage:
        kind = SLE_KINDS[name]
        content = bytearray(kind.atr.ljust(kind.size_bytes, b"\xff"))
        return cls(kind, b"\xff" * kind.psc_bytes, kind.tries, False, content)

    def counter(self) -> int:
        """The error counter as the card shows it: one set bit for each try that is left."""
        return (1 << self.tries_left) - 1

    def present(self, psc: bytes) -> bytes:
        """Compare the PSC; a wrong one costs a try, and a locked card stays locked."""
        if len(psc) != self.kind.psc_bytes:
            return WRONG_LENGTH
        if not self.tries_left:
            return LOCKED
        if psc != self.psc:
            self.tries_left -= 1
            self.verified = False
            return WRONG_KEY if self.tries_left else LOCKED
        self.verified, self.tries_left = True, self.kind.tries
        return DONE


def sle_command(image: SleImage, apdu: bytes) -> bytes:
    """Answer to one pseudo-APDU: CLA 00 as spec/devices.md 4.1, CLA FF as spec/cards.md 3.4."""
    if len(apdu) < 5 or apdu[0] not in (0x00, 0xFF):
        return WRONG_LENGTH if len(apdu) < 5 else UNKNOWN_INS
    ins, at, length, data = apdu[1], int.from_bytes(apdu[2:4], "big"), apdu[4], apdu[5:]
    if ins == 0xA4:
        image.verified = False
        return DONE
    if ins == 0xB0:
        if at + (length or 256) > len(image.content):
            return WRONG_ADDRESS
        return bytes(image.content[at : at + (length or 256)]) + DONE
    if ins == 0xB1:
        return bytes((image.counter(),)).ljust(length or 1, b"\xff") + DONE
    if ins not in (0x20, 0xD0, 0xD5):
        return UNKNOWN_INS
    if len(data) != length:
        return WRONG_LENGTH
    if ins == 0x20:
        answer = image.present(data)
        return bytes((0x90, image.counter() & 0xFF)) if apdu[0] == 0xFF and answer != WRONG_LENGTH else answer
    if not image.verified:
        return FAILED
    if ins == 0xD5:
        if length != image.kind.psc_bytes:
            return WRONG_LENGTH
        image.psc = bytes(data)
        return DONE
    if at + length > len(image.content):
        return WRONG_ADDRESS
    image.content[at : at + length] = data
    return DONE


@dataclass(slots=True)
class MifareImage:
    """What an S50 or S70 remembers, and which sector is open now."""

    blocks: list[bytes]
    uid: bytes
    large: bool
    open_sector: int | None = None

    @classmethod
    def fresh(cls, uid: bytes, large: bool) -> MifareImage:
        image = cls([bytes(BLOCK_BYTES)] * (256 if large else 64), uid, large)
        image.blocks[0] = uid.ljust(BLOCK_BYTES, b"\x00")
        for sector in range(image.sectors):
            image.blocks[image.trailer(sector)] = FACTORY_KEY + TRANSPORT_ACCESS + FACTORY_KEY
        return image

    @property
    def sectors(self) -> int:
        return 40 if self.large else 16

    def size(self, sector: int) -> int:
        """Blocks of a sector: 4, and 16 in the upper sectors of an S70."""
        return 4 if sector < 32 else 16

    def first(self, sector: int) -> int:
        return sector * 4 if sector < 32 else 128 + (sector - 32) * 16

    def trailer(self, sector: int) -> int:
        return self.first(sector) + self.size(sector) - 1

    def authenticate(self, sector: int, key: bytes, key_b: bool) -> bytes:
        if sector >= self.sectors:
            return WRONG_ADDRESS
        if len(key) != 6:
            return WRONG_LENGTH
        trailer = self.blocks[self.trailer(sector)]
        good = key == (trailer[10:] if key_b else trailer[:6])
        self.open_sector = sector if good else None
        return DONE if good else WRONG_KEY

    def read(self, sector: int, block: int, count: int = 1) -> bytes:
        refusal = self.refusal(sector, block, count)
        if refusal:
            return refusal
        start = self.first(sector) + block
        return b"".join(self.shown(index) for index in range(start, start + count)) + DONE

    def shown(self, index: int) -> bytes:
        """A block as a reader sees it: key A reads as zeros."""
        is_trailer = any(index == self.trailer(sector) for sector in range(self.sectors))
        return bytes(6) + self.blocks[index][6:] if is_trailer else self.blocks[index]

    def write(self, sector: int, block: int, data: bytes) -> bytes:
        if not data or len(data) % BLOCK_BYTES:
            return WRONG_LENGTH
        count = len(data) // BLOCK_BYTES
        refusal = self.refusal(sector, block, count) or (FAILED if sector == block == 0 else b"")
        if refusal:
            return refusal
        for index in range(count):
            at = index * BLOCK_BYTES
            self.blocks[self.first(sector) + block + index] = data[at : at + BLOCK_BYTES]
        return DONE

    def refusal(self, sector: int, block: int, count: int) -> bytes:
        """Why a sector's blocks cannot be touched now; empty if they can."""
        if sector >= self.sectors or not count or block + count > self.size(sector):
            return WRONG_ADDRESS
        return b"" if self.open_sector == sector else FAILED

    def value(self, sector: int, block: int) -> int | None:
        """The number in a value block; None if the block holds none (spec/cards.md 3.3)."""
        raw = self.blocks[self.first(sector) + block]
        plain, inverted, again = raw[:4], bytes(byte ^ 0xFF for byte in raw[4:8]), raw[8:12]
        return int.from_bytes(plain, "little") if plain == inverted == again else None

    def set_value(self, sector: int, block: int, value: int) -> bytes:
        refusal = self.refusal(sector, block, 1)
        if refusal or block == self.size(sector) - 1:
            return refusal or FAILED
        raw = (value & 0xFFFFFFFF).to_bytes(4, "little")
        inverted = bytes(byte ^ 0xFF for byte in raw)
        self.blocks[self.first(sector) + block] = raw + inverted + raw + bytes((block, block ^ 0xFF) * 2)
        return DONE

    def add(self, sector: int, block: int, amount: int) -> bytes:
        refusal = self.refusal(sector, block, 1)
        if refusal:
            return refusal
        value = self.value(sector, block)
        return FAILED if value is None else self.set_value(sector, block, value + amount)

    def change_key_a(self, sector: int, key: bytes) -> bytes:
        if len(key) != 6:
            return WRONG_LENGTH
        refusal = self.refusal(sector, 0, 1)
        if refusal:
            return refusal
        self.blocks[self.trailer(sector)] = key + self.blocks[self.trailer(sector)][6:]
        return DONE


def mifare_command(image: MifareImage, apdu: bytes) -> bytes:
    """Answer to one pseudo-APDU of ``60 33`` (spec/devices.md 4.1): status word, behind data where there is some."""
    if len(apdu) < 5 or apdu[0]:
        return WRONG_LENGTH if len(apdu) < 5 else UNKNOWN_INS
    ins, p1, p2, length, data = apdu[1], apdu[2], apdu[3], apdu[4], apdu[5:]
    if ins == 0x20:
        return image.authenticate(p2, data, key_b=bool(p1 & 1)) if length == len(data) else WRONG_LENGTH
    if ins == 0xB0:
        return image.read(p1, p2, length)
    if ins == 0xD1:
        return image.write(p1, p2, data)
    if ins == 0xB1:
        refusal = image.refusal(p1, p2, 1)
        value = None if refusal else image.value(p1, p2)
        return refusal or (FAILED if value is None else value.to_bytes(4, "little") + DONE)
    if ins == 0xD5:
        return image.change_key_a(p1, data)
    if ins not in (0xD2, 0xD3, 0xD4):
        return UNKNOWN_INS
    if len(data) != 4:
        return WRONG_LENGTH
    number = int.from_bytes(data, "little")
    if ins == 0xD2:
        return image.set_value(p1, p2, number)
    return image.add(p1, p2, number if ins == 0xD3 else -number)

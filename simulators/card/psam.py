"""PSAM: the terminal's own card, which holds root keys and derives those of the citizen's card (spec/cards.md 6).

Two environments: 3DES in the master file, SM4 in DDF1 (where the draft has SSF33). The order of diversification
factors is level 3, 2, 1 (cards.md, Unknown 6). RKSSSE has no published identifier in a PSAM: here it is 2A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protocols.wire.social_security import PSAM_AID, SSSE_NAME
from simulators.card.chip import Apdu, Chip, CommandTable, StatusError
from simulators.card.crypto import TEST_ROOT_KEY, CipherSuite, cipher_suite, level_factors
from simulators.card.files import DedicatedFile, ElementaryFile, FileTree
from simulators.card.storage import Memory

__all__ = ["PSAM_KEYS", "Psam", "build_psam"]

PSAM_KEYS: frozenset[tuple[int, int]] = frozenset(
    {(0x67, 0x08), (0x26, 0x09), (0x67, 0x2A), (0x67, 0x2B), (0x67, 0x2C), (0x67, 0x2D), (0x27, 0x24), (0x62, 0x01)}
)
"""(usage, identifier): IRK, STK, RKSSSE, RK1DF03, RK2DF03, RK1DF04, UK3DF01, DPK."""

SM4_NAME = b"sx2" + SSSE_NAME[3:]
LEVELS = 3
KIND_MAC, KIND_ENCRYPT, KIND_BOTH = 6, 7, 8
TERMINAL_SEQUENCE = "terminal/sequence"
MORE, MAC, STARTS = 0x02, 0x01, 0x04
"""Bits of P1 of CIPHER DATA: more blocks follow, a MAC instead of cipher text, the first of its blocks."""
MAC2_TRIES = 3


@dataclass(slots=True)
class Session:
    """A delivered key. ``kind`` what it may do; ``state`` the MAC so far."""

    key: bytes
    kind: int
    state: bytes = b""


class Psam(Chip):
    """A terminal security card. Build it with :func:`build_psam`."""

    COMMANDS: ClassVar[CommandTable] = {
        (0x00, 0xA4): ("in", "select"),
        (0x00, 0xB0): ("out", "read_binary"),
        (0x00, 0x84): ("out", "get_challenge"),
        (0xBF, 0xDE): ("in", "deliver_session_key"),
        (0xBF, 0xEC): ("in", "init_environment"),
        (0x80, 0x1A): ("in", "init_for_descrypt"),
        (0x80, 0xFA): ("in", "cipher_data"),
        (0x80, 0x70): ("in", "init_for_purchase"),
        (0x80, 0x72): ("in", "credit"),
    }

    def __init__(self, memory: Memory, seed: int, area: str, historical: bytes, root_key: bytes) -> None:
        super().__init__(memory, seed)
        self.historical, self.area, self.root_key = historical, area, root_key
        self.tree = FileTree(
            [
                _environment("MF", SSSE_NAME, 0x3F00, ""),
                _environment("DDF1", SM4_NAME, 0xDDF1, "MF"),
                _application(),
            ]
        )
        self.suite: CipherSuite = cipher_suite("3des")
        self.df, self.ef = self.tree.master, None
        self.session: Session | None = None
        self.mac2 = b""

    df: DedicatedFile
    ef: ElementaryFile | None

    def answer_to_reset(self) -> bytes:
        return bytes.fromhex("3B6D0000") + self.historical

    def forget(self) -> None:
        super().forget()
        self.df, self.ef = self.tree.master, None
        self.suite = cipher_suite("3des")
        self.session, self.mac2 = None, b""

    # Files.

    def select(self, apdu: Apdu) -> bytes:
        if apdu.p2 or apdu.p1 not in (0x00, 0x02, 0x04):
            raise StatusError(0x6A86)
        if apdu.p1 == 0x04:
            df = self.tree.by_name(apdu.data) if apdu.data else None
        else:
            if len(apdu.data) != 2:
                raise StatusError(0x6700)
            fid = int.from_bytes(apdu.data, "big")
            found = self.df.by_fid(fid)
            if found is not None:
                self.ef = found
                return b""
            df = self.tree.by_fid(self.df, fid)
        if df is None:
            raise StatusError(0x6A82)
        return self.enter(df)

    def enter(self, df: DedicatedFile) -> bytes:
        self.df, self.ef, self.session, self.mac2 = df, None, None, b""
        if df.label != "DF01":
            # The application serves the environment that it was entered from.
            self.suite = cipher_suite("sm4" if df.label == "DDF1" else "3des")
        name = bytes((0x84, len(df.name))) + df.name
        return bytes((0x6F, len(name))) + name

    def read_binary(self, apdu: Apdu) -> bytes:
        by_sfi = bool(apdu.p1 & 0x80)
        ef = self.df.by_sfi(apdu.p1 & 0x1F) if by_sfi else self.ef
        if ef is None:
            raise StatusError(0x6A82 if by_sfi else 0x6986)
        contents = ef.contents(self.memory)
        offset = apdu.p2 if by_sfi else apdu.p1 << 8 | apdu.p2
        if offset >= len(contents):
            raise StatusError(0x6B00)
        left = len(contents) - offset
        if not 1 <= apdu.p3 <= left:
            raise StatusError(0x6C00 | left)
        return contents[offset : offset + apdu.p3]

    def get_challenge(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        if apdu.p3 not in (4, 8, 16):
            raise StatusError(0x6700)
        return self.random(apdu.p3)

    # Keys.

    def derive(self, usage: int, factors: bytes) -> bytes:
        """The key at the bottom of *factors*, level 3 first. A key of N levels already lies 3 - N levels down."""
        key = self.root_key
        for factor in level_factors(self.area, self.historical)[: LEVELS - (usage >> 5)]:
            key = self.suite.diversify(key, factor)
        for at in range(len(factors) - 8, -1, -8):
            key = self.suite.diversify(key, factors[at : at + 8])
        return key

    def deliver_session_key(self, apdu: Apdu) -> bytes:
        """Factors and a random number. Raises 6A88 for an unknown key, 6A80 for another number of levels."""
        if (apdu.p1, apdu.p2) not in PSAM_KEYS:
            raise StatusError(0x6A88)
        size = 8 * (apdu.p1 >> 5)
        if len(apdu.data) - size not in {8, self.suite.block}:
            raise StatusError(0x6A80)
        key = self.derive(apdu.p1, apdu.data[:size])
        self.session = Session(self.suite.session_key(key, apdu.data[size:]), apdu.p1 & 0x1F)
        return b""

    def init_for_descrypt(self, apdu: Apdu) -> bytes:
        """The diversified key itself becomes the session's. Raises 6A88, 6A80."""
        if apdu.p1 not in {usage for usage, _ in PSAM_KEYS}:
            raise StatusError(0x6A88)
        if len(apdu.data) != 8 * (apdu.p1 >> 5):
            raise StatusError(0x6A80)
        self.session = Session(self.derive(apdu.p1, apdu.data), apdu.p1 & 0x1F)
        return b""

    def init_environment(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        if len(apdu.data) != 1:
            raise StatusError(0x6700)
        return b""

    def cipher_data(self, apdu: Apdu) -> bytes:
        """Cipher text (P1 00, 02) or a MAC (01, 03, 05, 07) under the delivered key. Raises 6A86, 6901, 6985, 6700.

        With SM4, eight bytes to encrypt give the folded eight bytes of authentication data.
        """
        if apdu.p1 not in (0, 1, 2, 3, 5, 7) or apdu.p2:
            raise StatusError(0x6A86)
        if self.session is None:
            raise StatusError(0x6901)
        wants_mac = bool(apdu.p1 & MAC)
        if self.session.kind == (KIND_ENCRYPT if wants_mac else KIND_MAC):
            raise StatusError(0x6985)
        answer = self._mac(self.session, apdu) if wants_mac else self._encrypt(self.session, apdu.data)
        if not apdu.p1 & MORE:
            self.session = None
        return answer

    def _encrypt(self, session: Session, data: bytes) -> bytes:
        if len(data) == 8 and self.suite.block == 16:
            return self.suite.authenticate(session.key, data)
        if not data or len(data) % self.suite.block:
            raise StatusError(0x6700)
        return self.suite.encrypt_blocks(session.key, data)

    def _mac(self, session: Session, apdu: Apdu) -> bytes:
        """The last command of a chain pads; those before it bring whole blocks."""
        state = b"" if apdu.p1 & STARTS else session.state
        if apdu.p1 & MORE:
            if not apdu.data or len(apdu.data) % self.suite.block:
                raise StatusError(0x6700)
            session.state = self.suite.chain(session.key, apdu.data, state)
            return b""
        return self.suite.fold_mac(self.suite.chain(session.key, self.suite.pad(apdu.data), state))

    # Purchase.

    def init_for_purchase(self, apdu: Apdu) -> bytes:
        """Gives terminal sequence 4, MAC1 4. The sequence moves on with each call, as the terminal's counter must."""
        if (apdu.p1, apdu.p2) != (0x01, 0x00):
            raise StatusError(0x6A86)
        if len(apdu.data) != 28 + 8 * LEVELS:
            raise StatusError(0x6700)
        sequence = (self.memory.read_number(TERMINAL_SEQUENCE) + 1) & 0xFFFFFFFF
        terminal_sequence = sequence.to_bytes(4, "big")
        random_and_sequence, amounts = apdu.data[:6], apdu.data[6:18]
        kind, time = apdu.data[18:19], apdu.data[19:26]
        key = self.derive(LEVELS << 5, apdu.data[28:])
        session = self.suite.session_key(key, random_and_sequence + terminal_sequence[2:])
        self.memory.write(TERMINAL_SEQUENCE, terminal_sequence)
        self.mac2 = self.suite.mac(session, amounts)
        terminal = self.memory.read("terminal/number")
        return terminal_sequence + self.suite.mac(session, amounts + kind + terminal + time)

    def credit(self, apdu: Apdu) -> bytes:
        """Check the card's MAC2. Raises 6901 without a purchase before, 9302."""
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        if len(apdu.data) != 4:
            raise StatusError(0x6700)
        if not self.mac2:
            raise StatusError(0x6901)
        expected, self.mac2 = self.mac2, b""
        if apdu.data != expected:
            raise StatusError(0x9302)
        return b""


def _environment(label: str, name: bytes, fid: int, parent: str) -> DedicatedFile:
    cells = {0x0015: "terminal/public", 0x0016: "terminal/number", 0x0019: TERMINAL_SEQUENCE}
    files = {file_id: ElementaryFile(file_id, cell, "transparent") for file_id, cell in cells.items()}
    return DedicatedFile(label, name, fid, parent, files)


def _application() -> DedicatedFile:
    cells = {0x0019: TERMINAL_SEQUENCE} | {fid: f"application/{fid:04X}" for fid in (0x001A, 0x001B, 0x001C)}
    files = {fid: ElementaryFile(fid, cell, "transparent") for fid, cell in cells.items()}
    return DedicatedFile("DF01", PSAM_AID, 0xDF01, "MF", files)


def build_psam(
    *, area: str = "441900", seed: int = 0, serial: str = "00000001", root_key: bytes = TEST_ROOT_KEY
) -> Psam:
    """A new PSAM of *area* with terminal number ``area || 000001``; *serial* is eight hexadecimal digits."""
    historical = bytes.fromhex("0081534D5386" + "60" + area[:4] + serial)
    memory = Memory()
    memory.personalise(
        {
            "terminal/public": b"\x01" + bytes.fromhex("000000000000" + serial) + bytes.fromhex("01010000"),
            "terminal/number": bytes.fromhex(area + "000001"),
            TERMINAL_SEQUENCE: bytes(4),
            **{f"application/{fid:04X}": bytes(10) for fid in (0x001A, 0x001B, 0x001C)},
        }
    )
    return Psam(memory, seed, area, historical, root_key)

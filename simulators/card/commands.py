"""Commands of the social security card outside the medical account (spec/cards.md 1.2, 1.3, 1.6)."""

from __future__ import annotations

from typing import ClassVar

from simulators.card.chip import Apdu, Chip, CommandTable, StatusError
from simulators.card.files import DedicatedFile, ElementaryFile, FileTree
from simulators.card.readings import Readings
from simulators.card.security import BK, IRK, LK_DF, PUK, STK, Security
from simulators.card.storage import Memory

__all__ = ["CardCommands"]

MAX_ANSWER = 256
FIRST, LAST, NEXT, PREVIOUS, NUMBER, FROM_NUMBER, TO_NUMBER = range(7)
"""Low three bits of P2 of READ RECORD."""


class CardCommands(Chip):
    """Selection, reading, authentication, PIN and issuer commands. Each method takes the command and gives its data."""

    COMMANDS: ClassVar[CommandTable] = {
        (0x00, 0xA4): ("in", "select"),
        (0x00, 0xB2): ("out", "read_record"),
        (0x00, 0xB0): ("out", "read_binary"),
        (0x00, 0x84): ("out", "get_challenge"),
        (0x00, 0x88): ("in", "internal_authenticate"),
        (0x00, 0x82): ("in", "external_authenticate"),
        (0x00, 0x20): ("in", "verify"),
        (0x00, 0xDC): ("in", "refuse_plain_update"),
        (0x00, 0xD6): ("in", "refuse_plain_update"),
        (0x04, 0xDC): ("in", "update_record"),
        (0x04, 0xD6): ("in", "update_binary"),
        (0x80, 0x5E): ("in", "change_pin"),
        (0x84, 0x24): ("in", "unblock_or_reload"),
        (0x84, 0x1E): ("in", "block_application"),
        (0x84, 0x16): ("in", "block_card"),
    }

    def __init__(
        self,
        memory: Memory,
        seed: int,
        tree: FileTree,
        security: Security,
        readings: Readings,
        *,
        contactless: bool = False,
    ) -> None:
        super().__init__(memory, seed, contactless=contactless)
        self.tree, self.security, self.readings = tree, security, readings
        self.df: DedicatedFile = tree.master
        self.ef: ElementaryFile | None = None
        self.record = self.pointed = 0

    def forget(self) -> None:
        super().forget()
        self.df, self.ef, self.record = self.tree.master, None, 0
        self.security.df = self.df.label
        self.security.drop()

    def execute(self, apdu: Apdu) -> bytes:
        self.pointed = 0
        if self.memory.read("card/blocked"):
            raise StatusError(0x6A81)
        return super().execute(apdu)

    def deliver(self, data: bytes, apdu: Apdu) -> bytes:
        answer = super().deliver(data, apdu)
        # Only a record that was given moves the pointer: after 6Cxx the host asks for the same one again.
        self.record, self.pointed = self.pointed or self.record, 0
        return answer

    # Selection.

    def select(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 0x04 and apdu.p2 in (0x00, 0x02):
            return self.select_name(apdu)
        if apdu.p1 not in (0x00, 0x02) or apdu.p2 != 0x00:
            raise StatusError(0x6A86)
        if len(apdu.data) != 2:
            raise StatusError(0x6700)
        fid = int.from_bytes(apdu.data, "big")
        ef = self.df.by_fid(fid)
        if ef is not None:
            self.ef, self.record = ef, 0
            return b""
        df = self.tree.by_fid(self.df, fid) if apdu.p1 == 0x00 else None
        if df is None:
            return self.not_found()
        return self.enter(df)

    def select_name(self, apdu: Apdu) -> bytes:
        """By whole or partial name; P2 02 asks for the next one."""
        if not apdu.data:
            raise StatusError(0x6700)
        df = self.tree.by_name(apdu.data, self.df if apdu.p2 == 0x02 else None)
        return self.not_found() if df is None else self.enter(df)

    def not_found(self) -> bytes:
        raise StatusError(0x6A82)

    def enter(self, df: DedicatedFile) -> bytes:
        """Make *df* the current one. Raises 9303 when it is blocked for ever."""
        if self.memory.read(f"blocked/{df.label}"):
            raise StatusError(0x9303)
        self.df, self.ef, self.record = df, None, 0
        self.security.entered(df.label)
        return self.fci(df)

    def fci(self, df: DedicatedFile) -> bytes:
        """File control information of *df*."""
        name = bytes((0x84, len(df.name))) + df.name
        return bytes((0x6F, len(name))) + name

    # Reading.

    def file_of(self, sfi: int) -> ElementaryFile:
        """The current EF (SFI 0), or the one of that SFI, which becomes current. Raises 6986, 6A82."""
        if sfi == 0:
            if self.ef is None:
                raise StatusError(0x6986)
            return self.ef
        found = self.df.by_sfi(sfi)
        if found is None:
            self.not_found()
            raise StatusError(0x6A82)
        self.ef, self.record = found, 0
        return found

    def readable(self, sfi: int, *, transparent: bool) -> ElementaryFile:
        """The file, when its kind fits and its read rule holds. Raises 6981, 6982 besides those of :meth:`file_of`."""
        ef = self.file_of(sfi)
        if (ef.structure == "transparent") != transparent:
            raise StatusError(0x6981)
        self.demand_read(ef)
        return ef

    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(ef.read)

    def read_record(self, apdu: Apdu) -> bytes:
        mode, sfi = apdu.p2 & 0x07, apdu.p2 >> 3
        if mode > TO_NUMBER or sfi == 0x1F:
            raise StatusError(0x6A86)
        records = self.readable(sfi, transparent=False).records(self.memory)
        if mode in (FROM_NUMBER, TO_NUMBER):
            return self.join_records(records, apdu, mode)
        self.pointed = self.find_record(records, apdu.p1, mode)
        return records[self.pointed - 1]

    def find_record(self, records: list[bytes], p1: int, mode: int) -> int:
        """Number of the record that P1 and the mode name. Raises 6A83."""
        if mode == NUMBER:
            wanted = [p1 or self.record]
        else:
            wanted = [n for n, record in enumerate(records, 1) if p1 == 0 or record[:1] == bytes((p1,))]
            if mode == NEXT:
                wanted = [n for n in wanted if n > self.record]
            elif mode == PREVIOUS:
                wanted = [n for n in wanted if n < self.record] if self.record else wanted
        number = (wanted[-1] if mode in (LAST, PREVIOUS) else wanted[0]) if wanted else 0
        if not 1 <= number <= len(records):
            raise StatusError(0x6A83)
        return number

    def join_records(self, records: list[bytes], apdu: Apdu, mode: int) -> bytes:
        """Records P1 to last, or last to P1, as many whole ones as an answer holds."""
        start = apdu.p1 or self.record
        if not 1 <= start <= len(records):
            raise StatusError(0x6A83)
        chosen = records[start - 1 :] if mode == FROM_NUMBER else records[start - 1 :][::-1]
        joined = b""
        for record in chosen:
            if len(joined) + len(record) > MAX_ANSWER:
                break
            joined += record
        self.exact_le = not (self.readings.read_all_le_ff == "data" and apdu.p3 == 0xFF)
        return joined

    def read_binary(self, apdu: Apdu) -> bytes:
        """Raises 6B00 for an offset outside, 6Cxx where fewer bytes are left than asked for."""
        by_sfi = bool(apdu.p1 & 0x80)
        ef = self.readable(apdu.p1 & 0x1F if by_sfi else 0, transparent=True)
        offset = apdu.p2 if by_sfi else apdu.p1 << 8 | apdu.p2
        contents = ef.contents(self.memory)
        if offset >= len(contents):
            raise StatusError(0x6B00)
        left = len(contents) - offset
        asked = apdu.p3 or (MAX_ANSWER if left >= MAX_ANSWER else left + 1)
        if asked > left and not self.contactless:
            raise StatusError(0x6C00 | left & 0xFF)
        return contents[offset : offset + asked]

    # Authentication.

    def get_challenge(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        lengths = (4, 8) if self.security.suite.block == 8 and self.readings.long_challenge == "refused" else (4, 8, 16)
        if apdu.p3 not in lengths:
            raise StatusError(self.readings.challenge_length_sw)
        return self.security.new_challenge(apdu.p3)

    def internal_authenticate(self, apdu: Apdu) -> bytes:
        self.check_authentication(apdu)
        if apdu.p2 != IRK:
            raise StatusError(0x6A88)
        return self.security.internal(IRK, apdu.data[:8], apdu.data[8:16])

    def external_authenticate(self, apdu: Apdu) -> bytes:
        self.check_authentication(apdu)
        self.security.external(apdu.p2, apdu.data[:8], apdu.data[8:16])
        return b""

    @staticmethod
    def check_authentication(apdu: Apdu) -> None:
        """P1 00, two times eight bytes, and perhaps a key version. Raises 6A86, 6700, 6A88."""
        if apdu.p1:
            raise StatusError(0x6A86)
        if len(apdu.data) not in (16, 17):
            raise StatusError(0x6700)
        if len(apdu.data) == 17 and apdu.data[16] not in (1, 2, 3):
            raise StatusError(0x6A88)

    # PIN.

    def verify(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        if not apdu.data:
            raise StatusError(self.security.query_pin())
        if not 2 <= len(apdu.data) <= 8:
            raise StatusError(0x6700)
        self.security.verify_pin(apdu.data)
        return b""

    def change_pin(self, apdu: Apdu) -> bytes:
        if (apdu.p1, apdu.p2) != (0x01, 0x00):
            raise StatusError(0x6A86)
        self.security.change_pin(apdu.data)
        return b""

    def unblock_or_reload(self, apdu: Apdu) -> bytes:
        """PIN UNBLOCK (P2 00, after PUK was proved) and RELOAD PIN (P2 01), under STK."""
        if apdu.p1 or apdu.p2 > 1:
            raise StatusError(0x6A86)
        if apdu.p2 == 0:
            self.security.demand((frozenset({f"SSSE.{PUK:02X}"}),))
        data, session = self.security.verified_data(apdu, STK, self.readings.wrong_mac_sw)
        if apdu.p2 == 0:
            self.unblock(data)
        else:
            self.reload(data, session)
        return b""

    def unblock(self, data: bytes) -> None:
        if data:
            raise StatusError(0x6700)
        self.security.restore_tries()

    def reload(self, data: bytes, session: bytes) -> None:
        pin = self.security.suite.decipher(session, data)
        if not pin:
            raise StatusError(0x6A80)
        self.security.set_pin(pin)

    # Issuer.

    def refuse_plain_update(self, apdu: Apdu) -> bytes:
        """Every file of this card is written under secure messaging only."""
        raise StatusError(0x6982)

    def update_record(self, apdu: Apdu) -> bytes:
        mode, sfi = apdu.p2 & 0x07, apdu.p2 >> 3
        if mode not in (FIRST, NUMBER) or sfi == 0x1F:
            raise StatusError(0x6A86)
        ef, data = self.secured(apdu, sfi, transparent=False)
        if ef.structure == "cyclic":
            raise StatusError(0x6981)
        records = ef.records(self.memory)
        number = self.find_record(records, apdu.p1, mode)
        if len(data) < 2 or data[1] != len(data) - 2 or len(data) != len(records[number - 1]):
            raise StatusError(0x6A85)
        if data[0] != records[number - 1][0]:
            raise StatusError(0x6A80)
        self.store(ef.record_cell(number), data)
        return b""

    def update_binary(self, apdu: Apdu) -> bytes:
        by_sfi = bool(apdu.p1 & 0x80)
        ef, data = self.secured(apdu, apdu.p1 & 0x1F if by_sfi else 0, transparent=True)
        offset = apdu.p2 if by_sfi else apdu.p1 << 8 | apdu.p2
        contents = ef.contents(self.memory)
        if offset + len(data) > len(contents):
            raise StatusError(0x6B00 if offset >= len(contents) else 0x6700)
        self.store(ef.cell, contents[:offset] + data + contents[offset + len(data) :])
        return b""

    def secured(self, apdu: Apdu, sfi: int, *, transparent: bool) -> tuple[ElementaryFile, bytes]:
        """The file to update and the data whose MAC was right. Raises 6981, 6982, 6984, 6988."""
        ef = self.file_of(sfi)
        if (ef.structure == "transparent") != transparent:
            raise StatusError(0x6981)
        self.demand_update(ef)
        return ef, self.security.verified_data(apdu, STK, 0x6988)[0]

    def demand_update(self, ef: ElementaryFile) -> None:
        self.security.demand(ef.update)

    def store(self, cell: str, value: bytes) -> None:
        self.memory.write(cell, value)

    def block_application(self, apdu: Apdu) -> bytes:
        """Block the current application for ever; key BK in SSSE, LK in an application."""
        if (apdu.p1, apdu.p2) != (0x00, 0x01):
            raise StatusError(0x6A86)
        key_id = BK if self.df.label == "SSSE" else LK_DF
        self.security.verified_data(apdu, key_id, self.readings.wrong_mac_sw)
        self.memory.write(f"blocked/{self.df.label}", b"\x01")
        return b""

    def block_card(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        self.security.verified_data(apdu, BK, self.readings.wrong_mac_sw)
        self.memory.write("card/blocked", b"\x01")
        return b""

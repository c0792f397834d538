"""A point-of-sale terminal that shares nothing with the code under test: its own pyiso8583 specification, psec for PIN
blocks, pycryptodomex for 3DES. Typed from spec/services.md 3.1 to 3.3 by itself."""

from __future__ import annotations

import iso8583
from Cryptodome.Cipher import DES, DES3
from psec.pinblock import encode_pinblock_iso_0


def _bcd(digits: int, pad: str = "right") -> dict:
    row = {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "len_count": "nibbles", "max_len": digits, "desc": ""}
    return {**row, f"{pad}_pad": "0"}


def _bcd_var(length_bytes: int, most: int) -> dict:
    return {**_bcd(most), "len_type": length_bytes}


def _text(length: int) -> dict:
    return {"data_enc": "ascii", "len_enc": "bcd", "len_type": 0, "max_len": length, "desc": ""}


def _text_var(length_bytes: int, most: int) -> dict:
    return {**_text(most), "len_type": length_bytes}


def _binary(length: int) -> dict:
    return {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": length, "desc": ""}


SPEC = {
    "h": _binary(0),
    "t": _binary(2),
    "p": _binary(8),
    "2": _bcd_var(1, 19),
    "3": _bcd(6),
    "4": _bcd(12),
    "11": _bcd(6),
    "12": _bcd(6),
    "13": _bcd(4),
    "14": _bcd(4),
    "15": _bcd(4),
    "22": _bcd(3),
    "23": _bcd(3, "left"),
    "25": _bcd(2),
    "26": _bcd(2),
    "32": _bcd_var(1, 11),
    "35": _bcd_var(1, 37),
    "36": _bcd_var(2, 104),
    "37": _text(12),
    "38": _text(6),
    "39": _text(2),
    "41": _text(8),
    "42": _text(15),
    "44": _text_var(1, 25),
    "48": _bcd_var(2, 322),
    "49": _text(3),
    "52": _binary(8),
    "53": _bcd(16),
    "54": _text_var(2, 40),
    "55": {**_binary(255), "len_type": 2},
    "60": _bcd_var(2, 19),
    "61": _bcd_var(2, 29),
    "62": {**_binary(999), "len_type": 2},
    "63": _text_var(2, 163),
    "64": _binary(8),
}
FRAME_HEAD = bytes.fromhex("6000060000" + "600100310000")


def des3(key: bytes) -> object:
    return DES.new(key, DES.MODE_ECB) if len(key) == 8 else DES3.new(key, DES3.MODE_ECB)


def mac(key: bytes, data: bytes) -> bytes:
    """The first eight hexadecimal characters, as spec/services.md 3.3 says in words."""
    block = bytes(8)
    for at in range(0, len(data), 8):
        part = data[at : at + 8].ljust(8, b"\0")
        block = bytes(a ^ b for a, b in zip(block, part, strict=True))
    text = block.hex().upper().encode()
    cipher = des3(key)
    half = cipher.encrypt(text[:8])
    return cipher.encrypt(bytes(a ^ b for a, b in zip(half, text[8:], strict=True))).hex().upper()[:8].encode()


def body(mti: str, fields: dict[int, str]) -> bytes:
    return bytes(iso8583.encode({"t": mti, **{str(n): v for n, v in fields.items()}}, SPEC)[0])


def frame(mti: str, fields: dict[int, str], mac_key: bytes | None = None, head: bytes = FRAME_HEAD) -> bytes:
    if mac_key is None:
        return head + body(mti, fields)
    unsigned = body(mti, {**fields, 64: "00" * 8})[:-8]
    return head + unsigned + mac(mac_key, unsigned)


class ForeignTerminal:
    """Speaks to a peer core. ``ask`` gives the fields of the reply, ``t`` its message type; None for silence."""

    def __init__(self, core, master_key: bytes, terminal: str = "10000001", merchant: str = "898441900000001") -> None:
        self.core, self.master_key, self.terminal, self.merchant = core, master_key, terminal, merchant
        self.trace, self.batch = 0, "000001"
        self.pin_key = self.mac_key = b""

    def raw(self, frame: bytes, now: float, twist: str = "") -> dict | None:
        answer = self.core.handle(frame, now, twist)
        if answer is None:
            return None
        assert answer[:5] == bytes.fromhex("6000000006")  # the TPDU came back with its addresses swapped
        reply, _ = iso8583.decode(answer[11:], SPEC)
        if "64" in reply and self.mac_key:
            reply["authentic"] = mac(self.mac_key, answer[11:-8]) == answer[-8:]
        reply["header"] = answer[5:11].hex()
        return reply

    def next_trace(self) -> str:
        self.trace += 1
        return f"{self.trace:06d}"

    def base(self, trace: str | None = None) -> dict[int, str]:
        return {11: trace or self.next_trace(), 41: self.terminal, 42: self.merchant}

    def sign_in(self, now: float, network: str = "003", twist: str = "") -> dict:
        fields = {**self.base(), 60: f"00{self.batch}{network}", 63: "01 "}
        reply = self.raw(frame("0800", fields), now, twist)
        assert reply is not None
        if reply["39"] == "00":
            data = bytes.fromhex(reply["62"])
            cipher = des3(self.master_key)
            length = 8 if len(data) == 24 else 16
            step = length + 4
            self.pin_key = cipher.decrypt(data[:length])
            raw_mac_key = data[step : step + length]
            single = length == 16 and raw_mac_key[8:] == bytes(8)
            self.mac_key = cipher.decrypt(raw_mac_key[:8] if single else raw_mac_key)
            assert des3(self.pin_key).encrypt(bytes(8))[:4] == data[length:step]
            assert des3(self.mac_key).encrypt(bytes(8))[:4] == data[step + length : step + length + 4]
            self.batch = reply["60"][2:8]
        return reply

    def pin_block(self, pin: str, pan: str) -> str:
        return des3(self.pin_key).encrypt(encode_pinblock_iso_0(pin, pan)).hex().upper()

    def purchase(self, fen: int, pan: str, pin: str, trace: str | None = None, **more: str) -> bytes:
        fields = {
            **self.base(trace),
            2: pan,
            3: "000000",
            4: f"{fen:012d}",
            14: "3012",
            22: "051",
            23: "001",
            25: "00",
            26: "12",
            35: f"{pan}D30122010000000000",
            49: "156",
            52: self.pin_block(pin, pan),
            53: "2600000000000000",
            60: f"22{self.batch}00060",
            **{int(name[1:]): value for name, value in more.items()},
        }
        return frame("0200", {n: v for n, v in fields.items() if v}, self.mac_key)

    def reversal(
        self, fen: int, trace: str, processing: str = "000000", kind: str = "22", reason: str = "98", batch: str = ""
    ) -> bytes:
        batch = batch or self.batch
        fields = {
            **self.base(trace),
            3: processing,
            4: f"{fen:012d}",
            22: "051",
            25: "00",
            39: reason,
            49: "156",
            60: f"{kind}{batch}000",
            61: f"{batch}{trace}",
        }
        return frame("0400", fields, self.mac_key)

    def undo(
        self, mti: str, fen: int, pan: str, original: str, retrieval: str, trace: str | None = None, batch: str = ""
    ) -> bytes:
        kind = "23" if mti == "0200" else "25"
        fields = {
            **self.base(trace),
            2: pan,
            3: "200000",
            4: f"{fen:012d}",
            22: "052",
            25: "00",
            37: retrieval,
            49: "156",
            60: f"{kind}{self.batch}000",
            61: f"{batch or self.batch}{original}1122",
        }
        return frame(mti, fields, self.mac_key)

    def settle(self, debit: tuple[int, int], credit: tuple[int, int], now: float, batch: str = "") -> dict:
        totals = f"{debit[0]:012d}{debit[1]:03d}{credit[0]:012d}{credit[1]:03d}0" + "0" * 31
        fields = {**self.base(), 48: totals, 49: "156", 60: f"00{batch or self.batch}201", 63: "01 "}
        reply = self.raw(frame("0500", fields), now)
        assert reply is not None
        return reply

    def end(self, network: str, count: int, now: float, batch: str = "") -> dict:
        fields = {**self.base(), 48: f"{count:04d}", 60: f"00{batch or self.batch}{network}"}
        reply = self.raw(frame("0320", fields), now)
        assert reply is not None
        return reply

    def upload(self, fen: int, retrieval: str, original: str, now: float) -> dict:
        fields = {
            **self.base(),
            3: "000000",
            4: f"{fen:012d}",
            37: retrieval,
            49: "156",
            60: f"00{self.batch}201",
            61: f"{self.batch}{original}1122",
        }
        reply = self.raw(frame("0320", fields), now)
        assert reply is not None
        return reply

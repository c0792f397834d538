"""Keyed pseudonyms for what must not leave the bench: names, ID and card numbers, PINs, keys.

A pseudonym has the length and the form of what it replaces, so that frames still parse and every later check computes
the same verdict; one input always gives one pseudonym under one key, so two readings of a card still compare equal.

What is replaced: records 07, 08, 09, 4E and the last eight bytes of record 01 (spec/cards.md 1.4); the PIN of VERIFY
and CHANGE PIN and keys in the clear (1.6, 3.3); track data and Mifare keys of reader frames (spec/devices.md 4.1, 4.2);
keys, card numbers, data and PIN blocks of a PIN pad's frames, and digits that it sends in the clear (1.2); whatever else
an answer of a card holds (``privacy_answers.py``); and every known literal, wherever it stands. ATR, challenges and
cryptograms of cards are left as they are.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from protocols.wire.apdu import Command, decode_command
from protocols.wire.apdu_tables import PIN_COMMANDS
from protocols.wire.base import Privacy, WireError
from protocols.wire.privacy_answers import Private, private_parts
from protocols.wire.privacy_frames import DIGIT_MARK, FramePart, OpenFrame, open_frame
from protocols.wire.social_security import HOLDER_ITEMS, Item, private_part
from protocols.wire.tlv import SimpleTlv, build_records, parse_records

__all__ = ["Leak", "Masker", "find_leaks"]

LEAST_LITERAL_BYTES = 6
CACHE_SIZE = 4096
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_PIN_HEADERS = (bytes.fromhex("00200000"), bytes.fromhex("805E0100"))
_LEAST_CUT_BYTES = 4
_TRACK_KEPT = 7
_UPDATE_RECORD = 0xDC


@dataclass(frozen=True, slots=True)
class Leak:
    """A known secret found where it must not be: its class, the form it was found in, and the offset."""

    privacy: Privacy
    form: str
    at: int


def _bcd(literal: bytes) -> bytes:
    """Packed digits of an all-digit literal, padded with F; empty for other literals."""
    if not literal.isdigit():
        return b""
    return bytes.fromhex(literal.decode("ascii") + "F" * (len(literal) % 2))


def _forms(literal: bytes) -> list[tuple[str, bytes]]:
    """The ways in which a secret is written down, long enough not to be found by chance."""
    forms = [
        ("raw", literal),
        ("hex-upper", literal.hex().upper().encode()),
        ("hex-lower", literal.hex().encode()),
        ("bcd", _bcd(literal)),
    ]
    return [(name, form) for name, form in forms if len(form) >= LEAST_LITERAL_BYTES]


def find_leaks(data: bytes, literals: Iterable[tuple[Privacy, bytes]]) -> list[Leak]:
    """Every place in *data* where one of *literals* stands, raw, as hexadecimal or as packed digits; of an odd number of
    digits all but the last count, because what is packed with it may be a separator.

    Forms below six bytes are not looked for. A literal without letters has one hexadecimal form and is reported once.
    """
    found: list[Leak] = []
    for privacy, literal in literals:
        seen: set[bytes] = set()
        for name, form in _forms(literal):
            if name == "bcd" and len(literal) % 2 and len(form) > LEAST_LITERAL_BYTES:
                form = form[:-1]
            if form in seen:
                continue
            seen.add(form)
            at = data.find(form)
            while at >= 0:
                found.append(Leak(privacy, name, at))
                at = data.find(form, at + 1)
    return sorted(found, key=lambda leak: leak.at)


class Masker:
    """Replaces personal data in bytes. Pure: the same key, literals and records give the same result. The records of a PIN
    pad's line depend on those before them, because its answers do not name what they answer.

    *literals* are the secrets of the bench's own test people, each at least six bytes to count. With *vectors_open* PIN
    blocks and deciphered data stay as they are: for runs in which a pad is judged by published keys, PINs and texts.
    """

    def __init__(
        self, key: bytes, literals: Iterable[tuple[Privacy, bytes]] = (), *, vectors_open: bool = False
    ) -> None:
        self._key = key
        self._vectors_open = vectors_open
        self._memory: dict[str, bytes] = {}
        pairs = [(privacy, literal) for privacy, literal in literals if len(literal) >= LEAST_LITERAL_BYTES]
        # Longest first: a name that is part of a longer one must not split it.
        self._literals = sorted(pairs, key=lambda pair: (-len(pair[1]), pair[1]))
        self._mask = lru_cache(CACHE_SIZE)(self._mask_once)

    def mask(self, slot: str, kind: str, data: bytes) -> bytes:
        """*data* with its secrets replaced; same length. *kind* is the record's (``frame``, ``apdu``, ``noise``,
        ``control``; others are searched for literals alone), *slot* the line that it belongs to."""
        if kind not in ("frame", "noise"):
            return self._mask(kind, data, b"")
        memory = self._memory.get(slot, b"")
        opened = open_frame(data, memory)
        if opened is not None and opened.memory:
            self._memory[slot] = opened.memory
        return self._mask(kind, data, memory)

    def _mask_once(self, kind: str, data: bytes, memory: bytes) -> bytes:
        if kind == "apdu":
            return self._replace_literals(self._apdu(data))
        if kind == "control":
            return _without_digits(data)  # nothing but a PIN pad sends digits one by one
        if kind in ("frame", "noise"):
            opened = open_frame(data, memory)
            if opened is not None:
                return self._frame(opened)
            scanned = self._replace_literals(self._scan(data))
            return _without_digits(scanned) if memory else scanned
        return self._replace_literals(data)

    def _frame(self, opened: OpenFrame) -> bytes:
        """The frame without its secrets. Where its characters spell a literal by chance, all of its text goes."""
        masked = opened.close(b"".join(self._frame_part(part) for part in opened.parts))
        if self._replace_literals(masked) == masked:
            return masked
        text = b"".join(part.data for part in opened.parts)
        return opened.close(text[:1] + self._token_of_key(text[1:]))

    def _frame_part(self, part: FramePart) -> bytes:
        if part.form == "apdu":
            return self._replace_literals(self._apdu(part.data))
        if part.form == "private":
            return self._token_by_character(Privacy.CARD_NUMBER, part.data)
        if part.form == "key" or (part.form == "answer" and not self._vectors_open):
            return self._token_of_key(part.data)
        return self._replace_literals(part.data)

    def _apdu(self, data: bytes) -> bytes:
        """A command whose data is a PIN or key, else a response made of records, else unchanged."""
        try:
            command = decode_command(data)
        except WireError:
            command = None
        if command is not None and command.data and (command.cla, command.ins) in PIN_COMMANDS:
            return _with_data(data, command, self._secret_data(command))
        if command is not None and command.ins == _UPDATE_RECORD and command.data:
            return _with_data(data, command, self._update(command))
        for tail in (2, 0):
            masked = self._records(data[: len(data) - tail])
            if masked is not None:
                return masked + data[len(data) - tail :]
        return self._scan(data, anywhere=False)

    def _update(self, command: Command) -> bytes:
        """The record of UPDATE RECORD, which secure messaging follows with a MAC of four bytes."""
        mac = 4 if command.cla & 0x04 else 0
        record, mac_bytes = command.data[: len(command.data) - mac], command.data[len(command.data) - mac :]
        return (self._records(record) or record) + mac_bytes

    def _secret_data(self, command: Command) -> bytes:
        privacy = PIN_COMMANDS[command.cla, command.ins]
        if command.ins != 0x5E:
            return self._token_by_nibble(privacy, command.data)
        return self._two_pins(command.data)

    def _two_pins(self, data: bytes) -> bytes:
        """CHANGE PIN: the FF between the two PINs is a separator, not padding."""
        old, separator, new = data.partition(b"\xff")
        return self._token_by_nibble(Privacy.PIN, old) + separator + self._token_by_nibble(Privacy.PIN, new)

    def _records(self, data: bytes) -> bytes | None:
        """*data* with private values replaced; None when it is not made of records of EF05 and EF06."""
        try:
            records = parse_records(data)
        except WireError:
            return None
        known = [HOLDER_ITEMS.get(record.tag) for record in records]
        if not records or any(
            item is None or item.length != len(record.value) for item, record in zip(known, records, strict=True)
        ):
            return None
        return build_records(SimpleTlv(record.tag, self._value(record)) for record in records)

    def _value(self, record: SimpleTlv) -> bytes:
        privacy, at = private_part(record)
        if privacy is Privacy.OPEN:
            return record.value
        return record.value[:at] + self._item_token(HOLDER_ITEMS[record.tag], record.value[at:])

    def _item_token(self, item: Item, value: bytes) -> bytes:
        return self._token_by_nibble(item.privacy, value) if item.kind == "cn" else self._token(item.privacy, value)

    def _token(self, privacy: Privacy, value: bytes) -> bytes:
        """The pseudonym of one value; padding at its end stays."""
        secret = value.rstrip(b"\x00")
        if not secret:
            return value
        padding = value[len(secret) :]
        if privacy is Privacy.NAME:
            return self._name(secret) + padding
        if privacy is Privacy.ID_NUMBER:
            return self._digits(privacy, secret, len(secret)).encode() + padding
        if privacy is Privacy.PIN and secret.isdigit():
            return self._digits(privacy, secret, len(secret)).encode() + padding
        if privacy in (Privacy.PIN, Privacy.KEY) or not _is_text(secret):
            return self._token_by_nibble(privacy, value)
        return self._token_by_character(privacy, secret) + padding

    def _stream(self, privacy: Privacy, secret: bytes, count: int) -> bytes:
        """*count* bytes that only the key's holder can compute from *secret*."""
        blocks = bytearray()
        while len(blocks) < count:
            message = privacy.value.encode() + bytes((len(blocks) // 32,)) + secret
            blocks += hmac.new(self._key, message, hashlib.sha256).digest()
        return bytes(blocks[:count])

    def _digits(self, privacy: Privacy, secret: bytes, count: int) -> str:
        return "".join(str(byte % 10) for byte in self._stream(privacy, secret, count))

    def _name(self, secret: bytes) -> bytes:
        stream = self._stream(Privacy.NAME, secret, len(secret))
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in stream).encode()

    def _token_by_character(self, privacy: Privacy, secret: bytes) -> bytes:
        """Letters become letters and digits digits; separators stay."""
        stream = self._stream(privacy, secret, len(secret))
        return bytes(
            0x30 + new % 10
            if 0x30 <= old <= 0x39
            else ord(_LETTERS[new % len(_LETTERS)])
            if chr(old).isalpha()
            else old
            for old, new in zip(secret, stream, strict=True)
        )

    def _token_of_key(self, key: bytes) -> bytes:
        """Every nibble becomes a digit: a key has no padding."""
        return bytes.fromhex(self._digits(Privacy.KEY, key, 2 * len(key)))

    def _token_by_nibble(self, privacy: Privacy, packed: bytes) -> bytes:
        """Packed digits become packed digits; the F at the end, the padding, stays. Bytes of a key become digits."""
        nibbles = packed.hex().upper()
        secret = nibbles.rstrip("F")
        return bytes.fromhex(self._digits(privacy, secret.encode(), len(secret)) + nibbles[len(secret) :])

    def _replace_literals(self, data: bytes) -> bytes:
        for privacy, literal in self._literals:
            for form_name, form in _forms(literal):
                if form in data:
                    data = data.replace(form, self._literal_token(privacy, literal, form_name))
        return data

    def _literal_token(self, privacy: Privacy, literal: bytes, form: str) -> bytes:
        if form == "bcd":
            return self._token_by_nibble(privacy, _bcd(literal))
        token = self._token(privacy, literal)
        if form == "raw":
            return token
        hexed = token.hex()
        return (hexed.upper() if form == "hex-upper" else hexed).encode()

    def _scan(self, data: bytes, anywhere: bool = True) -> bytes:
        """What was cut off inside a record or a PIN command parses as nothing: look for their headers, *anywhere* in
        noise, at the beginning alone in a response, where the rest may be a cryptogram."""
        masked = bytearray(data)
        for tag, item in HOLDER_ITEMS.items():
            if item.privacy is Privacy.OPEN or item.length is None:
                continue
            for at in _places(data, bytes((tag, item.length)), anywhere):
                value = data[at : at + item.length]
                start = item.length - item.private_last if item.private_last else 0
                if value[start:] and _plausible(item, value):
                    masked[at + start : at + len(value)] = self._item_token(item, value[start:])
        for header in _PIN_HEADERS if anywhere else ():
            for at in _places(data, header, anywhere):
                pins = data[at + 1 : at + 1 + data[at]] if at < len(data) else b""
                masked[at + 1 : at + 1 + len(pins)] = self._two_pins(pins)
        for part in private_parts(data, anywhere=anywhere):
            masked[part.at : part.end] = self._part(part, data[part.at : part.end])
        return bytes(masked)

    def _part(self, part: Private, value: bytes) -> bytes:
        """The pseudonym of a private part of an answer."""
        if part.form == "text":
            return self._token(part.privacy, value)
        if part.form == "digits":
            return self._token_by_nibble(part.privacy, value)
        # One card number has one pseudonym, in its own record and in the track; expiry and service code stay.
        number, separator, rest = value.hex().upper().partition("D")
        kept = rest[:_TRACK_KEPT]
        secret = rest[_TRACK_KEPT:].rstrip("F")
        masked = self._digits(part.privacy, number.encode(), len(number)) + separator + kept
        masked += self._digits(part.privacy, secret.encode(), len(secret))
        return bytes.fromhex(masked.ljust(2 * len(value), "F"))


def _without_digits(data: bytes) -> bytes:
    """*data* with every digit that somebody may have typed replaced by ``#``."""
    return bytes(DIGIT_MARK if 0x30 <= byte <= 0x39 else byte for byte in data)


def _with_data(raw: bytes, command: Command, data: bytes) -> bytes:
    """The APDU *raw* with *data* of the same length in place of its own."""
    at = 7 if command.extended else 5
    return raw[:at] + data + raw[at + len(data) :]


def _places(data: bytes, header: bytes, anywhere: bool) -> list[int]:
    """Offsets behind each *header* in *data*."""
    if not anywhere:
        return [len(header)] if data.startswith(header) else []
    return [at + len(header) for at in range(len(data)) if data.startswith(header, at)]


def _is_text(value: bytes) -> bool:
    return value.isascii() and value.decode("ascii").isprintable()


def _plausible(item: Item, value: bytes) -> bool:
    """True where bytes behind a record header look like that record's value and not like chance."""
    text = value.rstrip(b"\x00")
    if len(value) < _LEAST_CUT_BYTES or not text:
        return False
    if item.privacy is Privacy.ID_NUMBER:
        return text.upper().replace(b"X", b"0").isdigit()
    if item.privacy is Privacy.NAME:
        return all(byte >= 0x40 for byte in text)
    if item.kind == "cn":
        return value[3:8] == bytes.fromhex("D156000005")
    return text.isalnum()

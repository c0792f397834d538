"""A message as a frozen value, and its way to the wire and back. Bitmaps and fields are pyiso8583's work.

Source: spec/services.md 3.1. Texts of errors name a field and what is wrong with it, never its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import iso8583

from protocols.wire.bank.fields import FIELDS, MAC_FIELD, specification
from protocols.wire.bank.frame import HEAD_BYTES, Header, Tpdu, join, split
from protocols.wire.base import WireError

__all__ = ["MAC_BYTES", "Message", "decode", "encode", "encode_signed", "mac_input", "signed", "signed_part"]

MAC_BYTES = 8
_NO_MAC = "00" * MAC_BYTES
_SM4_PIN_BYTES = 16
_PLAIN_HEADER, _TO_HOST = Header(), Tpdu()


@dataclass(frozen=True, slots=True)
class Message:
    """``mti`` four digits; ``fields`` by number, as text (see :mod:`protocols.wire.bank.fields`)."""

    mti: str
    fields: Mapping[int, str] = field(repr=False)
    header: Header = _PLAIN_HEADER
    tpdu: Tpdu = _TO_HOST

    def __getitem__(self, number: int) -> str:
        return self.fields[number]

    def __contains__(self, number: int) -> bool:
        return number in self.fields

    def get(self, number: int, default: str = "") -> str:
        return self.fields.get(number, default)

    def having(self, fields: Mapping[int, str]) -> Message:
        """The same message with *fields* added or replaced."""
        return replace(self, fields={**self.fields, **fields})

    def without(self, *numbers: int) -> Message:
        """The same message less some fields."""
        return replace(self, fields={each: text for each, text in self.fields.items() if each not in numbers})


def _pin_bytes(header: Header) -> int:
    return _SM4_PIN_BYTES if header.application == "61" else 8


def _check_values(fields: Mapping[int, str]) -> None:
    for number, text in fields.items():
        known = FIELDS.get(number)
        if known is None:
            raise WireError(f"field {number}: this dialect has no such field")
        if not known.allows(text):
            raise WireError(f"field {number}: not a value of {known.label.en}")


def _body(message: Message) -> bytes:
    if len(message.mti) != 4 or not (message.mti.isascii() and message.mti.isdecimal()):
        raise WireError("message type: needs four digits")
    _check_values(message.fields)
    document = {"t": message.mti, **{str(number): text for number, text in message.fields.items()}}
    try:
        encoded, _ = iso8583.encode(document, specification(_pin_bytes(message.header)))
    except iso8583.EncodeError as error:
        raise WireError(f"field {error.field}: {error.msg}") from None
    return bytes(encoded)


def encode(message: Message) -> bytes:
    """The frame of *message*, without its length. Raises :class:`WireError` naming the field that does not fit."""
    return join(message.tpdu, message.header, _body(message))


def decode(frame: bytes) -> Message:
    """The message in *frame* (without its length). Raises :class:`WireError` naming the field that is wrong."""
    tpdu, header, body = split(frame)
    start = len(frame) - len(body)
    try:
        document, _ = iso8583.decode(body, specification(_pin_bytes(header)))
    except iso8583.DecodeError as error:
        raise WireError(f"field {error.field}: {error.msg}", start + error.pos) from None
    except KeyError as error:
        raise WireError(f"field {error.args[0]}: this dialect has no such field", start + 2) from None
    mti = document["t"]
    if not mti.isdecimal():
        raise WireError("message type: not packed digits", start)
    fields = {int(name): text for name, text in document.items() if name.isdecimal()}
    _check_values(fields)
    return Message(mti, fields, header, tpdu)


def mac_input(message: Message) -> bytes:
    """What the MAC is taken over: from the message type to field 63, with the bitmap that announces field 64.

    Raises :class:`WireError` like :func:`encode`.
    """
    return _body(message.having({MAC_FIELD: _NO_MAC}))[:-MAC_BYTES]


def signed(message: Message, mac: Callable[[bytes], bytes]) -> Message:
    """*message* with field 64; *mac* gives eight bytes over what it is handed."""
    return message.having({MAC_FIELD: mac(mac_input(message)).hex().upper()})


def encode_signed(message: Message, mac: Callable[[bytes], bytes]) -> bytes:
    """The frame of :func:`signed`, made in one go. Raises :class:`WireError` like :func:`encode`."""
    data = mac_input(message)
    return join(message.tpdu, message.header, data + mac(data))


def signed_part(frame: bytes) -> bytes:
    """What the MAC of a frame that was received is taken over, and that ends with it: the bytes as they came. A message has
    one form only (its pads are checked), so they are what :func:`mac_input` gives."""
    return frame[HEAD_BYTES:-MAC_BYTES]

"""Where a bank card's answers hold card numbers, track data and names (spec/cards.md 2.1): in records, and in the answers of
contactless transactions, whole or cut off by a damaged line."""

from __future__ import annotations

import re

from protocols.wire.base import Privacy
from protocols.wire.pboc_tags import TAGS, Packing
from protocols.wire.privacy_answers import Form, Private

__all__ = ["ANSWER_PRIVACY", "ChipAnswers"]

_FORM_OF: dict[Packing, Form] = {"cn": "digits", "n": "digits", "b": "digits", "track": "track", "an": "text"}
_PRIVATE: dict[int, tuple[Privacy, Form]] = {
    tag: (each.privacy, _FORM_OF[each.packing]) for tag, each in TAGS.items() if each.privacy != Privacy.OPEN
}
_HEADERS = {tag: tag.to_bytes(2 if tag > 0xFF else 1, "big") for tag in _PRIVATE}
_TEMPLATES = frozenset({0x70, 0x77})
_LEAST_BYTES = 4
"""So much of a value must be there before bytes in the middle of others are taken for one."""
_MOST_BYTES: dict[Form, int] = {"digits": 10, "track": 19, "text": 79}
_LOOKS: dict[Form, re.Pattern[str]] = {
    "digits": re.compile(r"[0-9]+F*"),
    "track": re.compile(r"[0-9]{8,19}(D[0-9]*F?)?"),
    "text": re.compile(r"([2-6][0-9A-F]|7[0-9A-E]|[89A-F][0-9A-F])+"),
}


class ChipAnswers:
    """Answers made of BER-TLV."""

    def private_parts(self, data: bytes, *, anywhere: bool) -> tuple[Private, ...]:
        return self._scattered(data) if anywhere else self._inside(data)

    def _inside(self, data: bytes) -> tuple[Private, ...]:
        """Values in a template that *data* begins with; the last one may be cut off."""
        if data[:1] not in (b"\x70", b"\x77"):
            return ()
        found: list[Private] = []
        at = 0
        while at < len(data):
            tag, begins = _tag(data, at)
            length, begins = _length(data, begins)
            if length is None:
                break
            end = min(begins + length, len(data))
            if tag in _PRIVATE and begins < end:
                found.append(Private(begins, end, *_PRIVATE[tag]))
            at = begins if tag in _TEMPLATES and at == 0 else begins + length
        return tuple(found)

    def _scattered(self, data: bytes) -> tuple[Private, ...]:
        """Values behind their tag and length, anywhere, that look like what the tag says."""
        found: list[Private] = []
        for tag, header in _HEADERS.items():
            privacy, form = _PRIVATE[tag]
            at = data.find(header)
            while at >= 0:
                begins = at + len(header) + 1
                length = data[begins - 1] if begins <= len(data) else 0
                value = data[begins : begins + length]
                if _LEAST_BYTES <= length <= _MOST_BYTES[form] and _looks(form, value):
                    found.append(Private(begins, begins + len(value), privacy, form))
                at = data.find(header, at + 1)
        return tuple(found)


ANSWER_PRIVACY = ChipAnswers()


def _looks(form: Form, value: bytes) -> bool:
    return len(value) >= _LEAST_BYTES and _LOOKS[form].fullmatch(value.hex().upper()) is not None


def _tag(data: bytes, at: int) -> tuple[int, int]:
    long = data[at] & 0x1F == 0x1F and at + 1 < len(data)
    return int.from_bytes(data[at : at + 1 + long], "big"), at + 1 + long


def _length(data: bytes, at: int) -> tuple[int | None, int]:
    """The length at *at* and where its value begins; None where there is none."""
    if at >= len(data):
        return None, at
    if data[at] < 0x80:
        return data[at], at + 1
    if data[at] == 0x81 and at + 1 < len(data):
        return data[at + 1], at + 2
    return None, at

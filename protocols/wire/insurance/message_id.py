"""The two numbers of an exchange: the sender's ``msgid`` and the platform's ``inf_refmsgid``, and the forms of time.

Source: spec/services.md 1.1 (msgid: institution 12, time 14, sequence 4), 1.2 (inf_refmsgid: division 6, time 14, sequence 10;
refmsg_time to the millisecond).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from protocols.clock import CHINA, civil
from protocols.wire.base import WireError

__all__ = [
    "MessageId",
    "build_msgid",
    "build_refmsgid",
    "civil_text",
    "day_of",
    "millisecond_stamp",
    "parse_msgid",
    "parse_refmsgid",
    "second_stamp",
    "unix_of",
]

_CIVIL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?")
_INSTITUTION = re.compile(r"[HP][0-9A-Z]{11}")
_MSGID = re.compile(r"([HP][0-9A-Z]{11})([0-9]{14})([0-9]{4})")
_REFMSGID = re.compile(r"([0-9]{6})([0-9]{14})([0-9]{10})")


@dataclass(frozen=True, slots=True)
class MessageId:
    """The parts of either number. ``owner`` is the institution (12) or the division (6); ``stamp`` yyyyMMddHHmmss."""

    owner: str
    stamp: str
    sequence: int


def second_stamp(unix_s: float) -> str:
    """yyyyMMddHHmmss in China."""
    return f"{civil(unix_s):%Y%m%d%H%M%S}"


def millisecond_stamp(unix_s: float) -> str:
    """yyyyMMddHHmmssSSS in China."""
    at = civil(unix_s)
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


def civil_text(unix_s: float) -> str:
    """yyyy-MM-dd HH:mm:ss in China."""
    return f"{civil(unix_s):%Y-%m-%d %H:%M:%S}"


def day_of(unix_s: float) -> str:
    """yyyy-MM-dd in China."""
    return f"{civil(unix_s):%Y-%m-%d}"


def unix_of(text: str) -> float:
    """Unix time of ``yyyy-MM-dd HH:mm:ss`` or ``yyyy-MM-dd``. Raises :class:`WireError` for anything else."""
    if _CIVIL.fullmatch(text):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp()
        except (ValueError, OverflowError):
            pass
    raise WireError("a time is written yyyy-MM-dd HH:mm:ss, a day yyyy-MM-dd")


def _checked(stamp: str) -> str:
    at = (stamp[:4], stamp[4:6], stamp[6:8], stamp[8:10], stamp[10:12], stamp[12:])
    try:
        datetime(*(int(each) for each in at), tzinfo=CHINA)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise WireError("there is no such time") from error
    return stamp


def build_msgid(institution: str, stamp: str, sequence: int) -> str:
    """The 30 characters under which a message is sent. Raises :class:`WireError` for parts that do not fit."""
    if not _INSTITUTION.fullmatch(institution):
        raise WireError("an institution code is H or P and 11 more characters")
    if not 0 <= sequence <= 9999:
        raise WireError(f"a sequence of four digits is wanted, not {sequence}")
    return f"{institution}{_checked(stamp)}{sequence:04d}"


def parse_msgid(text: str) -> MessageId:
    """The parts of a msgid. Raises :class:`WireError` for one of another form."""
    match = _MSGID.fullmatch(text)
    if match is None:
        raise WireError("a msgid is institution (12), yyyyMMddHHmmss and four digits")
    return MessageId(match[1], _checked(match[2]), int(match[3]))


def build_refmsgid(division: str, stamp: str, sequence: int) -> str:
    """The 30 digits under which the platform answers."""
    return f"{division}{_checked(stamp)}{sequence:010d}"


def parse_refmsgid(text: str) -> MessageId:
    """The parts of an inf_refmsgid. Raises :class:`WireError` for one of another form."""
    match = _REFMSGID.fullmatch(text)
    if match is None:
        raise WireError("an inf_refmsgid is division (6), yyyyMMddHHmmss and ten digits")
    return MessageId(match[1], _checked(match[2]), int(match[3]))

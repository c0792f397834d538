"""Codes and tokens of the synthetic city: made from a resident and a minute, so that each leads back to its holder.

A code is shown during one minute. The forms are those of ``protocols.wire.credential``; inside are the resident, the minute
and a check that only this maker can compute, so a code that was made up is nobody's. Minute 0 makes the static code of a
demonstration; of the medical insurance code that is the number that :class:`Resident` carries.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from protocols.wire.base import WireError
from protocols.wire.credential import PREFIXES, CredentialKind, kind_of
from simulators.peer.city import DIVISION

__all__ = ["MINUTE_S", "TOKEN_S", "Shown", "credential_code", "ec_token", "read_code", "read_token"]

MINUTE_S = 60
TOKEN_S = 300.0
PROVINCE = "44"
_KEY = b"onecard bench credentials"
"""Public on purpose: these people do not exist."""
_TOKEN = re.compile(rf"{DIVISION}ec([0-9]{{16}})([0-9]{{10}})([0-9a-f]{{4}})")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a code says: ``minute`` is Unix time // 60, 0 in a static code."""

    kind: CredentialKind
    number: int
    minute: int


def _check(text: str, length: int) -> str:
    return hmac.new(_KEY, text.encode(), hashlib.sha256).hexdigest().upper()[:length]


def _two_digits(text: str) -> str:
    return f"{int(_check(text, 8), 16) % 100:02d}"


def credential_code(kind: CredentialKind | str, resident_number: int, minute: int) -> str:
    """The code that *resident_number* shows in *minute* (Unix time // 60). Raises ValueError for what has no code."""
    kind = CredentialKind(kind)
    if not 0 < resident_number < 100_000_000 or not 0 <= minute < 100_000_000:
        raise ValueError("a code has room for residents from 1 to 99999999 and minutes up to 99999999")
    if kind is CredentialKind.E_CREDENTIAL:
        unique = f"{minute:08d}{resident_number:09d}"
        return f"424{unique}{_two_digits(unique) if minute else '00'}{PROVINCE}0000"
    text = f"{resident_number:08X}{minute:08X}"
    if kind is CredentialKind.HEALTH:
        return f"{text}{_check(f'{kind}{text}', 48)}:{1 if minute else 0}"
    prefix = next(prefix for prefix, each in PREFIXES.items() if each is kind)
    return f"{prefix}{text}{_check(f'{kind}{text}', 16)}"


def read_code(code: str) -> Shown | None:
    """What *code* says; None for one that was not made by :func:`credential_code`."""
    try:
        kind = kind_of(code)
    except WireError:
        return None
    if kind is CredentialKind.E_CREDENTIAL:
        minute, number = int(code[3:11]), int(code[11:20])
    else:
        text = code if kind is CredentialKind.HEALTH else code[len(next(iter(PREFIXES))) :]
        number, minute = int(text[:8], 16), int(text[8:16], 16)
    try:
        made = credential_code(kind, number, minute)
    except ValueError:
        return None
    return Shown(kind, number, minute) if hmac.compare_digest(made, code) else None


def ec_token(resident_number: int, now: float) -> str:
    """The token of a decoded insurance code: division, ``ec``, resident, time of issue, check: 38 characters."""
    text = f"{resident_number:016d}{int(now):010d}"
    return f"{DIVISION}ec{text}{_check(text, 4).lower()}"


def read_token(token: str, now: float) -> int | None:
    """Whose *token* that is; None for one that was not issued here, or more than 300 s ago."""
    found = _TOKEN.fullmatch(token)
    if found is None or found[3] != _check(found[1] + found[2], 4).lower():
        return None
    return int(found[1]) if 0 <= now + MINUTE_S - int(found[2]) <= TOKEN_S + MINUTE_S else None

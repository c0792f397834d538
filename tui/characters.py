"""Text that stays straight in every terminal: no East Asian ambiguous characters, no control characters.

Many Chinese terminals draw quotes, dashes, arrows and box lines two cells wide while programs count one; lines then
break and columns drift. What has an ASCII twin is replaced by it.
"""

from __future__ import annotations

import unicodedata

__all__ = ["ambiguous", "steady"]

_TWINS = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "…": "...",
        "—": "-",
        "–": "-",
        "·": "-",
        "×": "x",
        "÷": "/",
        "±": "+/-",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "→": "->",
        "←": "<-",
        "§": "s.",
        "°": " deg",
        "µ": "u",
        "μ": "u",
        "√": "v",
        "■": "#",
        "●": "*",
    }
)
_DIGITS = {chr(0x2460 + n): f"({n + 1})" for n in range(20)}


def ambiguous(text: str) -> str:
    """The characters of *text* whose width a terminal may choose, each once."""
    return "".join(dict.fromkeys(each for each in text if unicodedata.east_asian_width(each) == "A"))


def steady(text: str) -> str:
    """*text* with every ambiguous or control character replaced; line feeds are kept."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_steady(each) for each in text.translate(_TWINS))


def _steady(one: str) -> str:
    if one == "\n" or (one.isprintable() and unicodedata.east_asian_width(one) != "A"):
        return one
    if one in _DIGITS:
        return _DIGITS[one]
    return "?" if one.isprintable() else f"\\x{ord(one):02X}"

"""Characters that a terminal may draw one or two cells wide.

Many Chinese set-ups draw East Asian ambiguous characters (ellipsis, long dashes, arrows, box lines, curly quotes,
degree and plus-minus signs) two cells wide while width tables count one: columns then break. Catalogue texts hold none.
"""

from __future__ import annotations

import unicodedata

__all__ = ["ambiguous_characters"]


def ambiguous_characters(text: str) -> list[str]:
    """The ambiguous characters of *text*, each as ``U+2026 HORIZONTAL ELLIPSIS at 12`` (offset in characters)."""
    return [
        f"U+{ord(each):04X} {unicodedata.name(each, '?')} at {at}"
        for at, each in enumerate(text)
        if unicodedata.east_asian_width(each) == "A"
    ]

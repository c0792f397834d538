"""Which language a person reads: the option, then ONECARD_LANG, then the locale; Chinese when nobody says."""

from __future__ import annotations

import os
from typing import Literal

__all__ = ["Language", "choose_language"]

Language = Literal["zh", "en"]


def choose_language(option: str | None = None) -> Language:
    """``zh`` or ``en``. *option* wins; a locale that names neither language means Chinese."""
    named = option or os.environ.get("ONECARD_LANG") or ""
    for each in (named, os.environ.get("LC_ALL", ""), os.environ.get("LANG", "")):
        if each.lower().startswith("zh"):
            return "zh"
        if each.lower().startswith("en"):
            return "en"
    return "zh"

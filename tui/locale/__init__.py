"""The texts of the screens, one table a language; both have the same keys."""

from __future__ import annotations

from tui.language import Language
from tui.locale import en, zh

__all__ = ["TABLES", "text"]

TABLES: dict[Language, dict[str, str]] = {"zh": zh.TEXTS, "en": en.TEXTS}


def text(language: Language, key: str, **values: object) -> str:
    """The text *key* in *language* with *values* filled in. Raises KeyError for an unknown key."""
    return TABLES[language][key].format(**values)

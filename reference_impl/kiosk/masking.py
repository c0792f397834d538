"""What of a person may leave the screen in front of them: a surname and the ends of a number, never more."""

from __future__ import annotations

__all__ = ["mask_name", "mask_number"]


def mask_name(name: str) -> str:
    """``测试甲`` becomes ``测**``."""
    return name[:1] + "*" * (len(name) - 1)


def mask_number(number: str, first: int = 1, last: int = 1) -> str:
    """``44190019900101001X`` becomes ``4****************X``. A number too short to hide anything is hidden whole."""
    hidden = len(number) - first - last
    if hidden < first + last:
        return "*" * len(number)
    return number[:first] + "*" * hidden + number[len(number) - last :]

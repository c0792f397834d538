"""Which family a payment code belongs to. The code itself is a secret of the payer for a minute and never kept.

Source: spec/services.md 4 (WeChat 18 digits beginning 10..15, Alipay 16..24 digits beginning 25..30, UnionPay 19 digits
beginning 62), spec/cards.md 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from protocols.wire.base import Label, WireError

__all__ = ["FAMILY_LABELS", "Family", "family_of"]


class Family(StrEnum):
    """The values are the names of the backend's channels, too."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay_qr"


FAMILY_LABELS: Mapping[Family, Label] = {
    Family.WECHAT: Label("微信支付", "WeChat Pay"),
    Family.ALIPAY: Label("支付宝", "Alipay"),
    Family.UNIONPAY: Label("云闪付", "UnionPay QR"),
}

_DIGITS = re.compile(r"[0-9]+")
_FORMS: Mapping[Family, re.Pattern[str]] = {
    Family.WECHAT: re.compile(r"1[0-5][0-9]{16}"),
    Family.ALIPAY: re.compile(r"(?:2[5-9]|30)[0-9]{14,22}"),
    Family.UNIONPAY: re.compile(r"62[0-9]{17}"),
}


def family_of(code: str) -> Family:
    """The family of *code*. Raises :class:`WireError` for a text that is no payment code; the text is not repeated in it."""
    if not _DIGITS.fullmatch(code):
        at = next((at for at, each in enumerate(code) if not ("0" <= each <= "9")), 0)
        raise WireError("a payment code has the digits 0 to 9 only: let the citizen show it again", at)
    for family, form in _FORMS.items():
        if form.fullmatch(code):
            return family
    raise WireError(
        f"{len(code)} digits with this beginning are no payment code: 18 digits from 10..15, 16 to 24 from 25..30, "
        "or 19 from 62"
    )

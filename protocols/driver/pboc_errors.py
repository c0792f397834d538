"""Why a bank card does not pay: each error has its text in both languages, and none of them holds anything of the card."""

from __future__ import annotations

from protocols.link.base import LinkError
from protocols.wire.base import Label

__all__ = ["ApplicationBlocked", "CardDeclined", "CardMalformed", "NoBankApplication"]


class NoBankApplication(LinkError):
    """The chip answers, and pays nothing: it has no application of this scheme."""

    def __init__(self) -> None:
        self.label = Label("卡内没有银行应用", "the card has no bank application")
        super().__init__(self.label.en)


class ApplicationBlocked(LinkError):
    """The issuer has blocked the application, or the whole card."""

    def __init__(self) -> None:
        self.label = Label("银行应用已锁定", "the bank application is blocked")
        super().__init__(self.label.en)


class CardDeclined(LinkError):
    """The card, or its issuer's rules, refused the transaction."""

    def __init__(self) -> None:
        self.label = Label("银行卡拒绝交易", "the bank card declined")
        super().__init__(self.label.en)


class CardMalformed(LinkError):
    """An answer of the card breaks its format; ``label`` says which and how."""

    def __init__(self, what: Label, why: str) -> None:
        self.label = Label(f"{what.zh}格式错误：{why}", f"malformed {what.en}: {why}")
        super().__init__(self.label.en)

"""The words of a flow: what a citizen, a tester or fate does in one step. A file composes them; it has no loops.

``line`` is how the choice of a step is told to the kiosk (docs/kiosk.md, "Lines"); ``hand`` what is done to a device;
``fate`` what happens to a program. A passive step does nothing: it waits for what has to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import Label

__all__ = ["WORDS", "Word"]


@dataclass(frozen=True, slots=True)
class Word:
    """``needs`` are the fields without which the step makes no sense; ``usual`` is the choice where none is written."""

    label: Label
    needs: frozenset[str] = frozenset()
    line: str = ""
    hand: Literal["", "insert", "remove", "pin"] = ""
    fate: Literal["", "kill", "start"] = ""
    usual: str = ""

    @property
    def passive(self) -> bool:
        return not (self.line or self.hand or self.fate)


def _asks(zh: str, en: str, line: str, usual: str = "") -> Word:
    """A choice on a page of the kiosk."""
    return Word(Label(zh, en), frozenset() if usual else frozenset({"choice"}), line=line, usual=usual)


_CARD = frozenset({"card"})

WORDS: Mapping[str, Word] = {
    "insert-card": Word(Label("插卡", "insert a card"), _CARD, hand="insert"),
    "identify": Word(Label("输入社保卡密码，核实身份", "type the card's PIN, be identified"), _CARD, hand="pin"),
    "show-code": Word(Label("出示付款码", "show a payment code"), frozenset({"code"}), line="scan"),
    "show-credential": Word(Label("出示电子凭证", "show an e-credential"), line="login e_credential"),
    "choose-service": _asks("选择服务", "choose a service", "menu"),
    "choose-bill": _asks("选择费用", "choose a bill", "bills", "1"),
    "choose-payer": _asks("选择结算方式", "choose who pays", "payer", "insured"),
    "use-account": _asks("是否使用个人账户", "use the personal account", "account", "yes"),
    "confirm-quote": _asks("核对并确认金额", "check and confirm the amounts", "quote", "ok"),
    "choose-method": _asks("选择支付方式", "choose how to pay", "method"),
    "type-pin": Word(Label("在密码键盘输入密码", "type the PIN on the pad's keys"), _CARD, hand="pin"),
    "confirm-payment": Word(Label("确认支付", "confirm the payment"), line="confirm"),
    "choose-department": _asks("选择科室", "choose a department", "department", "1"),
    "choose-doctor": _asks("选择医生", "choose a doctor", "doctor", "1"),
    "choose-date": _asks("选择日期", "choose a day", "date", "1"),
    "choose-slot": _asks("选择时段", "choose a time", "slot", "1"),
    "decided": Word(Label("等待支付结果", "wait until it is decided")),
    "receipt": Word(Label("取凭条", "take the slip")),
    "finish": _asks("结束", "finish", "result", "done"),
    "leave": _asks("离开", "leave", "menu", "end"),
    "go-back": Word(Label("返回", "go back"), line="back"),
    "give-up": Word(Label("放弃", "give up"), line="cancel"),
    "remove-card": Word(Label("取卡", "remove the card"), hand="remove"),
    "kill-backend": Word(Label("强行终止后台（kill -9）", "kill the backend (kill -9)"), fate="kill"),
    "start-backend": Word(Label("后台重新启动", "start the backend again"), fate="start"),
}
"""Every word, in the order in which a visit has them."""

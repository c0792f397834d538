"""What a kiosk offers: services, ways to pay, kinds of slips, and the limits that it keeps. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocols.wire.base import Label

__all__ = [
    "CODE_SHAPES",
    "CREDENTIAL_LABELS",
    "METHOD_LABELS",
    "QR_METHODS",
    "SCANNED_CREDENTIALS",
    "SERVICE_LABELS",
    "CodeShape",
    "Method",
    "Service",
    "SlipKind",
    "Terms",
]


class Service(StrEnum):
    """What the menu can hold (DG-GEN-13: which of them, and in what order, is a setting)."""

    PAY = "pay"
    REGISTER = "register"
    APPOINTMENTS = "appointments"
    REFUND = "refund"
    HOLDER = "holder"


SERVICE_LABELS: dict[Service, Label] = {
    Service.PAY: Label("缴费", "Pay bills"),
    Service.REGISTER: Label("挂号", "Register"),
    Service.APPOINTMENTS: Label("预约取号", "My appointments"),
    Service.REFUND: Label("退费", "Refund"),
    Service.HOLDER: Label("我的信息", "My data"),
}


class Method(StrEnum):
    """How a trade is paid; the words of PayRequest."""

    BANK_CARD = "bank_card"
    UNIONPAY_QR = "unionpay_qr"
    WECHAT = "wechat"
    ALIPAY = "alipay"
    ACCOUNT = "account"
    E_CREDENTIAL = "e_credential"


METHOD_LABELS: dict[Method, Label] = {
    Method.BANK_CARD: Label("银行卡", "Bank card"),
    Method.UNIONPAY_QR: Label("云闪付", "UnionPay QR"),
    Method.WECHAT: Label("微信支付", "WeChat Pay"),
    Method.ALIPAY: Label("支付宝", "Alipay"),
    Method.ACCOUNT: Label("医保结算", "Insurance"),
    Method.E_CREDENTIAL: Label("医保电子凭证", "E-credential"),
}

QR_METHODS = (Method.UNIONPAY_QR, Method.WECHAT, Method.ALIPAY)


@dataclass(frozen=True, slots=True)
class CodeShape:
    """How a payment code of one family looks: how many digits, and with which two it begins."""

    lengths: range
    prefixes: range

    def fits(self, code: str) -> bool:
        digits = code.isascii() and code.isdecimal() and len(code) in self.lengths
        return digits and int(code[:2]) in self.prefixes


CODE_SHAPES: dict[Method, CodeShape] = {
    Method.WECHAT: CodeShape(range(18, 19), range(10, 16)),
    Method.ALIPAY: CodeShape(range(16, 25), range(25, 31)),
    Method.UNIONPAY_QR: CodeShape(range(19, 20), range(62, 63)),
}
"""spec/services.md 4, row "pay code"."""

SCANNED_CREDENTIALS = ("e_credential", "electronic_social_security_card", "health_code", "citizen_code")
"""Kinds of Credential that are a code; which of them a code is, the citizen says (spec/services.md 9, U4)."""

CREDENTIAL_LABELS: dict[str, Label] = {
    "social_security_card": Label("社会保障卡", "Social security card"),
    "resident_id": Label("居民身份证", "Resident ID card"),
    "e_credential": Label("医保电子凭证", "Insurance e-credential"),
    "electronic_social_security_card": Label("电子社保卡", "Electronic social security card"),
    "health_code": Label("电子健康码", "Health code"),
    "citizen_code": Label("电子市民码", "Citizen code"),
}


class SlipKind(StrEnum):
    PAYMENT = "payment"
    REGISTRATION = "registration"
    CHECK_IN = "check_in"
    REFUND = "refund"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Terms:
    """Limits in seconds and what this kiosk offers. ``days``: so many days can be registered for, today included;
    ``again_s``: the pause before
    something unanswered is sent again; ``presses``: so often may one trade be tried to be paid; ``page``: options on one page."""

    services: tuple[Service, ...] = tuple(Service)
    methods: tuple[Method, ...] = (*QR_METHODS, Method.BANK_CARD)
    menu_s: float = 60.0
    choose_s: float = 60.0
    quoting_s: float = 40.0
    quote_s: float = 60.0
    code_s: float = 60.0
    card_s: float = 30.0
    pin_s: float = 60.0
    paying_s: float = 90.0
    cancelling_s: float = 30.0
    refunding_s: float = 60.0
    result_s: float = 20.0
    follow_s: float = 5.0
    again_s: float = 1.0
    days: int = 7
    presses: int = 6
    page: int = 8

"""What the QR gateway is set to: its merchants and keys, how payers behave, and the rules of each family.

Source: spec/services.md 4; what is not stated there for a family is this project's and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from protocols.wire.base import Label, WireError
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import public_key
from simulators.peer.base import PeerOptions, Setting, Temper
from simulators.peer.qr_codes import Behaviour
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key, merchant_key, private_text, public_text

__all__ = ["SETTINGS", "FamilyTerms", "GatewayTerms", "gateway_terms", "merchant_settings"]

BY_CODE = "by-code"
DAY_S = 86_400.0
MIDNIGHT = 24

SETTINGS = (
    Setting(
        "payer", BY_CODE, Label("付款人行为（by-code 由付款码决定）", "how payers behave (by-code: as the code says)")
    ),
    Setting("password_s", 8, Label("付款人输入密码用时（秒）", "seconds until the payer has typed the password")),
    Setting("refund_s", 3, Label("退款到账用时（秒）", "seconds until a refund has arrived")),
    Setting("fee_bp", 20, Label("手续费率（万分之）", "the channel's fee in hundredths of a percent")),
    Setting("most_fen", 5_000_000, Label("单笔限额（分）", "the most that a code may pay, in fen")),
    Setting("cutover_hour", 23, Label("银行日切时间（点）", "hour at which the bank's day ends")),
    Setting("wechat_appid", "wx0000000000000001", Label("微信公众账号ID", "WeChat application")),
    Setting("wechat_mch_id", "1900000001", Label("微信商户号", "WeChat merchant")),
    Setting("wechat_key", WECHAT_KEY, Label("微信商户密钥", "WeChat merchant key")),
    Setting("alipay_app_id", "2021000000000001", Label("支付宝应用ID", "Alipay application")),
    Setting("unionpay_mer_id", "898441900000001", Label("云闪付商户号", "UnionPay merchant")),
    Setting(
        "merchant_key",
        "",
        Label(
            "商户RSA公钥（base64；空为台架测试公钥）", "the merchant's RSA public key (base64; empty: the bench's own)"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class FamilyTerms:
    """``close_s``: an order that nobody paid ends by itself; ``cancel_after_s``: no cancel sooner after the pay call;
    ``cancel_within_s``: no cancel later; ``refuse_waiting``: no cancel while the payer is typing; ``fences_loudly``: a
    cancel of an order that is not known is answered as such (and is a fence all the same); ``day_ends``: hour."""

    close_s: float
    cancel_after_s: float
    cancel_within_s: float
    refuse_waiting: bool
    fences_loudly: bool
    day_ends: int
    refund_within_s: float = 365 * DAY_S
    most_refunds: int = 50
    refund_gap_s: float = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class GatewayTerms:
    """``payer`` None: as the code says. ``bill_hour``: from when a bill can be fetched on the next day; it is made at
    09:00. ``refunds_a_second`` and ``refused_a_second`` are limits of the refund call."""

    temper: Temper
    payer: Behaviour | None
    password_s: float
    refund_s: float
    fee_bp: int
    most_fen: int
    wechat_appid: str
    wechat_mch_id: str
    wechat_key: str
    alipay_app_id: str
    unionpay_mer_id: str
    merchant_key: RSAPublicKey
    bill_hour: int
    families: Mapping[Family, FamilyTerms]
    refunds_a_second: int = 150
    refused_a_second: int = 6

    @property
    def strict(self) -> bool:
        """True unless the temper is that of the field."""
        return self.temper != "realistic"


def gateway_terms(options: PeerOptions) -> GatewayTerms:
    """Raises ValueError naming a setting that cannot be."""
    known = {each.name: each.default for each in SETTINGS}
    strangers = sorted(set(options.settings) - set(known))
    if strangers:
        raise ValueError(f"the qr peer has no setting {strangers[0]!r}; known: {', '.join(sorted(known))}")
    values = {**known, **options.settings}
    payer = str(values["payer"])
    if payer != BY_CODE and payer not in tuple(Behaviour):
        raise ValueError(f"payer: {BY_CODE} or one of {', '.join(Behaviour)}")
    numbers = {
        name: _whole(name, values[name]) for name in ("password_s", "refund_s", "fee_bp", "most_fen", "cutover_hour")
    }
    if not 12 <= numbers["cutover_hour"] <= MIDNIGHT:
        raise ValueError("cutover_hour: 12 to 24")
    if not values["wechat_key"]:
        raise ValueError("wechat_key: 32 characters, as the merchant was given them")
    text = str(values["merchant_key"])
    try:
        merchant = public_key(text) if text else merchant_key().public_key()
    except WireError as error:
        raise ValueError(f"merchant_key: {error.why}") from None
    hostile = options.temper == "hostile"
    return GatewayTerms(
        temper=options.temper,
        payer=None if payer == BY_CODE else Behaviour(payer),
        password_s=float(numbers["password_s"]),
        refund_s=float(numbers["refund_s"]) * (10 if hostile else 1),
        fee_bp=numbers["fee_bp"],
        most_fen=numbers["most_fen"],
        wechat_appid=str(values["wechat_appid"]),
        wechat_mch_id=str(values["wechat_mch_id"]),
        wechat_key=str(values["wechat_key"]),
        alipay_app_id=str(values["alipay_app_id"]),
        unionpay_mer_id=str(values["unionpay_mer_id"]),
        merchant_key=merchant,
        bill_hour=9 if options.temper == "realistic" else 10,
        families=_families(options.temper, numbers["cutover_hour"]),
    )


def merchant_settings(options: PeerOptions | None = None) -> dict[str, str]:
    """The merchant's end of a gateway with *options*: its numbers and the bench's own test keys, by the names that a
    client of all three families needs. Of a gateway with another ``merchant_key`` the private half is not known here."""
    terms = gateway_terms(options or PeerOptions())
    return {
        "wechat_appid": terms.wechat_appid,
        "wechat_mch_id": terms.wechat_mch_id,
        "wechat_key": terms.wechat_key,
        "alipay_app_id": terms.alipay_app_id,
        "unionpay_mer_id": terms.unionpay_mer_id,
        "merchant_private_key": private_text(merchant_key()),
        "gateway_public_key": public_text(gateway_key()),
    }


def _families(temper: Temper, cutover_hour: int) -> Mapping[Family, FamilyTerms]:
    waiting = temper != "realistic"
    return {
        Family.WECHAT: FamilyTerms(45.0, 15.0, 7 * DAY_S, waiting, False, MIDNIGHT),
        Family.ALIPAY: FamilyTerms(180.0, 0.0, DAY_S, False, False, MIDNIGHT, refund_gap_s=0.0),
        # The bank's own rules are not public: those of ISO 8583 voids and reversals, an order open for a minute.
        Family.UNIONPAY: FamilyTerms(60.0, 0.0, DAY_S, False, True, cutover_hour, refund_gap_s=0.0),
    }


def _whole(name: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise ValueError(f"{name}: a whole number") from None
    if not 0 <= number <= 10_000_000_000:
        raise ValueError(f"{name}: 0 to 10000000000")
    return number

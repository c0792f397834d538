"""What the notice platform is set to."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.wire.base import Label
from simulators.peer.base import PeerOptions, Setting, Temper

__all__ = ["SETTINGS", "NotifyTerms", "notify_terms"]

SETTINGS = (
    Setting("appid", "wx0000000000000001", Label("公众账号ID", "application id")),
    Setting("secret", "SIM-APP-SECRET", Label("公众账号密钥", "application secret")),
    Setting("sms_key", "SIM-SMS-KEY", Label("短信密钥", "SMS key")),
    Setting("quota", 100_000, Label("模板消息每日上限", "template messages a day")),
    Setting("sms_a_day", 10, Label("同一手机号每日短信上限", "SMS a day and phone")),
    Setting(
        "strangers_every",
        0,
        Label("每多少人中有一人未关注（0 为无）", "one in so many residents is no follower (0: none)"),
    ),
)


@dataclass(frozen=True, slots=True)
class NotifyTerms:
    temper: Temper
    appid: str
    secret: str = field(repr=False)
    sms_key: str = field(repr=False)
    quota: int
    sms_a_day: int
    strangers_every: int


def notify_terms(options: PeerOptions) -> NotifyTerms:
    """Raises ValueError naming a setting that cannot be."""
    known = {each.name: each.default for each in SETTINGS}
    strangers = sorted(set(options.settings) - set(known))
    if strangers:
        raise ValueError(f"the notify peer has no setting {strangers[0]!r}; known: {', '.join(sorted(known))}")
    values = {**known, **options.settings}
    numbers: dict[str, int] = {}
    for name in ("quota", "sms_a_day", "strangers_every"):
        try:
            numbers[name] = int(str(values[name]))
        except ValueError:
            raise ValueError(f"{name}: a whole number") from None
        if not 0 <= numbers[name] <= 1_000_000_000:
            raise ValueError(f"{name}: 0 to 1000000000")
    return NotifyTerms(
        temper=options.temper,
        appid=str(values["appid"]),
        secret=str(values["secret"]),
        sms_key=str(values["sms_key"]),
        **numbers,
    )

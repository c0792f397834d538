"""What the HIS is set to: its secret, how much waits for each patient, and how long locks, visits and refunds take.

Source: spec/services.md 2.2 (a lock is valid at most 15 minutes, a refund is refused after the visit began or the drug was issued).
What is not stated there is this project's and may be set.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.wire.base import Label
from simulators.peer.base import PeerOptions, Setting, Temper

__all__ = ["SETTINGS", "HisTerms", "his_terms"]

MOST_LOCK_S = 900.0
HOSTILE_LOCK_S = 300.0
"""A lock is valid *at most* 15 minutes: a hostile HIS keeps it for five."""
HOSTILE_REFUND_S = 5.0
MOST_BILLS = 999

SETTINGS = (
    Setting("his_secret", "HIS-TEST-SECRET", Label("HIS接口密钥", "shared secret of the HIS interface")),
    Setting("his_window_s", 300, Label("时间戳允许偏差（秒）", "allowed deviation of the timestamp in seconds")),
    Setting("bills", 3, Label("每位患者待缴账单数", "bills that wait for each patient")),
    Setting("endless", False, Label("缴清后再生成新账单", "a new bill appears once all are paid")),
    Setting("appointments", 1, Label("每位患者已有预约数", "bookings that each patient has from elsewhere")),
    Setting(
        "first_visits", 0, Label("每N人中一人未建档，0为全部已建档", "one patient in N has no record; 0: all have")
    ),
    Setting("his_days", 7, Label("可预约天数", "days ahead that can be booked")),
    Setting("his_early_s", 3_600, Label("可提前签到（秒）", "seconds before the slot from which one may check in")),
    Setting("his_visit_s", 900, Label("签到后开始就诊（秒）", "seconds from check-in to the visit")),
    Setting(
        "his_dispense_s", 3_600, Label("缴费后发药（秒），0为不发", "seconds from payment to the medicine; 0: never")
    ),
    Setting("his_refund_s", 0, Label("退费处理用时（秒）", "seconds that a granted refund takes")),
    Setting(
        "his_list_s", 0, Label("零点后生成对账明细用时（秒）", "seconds after midnight until a day's list is made")
    ),
    Setting("towns", 33, Label("镇街数", "towns")),
    Setting("clinics", 389, Label("机构数", "clinics")),
    Setting("kiosks", 550, Label("自助机数", "kiosks")),
)


@dataclass(frozen=True, slots=True)
class HisTerms:
    """All times in seconds. ``lock_s``: how long slots and bills are kept for somebody."""

    temper: Temper
    secret: str = field(repr=False)
    window_s: float
    bills: int
    endless: bool
    appointments: int
    first_visits: int
    days: int
    early_s: float
    visit_s: float
    dispense_s: float
    refund_s: float
    list_s: float
    lock_s: float
    towns: int
    clinics: int
    kiosks: int

    @property
    def lenient(self) -> bool:
        """Some things are accepted and reported that the interface forbids."""
        return self.temper == "realistic"


def his_terms(options: PeerOptions) -> HisTerms:
    """Raises ValueError for a setting that means nothing."""
    values = {each.name: options.settings.get(each.name, each.default) for each in SETTINGS}
    for name, value in values.items():
        if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= 100_000_000:
            raise ValueError(f"his: {name} is {value}: a number from 0 is wanted")
    hostile = options.temper == "hostile"
    if not 0 <= int(values["bills"]) <= MOST_BILLS:
        raise ValueError(f"his: bills is {values['bills']}: at most {MOST_BILLS}")
    if not values["his_secret"]:
        raise ValueError("his: his_secret is empty: give a secret")
    return HisTerms(
        temper=options.temper,
        secret=str(values["his_secret"]),
        window_s=float(values["his_window_s"]),
        bills=int(values["bills"]),
        endless=bool(values["endless"]),
        appointments=int(values["appointments"]),
        first_visits=int(values["first_visits"]),
        days=int(values["his_days"]),
        early_s=float(values["his_early_s"]),
        visit_s=float(values["his_visit_s"]),
        dispense_s=float(values["his_dispense_s"]),
        refund_s=max(float(values["his_refund_s"]), HOSTILE_REFUND_S if hostile else 0.0),
        list_s=float(values["his_list_s"]),
        lock_s=HOSTILE_LOCK_S if hostile else MOST_LOCK_S,
        towns=int(values["towns"]),
        clinics=int(values["clinics"]),
        kiosks=int(values["kiosks"]),
    )

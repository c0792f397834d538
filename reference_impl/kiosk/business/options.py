"""What can be chosen on a page: the same list for the screen, for what is entered, and for the rules that check it."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.clock import civil
from protocols.wire.base import Label
from protocols.wire.money import yuan_text
from protocols.wire.platform.models import Appointment, Bill, BillItem, Slot
from reference_impl.kiosk.business.menu import METHOD_LABELS, SERVICE_LABELS, Method, Service, Terms
from reference_impl.kiosk.business.session import Session, Stage

__all__ = ["Option", "covering_method", "dates_from", "day_label", "options_of"]

YES = Label("是", "Yes")
NO = Label("否", "No")
PERIODS = {
    "morning": Label("上午", "morning"),
    "noon": Label("中午", "noon"),
    "afternoon": Label("下午", "afternoon"),
    "evening": Label("晚上", "evening"),
}
APPOINTMENT_STATES = {
    "booked": Label("已预约", "booked"),
    "checked_in": Label("已签到", "checked in"),
    "expired": Label("已过期", "expired"),
    "cancelled": Label("已取消", "cancelled"),
}
WEEKDAYS = ("周一 Mon", "周二 Tue", "周三 Wed", "周四 Thu", "周五 Fri", "周六 Sat", "周日 Sun")
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Option:
    """``open`` False: it is shown and cannot be had."""

    id: str
    label: Label
    open: bool = True


def options_of(session: Session, terms: Terms) -> tuple[Option, ...]:
    """The options of the page on which *session* is, in the order of the screen; none where nothing is chosen."""
    booking = session.booking
    match session.stage:
        case Stage.MENU:
            return (*(Option(each.value, SERVICE_LABELS[each]) for each in _services(session, terms)), END)
        case Stage.BILLS:
            return tuple(_bill(each) for each in session.bills)
        case Stage.DETAIL:
            bill = next((each for each in session.bills if each.bill_id == session.detail_of), None)
            return tuple(_item(number, each) for number, each in enumerate(bill.items, 1)) if bill is not None else ()
        case Stage.PAYER:
            return (
                Option("insured", Label("医保结算", "With insurance")),
                Option("self", Label("自费结算", "Self-pay")),
            )
        case Stage.ACCOUNT | Stage.RECORD | Stage.REOPEN | Stage.REFUND_CONFIRM:
            return (Option("yes", YES), Option("no", NO))
        case Stage.METHOD:
            return tuple(Option(each.value, METHOD_LABELS[each]) for each in terms.methods)
        case Stage.RESULT:
            return (Option("done", Label("结束", "End")), Option("menu", Label("继续办理", "Something else")))
        case Stage.DEPARTMENT:
            return tuple(Option(each.department_id, Label(each.name, "")) for each in booking.departments)
        case Stage.DOCTOR:
            return tuple(Option(each.doctor_id, Label(f"{each.name} {each.title}", "")) for each in booking.doctors)
        case Stage.DATE:
            return tuple(Option(each, day_label(each)) for each in booking.dates)
        case Stage.SLOT:
            return tuple(_slot(each) for each in booking.slots)
        case Stage.APPOINTMENT:
            return tuple(_appointment(each) for each in booking.appointments)
        case _:
            return ()


END = Option("end", Label("结束服务", "End"))


def _services(session: Session, terms: Terms) -> tuple[Service, ...]:
    return tuple(each for each in terms.services if each is not Service.HOLDER or session.by_card)


def covering_method(kind: str) -> Method:
    """How a trade without a cash part is paid: with what the citizen showed."""
    return Method.E_CREDENTIAL if kind == "e_credential" else Method.ACCOUNT


def dates_from(now: float, days: int) -> tuple[str, ...]:
    """*days* dates from today on, ``YYYY-MM-DD``, in China."""
    return tuple(f"{civil(now + number * DAY_S):%Y-%m-%d}" for number in range(days))


def day_label(date: str) -> Label:
    """``2026-11-22`` with its day of the week."""
    year, month, day = (int(part) for part in date.split("-"))
    # Zeller's rule for the Gregorian calendar, counted from Monday.
    shifted, back = (month + 12, year - 1) if month < 3 else (month, year)
    number = (day + 13 * (shifted + 1) // 5 + back + back // 4 - back // 100 + back // 400 + 5) % 7
    return Label(f"{date} {WEEKDAYS[number]}", "")


def _bill(bill: Bill) -> Option:
    """Its day, where it comes from, what it costs, how many lines it has, and whether it is paid alone."""
    alone = "" if bill.mergeable else " 单独支付"
    text = f"{bill.billed_at[:10]} {bill.department} {bill.doctor} {yuan_text(bill.total_fen)} 元 {len(bill.items)} 项"
    return Option(bill.bill_id, Label(f"{text}{alone}", ""))


def _item(number: int, item: BillItem) -> Option:
    text = f"{item.name} {item.kind} {item.quantity} x {item.price} = {yuan_text(item.amount_fen)}"
    return Option(f"item-{number}", Label(text, ""), open=False)


def _slot(slot: Slot) -> Option:
    period = PERIODS.get(slot.period, Label(slot.period, slot.period))
    text = f"{period.zh} {slot.starts}-{slot.ends}  余 {slot.left}/{slot.total}  {yuan_text(slot.fee_fen)} 元"
    return Option(slot.slot_id, Label(text, ""), open=slot.left > 0)


def _appointment(each: Appointment) -> Option:
    state = APPOINTMENT_STATES.get(each.state, Label(each.state, each.state))
    due = f" 待付 {yuan_text(each.due_fen)}" if each.due_fen else ""
    text = f"{each.date} {each.starts}-{each.ends} {each.department} {each.doctor} {state.zh}{due}"
    return Option(each.appointment_id, Label(text, ""), open=each.state == "booked")

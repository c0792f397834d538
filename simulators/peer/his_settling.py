"""The settlement of a trade: operations 6 and 11 of spec/services.md 2.1.

It happens once: sent again with the same content it answers the same, with other content it is refused. After the lock has expired
a settlement is refused; a realistic HIS takes it all the same while nobody else was given what was locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.clock import civil
from protocols.wire.his.fields import moment_text
from protocols.wire.his.money_messages import (
    ACCOUNT_KIND,
    FUND_KIND,
    Insurance,
    Pay,
    SettleTrade,
    Split,
    TradeSettled,
)
from protocols.wire.his.refusals import Refused
from protocols.wire.his.registration_messages import ConfirmRegistration, RegistrationConfirmed
from simulators.peer.his_house import Asked, House
from simulators.peer.his_locking import slot_lock
from simulators.peer.his_tables import Trade

__all__ = ["confirm_registration", "settle_trade"]


def settle_trade(house: House, asked: Asked, message: SettleTrade) -> TradeSettled:
    """11."""
    house.made_before(asked)
    trade = house.trade(asked, message.trade_no)
    if trade is None or trade.standing == "fenced":
        raise Refused("trade-cancelled" if trade else "not-locked", "trade_no")
    if trade.business != "charge":
        raise Refused("trade-differs", "trade_no")
    if not _settled_before(asked, trade):
        _may_settle(house, asked, trade)
        parts = _parts(message.pays, message.split, trade.total_fen)
        _settle(house, asked, message.pays, parts, message.insurance, _common(message, trade.terminal_id))
        trade = house.records.trades[message.trade_no]
    return TradeSettled(
        trade_no=trade.trade_no, reconciliation_no=trade.reconciliation_no, settled_at=moment_text(trade.settled_at)
    )


def confirm_registration(house: House, asked: Asked, message: ConfirmRegistration) -> RegistrationConfirmed:
    """6: of a trade that has locked, or straight from the lock of the slot."""
    house.made_before(asked)
    trade = house.trade(asked, message.trade_no)
    if trade is not None and (trade.business, trade.lock_id) != ("register", message.lock_id):
        raise Refused("trade-cancelled" if trade.standing == "fenced" else "trade-differs", "trade_no")
    if trade is None or not _settled_before(asked, trade):
        lock = house.lock(asked, message.lock_id)
        if trade is not None:
            _may_settle(house, asked, trade)
        else:
            lock = slot_lock(house, asked, message.lock_id, lock.patient_id)
        parts = _parts(message.pays, message.split, lock.fee_fen)
        booking_id = lock.booking_id or f"R{house.records.peek('booking'):08d}"
        told = {**_common(message, trade.terminal_id if trade else lock.terminal_id), "booking_id": booking_id}
        straight = {"patient": lock.patient_id, "lock": lock.lock_id, "fee_fen": lock.fee_fen}
        _settle(house, asked, message.pays, parts, message.insurance, told, straight)
        trade = house.records.trades[message.trade_no]
    booking = house.records.bookings[trade.booking_id]
    return RegistrationConfirmed(
        registration_id=booking.booking_id, reconciliation_no=trade.reconciliation_no, see_no=str(booking.number)
    )


def _settled_before(asked: Asked, trade: Trade) -> bool:
    """True for the same settlement come again. Raises :class:`Refused` for one that cannot be any more."""
    if trade.standing in ("released", "fenced", "undone"):
        raise Refused("trade-cancelled", "trade_no")
    if trade.standing in ("refunding", "refunded"):
        raise Refused("trade-refunded", "trade_no")
    if trade.standing == "settled" and trade.settle_mark != asked.mark:
        raise Refused("trade-differs", "trade_no")
    return trade.standing == "settled"


def _may_settle(house: House, asked: Asked, trade: Trade) -> None:
    if house.trade_holds(trade, asked.at):
        return
    if not (house.terms.lenient and house.still_has(trade)):
        raise Refused("lock-expired", "trade_no")


def _parts(pays: Sequence[Pay], split: Split | None, total_fen: int) -> tuple[int, int, int, int]:
    """Fund, account, cash, reduction. Raises :class:`Refused` unless pays, split and total agree."""
    fund = sum(each.amount_fen for each in pays if each.kind == FUND_KIND)
    account = sum(each.amount_fen for each in pays if each.kind == ACCOUNT_KIND)
    cash = sum(each.amount_fen for each in pays) - fund - account
    reduction = split.reduction_fen if split is not None else 0
    if split is not None and (split.fund_fen, split.account_fen, split.cash_fen) != (fund, account, cash):
        raise Refused("amount-differs", "split")
    if fund + account + cash + reduction != total_fen:
        raise Refused("amount-differs", "pays")
    return fund, account, cash, reduction


def _common(message: SettleTrade | ConfirmRegistration, terminal_id: str) -> dict[str, Any]:
    return {"trade_no": message.trade_no, "terminal_id": message.terminal_id or terminal_id}


def _settle(
    house: House,
    asked: Asked,
    pays: Sequence[Pay],
    parts: tuple[int, int, int, int],
    insurance: Insurance | None,
    told: dict[str, Any],
    straight: dict[str, Any] | None = None,
) -> None:
    day = f"{civil(asked.at):%Y-%m-%d}"
    cash_kinds = [each.kind for each in pays if each.kind not in (FUND_KIND, ACCOUNT_KIND)]
    trade = {
        **told,
        "settle_mark": asked.mark,
        "reconciliation_no": f"HIS{day.replace('-', '')}{house.records.peek(f'reconciliation {day}'):06d}",
        "split": list(parts),
        "cash_kind": cash_kinds[0] if cash_kinds else "",
        "setl_id": insurance.setl_id if insurance else "",
        "mdtrt_id": insurance.mdtrt_id if insurance else "",
    }
    event = {"e": "settled", "inst": asked.institution, "trade": trade, **(straight or {})}
    house.emit(asked, event, str(told["trade_no"]))

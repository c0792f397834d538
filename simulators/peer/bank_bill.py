"""The day bill over HTTP: ``GET /bills/2026-11-22?institution=H44190000001`` (all institutions without the query).

Errors are JSON ``{"code", "message"}``: 400 ``bad-day``, 404 ``file-not-ready``, ``unknown-institution`` or ``no-such-file``, 403
``refused``, 405. The file of a day is made a while after its cut-over; its layout is ``protocols.wire.bank.bill``.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocols.clock import civil
from protocols.wire.bank.bill import Bill, BillKind, BillLine, encode_bill
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from simulators.peer.bank_money import BankPolicy
from simulators.peer.bank_state import BankState, Entry
from simulators.peer.base import Twist
from simulators.peer.city import City

__all__ = ["bill_reply"]

_FOLDER = "/bills/"
_KINDS: dict[str, BillKind] = {"purchase": "pay", "void": "void", "refund": "refund"}


def _error(status: int, code: str, message: str) -> HttpReply:
    return json_reply({"code": code, "message": message}, status)


def bill_reply(
    request: HttpRequest, now: float, twist: Twist, state: BankState, city: City, policy: BankPolicy
) -> HttpReply:
    """The file, or why there is none."""
    if not request.path.startswith(_FOLDER):
        return _error(404, "no-such-file", "bills are at /bills/DAY")
    if request.method != "GET":
        return _error(405, "method", "a bill can only be fetched: GET")
    day, institution = request.path[len(_FOLDER) :], request.query.get("institution", "")
    try:
        made_at = policy.cut_over.end_of(day) + policy.file_delay_s
    except WireError as error:
        return _error(400, "bad-day", error.why)
    if institution and city.institution_by_code(institution) is None:
        return _error(404, "unknown-institution", "no institution of this bank has that code")
    if twist == "refuse":
        return _error(403, "refused", "not now")
    if twist == "file-not-ready" or now < made_at:
        return _error(404, "file-not-ready", "the file of that day is not made yet: ask again later")
    lines = tuple(line for line in _lines(day, state) if not institution or line.institution == institution)
    body = encode_bill(Bill(day, institution or "*", int(made_at), lines))
    return HttpReply(200, {"content-type": "text/plain; charset=utf-8"}, body)


def _lines(day: str, state: BankState) -> Iterator[BillLine]:
    for reference in state.by_day.get(day, ()):
        entry = state.entries[reference]
        if not (entry.reversed and entry.reversed_day == day):
            yield _line(entry, _KINDS[entry.kind], entry.original)
    for reference in state.reversed_on.get(day, ()):
        entry = state.entries[reference]
        if entry.day != day:
            # A void that is reversed late: the merchant has the money again.
            yield _line(entry, "reversal" if entry.kind == "purchase" else "pay", reference)


def _line(entry: Entry, kind: BillKind, original: str) -> BillLine:
    return BillLine(
        kind=kind,
        reference=entry.reference,
        amount_fen=entry.amount_fen,
        at=f"{civil(entry.at):%m%d%H%M%S}",
        merchant=entry.merchant,
        institution=entry.institution,
        retrieval=entry.retrieval,
        original=original,
    )

"""The core of the insurance peer: one message in, one reply out (spec/services.md 1).

A message is judged in a fixed order: gateway, form, who speaks, sign-in, repetition, fence, and only then its business. Each
message is one event, journalled before it is answered, so a centre that is killed comes back with everything that it had answered for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from protocols.wire.base import WireError
from protocols.wire.http import MAX_BODY_BYTES, HttpReply, HttpRequest, json_reply
from protocols.wire.insurance.envelope import (
    FAILURE,
    MOST_INPUT_CHARACTERS,
    SUCCESS,
    Request,
    read_request,
)
from protocols.wire.insurance.fields import read
from protocols.wire.insurance.message_id import (
    build_refmsgid,
    day_of,
    millisecond_stamp,
    parse_msgid,
)
from protocols.wire.insurance.refusals import reason_text
from protocols.wire.insurance.transactions import ALIASES, TRANSACTIONS, transaction
from simulators.peer import insurance_files as files
from simulators.peer import insurance_people as people
from simulators.peer import insurance_settlement as money
from simulators.peer import insurance_visits as visits
from simulators.peer.base import BookRow, Journal, Twist
from simulators.peer.city import DIVISION
from simulators.peer.insurance_centre import OFFENCES, Centre, Decision, Message, Refused, fingerprint
from simulators.peer.insurance_gateway import Gateway, Passed, TurnedAway

__all__ = ["BASE", "InsurancePeer"]

BASE = "/fsi/api/"
"""Where the gateway listens: the number of the transaction follows."""

Handler = Callable[[Centre, Message], Decision]

HANDLERS: Mapping[str, Handler] = {
    "9001": people.sign_in,
    "9002": people.sign_out,
    "1101": people.person,
    "1201": people.institution,
    "2001": people.entitlement,
    "2201": visits.register,
    "2202": visits.cancel,
    "2203": visits.diagnose,
    "2204": visits.upload,
    "2205": visits.withdraw,
    "2206": money.pre_settle,
    "2207": money.settle,
    "2208": money.revoke,
    "2601": money.correct,
    "3201": files.totals,
    "3202": files.details,
    "5203": money.query,
    "9101": files.upload_file,
    "9102": files.download,
}

_ANSWERED_BEFORE: Mapping[str, Callable[[Centre, Message], Mapping[str, Any]]] = {
    "2201": visits.registered,
    "2204": visits.uploaded,
    "2207": money.settled,
    "2208": money.revoked,
}
"""Transactions that give their first answer again when their msgid comes again; those without an output need none."""

_NUMBERED = frozenset({"2201", "2202", "2203", "2204", "2205", "2207", "2208", "2601"})
"""Transactions that change something: their msgid is remembered."""

_FILES = frozenset({"3202", "9101", "9102"})


class InsurancePeer:
    """A :class:`simulators.peer.base.Peer` over HTTP."""

    def __init__(self, centre: Centre, gateway: Gateway, journal: Journal) -> None:
        self.centre, self.gateway, self._journal = centre, gateway, journal
        self._violations: list[str] = []
        self._previous = ""

    # The seam.

    def address(self, request: HttpRequest) -> str:
        infno = request.path.rsplit("/", 1)[-1]
        return infno if request.method == "POST" and ALIASES.get(infno, infno) in TRANSACTIONS else "?"

    def handle(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply | None:
        address = self.address(request)
        if request.method != "POST" or not request.path.startswith(BASE):
            self._violations.append(f"{address}: {request.method} to a path that is none of ours")
            return json_reply({"code": 404, "message": f"POST {BASE}<infno>"}, 404)
        try:
            passed = self.gateway.check(request, now, self.centre.records.nonces)
        except TurnedAway as turned:
            if turned.offence:
                self._violations.append(f"{address}: gateway: {turned.why}")
            return json_reply({"code": 401, "message": turned.why}, 401)
        return self._message(request, passed, now, twist)

    def spoil(self, reply: HttpReply) -> HttpReply:
        """The second half of the body is lost."""
        return HttpReply(reply.status, reply.headers, reply.body[: len(reply.body) // 2])

    def book(self) -> Iterable[BookRow]:
        for move in self.centre.records.moves.values():
            settlement = self.centre.records.settlements[move.of]
            figures = settlement.figures
            yield BookRow(
                book="insurance",
                reference=move.msgid,
                kind=move.kind,
                amount_fen=figures.fund_fen + figures.account_fen,
                at=move.at,
                day=day_of(move.at),
                institution=settlement.institution,
                channel="insurance",
                original=move.original,
                parts={"fund_fen": figures.fund_fen, "account_fen": figures.account_fen},
            )

    def violations(self) -> list[str]:
        found, self._violations = self._violations, []
        return found

    def snapshot(self) -> Mapping[str, object]:
        records = self.centre.records
        return {
            "temper": self.centre.temper,
            "profile": self.gateway.profile,
            "visits": len(records.visits),
            "open_visits": [
                {"institution": visit.institution, "ipt_otp_no": visit.outpatient_no}
                for visit in records.visits.values()
                if visit.open
            ],
            "settlements": len(records.settlements),
            "valid_settlements": sum(each.valid for each in records.settlements.values()),
            "fund_fen": sum(each.figures.fund_fen for each in records.settlements.values() if each.valid),
            "account_fen": sum(each.figures.account_fen for each in records.settlements.values() if each.valid),
            "corrected": len(records.corrected),
            "fenced": sum(not each.arrived for each in records.corrected.values()) + len(records.fenced_numbers),
            "signed_in": sum(each.live for each in records.sign_ins.values()),
            "files": len(records.files),
        }

    # One message.

    def _message(self, http: HttpRequest, passed: Passed, now: float, twist: Twist) -> HttpReply:
        event: dict[str, Any] = {
            "at": now,
            "nonce": [passed.nonce, passed.stamp, passed.digest, self.gateway.window_s],
        }
        infno = self.address(http)
        try:
            message = self._read(http, now)
            infno = message.request.infno
            decision = self._decide(message, twist, event)
        except Refused as refused:
            if refused.code in OFFENCES:
                self._violations.append(f"{infno}: {refused.code}" + (f" ({refused.detail})" if refused.detail else ""))
            why = reason_text(refused.code, refused.detail)
            return self._answered(event, Decision(refused.change), why, twist)
        self._violations += self.centre.complaints
        self.centre.complaints.clear()
        return self._answered(event, decision, "", twist)

    def _answered(self, event: dict[str, Any], decision: Decision, why: str, twist: Twist) -> HttpReply:
        records, at = self.centre.records, event["at"]
        if decision.change is not None:
            event |= decision.change
        reference = build_refmsgid(DIVISION, *records.next_reference(at))
        self._journal(event)
        records.apply(event)
        if decision.octets is not None:
            return HttpReply(200, {"content-type": "application/octet-stream"}, decision.octets)
        output = dict(decision.output) if decision.output is not None else None
        if twist == "wrong-reference":
            reference, output = self._of_another(reference, output)
        else:
            self._previous = reference
        stamp = millisecond_stamp(at)
        reply: dict[str, Any] = {
            "infcode": FAILURE if why else SUCCESS,
            "inf_refmsgid": reference,
            "refmsg_time": stamp,
            "respond_time": stamp,
            "err_msg": why,
        }
        return json_reply(reply if output is None else {**reply, "output": output})

    def _of_another(self, reference: str, output: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
        """The reply refers to another request: an earlier one where there was one."""
        other = self._previous or reference[:-1] + ("1" if reference[-1] != "1" else "2")
        return other, cast("dict[str, Any]", _renamed(output)) if output is not None else None

    def _read(self, http: HttpRequest, now: float) -> Message:
        """Raises :class:`Refused`."""
        if len(http.body) > MAX_BODY_BYTES:
            raise Refused("too-large")
        try:
            request = read_request(http.body)
        except WireError as error:
            raise Refused("malformed", error.why) from error
        try:
            known = transaction(request.infno)
        except WireError as error:
            raise Refused("unknown-transaction") from error
        if request.infno != http.path.rsplit("/", 1)[-1]:
            raise Refused("malformed", "infno is not that of the path")
        if known.infno != "9101" and _too_large(http.body, request):
            raise Refused("too-large", "input")
        try:
            body = read(known.request, request.input)
        except WireError as error:
            raise Refused("malformed", error.why) from error
        return Message(request, known.infno, body, now)

    def _decide(self, message: Message, twist: Twist, event: dict[str, Any]) -> Decision:
        self._judge_speaker(message)
        if twist == "refuse":
            raise Refused("refused")
        if message.infno != "9001":
            self._judge_sign_in(message, twist)
        if twist == "file-not-ready" and message.infno in _FILES:
            raise Refused("file-not-ready")
        if message.infno not in _NUMBERED:
            return HANDLERS[message.infno](self.centre, message)
        return self._once(message, event)

    def _once(self, message: Message, event: dict[str, Any]) -> Decision:
        """A message that changes something, by its number: new, come again, or corrected before it came."""
        records, msgid = self.centre.records, message.request.msgid
        mark = fingerprint(message.request.input)
        known = records.messages.get(msgid)
        if known is not None:
            if known != (message.infno, mark):
                raise Refused("msgid-reused")
            again = _ANSWERED_BEFORE.get(message.infno)
            return Decision(output=again(self.centre, message) if again else None)
        if msgid in records.corrected:
            raise Refused("message-fenced")
        decision = HANDLERS[message.infno](self.centre, message)
        event["message"] = [msgid, message.infno, mark]
        return decision

    def _judge_speaker(self, message: Message) -> None:
        """Who speaks, from where, and about whom."""
        request, centre = message.request, self.centre
        if request.mdtrtarea_admvs != DIVISION:
            raise Refused("wrong-area", "mdtrtarea_admvs")
        if centre.city.institution_by_code(request.fixmedins_code) is None:
            raise Refused("unknown-institution", "fixmedins_code")
        try:
            owner = parse_msgid(request.msgid).owner
        except WireError as error:
            centre.object_to(message, "bad-msgid", error.why)
        else:
            if owner != request.fixmedins_code:
                raise Refused("foreign-institution", "msgid")
        if _holds_person(request.input):
            if not request.insuplc_admdvs:
                centre.object_to(message, "missing-insuplc")
            elif request.insuplc_admdvs != DIVISION:
                raise Refused("wrong-insuplc")

    def _judge_sign_in(self, message: Message, twist: Twist) -> None:
        request = message.request
        if not request.sign_no:
            raise Refused("missing-sign-no")
        if twist == "sign-in-expired":
            change = {"do": "sign-out", "operator": message.operator}
            raise Refused("sign-in-expired", change=change)
        held = self.centre.records.sign_ins.get(message.operator)
        if held is None or not held.live or held.sign_no != request.sign_no or held.day != day_of(message.at):
            raise Refused("sign-in-expired")


def _too_large(body: bytes, request: Request) -> bool:
    """The limit is that of ``input``; a whole body below it needs no second look."""
    if len(body) <= MOST_INPUT_CHARACTERS:
        return False
    return (
        len(json.dumps(request.input, ensure_ascii=False, separators=(",", ":"), default=str)) > MOST_INPUT_CHARACTERS
    )


def _holds_person(value: Any) -> bool:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return bool(found.get("psn_no")) or any(_holds_person(each) for each in found.values())
    return isinstance(value, list) and any(_holds_person(each) for each in cast("list[Any]", value))


_REFERENCES = frozenset({"medins_setl_id", "mdtrt_id", "ipt_otp_no", "feedetl_sn", "file_qury_no"})


def _renamed(value: Any) -> Any:
    """*value* with every number by which it refers to its request replaced by one of the same form."""
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return {
            name: _another(each) if name in _REFERENCES and isinstance(each, str) else _renamed(each)
            for name, each in found.items()
        }
    if isinstance(value, list | tuple):
        return [_renamed(each) for each in cast("list[Any]", value)]
    return value


def _another(text: str) -> str:
    return text[:-1] + ("1" if text[-1] != "1" else "2") if text else text

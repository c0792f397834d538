"""The JSON face of the neutral operations: method, path, and where each field of a message travels.

Fields named in the path stand there; of a GET the others stand in the query, of everything else in the body. An error is
``{"code", "message"}``. Source of the paths: spec/services.md 2.1 and the exchanges of 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import BaseModel

from protocols.wire.base import WireError
from protocols.wire.his.fields import Ask, Told, read, shown, write
from protocols.wire.his.operations import OPERATIONS, Operation, OperationKind
from protocols.wire.his.refusals import REFUSALS, Refused
from protocols.wire.http import HttpReply, HttpRequest, json_reply, json_request
from protocols.wire.insurance.json_text import read_object

__all__ = [
    "BASE",
    "ROUTES",
    "Route",
    "addresses",
    "read_reply",
    "read_request",
    "refusal_reply",
    "request_of",
    "route_at",
]

BASE = "/his/v1"
MOST_QUERY_FIELDS = 50

_PLACE = re.compile(r"\{(\w+)\}")
_DIGITS = re.compile(r"[1-9][0-9]{0,8}|0")


@dataclass(frozen=True)
class Route:
    """``status`` of a success."""

    operation: Operation
    method: str
    path: str
    status: int = 200

    @property
    def kind(self) -> OperationKind:
        return OPERATIONS[self.operation]

    @property
    def template(self) -> str:
        """The whole path, with the names of its fields in braces."""
        return BASE + self.path

    @cached_property
    def path_fields(self) -> tuple[str, ...]:
        return tuple(_PLACE.findall(self.path))

    @cached_property
    def other_fields(self) -> tuple[str, ...]:
        """Those in the query or the body."""
        return tuple(name for name in self.kind.request.model_fields if name not in self.path_fields)

    @cached_property
    def address(self) -> str:
        """By which faults find it: method and path without its variable parts (``DELETE /his/v1/settlements/lock``)."""
        fixed = [each for each in self.template.split("/") if not each.startswith("{")]
        return f"{self.method} {'/'.join(fixed)}"

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.split("/"))


_O = Operation

ROUTES: Mapping[Operation, Route] = {
    each.operation: each
    for each in (
        Route(_O.FIND_PATIENT, "GET", "/patients"),
        Route(_O.CREATE_PATIENT, "POST", "/patients"),
        Route(_O.LIST_DEPARTMENTS, "GET", "/departments"),
        Route(_O.LIST_DOCTORS, "GET", "/departments/{department_id}/doctors"),
        Route(_O.LIST_SCHEDULES, "GET", "/schedules"),
        Route(_O.LIST_SLOTS, "GET", "/slots"),
        Route(_O.LOCK_SLOT, "POST", "/slots/{slot_id}/locks", 201),
        Route(_O.UNLOCK_SLOT, "DELETE", "/slots/{slot_id}/locks/{lock_id}"),
        Route(_O.CONFIRM_REGISTRATION, "POST", "/registrations", 201),
        Route(_O.LIST_BOOKINGS, "GET", "/registrations"),
        Route(_O.CHECK_IN, "POST", "/registrations/{registration_id}/check-in"),
        Route(_O.CANCEL_BOOKING, "POST", "/registrations/{registration_id}/cancel"),
        Route(_O.LIST_BILLS, "GET", "/bills"),
        Route(_O.LOCK_TRADE, "POST", "/settlements/{trade_no}/lock", 201),
        Route(_O.SETTLE_TRADE, "POST", "/settlements", 201),
        Route(_O.UNLOCK_TRADE, "DELETE", "/settlements/{trade_no}/lock"),
        Route(_O.CANCEL_TRADE, "POST", "/trades/{trade_no}/cancel"),
        Route(_O.TRADE_STATUS, "GET", "/trades/{trade_no}"),
        Route(_O.REFUND_ELIGIBILITY, "GET", "/trades/{trade_no}/eligibility"),
        Route(_O.REQUEST_REFUND, "POST", "/refunds", 201),
        Route(_O.REFUND_STATUS, "GET", "/refunds/{refund_no}"),
        Route(_O.WITHDRAW_REFUND, "DELETE", "/refunds/{refund_no}"),
        Route(_O.REFUND_RETURNS, "POST", "/refunds/{refund_no}/returns"),
        Route(_O.LIST_DAY, "GET", "/trade-lists/{day}"),
        Route(_O.LIST_EBILLS, "GET", "/e-bills"),
        Route(_O.MARK_EBILL, "POST", "/e-bills/{ebill_id}/print-state"),
    )
}


_BY_LENGTH: Mapping[int, tuple[Route, ...]] = {
    length: tuple(each for each in ROUTES.values() if len(each.segments) == length)
    for length in {len(each.segments) for each in ROUTES.values()}
}


def addresses() -> tuple[str, ...]:
    """Every address, in the order of the operations."""
    return tuple(each.address for each in ROUTES.values())


# A client's side.


def request_of(operation: Operation, message: Ask) -> HttpRequest:
    """*message* as a request, not yet signed."""
    route = ROUTES[operation]
    values = write(message)
    path = route.template
    for name in route.path_fields:
        path = path.replace(f"{{{name}}}", quote(str(values.pop(name, getattr(message, name))), safe=""))
    if route.method == "GET":
        query = urlencode(values)
        return HttpRequest("GET", f"{path}?{query}" if query else path)
    return json_request(route.method, path, values) if route.method == "POST" else HttpRequest(route.method, path)


def read_reply(operation: Operation, reply: HttpReply) -> Told:
    """What the HIS says. Raises :class:`Refused` for a refusal that it can have meant, :class:`WireError` for anything else."""
    route = ROUTES[operation]
    body = read_object(reply.body)
    if reply.status == route.status:
        return read(route.kind.reply, body)
    code = body.get("code")
    known = REFUSALS.get(code) if isinstance(code, str) else None
    if known is None or known.status != reply.status:
        raise WireError(f"HTTP {reply.status} without a code of this interface")
    raise Refused(str(code))


# The HIS's side.


def route_at(request: HttpRequest) -> Route | None:
    """The route that *request* wants. None: there is none; one with another method is found as well."""
    try:
        segments = tuple(urlsplit(request.target).path.split("/"))
    except ValueError:
        return None
    other: Route | None = None
    for route in _BY_LENGTH.get(len(segments), ()):
        if all(map(_fits, route.segments, segments)):
            if route.method == request.method:
                return route
            other = other or route
    return other


def _fits(wanted: str, found: str) -> bool:
    return bool(found) if wanted.startswith("{") else wanted == found


def methods_at(request: HttpRequest) -> Sequence[str]:
    """What may be asked at that path."""
    segments = tuple(request.path.split("/"))
    return sorted(
        {
            route.method
            for route in ROUTES.values()
            if len(route.segments) == len(segments) and all(map(_fits, route.segments, segments))
        }
    )


def read_request(route: Route, request: HttpRequest) -> Ask:
    """The message. Raises :class:`Refused` (``malformed``, ``media-type``) naming the place, never the value."""
    try:
        values = _query_values(route, request) if route.method != "POST" else _body_values(route, request)
        twice = [name for name in route.path_fields if name in values]
        if twice:
            raise WireError(f"{twice[0]}: stands in the path alone")
        segments = request.path.split("/")
        for wanted, found in zip(route.segments, segments, strict=True):
            if wanted.startswith("{"):
                values[wanted[1:-1]] = unquote(found, errors="strict")
        return read(route.kind.request, values)
    except WireError as error:
        raise Refused("malformed", error.why) from None
    except ValueError:
        raise Refused("malformed", "the path or its query cannot be read") from None


def _query_values(route: Route, request: HttpRequest) -> dict[str, Any]:
    query = urlsplit(request.target).query
    pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_QUERY_FIELDS)
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name in values:
            raise WireError(f"{shown(name)}: stands twice")
        field = route.kind.request.model_fields.get(name)
        whole = field is not None and field.annotation is int and _DIGITS.fullmatch(text)
        values[name] = int(text) if whole else text
    if request.body:
        raise WireError("a body means nothing here")
    return values


def _body_values(route: Route, request: HttpRequest) -> dict[str, Any]:
    if urlsplit(request.target).query:
        raise WireError("a query means nothing here")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused("media-type")
    return read_object(request.body)


def reply_of(route: Route, message: BaseModel, headers: Mapping[str, str]) -> HttpReply:
    """A success."""
    return json_reply(write(message), route.status, headers)


def refusal_reply(refused: Refused, headers: Mapping[str, str]) -> HttpReply:
    """A refusal."""
    return json_reply({"code": refused.code, "message": refused.message}, REFUSALS[refused.code].status, headers)

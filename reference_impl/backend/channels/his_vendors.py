"""The seam to HIS vendors: neutral calls in, neutral answers out, one implementation a wire.

What is above this seam knows operations and messages of :mod:`protocols.wire.his`, and neither paths nor elements nor success codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from protocols.wire.base import WireError
from protocols.wire.his import routes
from protocols.wire.his.authentication import KEY_HEADER, NONCE_HEADER, signed
from protocols.wire.his.fields import Ask, Told
from protocols.wire.his.operations import Operation
from protocols.wire.his_xml.envelope import call_request, read_answer
from protocols.wire.http import HttpReply, HttpRequest

__all__ = ["VENDORS", "HisCall", "HisVendor", "JsonVendor", "XmlVendor"]


@dataclass(frozen=True, slots=True)
class HisCall:
    """One question. ``institution`` is the clinic's code; ``key`` the idempotency key of an operation that makes something;
    ``nonce`` is never used twice; ``now`` Unix time."""

    operation: Operation
    message: Ask
    institution: str
    key: str
    nonce: str
    now: float


class HisVendor(Protocol):
    """Pure: builds and reads messages, sends nothing."""

    def request(self, call: HisCall) -> HttpRequest:
        """Raises :class:`WireError` for what the vendor's wire cannot carry."""
        ...

    def heard(self, call: HisCall, reply: HttpReply) -> Told:
        """Raises :class:`protocols.wire.his.refusals.Refused` for a refusal, :class:`WireError` for what is no answer to *call*."""
        ...


class JsonVendor:
    """This project's JSON interface."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def request(self, call: HisCall) -> HttpRequest:
        plain = routes.request_of(call.operation, call.message)
        if call.key:
            plain = HttpRequest(plain.method, plain.target, {**plain.headers, KEY_HEADER: call.key}, plain.body)
        return signed(plain, self._secret, call.institution, call.now, call.nonce)

    def heard(self, call: HisCall, reply: HttpReply) -> Told:
        if reply.headers.get(NONCE_HEADER) != call.nonce:
            raise WireError("the reply belongs to another request")
        return routes.read_reply(call.operation, reply)


class XmlVendor:
    """The XML interface of :mod:`protocols.wire.his_xml`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def request(self, call: HisCall) -> HttpRequest:
        return call_request(
            call.operation,
            call.message,
            secret=self._secret,
            institution=call.institution,
            key=call.key,
            nonce=call.nonce,
            now=call.now,
        )

    def heard(self, call: HisCall, reply: HttpReply) -> Told:
        return read_answer(call.operation, reply, call.nonce)


VENDORS: dict[str, type[JsonVendor] | type[XmlVendor]] = {"json": JsonVendor, "xml": XmlVendor}
"""By the word that settings use."""

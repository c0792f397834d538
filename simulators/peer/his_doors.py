"""The two faces of one HIS: how a request is read and an answer written, as JSON and as the XML of another vendor."""

from __future__ import annotations

import hashlib
from typing import Protocol

from protocols.wire.base import WireError
from protocols.wire.his import routes
from protocols.wire.his.authentication import (
    INSTITUTION_HEADER,
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    same_signature,
    signature_of,
)
from protocols.wire.his.fields import Ask, Told, unix_of_moment
from protocols.wire.his.operations import Operation
from protocols.wire.his.refusals import Refused
from protocols.wire.his_xml import envelope as xml
from protocols.wire.http import MAX_BODY_BYTES, HttpReply, HttpRequest
from simulators.peer.his_gate import Proof

__all__ = ["Door", "JsonDoor", "XmlDoor"]


class Door(Protocol):
    """One face. All but ``address`` and the answers may raise :class:`Refused`."""

    def address(self, request: HttpRequest) -> str:
        """By which faults find it; ``?`` for what cannot be read."""
        ...

    def proof(self, request: HttpRequest) -> Proof: ...

    def asked(self, request: HttpRequest) -> tuple[Operation, Ask, str]:
        """Operation, message and idempotency key of a request whose proof holds."""
        ...

    def success(self, operation: Operation, message: Told, nonce: str) -> HttpReply: ...

    def refusal(self, request: HttpRequest, refused: Refused, nonce: str) -> HttpReply: ...


def _digest(request: HttpRequest) -> str:
    return hashlib.sha256(
        f"{request.method} {request.target}\n".encode("utf-8", "surrogatepass") + request.body
    ).hexdigest()


class JsonDoor:
    """The interface of :mod:`protocols.wire.his`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def address(self, request: HttpRequest) -> str:
        route = routes.route_at(request)
        return route.address if route is not None and route.method == request.method else "?"

    def proof(self, request: HttpRequest) -> Proof:
        if len(request.body) > MAX_BODY_BYTES:
            raise Refused("too-large")
        route = routes.route_at(request)
        if route is None:
            raise Refused("no-such-operation")
        if route.method != request.method:
            raise Refused("method-not-allowed")
        headers = request.headers
        return Proof(
            institution=headers.get(INSTITUTION_HEADER, ""),
            timestamp=headers.get(TIMESTAMP_HEADER, ""),
            nonce=headers.get(NONCE_HEADER, ""),
            genuine=same_signature(signature_of(request, self._secret), headers.get(SIGNATURE_HEADER, "")),
            digest=_digest(request),
        )

    def asked(self, request: HttpRequest) -> tuple[Operation, Ask, str]:
        route = routes.route_at(request)
        assert route is not None, "its proof was taken at that route"
        message = routes.read_request(route, request)
        return route.operation, message, request.headers.get(KEY_HEADER, "")

    def success(self, operation: Operation, message: Told, nonce: str) -> HttpReply:
        return routes.reply_of(routes.ROUTES[operation], message, {NONCE_HEADER: nonce})

    def refusal(self, request: HttpRequest, refused: Refused, nonce: str) -> HttpReply:
        headers = {NONCE_HEADER: nonce} if nonce else {}
        if refused.code == "method-not-allowed":
            headers["allow"] = ", ".join(routes.methods_at(request))
        return routes.refusal_reply(refused, headers)


class XmlDoor:
    """The interface of :mod:`protocols.wire.his_xml`. Whatever becomes of a call, HTTP says 200."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def address(self, request: HttpRequest) -> str:
        return xml.peek_word(request.body) or "?" if request.target == xml.ADDRESS else "?"

    def proof(self, request: HttpRequest) -> Proof:
        if len(request.body) > MAX_BODY_BYTES:
            raise Refused("too-large")
        if request.target != xml.ADDRESS:
            raise Refused("no-such-operation")
        if request.method != "POST":
            raise Refused("method-not-allowed")
        # Whoever has no secret gets no parser to try things on.
        if not same_signature(xml.sign(request.body, self._secret), request.headers.get(xml.SIGN_HEADER, "")):
            raise Refused("signature-wrong")
        call = xml.read_call(request.body)
        try:
            timestamp = str(int(unix_of_moment(call.at)))
        except WireError as error:
            raise Refused("malformed", error.why) from None
        return Proof(call.institution, timestamp, call.nonce, genuine=True, digest=_digest(request))

    def asked(self, request: HttpRequest) -> tuple[Operation, Ask, str]:
        call = xml.read_call(request.body)
        return call.operation, call.message(), call.key

    def success(self, operation: Operation, message: Told, nonce: str) -> HttpReply:
        return xml.success_answer(operation, message, nonce)

    def refusal(self, request: HttpRequest, refused: Refused, nonce: str) -> HttpReply:
        if refused.code in ("no-such-operation", "method-not-allowed") and request.target != xml.ADDRESS:
            return HttpReply(404)
        if refused.code == "method-not-allowed":
            return HttpReply(405, {"allow": "POST"})
        return xml.refusal_answer(xml.peek_word(request.body), refused, nonce)

"""How a request to the HIS proves who sent it. Pure: time and nonce are arguments.

The recipe is this project's, because each public system has one of its own (spec/services.md 2.2): HMAC-SHA256 under the shared secret
over method, target, institution, idempotency key, timestamp, nonce and the SHA-256 of the body, a line feed between them. The HIS refuses a time
outside its window, a nonce that was used, and a wrong signature; its reply carries the nonce of the request to which it belongs.
"""

from __future__ import annotations

import hashlib
import hmac

from protocols.wire.http import HttpRequest

__all__ = [
    "INSTITUTION_HEADER",
    "KEY_HEADER",
    "NONCE_HEADER",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "WINDOW_S",
    "same_signature",
    "signature_of",
    "signed",
]

INSTITUTION_HEADER = "x-his-institution"
KEY_HEADER = "idempotency-key"
TIMESTAMP_HEADER = "x-his-timestamp"
NONCE_HEADER = "x-his-nonce"
SIGNATURE_HEADER = "x-his-signature"
WINDOW_S = 300


def signature_of(request: HttpRequest, secret: str) -> str:
    """Hexadecimal, over what *request* says in its headers, line and body. The timestamp is Unix seconds."""
    headers = (INSTITUTION_HEADER, KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER)
    parts = (request.method.upper(), request.target, *(request.headers.get(each, "") for each in headers))
    text = "\n".join((*parts, hashlib.sha256(request.body).hexdigest()))
    return hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def same_signature(one: str, other: str) -> bool:
    """Compares in constant time, in either case of the digits."""
    return hmac.compare_digest(
        one.lower().encode("utf-8", "surrogatepass"), other.lower().encode("utf-8", "surrogatepass")
    )


def signed(request: HttpRequest, secret: str, institution: str, now: float, nonce: str) -> HttpRequest:
    """*request* with the four headers that prove it; its idempotency key is among its headers already."""
    headers = {
        **request.headers,
        INSTITUTION_HEADER: institution,
        TIMESTAMP_HEADER: str(int(now)),
        NONCE_HEADER: nonce,
    }
    plain = HttpRequest(request.method, request.target, headers, request.body)
    headers[SIGNATURE_HEADER] = signature_of(plain, secret)
    return HttpRequest(request.method, request.target, headers, request.body)

"""The one call of WeChat Pay v3 that is wanted: where the bill of a day can be fetched, and its SHA-1.

A request is signed in its Authorization header over method, target, time, nonce and body; a reply in four headers over
time, nonce and body, both RSA (SHA256withRSA). Source: spec/services.md 4 (v3: RSA headers; address for 30 s, SHA1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from pydantic import Field

from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.insurance.json_text import read_object
from protocols.wire.qr.fields import QrMessage, read
from protocols.wire.qr.signing import rsa2_sign, rsa2_verify

__all__ = [
    "BILL_FILE",
    "NOT_MADE",
    "NO_BILL",
    "TRADEBILL",
    "Authorization",
    "BillAddress",
    "authorization_of",
    "authorized",
    "reply_headers",
    "verified_address",
]

TRADEBILL = "/v3/bill/tradebill"
BILL_FILE = "/v3/billdownload/file"
NO_BILL, NOT_MADE = "NO_STATEMENT_EXIST", "STATEMENT_CREATING"
SCHEME = "WECHATPAY2-SHA256-RSA2048"
_PAIR = re.compile(r'([a-z_]+)="([^"]*)"')
_PARTS = ("mchid", "nonce_str", "signature", "timestamp", "serial_no")


@dataclass(frozen=True, slots=True)
class Authorization:
    """Who asks, and what proves it. ``timestamp`` is Unix time in seconds."""

    merchant: str
    serial: str
    timestamp: int
    nonce: str
    signature: str


class BillAddress(QrMessage):
    hash_type: Literal["SHA1"]
    hash_value: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    download_url: Annotated[str, Field(min_length=1, max_length=1024)]


def _request_text(request: HttpRequest, timestamp: int, nonce: str) -> bytes:
    return f"{request.method}\n{request.target}\n{timestamp}\n{nonce}\n".encode() + request.body + b"\n"


def _reply_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def authorized(
    request: HttpRequest, merchant: str, serial: str, timestamp: int, nonce: str, key: RSAPrivateKey
) -> HttpRequest:
    """*request* with the header that proves the merchant; *serial* is that of its certificate."""
    signature = rsa2_sign(_request_text(request, timestamp, nonce), key)
    values = dict(zip(_PARTS, (merchant, nonce, signature, str(timestamp), serial), strict=True))
    pairs = ",".join(f'{name}="{value}"' for name, value in values.items())
    return HttpRequest(
        request.method, request.target, {**request.headers, "authorization": f"{SCHEME} {pairs}"}, request.body
    )


def authorization_of(request: HttpRequest, key: RSAPublicKey) -> Authorization:
    """Who has signed *request*. Raises :class:`WireError` where nobody has, or not so."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    values = dict(_PAIR.findall(rest))
    if scheme != SCHEME or set(values) != set(_PARTS) or not re.fullmatch(r"[0-9]{1,12}", values["timestamp"]):
        raise WireError(f"authorization: {SCHEME} with {', '.join(_PARTS)}")
    timestamp = int(values["timestamp"])
    if not rsa2_verify(_request_text(request, timestamp, values["nonce_str"]), values["signature"], key):
        raise WireError("sign: the signature is wrong")
    return Authorization(values["mchid"], values["serial_no"], timestamp, values["nonce_str"], values["signature"])


def reply_headers(body: bytes, timestamp: int, nonce: str, serial: str, key: RSAPrivateKey) -> Mapping[str, str]:
    """The headers that sign a reply."""
    return {
        "wechatpay-timestamp": str(timestamp),
        "wechatpay-nonce": nonce,
        "wechatpay-serial": serial,
        "wechatpay-signature": rsa2_sign(_reply_text(str(timestamp), nonce, body), key),
    }


def verified_address(reply: HttpReply, key: RSAPublicKey) -> BillAddress:
    """Where the bill is. Raises :class:`WireError`: ``sign`` at the beginning of its text for a wrong signature, the
    channel's own code (:data:`NO_BILL`, :data:`NOT_MADE` and others) for a refusal."""
    headers = reply.headers
    text = _reply_text(headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", ""), reply.body)
    if not rsa2_verify(text, headers.get("wechatpay-signature", ""), key):
        raise WireError("sign: the signature is wrong or missing")
    values = read_object(reply.body)
    if reply.status != 200:
        raise WireError(str(values.get("code", "refused"))[:64])
    return read(BillAddress, values)

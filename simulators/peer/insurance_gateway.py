"""The gateway in front of the insurance centre: who may speak at all, by the profile of the region (spec/services.md 1.3).

A time outside the window, a nonce that was used, and a wrong signature are turned away with HTTP 401 before the message is read.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import WireError
from protocols.wire.http import HttpRequest
from protocols.wire.insurance.authentication import (
    CSB_HEADERS,
    TIF_NONCE,
    TIF_PAASID,
    TIF_SIGNATURE,
    TIF_TIMESTAMP,
    csb_signature,
    csb_text,
    sm2_text,
    sm2_verify,
    tif_signature_matches,
)
from protocols.wire.insurance.json_text import read_object
from protocols.wire.insurance.message_id import unix_of

__all__ = ["Gateway", "Passed", "TurnedAway"]

MOST_NONCE_CHARACTERS = 64
Profile = Literal["tif", "csb", "sm2-body"]


class TurnedAway(Exception):
    """The request goes no further. ``offence``: the client is to blame; a copy that the network made is not its fault."""

    def __init__(self, why: str, offence: bool = True) -> None:
        super().__init__(why)
        self.why, self.offence = why, offence


@dataclass(frozen=True, slots=True)
class Passed:
    """What of a request is remembered: its nonce, its time in Unix seconds, and its fingerprint."""

    nonce: str
    stamp: int
    digest: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """``account`` is the x-tif-paasid or the access key; ``public_key`` that of the client under SM2-body."""

    profile: Profile
    account: str
    secret: str
    window_s: float
    public_key: bytes = b""

    def check(self, request: HttpRequest, now: float, nonces: Mapping[str, tuple[int, str]]) -> Passed:
        """Raises :class:`TurnedAway`. *nonces* are those that were let through before."""
        digest = hashlib.sha256(request.target.encode() + b"\n" + request.body).hexdigest()[:32]
        passed = {"tif": self._tif, "csb": self._csb, "sm2-body": self._sm2}[self.profile](request, digest)
        if abs(passed.stamp - now) > self.window_s:
            raise TurnedAway(f"the time is {passed.stamp - now:+.0f} s off, {self.window_s:.0f} s are allowed")
        known = nonces.get(passed.nonce)
        if known is not None:
            raise TurnedAway("the nonce was used before", offence=known != (passed.stamp, passed.digest))
        return passed

    def _tif(self, request: HttpRequest, digest: str) -> Passed:
        headers = request.headers
        stamp, nonce = headers.get(TIF_TIMESTAMP, ""), headers.get(TIF_NONCE, "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            raise TurnedAway(f"{TIF_TIMESTAMP} is missing or no Unix time")
        if not 8 <= len(nonce) <= MOST_NONCE_CHARACTERS or not nonce.isascii():
            raise TurnedAway(f"{TIF_NONCE} is missing, or not 8 to {MOST_NONCE_CHARACTERS} characters")
        if headers.get(TIF_PAASID, "") != self.account:
            raise TurnedAway(f"{TIF_PAASID} is not known here")
        if not tif_signature_matches(self.secret, stamp, nonce, headers.get(TIF_SIGNATURE, "")):
            raise TurnedAway(f"{TIF_SIGNATURE} is wrong")
        return Passed(nonce, int(stamp), digest)

    def _csb(self, request: HttpRequest, digest: str) -> Passed:
        """This gateway has no nonce: the signature, which covers the time alone, and the body together are the message."""
        values = {name: request.headers.get(name, "") for name in CSB_HEADERS}
        stamp, given = values["_api_timestamp"], request.headers.get("_api_signature", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 15):
            raise TurnedAway("_api_timestamp is missing or no Unix time in milliseconds")
        if values["_api_access_key"] != self.account:
            raise TurnedAway("_api_access_key is not known here")
        if not hmac.compare_digest(csb_signature(self.secret, csb_text(values)).encode(), given.encode()):
            raise TurnedAway("_api_signature is wrong")
        return Passed(f"{stamp} {digest}", int(stamp) // 1000, digest)

    def _sm2(self, request: HttpRequest, digest: str) -> Passed:
        """The envelope signs itself: the signature, which no two messages share, is the nonce, and inf_time the time."""
        try:
            envelope = read_object(request.body)
            signature = str(envelope.get("cainfo", ""))
            right = sm2_verify(sm2_text(envelope), self.public_key, signature)
        except WireError as error:
            raise TurnedAway(f"the signed envelope cannot be read: {error.why}") from error
        if not right:
            raise TurnedAway("cainfo is wrong")
        try:
            stamp = unix_of(str(envelope.get("inf_time", "")))
        except WireError as error:
            raise TurnedAway(f"inf_time: {error.why}") from error
        return Passed(signature, int(stamp), digest)

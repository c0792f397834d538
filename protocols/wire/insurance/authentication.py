"""How a request proves who sent it, in the three ways that regions use. Pure: time and nonces are arguments.

Source: spec/services.md 1.3. TIF is the gateway of Guangdong; CSB that of Jiangsu; SM2-body signs the envelope itself.
How the fields are joined under SM2-body is not public: ``name=value`` joined by ``&``, empty values left out, signature r and s
as 64 bytes in base64, is what this project takes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Protocol, cast

from gmssl import sm2  # pyright: ignore[reportMissingTypeStubs]

from protocols.wire.base import WireError

__all__ = [
    "CSB_HEADERS",
    "TIF_NONCE",
    "TIF_PAASID",
    "TIF_SIGNATURE",
    "TIF_TIMESTAMP",
    "csb_headers",
    "csb_signature",
    "csb_text",
    "sm2_sign",
    "sm2_text",
    "sm2_verify",
    "tif_headers",
    "tif_signature",
    "tif_signature_matches",
]

TIF_PAASID = "x-tif-paasid"
TIF_TIMESTAMP = "x-tif-timestamp"
TIF_NONCE = "x-tif-nonce"
TIF_SIGNATURE = "x-tif-signature"

CSB_HEADERS = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")

_SM2_ORDER = int(sm2.default_ecc_table["n"], 16)
_UNSIGNED = frozenset({"cainfo", "input"})


def tif_signature(secret: str, timestamp: str, nonce: str) -> str:
    """Hexadecimal SHA-256 over timestamp, secret, nonce and timestamp again; ``timestamp`` in Unix seconds."""
    return hashlib.sha256(f"{timestamp}{secret}{nonce}{timestamp}".encode()).hexdigest()


def tif_signature_matches(secret: str, timestamp: str, nonce: str, signature: str) -> bool:
    """True for the right signature in either case of its hexadecimal digits. Compares in constant time."""
    return hmac.compare_digest(tif_signature(secret, timestamp, nonce).encode(), signature.lower().encode())


def tif_headers(paasid: str, secret: str, timestamp: int, nonce: str) -> dict[str, str]:
    """The four headers of a request through the TIF gateway."""
    stamp = str(timestamp)
    return {
        TIF_PAASID: paasid,
        TIF_TIMESTAMP: stamp,
        TIF_NONCE: nonce,
        TIF_SIGNATURE: tif_signature(secret, stamp, nonce),
    }


def csb_text(values: Mapping[str, str]) -> str:
    """What a CSB gateway has signed: the pairs in the order of their names, ``name=value`` joined by ``&``."""
    return "&".join(f"{name}={values[name]}" for name in sorted(values))


def csb_signature(secret: str, text: str) -> str:
    """base64 of HMAC-SHA1 over :func:`csb_text`. The hash is the gateway's choice, not this project's."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def csb_headers(api: str, version: str, access_key: str, secret: str, timestamp_ms: int) -> dict[str, str]:
    """The five headers of a request through a CSB gateway; the body is not signed."""
    values = {
        "_api_access_key": access_key,
        "_api_name": api,
        "_api_timestamp": str(timestamp_ms),
        "_api_version": version,
    }
    return {**values, "_api_signature": csb_signature(secret, csb_text(values))}


class _Sm2(Protocol):
    """What is used of gmssl, which brings no types."""

    public_key: str

    def sign_with_sm3(self, data: bytes, random_hex_str: str) -> str | None: ...

    def verify_with_sm3(self, sign: str, data: bytes) -> Any: ...


def _crypt(private_key: bytes, public_key: bytes) -> _Sm2:
    if len(private_key) not in (0, 32) or len(public_key) != 64:
        raise WireError("an SM2 private key has 32 bytes, a public key 64 (x and y)")
    crypt = cast("_Sm2", sm2.CryptSM2(private_key.hex(), public_key.hex()))
    crypt.public_key = public_key.hex()  # the library strips leading digits 0 and 4, of the key itself too
    return crypt


def sm2_text(envelope: Mapping[str, Any]) -> bytes:
    """What is signed of an envelope: every field with a value, but ``cainfo`` and ``input``, in the order of the names."""
    fields = ((name, value) for name, value in sorted(envelope.items()) if name not in _UNSIGNED)
    return "&".join(f"{name}={value}" for name, value in fields if value not in (None, "")).encode()


def sm2_sign(text: bytes, private_key: bytes, public_key: bytes, random: bytes) -> str:
    """base64 of r and s (SM2 with SM3, user id ``1234567812345678``). *random*: 32 bytes, never twice for one key.

    Raises :class:`WireError` for keys of another length, and for the one *random* in 2^256 that gives no signature.
    """
    if len(random) != 32 or not 0 < int.from_bytes(random) < _SM2_ORDER:
        raise WireError("the random number of an SM2 signature is 32 bytes below the order of the curve, and not zero")
    signature = _crypt(private_key, public_key).sign_with_sm3(text, random.hex())
    if signature is None:
        raise WireError("this random number gives no SM2 signature: take another one")
    return base64.b64encode(bytes.fromhex(signature)).decode()


def sm2_verify(text: bytes, public_key: bytes, signature: str) -> bool:
    """True for the signature of the holder of *public_key*. Raises :class:`WireError` for a key of another length."""
    crypt = _crypt(b"", public_key)
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(raw) != 64 or not all(0 < int.from_bytes(part) < _SM2_ORDER for part in (raw[:32], raw[32:])):
        return False
    return crypt.verify_with_sm3(raw.hex(), text) is True

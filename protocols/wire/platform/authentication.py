"""How a terminal proves who it is, as pure functions that both ends use.

A terminal has an Ed25519 key pair of its own; the platform knows the public half. A session begins with an X25519
exchange signed by that key; no key ever crosses the line. Every request then carries a token (opaque to the terminal) and
an HMAC-SHA256 over method, target, time, nonce and body. The platform refuses a time outside its window, a nonce that was
used, and a wrong MAC.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from protocols.wire.base import WireError
from protocols.wire.http import HttpRequest

__all__ = [
    "NONCE_HEADER",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "WINDOW_S",
    "mac_of",
    "open_sealed",
    "same_mac",
    "seal",
    "session_key",
    "session_proof",
    "sign_session",
    "signed",
    "verify_session",
]

TIMESTAMP_HEADER = "x-terminal-timestamp"
NONCE_HEADER = "x-terminal-nonce"
SIGNATURE_HEADER = "x-terminal-signature"
WINDOW_S = 300
_INFO = b"onecard-session"
_SEALED = {"alg": "dir", "enc": "A256GCM"}


def mac_of(key: bytes, method: str, target: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 of a request under the session key."""
    text = "\n".join((method.upper(), target, timestamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def same_mac(one: str, other: str) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(one.lower().encode(), other.lower().encode())


def signed(request: HttpRequest, token: str, key: bytes, now: float, nonce: str) -> HttpRequest:
    """*request* with the headers that prove the terminal."""
    timestamp = str(int(now))
    headers: Mapping[str, str] = {
        **request.headers,
        "authorization": f"Bearer {token}",
        TIMESTAMP_HEADER: timestamp,
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: mac_of(key, request.method, request.target, timestamp, nonce, request.body),
    }
    return HttpRequest(request.method, request.target, headers, request.body)


def session_proof(terminal_id: str, timestamp: int, nonce: str, ephemeral: str) -> bytes:
    """What the terminal signs to open a session."""
    return "\n".join(("onecard-session", terminal_id, str(timestamp), nonce, ephemeral)).encode()


def sign_session(private_key: bytes, terminal_id: str, timestamp: int, nonce: str, ephemeral: str) -> str:
    """The hexadecimal Ed25519 signature; *private_key* is 32 bytes."""
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return key.sign(session_proof(terminal_id, timestamp, nonce, ephemeral)).hex()


def verify_session(
    public_key: bytes, terminal_id: str, timestamp: int, nonce: str, ephemeral: str, signature: str
) -> bool:
    """True for the signature of the holder of *public_key*."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(signature), session_proof(terminal_id, timestamp, nonce, ephemeral))
    except (InvalidSignature, ValueError):
        return False
    return True


def session_key(private_ephemeral: bytes, other_ephemeral: str, nonce: str) -> bytes:
    """The 32 bytes that both ends compute. Raises WireError for a public key that is none."""
    try:
        other = X25519PublicKey.from_public_bytes(bytes.fromhex(other_ephemeral))
        secret = X25519PrivateKey.from_private_bytes(private_ephemeral).exchange(other)
    except ValueError as error:
        raise WireError("the ephemeral key is no X25519 public key") from error
    return HKDF(algorithm=SHA256(), length=32, salt=bytes.fromhex(nonce), info=_INFO).derive(secret)


def seal(key: bytes, value: object) -> str:
    """*value* as JSON that only the other end of the session can read."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return jwe.encrypt_compact(dict(_SEALED), plain, OctKey.import_key(key))


def open_sealed(key: bytes, text: str) -> object:
    """The value of :func:`seal`. Raises WireError for anything that was not sealed under *key*."""
    try:
        found = jwe.decrypt_compact(text, OctKey.import_key(key), algorithms=list(_SEALED.values()))
        return json.loads(found.plaintext or b"")
    except (JoseError, ValueError) as error:
        raise WireError("the sealed part was not made with this session's key") from error

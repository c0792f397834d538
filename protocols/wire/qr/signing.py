"""How the gateways of the three families sign: pure functions over sorted fields.

WeChat v2: sorted ``name=value`` joined by ``&``, then ``&key=``, MD5 or HMAC-SHA256 in capitals. Alipay: the same text
without a key, signed RSA2 (SHA256withRSA, PKCS#1 v1.5, base64). UnionPay through the bank (assumption U8): that text,
RSA2 or SM2. Source: spec/services.md 4 (vector G1), 9 (U8).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from protocols.wire.base import WireError
from protocols.wire.insurance.authentication import sm2_sign, sm2_verify

__all__ = [
    "HMAC_SHA256",
    "MD5",
    "RSA2",
    "SIGN_TYPES",
    "SM2",
    "Rsa2Sealing",
    "Sealing",
    "Sm2Sealing",
    "private_key",
    "public_key",
    "rsa2_sign",
    "rsa2_verify",
    "sorted_text",
    "wechat_sign",
    "wechat_verify",
]

MD5, HMAC_SHA256 = "MD5", "HMAC-SHA256"
SIGN_TYPES = (MD5, HMAC_SHA256)
RSA2, SM2 = "RSA2", "SM2"
LEAST_RSA_BITS = 2048


def sorted_text(fields: Mapping[str, str], without: tuple[str, ...] = ("sign",)) -> str:
    """The pairs that have a value, in the order of their names, ``name=value`` joined by ``&``."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in without and fields[name] != "")


def wechat_sign(fields: Mapping[str, str], key: str, sign_type: str) -> str:
    """The signature over *fields* (``sign`` left out) under the merchant's *key*, hexadecimal in capitals.

    Raises :class:`WireError` for a sign type that is none of :data:`SIGN_TYPES`.
    """
    text = f"{sorted_text(fields)}&key={key}".encode()
    if sign_type == MD5:
        return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
    if sign_type == HMAC_SHA256:
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()
    raise WireError("sign_type: MD5 or HMAC-SHA256")


def wechat_verify(fields: Mapping[str, str], key: str, sign_type: str) -> bool:
    """True where ``sign`` is the right one. Compares in constant time; False for an unknown sign type."""
    if sign_type not in SIGN_TYPES:
        return False
    return hmac.compare_digest(wechat_sign(fields, key, sign_type).encode(), fields.get("sign", "").encode())


def _der(text: str) -> bytes:
    body = "".join(line.strip() for line in text.splitlines() if not line.startswith("-----"))
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("a key is base64 of its DER form, with or without PEM lines") from None


@lru_cache(maxsize=8)
def private_key(text: str) -> RSAPrivateKey:
    """The key of *text*: base64 of PKCS#8 or PKCS#1, PEM lines or none. Raises :class:`WireError`, which shows nothing.

    Kept: to prove that its primes are primes takes longer than a hundred signatures.
    """
    try:
        key = load_der_private_key(_der(text), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WireError("this is no RSA private key in PKCS#8 or PKCS#1") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_RSA_BITS:
        raise WireError(f"RSA2 needs an RSA key of at least {LEAST_RSA_BITS} bits")
    return key


@lru_cache(maxsize=8)
def public_key(text: str) -> RSAPublicKey:
    """The key of *text*: base64 of SubjectPublicKeyInfo, PEM lines or none. Raises :class:`WireError`."""
    try:
        key = load_der_public_key(_der(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WireError("this is no RSA public key") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_RSA_BITS:
        raise WireError(f"RSA2 needs an RSA key of at least {LEAST_RSA_BITS} bits")
    return key


def rsa2_sign(text: bytes, key: RSAPrivateKey) -> str:
    """base64 of the SHA256withRSA signature over *text*."""
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def rsa2_verify(text: bytes, signature: str, key: RSAPublicKey) -> bool:
    """True for a signature of the holder of *key*; False for anything else, base64 or not."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


class Sealing(Protocol):
    """Signs for this end and verifies what the other end has signed; ``sign_type`` is its name on the wire."""

    @property
    def sign_type(self) -> str: ...

    def sign(self, text: bytes) -> str: ...

    def verify(self, text: bytes, signature: str) -> bool: ...


@dataclass(frozen=True, slots=True, repr=False)
class Rsa2Sealing:
    """``public`` is the key of the other end."""

    private: RSAPrivateKey
    public: RSAPublicKey

    @property
    def sign_type(self) -> str:
        return RSA2

    def sign(self, text: bytes) -> str:
        return rsa2_sign(text, self.private)

    def verify(self, text: bytes, signature: str) -> bool:
        return rsa2_verify(text, signature, self.public)


@dataclass(frozen=True, slots=True, repr=False)
class Sm2Sealing:
    """``private`` 32 bytes with the 64 bytes of its ``own_public``; ``public`` the 64 bytes of the other end's.

    The random number of a signature is made from key and text, as RFC 6979 does it for ECDSA: one text has one signature,
    and no two texts share a number.
    """

    private: bytes
    own_public: bytes
    public: bytes

    @property
    def sign_type(self) -> str:
        return SM2

    def sign(self, text: bytes) -> str:
        seed = hashlib.sha256(text).digest()
        for count in range(256):
            number = hmac.new(self.private, seed + bytes((count,)), hashlib.sha256).digest()
            try:
                return sm2_sign(text, self.private, self.own_public, number)
            except WireError:
                continue  # beyond the order of the curve: one number in 2^32
        raise WireError("these keys give no SM2 signature: are they a pair?")

    def verify(self, text: bytes, signature: str) -> bool:
        return sm2_verify(text, self.public, signature)

"""Manifest, signing key and signature: what makes a changed byte visible.

The manifest lists every file with size and SHA-256; the Ed25519 signature covers the manifest's bytes. The public key
travels inside the dossier, so the signature alone proves that nothing changed after signing; who signed is proved by
comparing the key's fingerprint with one that came another way.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from conformance.strict_json import pretty
from protocols.wire.base import Label

__all__ = [
    "DOSSIER_FORMAT",
    "MANIFEST",
    "SIGNATURE",
    "DossierError",
    "Signature",
    "SigningKey",
    "clean_fingerprint",
    "default_key_path",
    "file_entries",
    "fingerprint_of",
    "own_fingerprint",
]

DOSSIER_FORMAT = "onecard-dossier/1"
MANIFEST = "manifest.json"
SIGNATURE = "signature.json"

_SIGNED_CONTEXT = b"onecard-dossier-manifest\x00"


class DossierError(Exception):
    """A dossier or its key cannot be written or read; says where, what and what to do."""

    def __init__(self, where: str, what: Label, remedy: Label) -> None:
        super().__init__(f"{where}: {what.en}; {remedy.en}")
        self.where, self.what, self.remedy = where, what, remedy


@dataclass(frozen=True, slots=True)
class Signature:
    """``public_key`` and ``signature`` in hex; ``fingerprint`` is the SHA-256 of the raw public key, in hex."""

    algorithm: str
    public_key: str
    fingerprint: str
    manifest_sha256: str
    signature: str

    def holds(self, manifest: bytes) -> bool:
        """True when this signature was made over *manifest* and every field of it is what it must be."""
        try:
            raw, sealed = bytes.fromhex(self.public_key), bytes.fromhex(self.signature)
            Ed25519PublicKey.from_public_bytes(raw).verify(sealed, _SIGNED_CONTEXT + manifest)
        except (ValueError, InvalidSignature):
            return False
        # Hex has two spellings of each letter: only the one that was written may stand.
        spelt = self.public_key == raw.hex() and self.signature == sealed.hex()
        return (
            spelt
            and self.algorithm == "Ed25519"
            and self.fingerprint == fingerprint_of(raw)
            and self.manifest_sha256 == hashlib.sha256(manifest).hexdigest()
        )


class SigningKey:
    """The key of this installation; one file of mode 0600, made on first use."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public)

    def sign(self, manifest: bytes) -> Signature:
        sealed = self._private.sign(_SIGNED_CONTEXT + manifest)
        digest = hashlib.sha256(manifest).hexdigest()
        return Signature("Ed25519", self.public.hex(), self.fingerprint, digest, sealed.hex())

    @staticmethod
    def load(path: Path | None = None) -> SigningKey:
        """The key in *path* (default :func:`default_key_path`), made when the file is not there.

        Raises :class:`DossierError` when others may read the file, or when it holds no Ed25519 key.
        """
        path = default_key_path() if path is None else path
        try:
            return SigningKey._read(path) if path.exists() else SigningKey._make(path)
        except OSError as error:
            what = Label(f"无法使用签名密钥：{error.strerror}", f"the signing key cannot be used: {error.strerror}")
            raise DossierError(str(path), what, Label("检查目录权限", "check the folder's permissions")) from error

    @staticmethod
    def _make(path: Path) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Linked into place when whole: two first runs at once must not see half a key, or make two.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            return SigningKey._read(path)
        finally:
            draft.unlink(missing_ok=True)
        return SigningKey(private)

    @staticmethod
    def _read(path: Path) -> SigningKey:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            what = Label("签名密钥可被他人读取", "others may read the signing key")
            raise DossierError(str(path), what, Label(f"执行 chmod 600 {path}", f"run chmod 600 {path}"))
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            what = Label("不是 Ed25519 私钥", "not an Ed25519 private key")
            remedy = Label("移走该文件，下次运行会新建密钥", "move the file away; the next run makes a new key")
            raise DossierError(str(path), what, remedy)
        return SigningKey(private)


def default_key_path() -> Path:
    """``onecard/signing-key.pem`` in the user's configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "onecard" / "signing-key.pem"


def own_fingerprint() -> str:
    """Fingerprint of this installation's key; empty when it has none yet, or none that can be used."""
    path = default_key_path()
    try:
        return SigningKey.load(path).fingerprint if path.exists() else ""
    except (DossierError, OSError):
        return ""


def fingerprint_of(public_key: bytes) -> str:
    """SHA-256 of the raw public key, 64 hex digits."""
    return hashlib.sha256(public_key).hexdigest()


def clean_fingerprint(text: str) -> str:
    """*text* without the spaces, colons and prefix people copy. Raises ValueError unless 64 hex digits remain."""
    digits = text.strip().lower().removeprefix("sha256:").replace(" ", "").replace(":", "").replace("-", "")
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ValueError("a fingerprint has 64 hex digits")
    return digits


def file_entries(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Manifest rows of *files* (path inside the dossier to content), in order of path."""
    return [
        {"path": path, "sha256": hashlib.sha256(files[path]).hexdigest(), "size": len(files[path])}
        for path in sorted(files)
    ]


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The one text of a manifest."""
    return pretty(manifest).encode()

"""The terminal's own private key: 32 bytes as hexadecimal text in a file that only this user may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["KeyFileProblem", "load_key", "load_or_make_key"]

KEY_BYTES = 32


class KeyFileProblem(Exception):
    """The key file cannot be used; the text says what to do about it."""


def load_key(path: Path) -> bytes:
    """Raises :class:`KeyFileProblem`."""
    try:
        text = path.read_text(encoding="ascii").strip()
        open_to_others = path.stat().st_mode & 0o077
    except FileNotFoundError as error:
        raise KeyFileProblem(f"{path} is not there: enrol this terminal first, with --enrol CODE") from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileProblem(f"{path} cannot be read: {type(error).__name__}") from error
    if open_to_others:
        raise KeyFileProblem(f"{path} may be read by others: chmod 600 it")
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise KeyFileProblem(f"{path} is no key: it holds 64 hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise KeyFileProblem(f"{path} is no key: it holds 64 hexadecimal digits")
    return key


def load_or_make_key(path: Path, entropy: Callable[[int], bytes] = os.urandom) -> bytes:
    """The key of *path*; a new one, durable before it is returned, where there is none. Raises KeyFileProblem."""
    if path.exists():
        return load_key(path)
    key = entropy(KEY_BYTES)
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, key.hex().encode() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        beside.rename(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise KeyFileProblem(f"{path} cannot be written: {error.strerror}") from error
    return key

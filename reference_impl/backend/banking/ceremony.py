"""The key ceremony of the bank's terminals (``python -m reference_impl.backend.banking.ceremony``).

Components in, a sealed key file out, and a check value to compare with the bank's. Each holder types one component of the fleet
key, 32 hexadecimal digits a line; the key is the exclusive or of all. No single holder ever knows it, and it is never shown.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from protocols.wire.bank.ciphers import TRIPLE_DES
from reference_impl.backend.banking.security_module import KeyMaterial, seal_key_file

__all__ = ["CeremonyError", "main", "seal_components"]

KEY_BYTES = 16
LEAST_COMPONENTS, MOST_COMPONENTS = 2, 9


class CeremonyError(ValueError):
    """The ceremony cannot go on: says at which component, never what was typed."""


def seal_components(typed: TextIO, key_file: Path, local_key_file: Path) -> str:
    """Reads components until an empty line or the end. Both files are new, of mode 600. Gives the check value: the first three
    bytes of eight zero bytes enciphered under the key, hexadecimal. Raises :class:`CeremonyError`, OSError."""
    key = bytes(KEY_BYTES)
    count = 0
    for line in typed:
        if not line.strip():
            break
        count += 1
        key = bytes(a ^ b for a, b in zip(key, _component(line, count), strict=True))
    if not LEAST_COMPONENTS <= count <= MOST_COMPONENTS:
        raise CeremonyError(f"{count} components: {LEAST_COMPONENTS} to {MOST_COMPONENTS} make a key, one a line")
    if key[:8] == key[8:] or not any(key):
        raise CeremonyError("these components make a key whose halves are alike: begin again with new ones")
    local_key = secrets.token_bytes(32)
    sealed = seal_key_file(KeyMaterial(key, secrets.token_bytes(32)), local_key)
    _new(local_key_file, f"{local_key.hex()}\n".encode())
    try:
        _new(key_file, sealed)
    except OSError:
        local_key_file.unlink()
        raise
    return TRIPLE_DES.check_value(key).hex().upper()


def _component(line: str, number: int) -> bytes:
    try:
        component = bytes.fromhex(line.strip())
    except ValueError:
        component = b""
    if len(component) != KEY_BYTES:
        raise CeremonyError(f"component {number}: write {2 * KEY_BYTES} hexadecimal digits")
    return component


def _new(file: Path, content: bytes) -> None:
    """Never over a file that is there: old keys are taken out of use first."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when both files are written, 1 when the components make no key or a file is in the way."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_impl.backend.banking.ceremony",
        description="银行主密钥入库：逐行输入分量，空行结束 / the bank's master key: one component a line, an empty line ends",
    )
    parser.add_argument("--key-file", type=Path, required=True, help="写入封存的密钥 / gets the sealed keys")
    parser.add_argument(
        "--local-key-file", type=Path, required=True, help="写入本地密钥 / gets the key that seals them"
    )
    options = parser.parse_args(arguments)
    try:
        check = seal_components(sys.stdin, options.key_file, options.local_key_file)
    except (CeremonyError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({"check_value": check}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

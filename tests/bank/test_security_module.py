"""The stand-in for a security module: what it does, what it cannot be asked to do, and its keys at rest."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.wire.bank.message import mac_input
from protocols.wire.bank.vectors import K1, VECTORS
from reference_impl.backend.banking.security_module import (
    KeyFileError,
    KeyMaterial,
    KeysRefused,
    SecurityModule,
    open_key_file,
    seal_key_file,
)

MATERIAL = KeyMaterial(bytes(range(16)), bytes(range(32)), {"10000001": bytes.fromhex(K1.master_key)})
LOCAL_KEY = bytes(range(100, 132))
MODULE = SecurityModule(MATERIAL)


def test_macs_of_the_published_day() -> None:
    for vector in VECTORS:
        if vector.context != K1.mac_key:
            continue
        data, mac = mac_input(vector.message), bytes.fromhex(vector.message[64])
        assert MODULE.mac("10000001", K1.field_62, data) == mac
        assert MODULE.mac_is_right("10000001", K1.field_62, data, mac)
        assert not MODULE.mac_is_right("10000001", K1.field_62, data + b"\0" * 7 + b"\1", mac)


def test_keys_are_accepted_with_their_check_values_only() -> None:
    keys = MODULE.accept("10000001", K1.field_62)
    assert keys.pin.check.hex().upper() == K1.pin_check
    for wrong in ("", "00" * 40, K1.field_62[:-1] + "0", "F" + K1.field_62[1:], K1.field_62 + "00"):
        with pytest.raises(KeysRefused):
            MODULE.accept("10000001", wrong)
    with pytest.raises(KeysRefused):
        MODULE.accept("10000002", K1.field_62)
    with pytest.raises(KeysRefused):
        MODULE.mac("10000002", K1.field_62, b"x")


def test_there_is_no_call_that_gives_out_a_key_or_deciphers_anything() -> None:
    calls = {name for name, _ in inspect.getmembers(SecurityModule, callable) if not name.startswith("_")}
    assert calls == {"accept", "from_files", "mac", "mac_is_right", "seal", "unseal"}
    accepted = MODULE.accept("10000001", K1.field_62)
    text = f"{MODULE!r}{MATERIAL!r}{accepted!r}"
    for key in (K1.master_key, K1.pin_key, K1.mac_key, MATERIAL.fleet_key.hex(), MATERIAL.data_key.hex()):
        assert key.lower() not in text.lower()
        assert str(bytes.fromhex(key)) not in text


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4), st.text(max_size=30), st.integers(0, 200)
)
def test_sealed_data_open_in_their_place_only(value: dict[str, str], context: str, at: int) -> None:
    sealed = MODULE.seal(value, context)
    assert MODULE.unseal(sealed, context) == value
    with pytest.raises(KeysRefused):
        MODULE.unseal(sealed, context + "x")
    damaged = bytearray(sealed)
    damaged[at % len(damaged)] ^= 1
    with pytest.raises(KeysRefused):
        MODULE.unseal(bytes(damaged), context)
    other = SecurityModule(KeyMaterial(MATERIAL.fleet_key, bytes(32)))
    with pytest.raises(KeysRefused):
        other.unseal(sealed, context)


def test_two_texts_never_share_a_nonce() -> None:
    sealed = [MODULE.seal({"pan": text}, context) for text in ("1", "2") for context in ("a", "b")]
    assert len({each[:12] for each in sealed}) == 4


def test_the_key_file_both_ways(tmp_path: Path) -> None:
    content = seal_key_file(MATERIAL, LOCAL_KEY)
    assert open_key_file(content, LOCAL_KEY) == MATERIAL
    for key in (K1.master_key, MATERIAL.fleet_key.hex(), MATERIAL.data_key.hex()):
        assert bytes.fromhex(key) not in content
        assert key.lower().encode() not in content.lower()
    keys, local = tmp_path / "bank.keys", tmp_path / "local.key"
    keys.write_bytes(content)
    local.write_text(LOCAL_KEY.hex() + "\n")
    module = SecurityModule.from_files(keys, local)
    assert module.accept("10000001", K1.field_62)


@pytest.mark.parametrize(
    ("content", "key", "why"),
    [
        (seal_key_file(MATERIAL, LOCAL_KEY)[:-1], LOCAL_KEY, "damaged"),
        (seal_key_file(MATERIAL, LOCAL_KEY), bytes(32), "damaged"),
        (b"", LOCAL_KEY, "no key file"),
        (b"onecard bank keys 1\n", LOCAL_KEY, "damaged"),
        (seal_key_file(MATERIAL, LOCAL_KEY), bytes(16), "32 bytes"),
    ],
)
def test_a_key_file_that_cannot_be_used(content: bytes, key: bytes, why: str) -> None:
    with pytest.raises(KeyFileError, match=why):
        open_key_file(content, key)


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="settings"):
        SecurityModule.from_files(tmp_path / "none", tmp_path / "none")


def test_keys_of_another_length() -> None:
    for wrong in ((bytes(15), bytes(32)), (bytes(16), bytes(31))):
        with pytest.raises(KeyFileError):
            KeyMaterial(*wrong)
    with pytest.raises(KeyFileError):
        KeyMaterial(bytes(16), bytes(32), {"10000001": bytes(8)})

"""The card's cryptography recomputed with libraries that the simulator does not use: psec for DES, gmssl for SM4."""

from __future__ import annotations

import pytest
from gmssl.sm4 import SM4_ENCRYPT, CryptSM4
from psec.des import decrypt_tdes_ecb, encrypt_tdes_cbc, encrypt_tdes_ecb

from simulators.card.crypto import TEST_ROOT_KEY, cipher_suite, level_factors

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

HISTORICAL = bytes.fromhex("0081534D438660441900000001")
SAMPLES = [bytes(range(size)) for size in (0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 40)]


def sm4(key: bytes, data: bytes) -> bytes:
    box = CryptSM4()
    box.set_key(key, SM4_ENCRYPT)
    return b"".join(bytes(box.one_round(box.sk, list(data[at : at + 16]))) for at in range(0, len(data), 16))


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def pad(data: bytes, block: int) -> bytes:
    data += b"\x80"
    return data + bytes(-len(data) % block)


def test_3des_key_hierarchy() -> None:
    suite, key, judged = cipher_suite("3des"), TEST_ROOT_KEY, TEST_ROOT_KEY
    for factor in level_factors("441900", HISTORICAL):
        key = suite.diversify(key, factor)
        judged = encrypt_tdes_ecb(judged, factor) + encrypt_tdes_ecb(judged, xor(factor, b"\xff" * 8))
        assert key == judged


def test_sm4_key_hierarchy() -> None:
    suite, key, judged = cipher_suite("sm4"), TEST_ROOT_KEY, TEST_ROOT_KEY
    for factor in level_factors("441900", HISTORICAL):
        key = suite.diversify(key, factor)
        judged = sm4(judged, factor + xor(factor, b"\xff" * 8))
        assert key == judged


def test_area_33_has_its_own_second_factor() -> None:
    assert level_factors("330100", HISTORICAL)[1] == bytes.fromhex("3333303130307378")


@pytest.mark.parametrize("data", SAMPLES, ids=len)
def test_3des_mac_and_encipherment(data: bytes) -> None:
    suite = cipher_suite("3des")
    session = suite.session_key(TEST_ROOT_KEY, b"\x01\x02\x03\x04")
    assert session == encrypt_tdes_ecb(TEST_ROOT_KEY, b"\x01\x02\x03\x04\0\0\0\0")
    single = session + session
    assert suite.mac(session, data) == encrypt_tdes_cbc(single, bytes(8), pad(data, 8))[-8:][:4]
    assert suite.tac(TEST_ROOT_KEY, data) == encrypt_tdes_cbc(b"\x08" * 16, bytes(8), pad(data, 8))[-8:][:4]
    plain = bytes((len(data),)) + data
    plain = plain if len(plain) % 8 == 0 else pad(plain, 8)
    assert suite.encipher(session, data) == encrypt_tdes_ecb(single, plain)
    assert decrypt_tdes_ecb(single, suite.encipher(session, data)) == plain
    assert suite.decipher(session, suite.encipher(session, data)) == data


@pytest.mark.parametrize("data", SAMPLES, ids=len)
def test_sm4_mac_and_encipherment(data: bytes) -> None:
    suite = cipher_suite("sm4")
    session = suite.session_key(TEST_ROOT_KEY, b"\x01\x02\x03\x04\x05\x06\x07\x08")
    assert session == sm4(TEST_ROOT_KEY, bytes.fromhex("01020304050607080000000000000000"))
    state, padded = bytes(16), pad(data, 16)
    for at in range(0, len(padded), 16):
        state = sm4(session, xor(state, padded[at : at + 16]))
    words = [state[at : at + 4] for at in (0, 4, 8, 12)]
    assert suite.mac(session, data) == xor(xor(words[0], words[1]), xor(words[2], words[3]))
    plain = bytes((len(data),)) + data
    assert suite.encipher(session, data) == sm4(session, plain if len(plain) % 16 == 0 else pad(plain, 16))
    assert suite.decipher(session, suite.encipher(session, data)) == data


def test_published_vector_of_sm4() -> None:
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    assert cipher_suite("sm4").encrypt_blocks(key, key).hex() == "681edf34d206965e86b3e94f536e4246"


def test_unknown_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match="ssf33"):
        cipher_suite("ssf33")

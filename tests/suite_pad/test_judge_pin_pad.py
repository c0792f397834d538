"""The suite's judge of PIN pads against the known answers of spec/devices.md 3 and against psec."""

from __future__ import annotations

import psec
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import judge_pin_pad as judge

S = bytes.fromhex("0123456789ABCDEF")
D = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
T = D + bytes.fromhex("8967452301EFCDAB")
M18 = b"0123456789ABCDEF01"
QUICK = settings(max_examples=60, deadline=None)


def test_known_answers() -> None:
    assert judge.check_value(S).hex().upper() == "D5D44FF720683D0D"
    assert judge.check_value(D).hex().upper() == "08D7B4FB629D0885"
    assert judge.check_value(T).hex().upper() == "7163DB9410979E63"
    assert judge.format_0("123456", "123456789012345678").hex().upper() == "061253DFFEDCBA98"
    assert judge.cbc_mac(S, M18).hex().upper() == "E03ECDBD1C39D9DF"
    assert judge.cbc_mac(D, M18).hex().upper() == "5C8A55E981C102B7"
    assert judge.retail_mac(D, M18).hex().upper() == "85CBE1563DF89D5A"
    assert judge.retail_mac(D, M18, method_2=True).hex().upper() == "450F28F32C7477FC"
    assert judge.retail_mac(S, M18, method_2=True).hex().upper() == "2B0F7F3731958D5D"
    assert judge.unionpay_mac(S, M18) == b"CC06E766"
    assert judge.unionpay_mac(D, M18) == b"0D58DE4F"
    assert judge.sm4(D, D).hex().upper() == "681EDF34D206965E86B3E94F536E4246"
    assert judge.sm4(D, judge.sm4(D, D), back=True) == D
    assert judge.sm4_format("123654", "6230606601007726888").hex().upper() == "06123654FFFFFFFFFFFF99FEFF88D977"
    assert judge.cbc(D, bytes(8), bytes(range(256)) * 8)[-8:].hex().upper() == "19A7943253AFF15E"


keys = st.binary(min_size=16, max_size=16).filter(lambda key: key[:8] != key[8:])


@QUICK
@given(keys, st.binary(min_size=1, max_size=100), st.from_regex(r"[0-9]{4,12}", fullmatch=True))
def test_against_psec(key: bytes, data: bytes, pin: str) -> None:
    blocks = data + bytes(-len(data) % 8)
    assert judge.encipher(key, blocks) == psec.des.encrypt_tdes_ecb(key, blocks)
    assert judge.decipher(key, blocks) == psec.des.decrypt_tdes_ecb(key, blocks)
    assert judge.retail_mac(key, data, method_2=True) == psec.mac.generate_retail_mac(key[:8], key[8:], data, 2)
    assert judge.cbc_mac(key, data) == psec.mac.generate_cbc_mac(key, blocks, 1)
    pan = "6222021234567890123"
    assert judge.format_0(pin, pan) == psec.pinblock.encode_pinblock_iso_0(pin, pan)

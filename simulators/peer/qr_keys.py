"""The test keys of the QR gateway and of the merchant that the bench plays: public on purpose, of no use anywhere else.

RSA keys are kept as their two primes, because a key cannot be made from a seed. The WeChat key is that of vector G1
(spec/services.md 4).
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from protocols.wire.qr.signing import Rsa2Sealing, Sealing, Sm2Sealing

__all__ = [
    "WECHAT_KEY",
    "gateway_key",
    "gateway_sealings",
    "merchant_key",
    "merchant_sealing",
    "private_text",
    "public_text",
]

WECHAT_KEY = "0123456789abcdef0123456789abcdef"
_E = 65_537

_MERCHANT_P = int(
    "dcf052d43246acfbe19298cf631b5a0dbdac2dd4af2e5ab78f83de30cd59bcbe4cdb93ca68d2871e2533d59d"
    "14baf1161e19c7d4fb70157fb007e373bbea934718a697bcb1b037f2ab29621b7ac4f6255621f619fef01a3e"
    "7d45d735923e75d0b789816db3a1fce440f014c6d6e65fee79974b09183c0d4323eaff34f08bc03f",
    16,
)
_MERCHANT_Q = int(
    "cb979683545ad0c201d9999a45b4d373ce016a8d122f69f6efd3950c9c1fb703edfaeec13c505c35fed0fdaf"
    "419ce3466fe18404aa94e3f2337fd2b4c39de639ae48119ad8b7cbabc3d5a0ec93e9e8b2f801f15f5c12aac0"
    "9847922ec3ff689d49a7579d118a2450208f069fec2d5cdf37ac2767b997a50e027824f50bcad049",
    16,
)
_GATEWAY_P = int(
    "f178c08f5257fe456308bf4f9bc2faca75610e118c3c75f510684c63a15adb1a7d390bbb86cba8ab7be7d8a3"
    "b3d728735839bb3a943e08cd5f1eaf9fdc02fb81d47a3dfc753624369566ad45b3a4ff8d03ded104404f69e3"
    "7b62f96b458b141ad376652207e4a8ac8219df0230433c5b6e9cffdd9386b092f66c2693e61ff9e3",
    16,
)
_GATEWAY_Q = int(
    "c609f2ea5c6e6514fb28501959238df14616cc95c222d86d675b5a3d34eb29d7cfb794251cbdf4013e6a55c6"
    "297518cc3c170b2c7a97e66fc3534857556c872541d8d9922c840e9728d0b36c2c7ab1de7c7cd8883fb306d5"
    "5079883427e77c92c52e58d8a7049467b5021f0da8c9c6439c3436145dca3f0ca004b8a8702ea041",
    16,
)

_MERCHANT_SM2 = (
    "70415b7307e86bab48b50a2ff1b2cacfc84c081718cb8e8e86895799f2991c23",
    (
        "b5aa0f1202b8e8c7e36317e28beec4bedf0a9ad3ad93379201006d3354866a0e"
        "ed7ef228880ea67cb007b3d2d8779d86c0b6a36a95520fa134a435e201c7b180"
    ),
)
_GATEWAY_SM2 = (
    "fcc8b3e49a4722aa458d6e5c630cc180b7ecedfdc94492206e30cac7c4c5321c",
    (
        "ae47ceca3fe96af8242b9e706c59fae1d5637d33b1dd008ab79274b1cd5bcdbd"
        "a2012457fef50bf1e23a2fb0a903796f653574134e9865e6d212e21d85505ad2"
    ),
)


def _key(p: int, q: int) -> rsa.RSAPrivateKey:
    d = pow(_E, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(_E, p * q)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)  # a constant, checked by a test


@lru_cache
def merchant_key() -> rsa.RSAPrivateKey:
    """Of the merchant: signs calls to Alipay, WeChat v3 and the bank."""
    return _key(_MERCHANT_P, _MERCHANT_Q)


@lru_cache
def gateway_key() -> rsa.RSAPrivateKey:
    """Of the gateway: signs the replies of Alipay, WeChat v3 and the bank."""
    return _key(_GATEWAY_P, _GATEWAY_Q)


def private_text(key: rsa.RSAPrivateKey) -> str:
    """base64 of PKCS#8, as merchants hold it."""
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


def public_text(key: rsa.RSAPrivateKey | rsa.RSAPublicKey) -> str:
    """base64 of SubjectPublicKeyInfo, as the two ends exchange it."""
    public = key.public_key() if isinstance(key, rsa.RSAPrivateKey) else key
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _sm2(own: tuple[str, str], other: tuple[str, str]) -> Sm2Sealing:
    return Sm2Sealing(bytes.fromhex(own[0]), bytes.fromhex(own[1]), bytes.fromhex(other[1]))


def gateway_sealings(merchant: rsa.RSAPublicKey) -> dict[str, Sealing]:
    """The gateway's end of the UnionPay interface, by sign type. *merchant* is the RSA key of the other end."""
    found: tuple[Sealing, ...] = (Rsa2Sealing(gateway_key(), merchant), _sm2(_GATEWAY_SM2, _MERCHANT_SM2))
    return {each.sign_type: each for each in found}


def merchant_sealing(sign_type: str = "RSA2") -> Sealing:
    """The bench merchant's end of the UnionPay interface."""
    if sign_type == "SM2":
        return _sm2(_MERCHANT_SM2, _GATEWAY_SM2)
    return Rsa2Sealing(merchant_key(), gateway_key().public_key())

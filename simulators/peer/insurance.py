"""The medical insurance centre as a peer: the national envelope under a regional gateway (spec/services.md 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from protocols.wire.base import Label
from protocols.wire.http import HttpReply, HttpRequest
from simulators.peer.base import Journal, PeerKind, PeerOptions, Setting
from simulators.peer.city import City
from simulators.peer.insurance_centre import Centre
from simulators.peer.insurance_core import InsurancePeer
from simulators.peer.insurance_gateway import Gateway
from simulators.peer.insurance_policy import Policy

__all__ = ["PEER", "SETTINGS", "make"]

SETTINGS = (
    Setting(
        "insurance_profile", "tif", Label("网关签名方式：tif、csb、sm2-body", "gateway profile: tif, csb, sm2-body")
    ),
    Setting(
        "insurance_account",
        "onecard",
        Label("接入方编号（paasid 或 access key）", "paasid or access key of the client"),
    ),
    Setting("insurance_secret", "TIF-TEST-SECRET", Label("网关密钥", "secret of the gateway")),
    Setting("insurance_public_key", "", Label("SM2 公钥，64 字节十六进制", "SM2 public key, 64 bytes in hexadecimal")),
    Setting("insurance_window_s", 300, Label("时间戳允许偏差（秒）", "allowed deviation of the timestamp in seconds")),
    Setting(
        "insurance_account_limit_fen",
        3_000,
        Label("单次结算个账支付上限（分），0 不限", "most that accounts pay of one settlement"),
    ),
    Setting("insurance_file_delay_s", 0, Label("对账结果文件生成时间（秒）", "seconds until a result file is ready")),
    Setting("towns", 33, Label("镇街数", "towns")),
    Setting("clinics", 389, Label("机构数", "clinics")),
    Setting("kiosks", 550, Label("自助机数", "kiosks")),
)


def make(options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> InsurancePeer:
    """A centre that has seen *events*. Raises ValueError for a setting that means nothing."""
    values = {each.name: options.settings.get(each.name, each.default) for each in SETTINGS}
    profile = str(values["insurance_profile"])
    if profile not in ("tif", "csb", "sm2-body"):
        raise ValueError(f"insurance: profile {profile!r} is none of tif, csb, sm2-body")
    city = City(
        towns=int(values["towns"]),
        clinics=int(values["clinics"]),
        kiosks=int(values["kiosks"]),
    )
    policy = Policy(
        account_limit_fen=int(values["insurance_account_limit_fen"]), over_to_institution=options.temper == "hostile"
    )
    centre = Centre(city, policy, options.temper, float(values["insurance_file_delay_s"]))
    for event in events:
        centre.records.apply(event)
    key = bytes.fromhex(str(values["insurance_public_key"]))
    gateway = Gateway(
        profile,
        str(values["insurance_account"]),
        str(values["insurance_secret"]),
        float(values["insurance_window_s"]),
        key,
    )
    return InsurancePeer(centre, gateway, journal)


PEER: PeerKind[HttpRequest, HttpReply] = PeerKind(
    "insurance", Label("医保中心", "medical insurance centre"), "http", make, SETTINGS
)

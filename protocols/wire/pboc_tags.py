"""Data objects of the debit and credit application (PBOC): names, how values are packed, and which are private.

Sources: spec/cards.md 2.1, 2.2; JR/T 0025.5 annex A for the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import Label, Privacy

__all__ = ["TAGS", "Packing", "Tag"]

Packing = Literal["b", "n", "cn", "an", "track"]
"""``b`` bytes, ``n`` digits behind zeros, ``cn`` digits before F, ``an`` text, ``track`` digits with ``D`` in between and F
at the end."""


@dataclass(frozen=True, slots=True)
class Tag:
    label: Label
    packing: Packing = "b"
    privacy: Privacy = Privacy.OPEN


def _t(zh: str, en: str, packing: Packing = "b", privacy: Privacy = Privacy.OPEN) -> Tag:
    return Tag(Label(zh, en), packing, privacy)


_CARD, _NAME = Privacy.CARD_NUMBER, Privacy.NAME

TAGS: Mapping[int, Tag] = {
    0x4F: _t("应用标识 AID", "application identifier"),
    0x50: _t("应用标签", "application label", "an"),
    0x56: _t("一磁道数据", "track 1 data", "an", _CARD),
    0x57: _t("二磁道等价数据", "track 2 equivalent data", "track", _CARD),
    0x5A: _t("主账号", "primary account number", "cn", _CARD),
    0x5F20: _t("持卡人姓名", "cardholder name", "an", _NAME),
    0x5F24: _t("应用失效日期", "application expiry date", "n"),
    0x5F25: _t("应用生效日期", "application effective date", "n"),
    0x5F28: _t("发卡行国家代码", "issuer country code", "n"),
    0x5F2A: _t("交易货币代码", "transaction currency code", "n"),
    0x5F2D: _t("首选语言", "language preference", "an"),
    0x5F34: _t("主账号序列号", "PAN sequence number", "n"),
    0x61: _t("应用模板", "application template"),
    0x6F: _t("FCI 模板", "FCI template"),
    0x70: _t("记录模板", "record template"),
    0x71: _t("发卡行脚本 1", "issuer script 1"),
    0x72: _t("发卡行脚本 2", "issuer script 2"),
    0x77: _t("响应报文模板格式 2", "response template, format 2"),
    0x80: _t("响应报文模板格式 1", "response template, format 1"),
    0x82: _t("应用交互特征 AIP", "application interchange profile"),
    0x84: _t("专用文件名", "dedicated file name"),
    0x86: _t("发卡行脚本命令", "issuer script command"),
    0x87: _t("应用优先指示器", "application priority indicator"),
    0x88: _t("目录的短文件标识符", "short file identifier of the directory"),
    0x8A: _t("授权响应码", "authorisation response code", "an"),
    0x8C: _t("卡片风险管理数据对象列表 1", "card risk management list 1 (CDOL1)"),
    0x8D: _t("卡片风险管理数据对象列表 2", "card risk management list 2 (CDOL2)"),
    0x8E: _t("持卡人验证方法列表", "cardholder verification method list"),
    0x91: _t("发卡行认证数据", "issuer authentication data"),
    0x94: _t("应用文件定位器 AFL", "application file locator"),
    0x95: _t("终端验证结果 TVR", "terminal verification results"),
    0x9A: _t("交易日期", "transaction date", "n"),
    0x9C: _t("交易类型", "transaction type", "n"),
    0xA5: _t("FCI 专用模板", "FCI proprietary template"),
    0xBF0C: _t("发卡行自定义数据", "FCI issuer discretionary data"),
    0x9F02: _t("授权金额", "amount, authorised", "n"),
    0x9F03: _t("其他金额", "amount, other", "n"),
    0x9F07: _t("应用用途控制", "application usage control"),
    0x9F09: _t("应用版本号", "application version number"),
    0x9F0B: _t("持卡人姓名扩展", "cardholder name, extended", "an", _NAME),
    0x9F0D: _t("发卡行行为代码（缺省）", "issuer action code, default"),
    0x9F0E: _t("发卡行行为代码（拒绝）", "issuer action code, denial"),
    0x9F0F: _t("发卡行行为代码（联机）", "issuer action code, online"),
    0x9F10: _t("发卡行应用数据", "issuer application data"),
    0x9F11: _t("发卡行代码表索引", "issuer code table index", "n"),
    0x9F13: _t("上次联机 ATC 寄存器", "last online ATC register"),
    0x9F17: _t("PIN 尝试计数器", "PIN try counter"),
    0x9F1A: _t("终端国家代码", "terminal country code", "n"),
    0x9F1E: _t("接口设备序列号", "interface device serial number", "an"),
    0x9F1F: _t("一磁道自定义数据", "track 1 discretionary data", "an", _CARD),
    0x9F20: _t("二磁道自定义数据", "track 2 discretionary data", "cn", _CARD),
    0x9F21: _t("交易时间", "transaction time", "n"),
    0x9F26: _t("应用密文", "application cryptogram"),
    0x9F27: _t("密文信息数据", "cryptogram information data"),
    0x9F33: _t("终端性能", "terminal capabilities"),
    0x9F34: _t("持卡人验证结果", "cardholder verification results"),
    0x9F35: _t("终端类型", "terminal type", "n"),
    0x9F36: _t("应用交易计数器 ATC", "application transaction counter"),
    0x9F37: _t("不可预知数", "unpredictable number"),
    0x9F38: _t("处理选项数据对象列表", "processing options list (PDOL)"),
    0x9F41: _t("交易序列计数器", "transaction sequence counter", "n"),
    0x9F4D: _t("交易日志入口", "transaction log entry"),
    0x9F4E: _t("商户名称", "merchant name", "an"),
    0x9F4F: _t("交易日志格式", "transaction log format"),
    0x9F61: _t("持卡人证件号", "cardholder's identity number", "an", Privacy.ID_NUMBER),
    0x9F62: _t("持卡人证件类型", "kind of the cardholder's identity number", "cn"),
    0x9F63: _t("卡产品标识信息", "card product identification"),
    0x9F66: _t("终端交易属性", "terminal transaction qualifiers"),
    0x9F6B: _t("非接触二磁道数据", "track 2 data, contactless", "track", _CARD),
    0x9F7A: _t("电子现金终端支持指示器", "electronic cash indicator of the terminal", "n"),
    0xDF4D: _t("圈存日志入口", "load log entry"),
    0xDF4F: _t("圈存日志格式", "load log format"),
    0xDF69: _t("SM 算法支持指示器", "SM algorithm indicator"),
}
"""Every data object that this project names. One that is not here is still read and shown, without a name."""

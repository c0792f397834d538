"""Names of commands and status words. Sources: spec/cards.md 1.2 to 1.8, 2.1, 2.2, 3.2 to 3.4 and 6."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.base import Label, Privacy

__all__ = ["COMMAND_NAMES", "PIN_COMMANDS", "STATUS_WORDS", "NameRow"]


@dataclass(frozen=True, slots=True)
class NameRow:
    """``CLA INS P1 P2`` has this name; None matches any byte. Without a CLA: the interindustry classes, 80 and 84."""

    cla: int | None
    ins: int
    p1: int | None
    p2: int | None
    label: Label

    def names(self, cla: int, ins: int, p1: int, p2: int) -> bool:
        own = cla == self.cla if self.cla is not None else cla & 0xF0 == 0 or cla & 0xFC == 0x84 or cla == 0x80
        return own and ins == self.ins and self.p1 in (None, p1) and self.p2 in (None, p2)


_ANY = None

COMMAND_NAMES: tuple[NameRow, ...] = (
    # offline medical account, spec/cards.md 1.7
    NameRow(0xB0, 0x28, 0x01, _ANY, Label("消费初始化", "INITIALISE FOR PURCHASE")),
    NameRow(0xB0, 0x28, 0x00, _ANY, Label("划入初始化", "INITIALISE FOR LOAD")),
    NameRow(0xB0, 0x2C, _ANY, _ANY, Label("消费", "DEBIT FOR PURCHASE")),
    NameRow(0xB0, 0x2A, _ANY, _ANY, Label("划入", "CREDIT FOR LOAD")),
    NameRow(0xB0, 0x26, _ANY, _ANY, Label("读余额", "GET BALANCE")),
    NameRow(0xB0, 0x2E, _ANY, _ANY, Label("取交易认证", "GET TRANSACTION PROOF")),
    NameRow(0xB0, 0x56, 0x00, _ANY, Label("写起始日", "UPDATE STARTING DAY")),
    NameRow(0xB0, 0x56, 0x01, _ANY, Label("读起始日", "READ STARTING DAY")),
    # PSAM, spec/cards.md 6
    NameRow(0xBF, 0xDE, _ANY, _ANY, Label("分散会话密钥", "DELIVERY SESSION KEY")),
    NameRow(0xBF, 0xEC, _ANY, _ANY, Label("初始化环境", "INIT ENVIRONMENT")),
    NameRow(0x80, 0xFA, _ANY, _ANY, Label("加密数据", "CIPHER DATA")),
    NameRow(0x80, 0x70, 0x01, _ANY, Label("PSAM 消费初始化", "INIT SAM FOR PURCHASE")),
    NameRow(0x80, 0x72, _ANY, _ANY, Label("PSAM 校验 MAC2", "CREDIT SAM")),
    NameRow(0x80, 0x1A, _ANY, _ANY, Label("密钥分散初始化", "INIT FOR DESCRYPT")),
    # bank application, spec/cards.md 2.1 and 2.2
    NameRow(0x80, 0xA8, _ANY, _ANY, Label("取处理选项", "GET PROCESSING OPTIONS")),
    NameRow(0x80, 0xAE, _ANY, _ANY, Label("生成应用密文", "GENERATE AC")),
    # PIN and blocking, spec/cards.md 1.6
    NameRow(0x80, 0x5E, 0x01, _ANY, Label("修改 PIN", "CHANGE PIN")),
    NameRow(0x84, 0x24, _ANY, 0x00, Label("解锁 PIN", "PIN UNBLOCK")),
    NameRow(0x84, 0x24, _ANY, 0x01, Label("重装 PIN", "RELOAD PIN")),
    NameRow(0x84, 0x1E, _ANY, _ANY, Label("应用锁定", "APPLICATION BLOCK")),
    NameRow(0x84, 0x16, _ANY, _ANY, Label("卡片锁定", "CARD BLOCK")),
    # pseudo-APDU of PC/SC readers, spec/cards.md 3.3 and 3.4
    NameRow(0xFF, 0xCA, 0x00, _ANY, Label("取 UID", "GET UID")),
    NameRow(0xFF, 0xCA, 0x01, _ANY, Label("取 ATS", "GET ATS")),
    NameRow(0xFF, 0x82, _ANY, _ANY, Label("装载密钥", "LOAD KEY")),
    NameRow(0xFF, 0x86, _ANY, _ANY, Label("扇区认证", "GENERAL AUTHENTICATE")),
    NameRow(0xFF, 0x88, _ANY, _ANY, Label("扇区认证（旧式）", "AUTHENTICATE, old form")),
    NameRow(0xFF, 0xB0, _ANY, _ANY, Label("读块", "READ BLOCK")),
    NameRow(0xFF, 0xD6, _ANY, _ANY, Label("写块", "WRITE BLOCK")),
    NameRow(0xFF, 0xA4, _ANY, _ANY, Label("选择存储卡类型", "SELECT CARD TYPE")),
    NameRow(0xFF, 0xB1, _ANY, _ANY, Label("读错误计数", "READ ERROR COUNTER")),
    NameRow(0xFF, 0x20, _ANY, _ANY, Label("核对 PSC", "PRESENT PSC")),
    NameRow(0xFF, 0xD0, _ANY, _ANY, Label("写存储卡", "WRITE MEMORY CARD")),
    NameRow(0xFF, 0xB2, _ANY, _ANY, Label("读保护位", "READ PROTECTION BITS")),
    # interindustry commands, spec/cards.md 1.2 to 1.6
    NameRow(None, 0xA4, 0x04, _ANY, Label("按名选择", "SELECT by name")),
    NameRow(None, 0xA4, _ANY, _ANY, Label("选择文件", "SELECT")),
    NameRow(None, 0xB2, _ANY, _ANY, Label("读记录", "READ RECORD")),
    NameRow(None, 0xDC, _ANY, _ANY, Label("改记录", "UPDATE RECORD")),
    NameRow(None, 0xB0, _ANY, _ANY, Label("读二进制", "READ BINARY")),
    NameRow(None, 0xD6, _ANY, _ANY, Label("改二进制", "UPDATE BINARY")),
    NameRow(None, 0xC0, _ANY, _ANY, Label("取应答", "GET RESPONSE")),
    NameRow(None, 0x84, _ANY, _ANY, Label("取随机数", "GET CHALLENGE")),
    NameRow(None, 0x88, _ANY, _ANY, Label("内部认证", "INTERNAL AUTHENTICATE")),
    NameRow(None, 0x82, _ANY, _ANY, Label("外部认证", "EXTERNAL AUTHENTICATE")),
    NameRow(None, 0x20, _ANY, _ANY, Label("校验 PIN", "VERIFY")),
    NameRow(None, 0x70, 0x00, _ANY, Label("打开逻辑通道", "MANAGE CHANNEL, open")),
    NameRow(None, 0x70, 0x80, _ANY, Label("关闭逻辑通道", "MANAGE CHANNEL, close")),
    NameRow(None, 0xCA, _ANY, _ANY, Label("取数据", "GET DATA")),
)
"""First row that matches wins, so exact rows stand before general ones."""

PIN_COMMANDS: dict[tuple[int, int], Privacy] = {
    (0x00, 0x20): Privacy.PIN,
    (0x80, 0x5E): Privacy.PIN,
    (0xFF, 0x20): Privacy.PIN,
    (0xFF, 0x82): Privacy.KEY,
    (0x00, 0xD5): Privacy.KEY,
}
"""CLA and INS whose data is a PIN or a key in the clear. ``00D5`` changes a Mifare key (spec/devices.md 4.1)."""

STATUS_WORDS: dict[int, Label] = {
    0x9000: Label("成功", "success"),
    0x6282: Label("文件结束，数据不足", "end of file before Le bytes"),
    0x6283: Label("所选应用已锁定", "the selected application is blocked"),
    0x6300: Label("操作失败", "operation failed"),
    0x63C0: Label("验证失败，没有剩余次数", "verification failed, no tries left"),
    0x6581: Label("写 EEPROM 失败", "EEPROM failure"),
    0x6700: Label("长度 Lc 错误", "wrong length Lc"),
    0x6881: Label("不支持逻辑通道", "logical channel not supported"),
    0x6882: Label("不支持安全报文", "secure messaging not supported"),
    0x6884: Label("不支持命令链", "command chaining not supported"),
    0x6901: Label("状态不对，命令不接受", "wrong state, command not accepted"),
    0x6981: Label("文件类型不符", "wrong file type"),
    0x6982: Label("安全状态不满足", "security status not satisfied"),
    0x6983: Label("认证方法已锁定", "authentication method locked"),
    0x6984: Label("没有可用的随机数", "no challenge"),
    0x6985: Label("使用条件不满足", "conditions of use not satisfied"),
    0x6986: Label("没有当前 EF", "no current EF"),
    0x6988: Label("安全报文数据错误", "secure messaging data wrong"),
    0x6A80: Label("数据域参数错误", "wrong data"),
    0x6A81: Label("功能不支持或卡已锁定", "not supported, or card blocked"),
    0x6A82: Label("文件未找到", "file not found"),
    0x6A83: Label("记录未找到", "record not found"),
    0x6A84: Label("空间不足", "no space"),
    0x6A85: Label("Lc 与 TLV 结构不一致", "Lc does not fit the TLV structure"),
    0x6A86: Label("参数 P1 P2 错误", "wrong P1 P2"),
    0x6A88: Label("密钥未找到", "key not found"),
    0x6B00: Label("偏移超出范围", "offset out of range"),
    0x6D00: Label("不支持的 INS", "INS not supported"),
    0x6E00: Label("不支持的 CLA", "CLA not supported"),
    0x6F00: Label("未说明的错误", "no precise diagnosis"),
    0x9302: Label("MAC 无效", "MAC wrong"),
    0x9303: Label("应用已永久锁定", "application locked for good"),
    0x9401: Label("金额不足", "insufficient funds"),
    0x9402: Label("交易计数器已满", "counter full"),
    0x9403: Label("密钥索引不支持", "key index not supported"),
    0x9406: Label("所需的 MAC 或 TAC 不可用", "no MAC or TAC"),
}
"""Whole words; 61xx, 63Cx and 6Cxx carry a count and are built by ``sw_label``."""

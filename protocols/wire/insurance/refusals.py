"""Reasons of a refusal. The interface has no public table of error numbers (spec/services.md 1.2): the reason is free text.

This project writes ``[code] text`` into ``err_msg``. A client reads the code where there is one, and otherwise knows no more than
that it was refused; only the lost sign-in is recognised from the words that platforms use.
"""

from __future__ import annotations

import re

from protocols.wire.base import Label

__all__ = ["REASONS", "SIGN_IN_CODES", "reason_code", "reason_text"]

REASONS: dict[str, Label] = {
    "refused": Label("中心拒绝该交易", "the centre refuses"),
    "malformed": Label("报文格式错误", "the message is malformed"),
    "unknown-transaction": Label("交易编号不存在", "there is no such transaction"),
    "too-large": Label("报文超长", "the message is too large"),
    "bad-msgid": Label("发送方报文号不合规则", "the msgid is not formed as agreed"),
    "msgid-reused": Label("发送方报文号重复使用", "the msgid was used for another message"),
    "wrong-area": Label("就医地区划不属于本中心", "the place of care is not of this centre"),
    "foreign-institution": Label("不是该医药机构的数据", "the data are another institution's"),
    "unknown-institution": Label("医药机构不存在", "there is no such institution"),
    "missing-insuplc": Label("有人员编号时参保地区划必填", "the place of insurance is required with a psn_no"),
    "wrong-insuplc": Label("参保地区划不符", "the place of insurance is another one"),
    "missing-sign-no": Label("未签到：请先做 9001", "not signed in: send 9001 first"),
    "sign-in-expired": Label("签到已失效：请重新做 9001", "the sign-in has expired: send 9001 again"),
    "unknown-person": Label("查无此人", "there is no such person"),
    "credential-mismatch": Label("凭证与人员不符", "the credential is another person's"),
    "missing-card-sn": Label("社会保障卡须上送卡识别码", "the card's serial number is required"),
    "not-insured": Label("险种与参保信息不符", "the person is not insured so"),
    "duplicate-visit": Label("门诊号已登记", "the outpatient number is registered already"),
    "no-such-visit": Label("就诊登记不存在", "there is no such visit"),
    "visit-void": Label("就诊登记已撤销", "the visit was cancelled"),
    "visit-settled": Label("就诊已有有效结算", "the visit has a valid settlement"),
    "missing-diagnosis": Label("未上传就诊诊断信息", "no diagnosis was uploaded"),
    "duplicate-line": Label("费用明细流水号重复", "a fee line number occurs twice"),
    "line-differs": Label("明细金额与单价数量不符", "amount, price and quantity of a line differ"),
    "negative-amount": Label("金额不得为负", "an amount is negative"),
    "mixed-batch": Label("同一收费批次只能对应一个病种", "one charge batch has one disease code"),
    "no-fee-lines": Label("该批次没有未结算的费用明细", "the batch has no unsettled fee lines"),
    "amount-differs": Label("金额与已上传明细不符", "the amounts differ from the uploaded lines"),
    "batch-settled": Label("该批次已结算", "the batch is settled already"),
    "message-fenced": Label("该报文已被冲正", "this message was corrected before it arrived"),
    "no-such-settlement": Label("结算信息不存在", "there is no such settlement"),
    "settlement-reversed": Label("结算已撤销", "the settlement was reversed already"),
    "settlement-used": Label("结算已被后续就诊引用：请用 2208", "later visits build on it: send 2208"),
    "not-correctable": Label("该交易不可冲正", "this transaction cannot be corrected"),
    "no-such-file": Label("文件不存在", "there is no such file"),
    "bad-file": Label("文件内容不合规则", "the file is not formed as agreed"),
    "file-not-ready": Label("文件尚未生成：请稍后再取", "the file is not ready: ask again later"),
    "balance": Label("个人账户余额不足", "the account does not hold enough"),
}
"""Codes of this project, in the order in which a message meets them."""

SIGN_IN_CODES = frozenset({"sign-in-expired", "missing-sign-no"})
_CODED = re.compile(r"\[([a-z][a-z0-9-]{1,31})\]")


def reason_text(code: str, detail: str = "") -> str:
    """``err_msg`` for *code*; *detail* names the place, without personal data."""
    return f"[{code}] {REASONS[code].zh}" + (f"（{detail}）" if detail else "")


def reason_code(err_msg: str) -> str:
    """The code of a refusal: the one in brackets, ``sign-in-expired`` where the text speaks of the sign-in, else ``-1``."""
    match = _CODED.match(err_msg)
    if match is not None:
        return match[1]
    return "sign-in-expired" if "签到" in err_msg else "-1"

"""Short texts for what went wrong on the way to a page. The platform's own words come beside these, as labels."""

from __future__ import annotations

from protocols.wire.base import Label

__all__ = ["CARD_NOT_TAKEN", "NOTICES"]

CARD_NOT_TAKEN = "card-not-taken"
"""The code of a device's failure that the citizen alone can mend."""

NOTICES: dict[str, Label] = {
    "silent": Label("平台没有应答，是否重试？", "The platform does not answer. Try again?"),
    "unreachable": Label("平台没有应答，请稍后再试", "The platform does not answer: try again later"),
    "outbox": Label("本机暂时不能办理缴费", "This kiosk cannot take payments at present"),
    "card": Label("读不到银行卡信息，请换卡或换支付方式", "The bank card cannot be read: take another card or way"),
    CARD_NOT_TAKEN: Label(
        "请先取走读卡口的银行卡，再重新插入", "Take the bank card from the slot first, then insert it again"
    ),
    "keypad": Label("密码键盘不可用，请选择其他方式", "The keypad does not work: choose another way"),
    "scanner": Label("扫码器不可用，请选择其他方式", "The scanner does not work: choose another way"),
    "pin-time-out": Label("输入密码超时", "No PIN was entered in time"),
    "time-out": Label("等待时间过长", "Nothing was entered for too long"),
    "printer": Label("凭条打印失败，请记下交易号", "The slip was not printed: note the trade number"),
    "not-paid": Label("本次支付未成功，请重新选择", "This payment did not succeed: choose again"),
    "ask_pin_again": Label("密码错误，请重新输入", "Wrong PIN: enter it again"),
    "sign_in": Label("密钥已更新，请重新输入密码", "The keys were renewed: enter the PIN again"),
    "other_method": Label("本次支付未成功，请换一种方式", "This payment did not succeed: choose another way"),
    "operator": Label("本次支付未成功，请咨询工作人员", "This payment did not succeed: ask the staff"),
    "choose": Label("请选择屏幕上的一项", "Choose what is on the screen"),
    "no-bills": Label("没有待缴费用", "There is nothing to pay"),
    "not-together": Label(
        "所选费用不能合并支付，请分开支付", "These bills cannot be paid together: pay them one by one"
    ),
    "nothing-there": Label("没有可选项", "There is nothing to choose from"),
    "slot-taken": Label("该号源已满", "No number is left there"),
    "expired": Label("该预约已过期", "This appointment has expired"),
    "checked-in": Label("该预约已签到", "This appointment is checked in already"),
    "not-booked": Label("该预约不能取号", "This appointment cannot be checked in"),
    "pay-first": Label("请先缴清该预约的费用", "Pay what is due for this appointment first"),
    "bad-number": Label("交易号格式不正确", "This is no trade number"),
    "not-refundable": Label("该交易不能退费", "This trade cannot be refunded"),
}

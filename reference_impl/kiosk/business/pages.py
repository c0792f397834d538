"""What the citizen sees while they are served: pure. Every page fits 80 columns and 24 rows."""

from __future__ import annotations

from protocols.wire.base import Label
from protocols.wire.money import yuan_text
from protocols.wire.platform.models import TradeView
from reference_impl.kiosk.business.menu import METHOD_LABELS, Terms
from reference_impl.kiosk.business.options import options_of
from reference_impl.kiosk.business.session import Session, Stage
from reference_impl.kiosk.business.told import TOLD_LABELS, Told
from reference_impl.kiosk.page import Choice, Page

__all__ = ["business_page"]

Rows = tuple[tuple[Label, str], ...]

STAGES = (
    Label("选择", "choose"),
    Label("核价", "quote"),
    Label("支付", "pay"),
    Label("结果", "result"),
)
STAGE_OF: dict[Stage, int] = {
    **dict.fromkeys(
        (Stage.BILLS, Stage.DETAIL, Stage.PAYER, Stage.ACCOUNT, Stage.DEPARTMENT, Stage.DOCTOR, Stage.DATE), 0
    ),
    **dict.fromkeys((Stage.SLOT, Stage.LOCK, Stage.APPOINTMENT), 0),
    **dict.fromkeys((Stage.NOTE_TRADE, Stage.OPEN, Stage.REOPEN, Stage.QUOTING, Stage.QUOTE), 1),
    **dict.fromkeys((Stage.METHOD, Stage.CARD, Stage.PIN, Stage.CODE, Stage.CONFIRM, Stage.NOTE_PAY), 2),
    **dict.fromkeys((Stage.SEND_PAY, Stage.PAYING, Stage.SEND_CANCEL, Stage.CANCELLING), 2),
    **dict.fromkeys((Stage.RECEIPT, Stage.PRINT, Stage.RESULT), 3),
}

WAIT = Label("请稍候", "Please wait")
HEADLINES: dict[Stage, Label] = {
    Stage.IDENTIFY: Label("正在核实身份", "Checking who you are"),
    Stage.RECORD: Label("您尚未建档，是否建档？", "You have no record here. Create one?"),
    Stage.CREATE: Label("正在建档", "Creating your record"),
    Stage.MENU: Label("请选择服务", "Please choose a service"),
    Stage.HOLDER: Label("您的信息", "Your data"),
    Stage.LOADING: Label("正在查询", "Asking the platform"),
    Stage.BILLS: Label("待缴费用", "What is to be paid"),
    Stage.DETAIL: Label("费用明细", "What is in this bill"),
    Stage.PAYER: Label("请选择结算方式", "Who pays?"),
    Stage.ACCOUNT: Label("是否使用个人账户？", "Use the personal account?"),
    Stage.NOTE_TRADE: Label("正在核算", "Working out the amounts"),
    Stage.OPEN: Label("正在核算", "Working out the amounts"),
    Stage.REOPEN: Label("平台没有应答，重试？", "No answer. Try again?"),
    Stage.SETTLE: Label("正在核对", "Checking"),
    Stage.QUOTING: Label("正在核算", "Working out the amounts"),
    Stage.QUOTE: Label("请核对金额", "Please check the amounts"),
    Stage.METHOD: Label("请选择支付方式", "How do you pay?"),
    Stage.CARD: Label("请插入银行卡", "Please insert a bank card"),
    Stage.PIN: Label("请在密码键盘输入密码", "PIN, please, at the keypad"),
    Stage.CODE: Label("请出示付款码", "Please show your payment code"),
    Stage.CONFIRM: Label("确认支付", "Pay now?"),
    Stage.NOTE_PAY: Label("正在支付", "Paying"),
    Stage.SEND_PAY: Label("正在支付", "Paying"),
    Stage.PAYING: Label("正在支付", "Paying"),
    Stage.SEND_CANCEL: Label("正在取消", "Turning back"),
    Stage.CANCELLING: Label("正在取消", "Turning back"),
    Stage.RECEIPT: Label("正在取回凭证", "Fetching the receipt"),
    Stage.PRINT: Label("正在打印凭条", "Printing your slip"),
    Stage.RESULT: Label("办理完成", "Done"),
    Stage.DEPARTMENT: Label("请选择科室", "Choose a department"),
    Stage.DOCTOR: Label("请选择医生", "Choose a doctor"),
    Stage.DATE: Label("请选择日期", "Choose a day"),
    Stage.SLOT: Label("请选择时段", "Choose a time"),
    Stage.LOCK: Label("正在锁定号源", "Holding your place"),
    Stage.APPOINTMENT: Label("我的预约", "My appointments"),
    Stage.CHECK_IN: Label("正在取号", "Checking in"),
    Stage.REFUND_NO: Label("请出示凭条上的二维码", "Show the code on your slip"),
    Stage.ELIGIBILITY: Label("正在查询能否退费", "Asking whether it can be refunded"),
    Stage.REFUND_CONFIRM: Label("确认退费？", "Refund this trade?"),
    Stage.NOTE_REFUND: Label("正在退费", "Refunding"),
    Stage.SEND_REFUND: Label("正在退费", "Refunding"),
    Stage.REFUNDING: Label("正在退费", "Refunding"),
    Stage.ENDED: Label("办理结束", "Finished"),
}
CHOOSE = Label("输入序号后按确认，取消键返回", "Type a number and Enter; Esc goes back")
SEVERAL = Label(
    "输入序号（多笔用逗号分隔）后按确认，d 加序号看明细", "Numbers with commas and Enter; d and a number: detail"
)
ACCEPT = Label("按确认键继续，取消键返回", "Enter goes on, Esc goes back")
HINTS: dict[Stage, Label] = {
    Stage.BILLS: SEVERAL,
    Stage.DETAIL: Label("取消键返回，+ 和 - 翻页", "Esc goes back, + and - turn pages"),
    Stage.QUOTE: ACCEPT,
    Stage.CONFIRM: Label("按确认键支付，取消键换方式", "Enter pays, Esc chooses another way"),
    Stage.HOLDER: ACCEPT,
    Stage.CODE: Label("请将付款码对准扫码口，取消键换方式", "Hold it to the scanner; Esc chooses another way"),
    Stage.CARD: Label("取消键换方式", "Esc chooses another way"),
    Stage.PIN: Label("请用手遮挡，确认键提交", "Cover the keypad; Enter confirms"),
    Stage.PAYING: Label("请按手机提示完成支付，取消键放弃", "Follow your phone; Esc gives up"),
    Stage.REFUND_NO: Label("或输入交易号后按确认", "Or type the trade number and Enter"),
}


def business_page(
    session: Session, terms: Terms, seconds_left: int | None, entered: int = 0, typed: str = "", holder: Rows = ()
) -> Page:
    """The page of *session*. *entered* digits of a PIN stand at the keypad; *typed* was typed on the screen; *holder* are
    the rows of the card's holder."""
    stage = session.stage
    choices, more = _choices(session, terms)
    hint = HINTS.get(stage) or (CHOOSE if choices else WAIT)
    headline = HEADLINES[stage]
    if stage is Stage.RESULT and session.told is not None:
        headline = TOLD_LABELS[session.told]
    elif stage is Stage.RESULT and session.booking.check_in is not None:
        headline = Label("取号成功", "Checked in")
    return Page(
        headline=headline,
        hint=hint,
        notice=session.notice or (TOLD_LABELS[Told.ATTEMPT_FAILED] if _failed_before(session) else None),
        rows=holder if stage is Stage.HOLDER else _rows(session),
        stars=entered if stage is Stage.PIN else None,
        stage=STAGE_OF.get(stage),
        stages=STAGES,
        seconds_left=seconds_left,
        choices=choices,
        more=more,
        entry="*" * len(typed) if stage is Stage.CODE else typed,
    )


def _failed_before(session: Session) -> bool:
    """The citizen pays again after an attempt that took nothing."""
    return session.told is Told.ATTEMPT_FAILED and session.stage in (Stage.METHOD, Stage.CARD, Stage.PIN, Stage.CODE)


def _choices(session: Session, terms: Terms) -> tuple[tuple[Choice, ...], str]:
    options = options_of(session, terms)
    pages = max(1, -(-len(options) // terms.page))
    first = min(session.page, pages - 1) * terms.page
    numbered = [Choice(number, each.label, each.open) for number, each in enumerate(options, 1)]
    more = f"{first // terms.page + 1}/{pages}" if pages > 1 else ""
    return tuple(numbered[first : first + terms.page]), more


def _rows(session: Session) -> Rows:
    paying, trade = session.paying, session.paying.trade
    match session.stage:
        case Stage.MENU if session.visitor is not None:
            return ((Label("就诊人", "Patient"), session.visitor.name),)
        case Stage.PAYER | Stage.ACCOUNT if paying.purchase is not None:
            account = session.visitor.account_fen if session.visitor is not None else 0
            rows = (*paying.purchase.rows, (Label("合计", "Total"), _yuan(paying.purchase.total_fen)))
            return rows if session.stage is Stage.PAYER else (*rows, (Label("账户余额", "Balance"), _yuan(account)))
        case Stage.QUOTE | Stage.METHOD | Stage.REFUND_CONFIRM if trade is not None:
            return _split(trade)
        case Stage.CARD | Stage.PIN | Stage.CODE | Stage.CONFIRM | Stage.PAYING if trade is not None:
            return _due(session, trade)
        case Stage.RESULT | Stage.PRINT:
            return _result(session)
        case _:
            return ()


def _split(trade: TradeView) -> Rows:
    rows: list[tuple[Label, str]] = [(Label("合计", "Total"), _yuan(trade.total_fen))]
    if trade.split is not None:
        rows.append((Label("统筹支付", "Fund"), _yuan(trade.split.fund_fen)))
        rows.append((Label("个人账户", "Account"), _yuan(trade.split.account_fen)))
        if trade.split.mutual_aid_fen:
            rows.append((Label("其中家庭共济", "Of it mutual aid"), _yuan(trade.split.mutual_aid_fen)))
        if trade.split.hospital_fen:
            rows.append((Label("医院负担", "Hospital"), _yuan(trade.split.hospital_fen)))
        rows.append((Label("需支付", "To pay"), _yuan(trade.split.cash_fen)))
    return tuple(rows)


def _due(session: Session, trade: TradeView) -> Rows:
    cash_fen = trade.split.cash_fen if trade.split is not None else trade.total_fen
    rows: list[tuple[Label, str]] = [(Label("需支付", "To pay"), _yuan(cash_fen))]
    if session.paying.method is not None:
        method = METHOD_LABELS[session.paying.method]
        rows.append((Label("支付方式", "Paid by"), f"{method.zh} {method.en}"))
    return tuple(rows)


def _result(session: Session) -> Rows:
    trade, receipt, check_in = session.trade, session.paying.receipt, session.booking.check_in
    rows: list[tuple[Label, str]] = []
    if trade is not None:
        rows += [(Label("交易号", "Trade"), trade.trade_no), (Label("合计", "Total"), _yuan(trade.total_fen))]
    if receipt is not None and receipt.see_no and session.told is Told.PAID:
        rows.append((Label("就诊序号", "Number"), receipt.see_no))
    if trade is None and check_in is not None:
        rows += [(Label("就诊序号", "Number"), check_in.see_no), (Label("诊室", "Room"), check_in.room or "-")]
    return tuple(rows)


def _yuan(fen: int) -> str:
    return f"{yuan_text(fen)} 元"

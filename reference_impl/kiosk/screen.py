"""What the citizen sees: one calm page at a time, in two languages, inside 80 columns and 24 rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TextIO

from rich import box
from rich.align import Align
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from protocols.driver.social_security import CardHolder, CardIdentity
from protocols.wire.base import Label
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.business.pages import business_page
from reference_impl.kiosk.masking import mask_number
from reference_impl.kiosk.page import Choice, Page
from reference_impl.kiosk.state import Phase, State
from reference_impl.kiosk.words import PROBLEM_LABELS, Problem

__all__ = ["COLUMNS", "ROWS", "Page", "ScreenView", "page_of", "render"]

COLUMNS, ROWS = 80, 24
TITLE = Label("社会保障卡自助服务终端", "Social Security Card Self-Service")
STAGES = (
    Label("插卡", "card"),
    Label("读卡", "read"),
    Label("密码", "PIN"),
    Label("信息", "holder"),
    Label("取卡", "take"),
)
STAGE_OF = {
    Phase.START: 0,
    Phase.OPEN: 0,
    Phase.IDLE: 0,
    Phase.READ: 1,
    Phase.AUTHENTICATE: 1,
    Phase.COUNT: 1,
    Phase.CONFIRM: 2,
    Phase.PIN: 2,
    Phase.VERIFY: 2,
    Phase.READ_HOLDER: 3,
    Phase.HOLDER: 3,
    Phase.RETURN: 4,
    Phase.TAKE: 4,
    Phase.CAPTURE: 4,
}
HEADLINES: dict[Phase, Label] = {
    Phase.START: Label("正在启动", "Starting"),
    Phase.OPEN: Label("请稍候", "One moment"),
    Phase.IDLE: Label("请插入社会保障卡", "Please insert your social security card"),
    Phase.READ: Label("正在读卡", "Reading the card"),
    Phase.AUTHENTICATE: Label("正在认证", "Verifying the card"),
    Phase.COUNT: Label("正在读卡", "Reading the card"),
    Phase.CONFIRM: Label("密码只剩最后一次机会", "This is the last PIN try"),
    Phase.PIN: Label("请输入卡密码", "Please enter your PIN"),
    Phase.VERIFY: Label("正在验证密码", "Checking the PIN"),
    Phase.READ_HOLDER: Label("正在读取信息", "Reading your data"),
    Phase.HOLDER: Label("您的社会保障卡", "Your social security card"),
    Phase.ADMIT: Label("正在核实身份", "Checking who you are"),
    Phase.BUSINESS: Label("正在办理", "Serving you"),
    Phase.RETURN: Label("正在退卡", "Returning your card"),
    Phase.TAKE: Label("请取走您的卡", "Please take your card"),
    Phase.CAPTURE: Label("卡片已由本机收回", "The card is being kept"),
    Phase.FAULT: Label("暂停服务", "Out of service"),
    Phase.CLOSE: Label("正在停止服务", "Closing"),
    Phase.STOPPED: Label("服务已停止", "Closed"),
}
BUSY = Label("请勿取走卡片", "Please leave the card in the reader")
HINTS: dict[Phase, Label] = {
    Phase.IDLE: Label("芯片面朝上，芯片一端先插入", "Chip side up, chip end first"),
    Phase.READ: BUSY,
    Phase.AUTHENTICATE: BUSY,
    Phase.COUNT: BUSY,
    Phase.VERIFY: BUSY,
    Phase.READ_HOLDER: BUSY,
    Phase.CONFIRM: Label(
        "再输错一次，密码将被锁定。按 Y（是）继续，按 N 退卡",
        "One more mistake locks it. Y goes on, N returns the card",
    ),
    Phase.PIN: Label("确认键提交，取消键退卡", "Enter to confirm, Esc to cancel"),
    Phase.HOLDER: Label("按任意键退卡", "Any key returns the card"),
    Phase.TAKE: Label("请勿遗忘卡片", "Do not forget your card"),
    Phase.CAPTURE: Label("请凭身份证到柜台领取", "Collect it at the counter with your ID card"),
    Phase.FAULT: Label("请使用其他终端或到柜台办理", "Please use another kiosk or the counter"),
}
LOG_IN = Label(
    "或出示电子凭证：1 医保 2 电子社保卡 3 健康码 4 市民码，再输入码",
    "or a code: 1 e-credential 2 e-SSC 3 health code 4 citizen code",
)
UNKNOWN_TRIES = Label("本卡不提供剩余次数，这可能是最后一次机会", "The card does not tell: this may be the last try")
STUCK = Label("您的卡片仍在机内，请联系工作人员", "Your card is still inside: please call the staff")
REMINDED = Label("卡片仍在卡口，请立即取走", "The card is still at the mouth: take it now")
MOUTH = """\
+------------------------+
|  ====================  |
+-----+------------+-----+
      |  {0} {0}  {0} {0}  |
      |   [ ## ]   |
      |            |
      +------------+"""
PICTURES = {Phase.IDLE: MOUTH.format("^"), Phase.TAKE: MOUTH.format("v")}
SEXES = {"1": Label("男", "male"), "2": Label("女", "female"), "9": Label("未说明", "not stated")}


def page_of(state: State, now: float, entered: int = 0, typed: str = "", terms: Terms | None = None) -> Page:
    """The page for *state*: pure. *entered* digits of a PIN stand in its field, *typed* was typed; *terms* where business
    is done."""
    phase = state.phase
    quiet = state.deadline is None or phase in (Phase.FAULT, Phase.IDLE)
    left = None if quiet else max(0, round((state.deadline or now) - now))
    rows: tuple[tuple[Label, str], ...] = ()
    if phase is Phase.BUSINESS and state.session is not None:
        if state.holder is not None and state.identity is not None:
            rows = _holder_rows(state.holder, state.identity)
        return business_page(state.session, terms or Terms(), left, entered, typed, rows)
    if phase is Phase.HOLDER and state.holder is not None and state.identity is not None:
        rows = _holder_rows(state.holder, state.identity)
    return Page(
        headline=UNKNOWN_TRIES if phase is Phase.CONFIRM and state.tries_left is None else HEADLINES[phase],
        entry=typed if phase is Phase.IDLE else "",
        hint=LOG_IN if phase is Phase.IDLE and terms is not None else HINTS.get(phase),
        notice=_notice(state),
        rows=rows,
        stars=entered if phase is Phase.PIN else None,
        stage=STAGE_OF.get(phase),
        seconds_left=left,
        picture=PICTURES.get(phase, ""),
    )


def _notice(state: State) -> Label | None:
    if state.phase is Phase.FAULT and state.stuck:
        return STUCK
    if state.phase is Phase.PIN and state.pin_malformed:
        return Label("密码为 4 至 12 位数字", "A PIN has 4 to 12 digits")
    if state.phase in (Phase.PIN, Phase.CONFIRM) and state.pin_wrong:
        return Label(f"密码错误，还可尝试 {state.tries_left} 次", f"Wrong PIN, {state.tries_left} left")
    if state.phase is Phase.PIN and state.tries_left is not None:
        return Label(f"还可尝试 {state.tries_left} 次", f"Tries left: {state.tries_left}")
    if state.phase is Phase.TAKE and state.reminded:
        return REMINDED
    if state.problem is Problem.CANCELLED and state.phase is Phase.TAKE:
        return PROBLEM_LABELS[Problem.CANCELLED]
    return PROBLEM_LABELS[state.problem] if state.problem is not None else None


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 else text or "-"


def _holder_rows(holder: CardHolder, identity: CardIdentity) -> tuple[tuple[Label, str], ...]:
    """Names in full, because the holder stands in front of it; numbers masked, because others may stand behind."""
    sex = SEXES.get(holder.sex, SEXES["9"])
    return (
        (Label("姓名", "Name"), holder.name),
        (Label("性别", "Sex"), f"{sex.zh} / {sex.en}"),
        (Label("社会保障号码", "Number"), mask_number(holder.id_number, 4, 4)),
        (Label("卡号", "Card"), mask_number(identity.card_number, 2, 2)),
        (Label("规范版本", "Version"), identity.version),
        (Label("有效期至", "Valid until"), _date(identity.valid_until)),
    )


def render(page: Page, language: str = "zh") -> RenderableType:
    """*page* as one panel of :data:`COLUMNS` x (:data:`ROWS` - 1); the other language stands below."""
    first, second = ("zh", "en") if language.startswith("zh") else ("en", "zh")
    parts: list[RenderableType] = [_centred(_spaced(page.headline[first]), "bold")]
    parts.append(_centred(page.headline[second], "dim"))
    if page.picture:
        parts += [Text(), Align.center(Text(page.picture))]
    if page.rows:
        parts += [Text(), Align.center(_table(page.rows, first, second))]
    if page.choices:
        parts += [Text(), Align.center(_options(page.choices, first, second))]
    if page.entry or page.more:
        parts.append(_centred(f"{page.more}  > {page.entry}" if page.more else f"> {page.entry}"))
    if page.stars is not None:
        parts += [Text(), _centred(f"[ {'* ' * page.stars}{'_ ' * max(0, 6 - page.stars)}]", "bold")]
    if page.notice is not None:
        parts += [Text(), _centred(page.notice[first], "bold reverse"), _centred(page.notice[second])]
    if page.hint is not None:
        parts += [Text(), _centred(page.hint[first]), _centred(page.hint[second], "dim")]
    height = (
        len(parts)
        + max(0, len(page.rows) - 1)
        + max(0, len(page.choices) - 1)
        + (page.picture.count("\n") if page.picture else 0)
    )
    above = [Text() for _ in range((ROWS - 3 - height) // 2)]
    return Panel(
        Group(*above, *parts),
        box=box.ASCII,
        title=f"{TITLE[first]} / {TITLE[second]}",
        subtitle=_stages(page, first),
        width=COLUMNS,
        height=ROWS - 1,
    )


def _spaced(text: str) -> str:
    """Chinese set wide, as large as a terminal can; other scripts as they are."""
    return text if text.isascii() else " ".join(text)


def _centred(text: str, style: str = "") -> Text:
    return Text(text, style=style, justify="center")


def _table(rows: tuple[tuple[Label, str], ...], first: str, second: str) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(style="bold")
    for caption, value in rows:
        table.add_row(f"{caption[first]} {caption[second]}", Text(value))
    return table


def _options(choices: tuple[Choice, ...], first: str, second: str) -> Table:
    """One option a line, cut to the width of the screen."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="crop", max_width=COLUMNS - 14)
    for each in choices:
        text = " ".join(part for part in (each.label[first], each.label[second]) if part)
        table.add_row(
            str(each.number),
            Text(set_cell_size(text, min(cell_len(text), COLUMNS - 14))),
            style="" if each.open else "dim",
        )
    return table


def _stages(page: Page, language: str) -> str:
    left = "" if page.seconds_left is None else f" ({page.seconds_left} s)"
    if page.stage is None:
        return f"--{left}" if left else ""
    stages = page.stages or STAGES
    names = (f"<{name[language]}>" if index == page.stage else name[language] for index, name in enumerate(stages))
    return " - ".join(names) + left


class ScreenView:
    """Draws pages on a terminal, in place, and only when something on them has changed.

    ``entered`` tells how many digits of a PIN stand there, ``typed`` what else was typed; *terms* where business is done.
    """

    HOME, BELOW = "\x1b[H", "\x1b[J"

    def __init__(
        self,
        out: TextIO,
        language: str = "zh",
        entered: Callable[[], int] = lambda: 0,
        typed: Callable[[], str] = lambda: "",
        terms: Terms | None = None,
    ) -> None:
        self._out, self._language, self._entered = out, language, entered
        self._typed, self._terms = typed, terms
        self._shown: Page | None = None
        self._console = Console(file=out, width=COLUMNS, height=ROWS, highlight=False, markup=False, emoji=False)

    def show(self, state: State, now: float) -> None:
        page = page_of(state, now, self._entered(), self._typed(), self._terms)
        if not self._out.isatty():
            page = replace(page, seconds_left=None)  # a log of pages does not count down
        if page == self._shown:
            return
        self._shown = page
        with self._console.capture() as drawn:
            self._console.print(render(page, self._language))
        if self._out.isatty():
            self._out.write(f"{self.HOME}{self.BELOW}{drawn.get()}")
        else:
            self._out.write(drawn.get())
        self._out.flush()

"""The one table of what can be done in the screens. It feeds key bindings, key bar, palette, help and docs/keys.md.

``line`` is the command that does the same in a shell; words in braces are filled in from what is selected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import Label

__all__ = [
    "ACTIONS",
    "MODES",
    "MODE_LABELS",
    "Action",
    "Mode",
    "action_for_key",
    "actions_of",
    "cheat_sheet",
    "command_line",
]

Mode = Literal["home", "bench", "conformance", "trace", "reports", "load", "kiosk", "scenario"]
MODES: tuple[Mode, ...] = ("home", "bench", "conformance", "trace", "reports", "load", "kiosk", "scenario")

MODE_LABELS: dict[str, Label] = {
    "all": Label("任何界面", "anywhere"),
    "home": Label("首页", "Home"),
    "bench": Label("台架", "Bench"),
    "conformance": Label("符合性", "Conformance"),
    "trace": Label("跟踪", "Trace"),
    "reports": Label("报告", "Reports"),
    "load": Label("负载", "Load"),
    "kiosk": Label("终端", "Kiosk"),
    "scenario": Label("流程", "Scenario"),
}

ALL: Literal["all"] = "all"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. ``key`` is the Textual name of its key; ``also`` further keys; ``bar`` shows it in the key bar."""

    id: str
    key: str
    label: Label
    help: Label
    line: str
    mode: Mode | Literal["all"] = ALL
    also: tuple[str, ...] = ()
    bar: bool = True

    @property
    def shown_key(self) -> str:
        """The key as a person would write it."""
        names = {
            "slash": "/",
            "question_mark": "?",
            "colon": ":",
            "left_square_bracket": "[",
            "right_square_bracket": "]",
        }
        return names.get(self.key, self.key)


# fmt: off
ACTIONS: tuple[Action, ...] = (
    Action("mode.home", "1", Label("首页", "Home"), Label("本机体检、最近的档案、下一步做什么", "this machine, recent dossiers, what to do next"),
           "onecard doctor", also=("f1",), bar=False),
    Action("mode.bench", "2", Label("台架", "Bench"), Label("立起台架，看设备状态，动手操作", "bring a bench up, watch its devices, act on them"),
           "onecard bench show {bench}", also=("f2",), bar=False),
    Action("mode.conformance", "3", Label("符合性", "Conformance"), Label("运行检查，看结论和原因", "run checks, see verdicts and why"),
           "onecard run {plan} --check '{check}'", also=("f3",), bar=False),
    Action("mode.trace", "4", Label("跟踪", "Trace"), Label("逐条查看解码后的记录", "read the decoded records one by one"),
           "onecard trace {dossier}", also=("f4",), bar=False),
    Action("mode.reports", "5", Label("报告", "Reports"), Label("档案：结论、复核、矩阵", "dossiers: verdicts, verification, matrix"),
           "onecard dossier list", also=("f5",), bar=False),
    Action("mode.load", "6", Label("负载", "Load"), Label("全城自助机对真实后台，实时数字与结论", "a city of kiosks on the real backend, live figures and a verdict"),
           "onecard load {load}", also=("f6",), bar=False),
    Action("mode.kiosk", "7", Label("终端", "Kiosk"), Label("操作参考终端：页面、插卡、密码、扫码、钱的状态", "operate the reference kiosk: pages, cards, PIN, codes, the money"),
           "onecard bench up scenarios/benches/pay-bill.yaml", also=("f7",), bar=False),
    Action("mode.scenario", "8", Label("流程", "Scenario"), Label("运行流程，逐步查看，结论与历史", "run a flow step by step, its verdict and history"),
           "onecard run {flow}", also=("f8",), bar=False),
    Action("help", "question_mark", Label("帮助", "Help"), Label("显示全部按键", "show every key"),
           "onecard --help", also=("h",)),
    Action("palette", "ctrl+p", Label("命令", "Palette"), Label("按名称查找操作", "find an action by name"),
           "onecard --help", bar=False),
    Action("language", "l", Label("English", "中文"), Label("切换中文和英文", "switch between Chinese and English"),
           "onecard tui --lang {other}"),
    Action("quit", "q", Label("退出", "Quit"), Label("停下一切并退出", "stop everything and leave"),
           "exit"),
    Action("home.doctor", "d", Label("体检", "Doctor"), Label("检查本机缺少什么", "see what this machine lacks"),
           "onecard doctor", "home"),
    Action("home.certify", "c", Label("认证", "Certify"), Label("运行默认计划并写出档案", "run the default plan and write a dossier"),
           "onecard certify", "home"),
    Action("home.open", "o", Label("打开档案", "Open dossier"), Label("打开选中的档案", "open the selected dossier"),
           "onecard dossier show {dossier}", "home"),
    Action("bench.up", "u", Label("立起", "Up"), Label("立起选中的台架", "bring the chosen bench up"),
           "onecard bench up {bench}", "bench"),
    Action("bench.down", "x", Label("收起", "Down"), Label("收起台架，不留任何东西", "take the bench down, leave nothing"),
           "Ctrl-C", "bench"),
    Action("bench.next", "n", Label("换台架", "Next bench"), Label("选下一个台架文件", "choose the next bench file"),
           "onecard bench list", "bench"),
    Action("bench.insert", "i", Label("插卡", "Insert"), Label("插入 3.0 卡", "insert a 3.0 card"),
           "{slot} insert 3.0", "bench"),
    Action("bench.remove", "r", Label("取卡", "Remove"), Label("取走卡口的卡", "take the card away"),
           "{slot} remove", "bench"),
    Action("bench.power", "p", Label("电源", "Power"), Label("断电或上电", "power off or on"),
           "{slot} {power}", "bench"),
    Action("bench.jam", "j", Label("卡堵塞", "Jam"), Label("下次移动时卡住", "jam at the next movement"),
           "{slot} jam", "bench"),
    Action("bench.clear", "k", Label("清堵塞", "Clear jam"), Label("清除卡堵塞", "clear the jam"),
           "{slot} clear-jam", "bench"),
    Action("bench.short", "s", Label("短路卡", "Shorted card"), Label("插入触点短路的卡", "insert a card with shorted contacts"),
           "{slot} short-circuit", "bench", bar=False),
    Action("bench.bin", "b", Label("回收箱满", "Bin full"), Label("把回收箱置为满", "make the retain bin full"),
           "{slot} bin-full", "bench", bar=False),
    Action("bench.say", "colon", Label("其他动作", "Other action"), Label("输入任意动作", "type any action of the hand"),
           "onecard bench up {bench}", "bench"),
    Action("conformance.all", "a", Label("全部运行", "Run all"), Label("运行计划中的全部检查", "run every check of the plan"),
           "onecard certify {plan}", "conformance"),
    Action("conformance.one", "o", Label("运行此项", "Run this"), Label("运行光标处的检查、条款或套件", "run the check, clause or suite at the cursor"),
           "onecard run {plan} --check '{check}'", "conformance"),
    Action("conformance.mark", "m", Label("标记", "Mark"), Label("标记或取消光标处的检查", "mark or unmark what is at the cursor"),
           "onecard checks {check}", "conformance", bar=False),
    Action("conformance.selected", "s", Label("运行已标记", "Run marked"), Label("运行已标记的检查", "run the marked checks"),
           "onecard run {plan} {marked}", "conformance"),
    Action("conformance.stop", "x", Label("停止", "Stop"), Label("当前检查结束后停止", "stop after the check that is running"),
           "Ctrl-C", "conformance"),
    Action("conformance.explain", "e", Label("解释", "Explain"), Label("条款、规则、帧、相像的故障", "clause, rule, frames, the mutant like it"),
           "onecard explain {check} --dossier {dossier}", "conformance"),
    Action("conformance.filter", "slash", Label("过滤", "Filter"), Label("按编号、条款、标题或结论过滤", "filter by id, clause, title or verdict"),
           "onecard checks", "conformance"),
    Action("conformance.wrong", "f", Label("只看问题", "Wrong only"), Label("只显示没有通过的检查", "show only what did not pass"),
           "onecard dossier show {dossier}", "conformance"),
    Action("conformance.plan", "n", Label("换计划", "Next plan"), Label("选下一个计划文件", "choose the next plan file"),
           "onecard plan list", "conformance", bar=False),
    Action("trace.filter", "slash", Label("过滤", "Filter"), Label("按槽位、类别、字节或标签过滤", "filter by slot, kind, bytes or label"),
           "onecard trace {dossier}", "trace"),
    Action("trace.next", "n", Label("下一检查", "Next check"), Label("跳到下一项检查", "jump to the next check"),
           "onecard trace {dossier} --check '{check}'", "trace"),
    Action("trace.previous", "p", Label("上一检查", "Previous"), Label("跳到上一项检查", "jump to the check before"),
           "onecard trace {dossier} --check '{check}'", "trace"),
    Action("trace.first", "g", Label("开头", "First"), Label("跳到第一条记录", "jump to the first record"),
           "onecard trace {dossier}", "trace", bar=False),
    Action("trace.last", "G", Label("末尾", "Last"), Label("跳到最后一条记录", "jump to the last record"),
           "onecard trace {dossier}", "trace", bar=False),
    Action("trace.live", "v", Label("跟随运行", "Follow run"), Label("显示正在运行的记录", "show the records of the running run"),
           "onecard trace {dossier}", "trace"),
    Action("reports.verify", "v", Label("复核", "Verify"), Label("离线复核选中的档案", "verify the selected dossier offline"),
           "onecard dossier verify {dossier}", "reports"),
    Action("reports.exceptions", "e", Label("例外", "Exceptions"), Label("没有通过的检查和原因", "what did not pass, and why"),
           "onecard dossier show {dossier}", "reports"),
    Action("reports.matrix", "m", Label("矩阵", "Matrix"), Label("条款、检查项、证据", "clause, check, evidence"),
           "onecard matrix --dossier {dossier}", "reports"),
    Action("reports.trace", "t", Label("跟踪", "Trace"), Label("在跟踪界面打开", "open its records in the trace"),
           "onecard trace {dossier}", "reports"),
    Action("reports.path", "o", Label("打开报告", "Open report"), Label("用浏览器打开报告并显示路径", "open the report in a browser and show its path"),
           "xdg-open {dossier}/report.html", "reports"),
    Action("reports.reload", "r", Label("刷新", "Reload"), Label("重新查找档案", "look for dossiers again"),
           "onecard dossier list", "reports", bar=False),
    Action("load.start", "a", Label("开始", "Start"), Label("立起台架并开始负载", "bring the bench up and begin the load"),
           "onecard load {load}", "load"),
    Action("load.stop", "x", Label("停止", "Stop"), Label("提前结束；再按一次立即结束", "end it early; once more ends it at once"),
           "Ctrl-C", "load"),
    Action("load.next", "n", Label("换城市", "Next city"), Label("选下一个负载文件", "choose the next load file"),
           "onecard load {load}", "load"),
    Action("kiosk.up", "u", Label("立起", "Up"), Label("立起终端、后台和全部对端", "bring kiosk, backend and every peer up"),
           "onecard bench up scenarios/benches/pay-bill.yaml", "kiosk"),
    Action("kiosk.down", "x", Label("收起", "Down"), Label("收起，不留任何东西", "take it down, leave nothing"),
           "Ctrl-C", "kiosk"),
    Action("kiosk.insert", "i", Label("插社保卡", "Card"), Label("把社保卡插入读卡器", "insert the social security card"),
           "reader insert 3.0", "kiosk"),
    Action("kiosk.pin", "p", Label("输密码", "PIN"), Label("在密码键盘输入正确的密码", "type the right PIN on the pad"),
           "pad type DIGITS", "kiosk"),
    Action("kiosk.enter", "e", Label("确认", "Confirm"), Label("选择光标处的选项，或确认本页；也可按回车", "choose what is at the cursor, or confirm; Enter too"),
           "kiosk LINE", "kiosk"),
    Action("kiosk.bank", "b", Label("插银行卡", "Bank card"), Label("把银行卡插入银行卡读卡器", "insert the bank card"),
           "bank-reader insert bank", "kiosk"),
    Action("kiosk.scan", "s", Label("扫码", "Scan"), Label("出示所选方式的付款码", "show a payment code of the chosen way"),
           "kiosk scan CODE", "kiosk"),
    Action("kiosk.take", "t", Label("取卡", "Take card"), Label("取走卡口的卡", "take the card from the mouth"),
           "reader remove", "kiosk"),
    Action("kiosk.back", "z", Label("返回", "Back"), Label("返回上一页", "one page back"),
           "kiosk back", "kiosk"),
    Action("kiosk.cancel", "g", Label("放弃", "Give up"), Label("放弃正在办理的业务", "give up what is under way"),
           "kiosk cancel", "kiosk"),
    Action("kiosk.wrong", "w", Label("输错密码", "Wrong PIN"), Label("输入错误的密码", "type a wrong PIN"),
           "pad type DIGITS", "kiosk", bar=False),
    Action("kiosk.keypad", "k", Label("键盘", "Keypad"), Label("逐键操作密码键盘，如 12 clear 123456 enter", "press keys one by one: 12 clear 123456 enter"),
           "pad press KEY", "kiosk", bar=False),
    Action("kiosk.say", "colon", Label("其他", "Other line"), Label("向终端输入任意一行，见 docs/kiosk.md", "any line for the kiosk, see docs/kiosk.md"),
           "kiosk LINE", "kiosk", bar=False),
    Action("scenario.run", "a", Label("运行", "Run"), Label("运行光标处的流程；也可按回车", "run the flow at the cursor; Enter too"),
           "onecard run {flow}", "scenario"),
    Action("scenario.stop", "x", Label("停止", "Stop"), Label("停止并收起一切", "stop it and take everything down"),
           "Ctrl-C", "scenario"),
    Action("scenario.history", "t", Label("历史", "History"), Label("在跟踪界面打开记录", "open its records in the trace"),
           "onecard run {flow}", "scenario"),
    Action("scenario.verify", "v", Label("复核", "Verify"), Label("离线复核其档案", "verify its dossier offline"),
           "onecard dossier verify {dossier}", "scenario"),
)
# fmt: on


def actions_of(mode: str, actions: Iterable[Action] = ACTIONS) -> list[Action]:
    """What can be done in *mode*: its own actions, then those of everywhere."""
    known = list(actions)
    return [each for each in known if each.mode == mode] + [each for each in known if each.mode == ALL]


def action_for_key(key: str, mode: str) -> Action | None:
    """The action of *key* in *mode*."""
    return next((each for each in actions_of(mode) if key == each.key or key in each.also), None)


def command_line(action: Action, context: Mapping[str, str]) -> str:
    """The line of *action*; what is not known stays as a capital word, as in a manual."""
    line = action.line
    for name in ("bench", "check", "dossier", "flow", "load", "marked", "other", "plan", "power", "slot"):
        line = line.replace("{" + name + "}", context.get(name) or name.upper())
    return line


def cheat_sheet() -> str:
    """The text of docs/keys.md."""
    rows = [
        "# 按键 / Keys",
        "",
        "由 `tui/actions.py` 生成，`onecard tui --keys` 打印。",
        "Generated from `tui/actions.py`; `onecard tui --keys` prints it.",
        "",
    ]
    for mode in (ALL, *MODES):
        label = MODE_LABELS[mode]
        rows += [
            f"## {label.zh} / {label.en}",
            "",
            "| 键 key | 操作 | action | 命令行 command line |",
            "|---|---|---|---|",
        ]
        for each in ACTIONS:
            if each.mode == mode:
                keys = " ".join(f"`{key}`" for key in (each.shown_key, *each.also))
                line = command_line(each, {})
                rows.append(
                    f"| {keys} | {each.label.zh}：{each.help.zh} | {each.label.en}: {each.help.en} | `{line}` |"
                )
        rows.append("")
    return "\n".join(rows).rstrip()

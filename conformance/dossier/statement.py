"""The statement of a run in words, computed from its outcomes: nobody can write a kinder one."""

from __future__ import annotations

from conformance.model import Verdict
from conformance.result import Overall, RunResult, RunStatus
from protocols.wire.base import Label

__all__ = ["BENCH_CLASS_LABELS", "CLOCK_CLASS_LABELS", "OVERALL_LABELS", "caveats", "statement"]

OVERALL_LABELS: dict[Overall, Label] = {
    Overall.PASS: Label("通过", "PASS"),
    Overall.PASS_WITH_WAIVERS: Label("带豁免通过", "PASS WITH WAIVERS"),
    Overall.PASS_PARTIAL: Label("已测部分通过", "PASS OF WHAT WAS TESTED"),
    Overall.FAIL: Label("不通过", "FAIL"),
    Overall.UNDECIDED: Label("未能得出结论", "NO CONCLUSION"),
    Overall.INCOMPLETE: Label("运行未完成", "RUN NOT COMPLETE"),
}

BENCH_CLASS_LABELS: dict[str, Label] = {
    "in_process": Label("进程内模拟", "simulated, in process"),
    "simulated": Label("模拟设备，真实协议栈", "simulated device over the real stack"),
    "real_device": Label("真实设备", "real device"),
}

CLOCK_CLASS_LABELS: dict[str, Label] = {
    "virtual": Label("虚拟时钟", "virtual clock"),
    "real": Label("真实时钟", "real clock"),
}


def statement(result: RunResult) -> Label:
    """What may be said of the items in two or three sentences."""
    counts = result.counts()
    ran = len(result.outcomes)
    passed, waived = counts[Verdict.PASS], result.waived
    failed = counts[Verdict.FAIL] - waived
    undecided = counts[Verdict.ERROR] + counts[Verdict.INCONCLUSIVE] + counts[Verdict.NEEDS_REVIEW]
    zh, en = [f"执行 {ran} 项检查，通过 {passed} 项"], [f"{passed} of the {ran} checks that ran passed"]
    for count, word_zh, word_en in (
        (failed, "不通过", "failed"),
        (waived, "不通过但已豁免", "failed under a waiver"),
        (undecided, "没有得出结论", "came to no conclusion"),
        (counts[Verdict.NOT_TESTED], "未测试", "not tested"),
        (counts[Verdict.NOT_APPLICABLE], "不适用", "not applicable"),
    ):
        if count:
            zh.append(f"{word_zh} {count} 项")
            en.append(f"{count} {word_en}")
    meaning = _meaning(result)
    return Label("，".join(zh) + "。" + meaning.zh, ", ".join(en) + ". " + meaning.en)


def _meaning(result: RunResult) -> Label:
    if any(each.stale for each in result.waivers):
        return Label("有豁免已过期或没有用到，按规则本次运行不通过。", "A waiver is stale, which fails the run.")
    if result.unmet:
        clauses = sorted({each.clause for each in result.unmet})
        return Label(
            f"按声明，样品缺少终端档案要求的配置，不符合条款 {'、'.join(clauses)}。",
            f"By their declaration the items lack what the terminal profile demands: {', '.join(clauses)} not met.",
        )
    return {
        Overall.PASS: Label(
            "在所列条件下，样品符合计划中检查的全部条款。",
            "Under the stated conditions the items conform to every clause that the plan checks.",
        ),
        Overall.PASS_WITH_WAIVERS: Label(
            "除已豁免的各项外，样品符合计划中检查的条款；被豁免的各项仍是不通过。",
            "Apart from what is waived, which remains a fail, the items conform to the clauses that the plan checks.",
        ),
        Overall.PASS_PARTIAL: Label(
            "已测试的检查全部通过；未测试的部分不作任何结论。",
            "Everything that was tested passed; nothing is said of what was not tested.",
        ),
        Overall.FAIL: Label("样品不符合下列条款。", "The items do not conform to the clauses named below."),
        Overall.UNDECIDED: Label(
            "不能据此判定样品合格或不合格，须先处理下列各项。",
            "Neither conformity nor non-conformity can be stated until the items below are dealt with.",
        ),
        Overall.INCOMPLETE: Label(
            "运行没有到达终点，不作符合性结论。", "The run did not reach its end: no conformity is stated."
        ),
    }[result.overall]


def caveats(result: RunResult) -> tuple[Label, ...]:
    """What a reader must know before trusting the banner."""
    found: list[Label] = []
    if result.status is not RunStatus.COMPLETE:
        found.append(Label(f"运行状态：{result.status.value}", f"run status: {result.status.value}"))
    found += [
        Label(f"{each.text.zh}；{each.remedy.zh}。", f"{each.text.en}; {each.remedy.en}.")
        for each in result.unproven_faults
    ]
    found += [Label(f"{each.text.zh}。", f"{each.text.en}.") for each in result.unmet]
    found += [
        Label(
            f"{each}：没有任何一项检查通过，对它不作结论。",
            f"{each}: not a single check passed; nothing is concluded of it.",
        )
        for each in result.without_pass
    ]
    if result.bench_class != "real_device":
        found.append(
            Label(
                "被测对象是模拟设备，结论不适用于任何真实设备。",
                "The items are simulated: nothing is said of any real device.",
            )
        )
    if result.clock_class != "real":
        found.append(
            Label("使用虚拟时钟，不对真实时间作任何声明。", "The clock was virtual: no claim about real time is made.")
        )
    return tuple(found)

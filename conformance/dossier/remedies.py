"""What to do about a verdict that is not pass, for readers who write no code."""

from __future__ import annotations

from conformance.model import Blame, Outcome, Verdict
from protocols.wire.base import Label

__all__ = ["what_to_do"]

_BY_BLAME: dict[Blame, Label] = {
    Blame.DEVICE: Label(
        "把本项的规则与所列记录交给设备供应商，修正后用下面的命令重测本项。",
        "Give the rule and the records of this check to the supplier; after the change run the command below.",
    ),
    Blame.HARNESS: Label(
        "这是测试台自身的问题，不是设备的问题：请连同档案报告给测试台维护者。",
        "The harness is at fault, not the device: report it to the maintainers together with this dossier.",
    ),
    Blame.ENVIRONMENT: Label(
        "检查接线、供电与现场操作是否按提示完成，然后重测本项。",
        "Check cables, power and that each prompt was acted on, then run this check again.",
    ),
    Blame.CONFIGURATION: Label(
        "核对台架文件、PICS 与 PIXIT：声明与设备实际不一致时先改正声明。",
        "Compare bench file, PICS and PIXIT with the device; mend the declaration first where they differ.",
    ),
    Blame.SPECIFICATION: Label(
        "文件对此有两种读法：请委托方书面确定后重测。",
        "The documents allow two readings: have the customer decide in writing, then run again.",
    ),
}

_REVIEW = Label(
    "请有资格的人员查看所列记录，书面给出结论。", "A qualified person has to look at the records and decide in writing."
)


def what_to_do(outcome: Outcome) -> Label:
    """The next step; two empty texts for a pass."""
    if outcome.verdict is Verdict.PASS:
        return Label("", "")
    if outcome.verdict is Verdict.NEEDS_REVIEW:
        return _REVIEW
    return _BY_BLAME[outcome.blame or Blame.HARNESS]

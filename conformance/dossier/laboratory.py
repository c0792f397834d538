"""The fields of ISO/IEC 17025:2017 7.8: their names, and those that the run itself can fill."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.dossier.statement import BENCH_CLASS_LABELS, CLOCK_CLASS_LABELS
from conformance.result import NO_TEXT, RunResult
from protocols.wire.base import Label

__all__ = ["LABORATORY_FIELDS", "derived_fields"]

LABORATORY_FIELDS: tuple[tuple[str, str, Label], ...] = (
    ("laboratory_name", "7.8.2.1 b", Label("实验室名称", "name of the laboratory")),
    ("laboratory_address", "7.8.2.1 b", Label("实验室地址", "address of the laboratory")),
    ("location", "7.8.2.1 c", Label("检测地点", "location of the tests")),
    ("customer", "7.8.2.1 e", Label("客户名称", "customer")),
    ("customer_contact", "7.8.2.1 e", Label("客户联系方式", "contact of the customer")),
    ("method", "7.8.2.1 f", Label("检测方法", "test method")),
    ("item", "7.8.2.1 g", Label("样品描述与唯一标识", "description and identification of the item")),
    ("item_condition", "7.8.2.1 g", Label("样品状态", "condition of the item")),
    ("received_on", "7.8.2.1 h", Label("样品接收日期", "date of receipt")),
    ("tested_on", "7.8.2.1 i", Label("检测日期", "date of the tests")),
    ("issued_on", "7.8.2.1 j", Label("报告签发日期", "date of issue")),
    ("sampling", "7.8.2.1 k", Label("抽样方案", "sampling plan")),
    ("deviations", "7.8.2.1 n", Label("对方法的补充、偏离或删减", "additions, deviations, exclusions")),
    ("authorised_by", "7.8.2.1 o", Label("报告批准人", "authorised by")),
    ("external_results", "7.8.2.1 p", Label("外部提供的结果", "results from external providers")),
    ("customer_supplied", "7.8.2.2", Label("客户提供的信息", "information supplied by the customer")),
    ("test_conditions", "7.8.3.1 a", Label("检测条件", "test conditions")),
    ("uncertainty", "7.8.3.1 c", Label("测量不确定度", "measurement uncertainty")),
    ("decision_rule", "7.8.6", Label("判定规则", "decision rule")),
)


def derived_fields(result: RunResult) -> Mapping[str, Label]:
    """What the run knows by itself; used where the laboratory gave nothing."""
    days = sorted({each[:10] for each in (result.started, result.ended) if each})
    period = " – ".join(days)
    issued = days[-1] if days else ""
    bench = BENCH_CLASS_LABELS.get(result.bench_class, NO_TEXT)
    clock = CLOCK_CLASS_LABELS.get(result.clock_class, NO_TEXT)
    suite = result.suite_hash[:16]
    return {
        "method": Label(f"一卡通台架符合性套件 {suite}", f"Onecard HIL conformance suite {suite}"),
        "tested_on": Label(period, period),
        "issued_on": Label(issued, issued),
        "test_conditions": Label(f"{bench.zh}，{clock.zh}", f"{bench.en}, {clock.en}"),
        "uncertainty": Label(
            "未评定；涉及时间的判定按规范限值与实测值直接比较。",
            "Not evaluated; where time decides, the measured value is compared with the limit as it stands.",
        ),
        "decision_rule": Label(
            "任一观察违反规则即不通过；没有观察到被测设备即不得通过；不计测量不确定度（简单接受）。",
            "One violation is a fail; without an observation of the device there is no pass; simple acceptance, "
            "measurement uncertainty is not taken into account.",
        ),
    }

"""What the backend sends and what the centre answers, judged by JSON Schemas that were typed from the specification's tables and a
validator that this project did not write (spec/services.md 1.1, 1.2, 1.5, 1.7)."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from protocols.wire.http import HttpReply
from protocols.wire.insurance import vectors
from protocols.wire.insurance.detail_files import UploadRow
from reference_impl.backend.channels.insurance_queries import InsuranceQueries, Sums
from reference_impl.backend.settlement.model import TradeState

from .clinic import CARD_1, PSN_1
from .test_queries import DAY, PARTY
from .world import World, play


def s(most: int, least: int = 0) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def n(places: int) -> dict[str, Any]:
    return {"type": "number", "multipleOf": 10**-places}


def obj(required: dict[str, Any], optional: dict[str, Any] | None = None, closed: bool = True) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": not closed,
    }


MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"}
FLAG = {"enum": ["0", "1"]}
YUAN = {"type": "number", "minimum": -(10**14), "maximum": 10**14}

REQUEST = obj(
    {
        "infno": {"type": "string", "pattern": r"^\d{4}[0-9A-Z]{0,2}$"},
        "msgid": {"type": "string", "pattern": r"^[HP][0-9A-Z]{11}\d{14}\d{4}$"},
        "mdtrtarea_admvs": s(6, 6),
        "recer_sys_code": s(10, 1),
        "infver": s(6, 1),
        "opter_type": {"enum": ["1", "2", "3"]},
        "opter": s(30, 1),
        "opter_name": s(50, 1),
        "inf_time": MOMENT,
        "fixmedins_code": s(12, 12),
        "fixmedins_name": s(200, 1),
        "input": {"type": "object"},
    },
    {
        "insuplc_admdvs": s(6, 6),
        "dev_no": s(100),
        "dev_safe_info": s(2000),
        "cainfo": s(1024),
        "signtype": s(10),
        "sign_no": s(30, 1),
        "fixmedins_soft_fcty": s(200),
        "enc_type": s(10),
    },
)
REPLY = obj(
    {"infcode": {"enum": ["0", "-1"]}, "inf_refmsgid": {"type": "string", "pattern": r"^\d{30}$"}},
    {
        "refmsg_time": {"type": "string", "pattern": r"^\d{17}$"},
        "respond_time": {"type": "string", "pattern": r"^\d{17}$"},
        "err_msg": s(2000),
        "warn_msg": s(2000),
        "output": {"type": "object"},
    },
)
FEE = obj(
    {
        "feedetl_sn": s(30, 1),
        "mdtrt_id": s(30, 1),
        "psn_no": s(30, 1),
        "chrg_bchno": s(30, 1),
        "dise_codg": s(30),
        "fee_ocur_time": MOMENT,
        "med_list_codg": s(50, 1),
        "det_item_fee_sumamt": YUAN,
        "cnt": {"type": "number", "exclusiveMinimum": 0},
        "pric": {"type": "number", "minimum": 0},
    },
    {
        "medins_list_codg": s(150),
        "rxno": s(30),
        "bilg_dept_codg": s(30),
        "bilg_dept_name": s(100),
        "bilg_dr_codg": s(30),
        "bilg_dr_name": s(50),
    },
)
PRE_SETTLE = {
    "psn_no": s(30, 1),
    "mdtrt_id": s(30, 1),
    "chrg_bchno": s(30, 1),
    "mdtrt_cert_type": {"enum": ["01", "02", "03"]},
    "mdtrt_cert_no": s(50, 1),
    "med_type": s(6, 2),
    "insutype": s(6, 3),
    "medfee_sumamt": YUAN,
    "psn_setlway": {"enum": ["01", "02"]},
    "acct_used_flag": FLAG,
}
SETTLE = {
    **PRE_SETTLE,
    "invono": s(20, 1),
    "fulamt_ownpay_amt": YUAN,
    "overlmt_selfpay": YUAN,
    "preselfpay_amt": YUAN,
    "inscp_scp_amt": YUAN,
}
SUMS = {
    "clr_type": s(6, 1),
    "setl_optins": s(6, 1),
    "stmt_begndate": s(10, 10),
    "stmt_enddate": s(10, 10),
    "medfee_sumamt": YUAN,
    "fund_pay_sumamt": YUAN,
    "fixmedins_setl_cnt": {"type": "integer"},
}
VISIT = {
    "psn_no": s(30, 1),
    "insutype": s(6, 3),
    "begntime": MOMENT,
    "mdtrt_cert_type": {"enum": ["01", "02", "03"]},
    "mdtrt_cert_no": s(50, 1),
    "ipt_otp_no": s(30, 1),
    "atddr_no": s(30, 1),
    "dr_name": s(50, 1),
    "dept_code": s(30, 1),
    "dept_name": s(100, 1),
    "caty": s(6, 1),
}
MEDICAL = {
    "mdtrtinfo": obj(
        {"mdtrt_id": s(30, 1), "psn_no": s(30, 1), "med_type": s(6, 2), "begntime": MOMENT},
        {"dise_codg": s(30), "dise_name": s(500)},
    ),
    "diseinfo": {
        "type": "array",
        "items": obj(
            {"diag_type": s(3, 1), "diag_srt_no": s(2, 1), "diag_code": s(20, 1), "diag_name": s(100, 1)},
            {"vali_flag": s(3, 1)},
        ),
    },
}
PERSON = {"mdtrt_cert_type": s(3, 1), "mdtrt_cert_no": s(50, 1)}
INPUTS: dict[str, dict[str, Any]] = {
    "9001": obj({"signIn": obj({"opter_no": s(30, 1), "mac": s(32, 1), "ip": s(32, 1)})}),
    "1101": obj({"data": obj(PERSON, {"card_sn": s(32), "certno": s(50), "psn_name": s(50)})}),
    "2201": obj({"data": obj(VISIT)}),
    "2202": obj({"data": obj({"psn_no": s(30, 1), "ipt_otp_no": s(30, 1)}, {"mdtrt_id": s(30)})}),
    "2203A": obj(MEDICAL),
    "2204": obj({"feedetail": {"type": "array", "minItems": 1, "items": FEE}}),
    "2205": obj({"data": obj({"mdtrt_id": s(30, 1), "chrg_bchno": s(30, 1), "psn_no": s(30, 1)})}),
    "2206": obj({"data": obj(PRE_SETTLE)}),
    "2207": obj({"data": obj(SETTLE)}),
    "2208": obj({"data": obj({"setl_id": s(30, 1), "mdtrt_id": s(30, 1), "psn_no": s(30, 1)})}),
    "2601": obj({"data": obj({"psn_no": s(30, 1), "omsgid": s(30, 30), "oinfno": s(4, 4)})}),
    "5203": obj({"data": obj({"psn_no": s(30, 1), "mdtrt_id": s(30, 1)}, {"setl_id": s(30)})}),
    "3201": obj({"data": obj({**SUMS, "insutype": s(6, 3), "acct_pay": YUAN})}),
    "3202": obj({"data": obj({**SUMS, "file_qury_no": s(30, 1), "cash_payamt": YUAN})}),
    "9101": obj({"fsUploadIn": obj({"in": s(10**6, 1), "filename": s(100, 1), "fixmedins_code": s(12, 12)})}),
    "9102": obj({"fsDownloadIn": obj({"file_qury_no": s(30, 1), "filename": s(100, 1), "fixmedins_code": s(12, 12)})}),
}
MONEY = (
    "medfee_sumamt fulamt_ownpay_amt overlmt_selfpay preselfpay_amt inscp_scp_amt act_pay_dedc hifp_pay cvlserv_pay hifes_pay "
    "hifmi_pay hifob_pay maf_pay oth_pay fund_pay_sumamt psn_part_amt acct_pay acct_mulaid_pay psn_cash_pay hosp_part_amt balc"
)
SETLINFO = obj(
    {
        "setl_id": s(30),
        "mdtrt_id": s(30, 1),
        "psn_no": s(30, 1),
        "medins_setl_id": s(30),
        "pool_prop_selfpay": {"type": "number", "minimum": 0, "maximum": 1},
        "clr_optins": s(6),
        "clr_way": s(6),
        "clr_type": s(6),
        **dict.fromkeys(MONEY.split(), YUAN),
    },
    closed=False,
)
OUTPUTS: dict[str, dict[str, Any]] = {
    each: obj({"setlinfo": SETLINFO, "setldetail": {"type": "array"}}) for each in ("2206", "2207", "2208")
}


def test_the_published_messages_follow_the_schemas() -> None:
    request, reply = json.loads(vectors.I1_REQUEST), json.loads(vectors.I1_REPLY)
    jsonschema_rs.validate(REQUEST, request)
    jsonschema_rs.validate(INPUTS["2207"], request["input"])
    jsonschema_rs.validate(INPUTS["2601"], json.loads(vectors.I2_INPUT))
    jsonschema_rs.validate(REPLY, reply)


def test_the_schemas_can_fail() -> None:
    request = json.loads(vectors.I1_REQUEST)
    for wrong in ({"opter_type": "4"}, {"msgid": "1"}, {"inf_time": "now"}, {"strange": 1}):
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(REQUEST, {**request, **wrong})
    request["input"]["data"]["medfee_sumamt"] = "125.60"
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(INPUTS["2207"], request["input"])


def test_everything_that_is_said_follows_the_schemas() -> None:
    """A payment, a payment whose settlement is corrected, a refund, identity and reconciliation."""

    async def story(world: World) -> set[str]:
        heard: list[tuple[str, HttpReply]] = []
        handle = world.line.peer.handle

        def listen(request: Any, now: float, twist: Any = "") -> Any:
            reply = handle(request, now, twist)
            heard.append((world.line.peer.address(request), reply))  # type: ignore[arg-type]
            return reply

        world.line.peer.handle = listen  # type: ignore[method-assign]
        assert (await world.pay("k1")).state is TradeState.CLOSED
        trade = await world.pay("k2")
        await world.engine.refund(trade.trade_no, "citizen")
        await world.until(trade.trade_no, lambda each: each.state is TradeState.REFUNDED)
        queries = InsuranceQueries(world.channel.client)
        await queries.person(PARTY, "03", CARD_1, card_sn="1", name="测试甲")
        await queries.totals(PARTY, "310", DAY, DAY, Sums(0, 0, 0, 0, 0))
        await queries.details(PARTY, DAY, DAY, [UploadRow("x", "y", PSN_1, 1, 1, 0)], 0)
        for infno, whole in world.line.sent:
            jsonschema_rs.validate(REQUEST, whole)
            jsonschema_rs.validate(INPUTS[infno], whole["input"])
        for infno, reply in heard:
            if reply.headers["content-type"] == "application/octet-stream":
                continue
            value = json.loads(reply.body)
            jsonschema_rs.validate(REPLY, value)
            if infno in OUTPUTS and value["infcode"] == "0":
                jsonschema_rs.validate(OUTPUTS[infno], value["output"])
        return {infno for infno, _ in world.line.sent}

    assert play(story, faults=["drop-request:2207"]) == set(INPUTS)

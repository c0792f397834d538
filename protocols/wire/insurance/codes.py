"""Code lists of the insurance interface with their meanings. Source: spec/services.md 1.1, 1.6, 1.9; marked where it is ours."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.base import Label

__all__ = [
    "CODES",
    "CORRECTABLE",
    "EQUAL",
    "ROW_AMOUNTS_DIFFER",
    "ROW_CENTRE_ONLY",
    "ROW_INSTITUTION_ONLY",
    "SUMS_DIFFER",
]

EQUAL = "000000"
SUMS_DIFFER = "100001"
"""Of 3201. This and the next three are this project's: only ``000000`` is public (spec/services.md 9, U3)."""
ROW_CENTRE_ONLY = "100002"
ROW_INSTITUTION_ONLY = "100003"
ROW_AMOUNTS_DIFFER = "100004"

CORRECTABLE = frozenset({"2102", "2103", "2207", "2208", "2304", "2305", "2401", "2102A", "2304A"})
"""What 2601 may cancel (1.7); the last two in one region."""

CODES: Mapping[str, Mapping[str, Label]] = {
    "mdtrt_cert_type": {
        "01": Label("医保电子凭证令牌", "e-credential token"),
        "02": Label("居民身份证", "resident identity card"),
        "03": Label("社会保障卡", "social security card"),
    },
    "insutype": {
        "310": Label("职工基本医疗保险", "employee"),
        "320": Label("公务员医疗补助", "civil-servant aid"),
        "330": Label("大额医疗费用补助", "large-sum aid"),
        "340": Label("离休人员医疗保障", "retired cadre"),
        "390": Label("城乡居民基本医疗保险", "resident"),
        "392": Label("城乡居民大病医疗保险", "resident major illness"),
        "510": Label("生育保险", "maternity"),
    },
    "med_type": {
        "11": Label("普通门诊", "outpatient"),
        "12": Label("门诊挂号", "registration"),
        "13": Label("急诊", "emergency"),
        "14": Label("门诊慢特病", "chronic or special disease"),
        "21": Label("普通住院", "in-patient"),
        "22": Label("外伤住院", "in-patient, injury"),
        "23": Label("转外诊治住院", "in-patient, referred elsewhere"),
        "24": Label("急诊转住院", "in-patient after emergency"),
        "41": Label("定点药店购药", "pharmacy"),
        "51": Label("生育门诊", "maternity, outpatient"),
        "52": Label("生育住院", "maternity, in-patient"),
        "53": Label("计划生育手术费", "family planning operation"),
        "91": Label("其他门诊", "other outpatient"),
        "92": Label("其他住院", "other in-patient"),
        "93": Label("其他购药", "other purchase of medicine"),
        "99": Label("其他", "others"),
    },
    "psn_setlway": {"01": Label("按项目结算", "by item"), "02": Label("按定额结算", "by quota")},
    "clr_type": {
        "11": Label("门诊", "outpatient"),
        "21": Label("住院", "in-patient"),
        "41": Label("药店购药", "pharmacy"),
        "51": Label("暂缓结算", "suspended"),
    },
    "refd_setl_flag": {"0": Label("正常", "normal"), "1": Label("退费", "refunded")},
    "opter_type": {
        "1": Label("经办人", "staff"),
        "2": Label("自助终端", "self-service terminal"),
        "3": Label("移动终端", "mobile"),
    },
    "chrgitm_lv": {
        "01": Label("甲类", "class A"),
        "02": Label("乙类", "class B"),
        "03": Label("丙类（自费）", "class C, own expense"),
    },
    "fund_pay_type": {"310100": Label("基本医疗统筹基金", "basic pooled fund")},
    "infcode": {"0": Label("成功", "success"), "-1": Label("失败", "failure")},
    "acct_used_flag": {"0": Label("不使用个人账户", "account not used"), "1": Label("使用个人账户", "account used")},
    "stmt_rslt": {
        EQUAL: Label("对账一致", "equal"),
        SUMS_DIFFER: Label("合计不一致", "sums differ"),
        ROW_CENTRE_ONLY: Label("仅中心有", "only at the centre"),
        ROW_INSTITUTION_ONLY: Label("仅机构有", "only at the institution"),
        ROW_AMOUNTS_DIFFER: Label("金额不一致", "amounts differ"),
    },
    "businessType": {
        "01101": Label("挂号", "registration"),
        "01102": Label("住院建档", "in-patient record"),
        "01103": Label("入院登记", "admission"),
        "01104": Label("缴纳预缴金", "deposit"),
        "01201": Label("问诊", "consultation"),
        "01202": Label("预约检查", "examination booking"),
        "01203": Label("检查", "examination"),
        "01204": Label("治疗", "treatment"),
        "01301": Label("门诊结算", "outpatient settlement"),
        "01302": Label("取药", "pick up medicine"),
        "02121": Label("药店购药", "pharmacy"),
        "02122": Label("下载处方", "prescription download"),
    },
}
"""List name, which is also the name of the field that holds it, to code to meaning."""

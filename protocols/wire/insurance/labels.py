"""What the fields of the insurance interface are called, and which of them may not leave the bench (spec/services.md 1.1 to 1.9).

``psn_no`` is the platform's own token for a person and stays; names, identity and card numbers do not.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.base import Label, Privacy

__all__ = ["FIELD_LABELS", "PRIVATE_FIELDS"]

PRIVATE_FIELDS: Mapping[str, Privacy] = {
    "psn_name": Privacy.NAME,
    "dr_name": Privacy.NAME,
    "bilg_dr_name": Privacy.NAME,
    "dise_dor_name": Privacy.NAME,
    "emp_name": Privacy.NAME,
    "certno": Privacy.ID_NUMBER,
    "mdtrt_cert_no": Privacy.ID_NUMBER,
    "card_sn": Privacy.CARD_NUMBER,
    "brdy": Privacy.ID_NUMBER,
    "main_cond_dscr": Privacy.NAME,
    "dev_safe_info": Privacy.KEY,
}

_ROWS = """
infno|交易编号|transaction
msgid|发送方报文号|message id
mdtrtarea_admvs|就医地区划|place of care
insuplc_admdvs|参保地区划|place of insurance
recer_sys_code|接收方系统代码|receiving system
dev_no|设备编号|device number
dev_safe_info|设备安全信息|device safety information
cainfo|数字签名|digital signature
signtype|签名类型|signature type
infver|接口版本|interface version
opter_type|经办人类别|kind of operator
opter|经办人|operator
opter_name|经办人姓名|operator's name
opter_no|操作员编号|operator number
inf_time|交易时间|time of the message
fixmedins_code|医药机构编号|institution
fixmedins_name|医药机构名称|institution's name
fixmedins_type|医药机构类别|kind of institution
sign_no|签到流水号|sign-in number
sign_time|签到时间|time of sign-in
fixmedins_soft_fcty|软件厂商|software vendor
enc_type|加密方式|encryption
enctype|加密方式|encryption
input|交易输入|input
output|交易输出|output
infcode|交易状态|result
inf_refmsgid|接收方报文号|receiver's message id
refmsg_time|接收时间|received at
respond_time|响应时间|answered at
err_msg|错误信息|error
warn_msg|警示信息|warning
data|数据|data
result|明细结果|line results
signIn|签到|sign in
signOut|签退|sign out
signinoutb|签到结果|sign-in result
signoutoutb|签退结果|sign-out result
mac|网卡地址|MAC address
ip|IP 地址|IP address
baseinfo|基本信息|person
insuinfo|参保信息|insurance
idetinfo|身份信息|identities
medinsinfo|医药机构信息|institution
trtinfo|待遇信息|entitlement
mdtrtinfo|就诊信息|visit
diseinfo|诊断信息|diagnosis
feedetail|费用明细|fee line
setlinfo|结算信息|settlement
setldetail|基金支付明细|fund payment
stmtinfo|对账结果|statement
fileinfo|文件信息|file
fsUploadIn|文件上传|file upload
fsUploadOut|文件上传结果|file upload result
fsDownloadIn|文件下载|file download
in|文件内容|file content
mdtrt_cert_type|就诊凭证类型|kind of credential
mdtrt_cert_no|就诊凭证编号|credential
card_sn|卡识别码|card serial number
psn_cert_type|证件类型|kind of certificate
certno|证件号码|certificate number
psn_name|人员姓名|name
psn_no|人员编号|person number
gend|性别|sex
naty|民族|nation
brdy|出生日期|birth
age|年龄|age
exp_content|扩展内容|extension
balc|账户余额|account balance
insutype|险种|kind of insurance
psn_type|人员类别|kind of person
psn_insu_stas|参保状态|state of insurance
psn_insu_date|参保日期|insured since
paus_insu_date|暂停参保日期|insurance paused since
cvlserv_flag|公务员标志|civil servant
emp_name|单位名称|employer
psn_idet_type|身份类别|kind of identity
psn_type_lv|身份等级|identity level
memo|备注|remark
begntime|开始时间|begins
endtime|结束时间|ends
uscc|统一社会信用代码|social credit code
hosp_lv|医院等级|hospital level
trt_chk_type|待遇检查类型|kind of check
trt_enjymnt_flag|待遇享受标志|entitled
begndate|开始日期|from
enddate|结束日期|until
trt_chk_rslt|检查结果|result of the check
mdtrt_id|就诊编号|visit
ipt_otp_no|门诊号|outpatient number
atddr_no|医师编号|doctor
dr_name|医师姓名|doctor's name
dept_code|科室编号|department
dept_name|科室名称|department's name
caty|科别|specialty
med_type|医疗类别|kind of care
main_cond_dscr|主要病情描述|main condition
dise_codg|病种编码|disease code
dise_name|病种名称|disease
birctrl_type|计划生育类别|family planning
birctrl_matn_date|计划生育日期|family planning date
matn_type|生育类别|maternity
geso_val|孕周数|week of pregnancy
diag_type|诊断类别|kind of diagnosis
diag_srt_no|诊断排序号|order of diagnosis
diag_code|诊断代码|diagnosis code
diag_name|诊断名称|diagnosis
diag_dept|诊断科室|diagnosing department
dise_dor_no|诊断医师编号|diagnosing doctor
dise_dor_name|诊断医师姓名|diagnosing doctor's name
diag_time|诊断时间|diagnosed at
vali_flag|有效标志|valid
feedetl_sn|费用明细流水号|fee line number
rxno|处方号|prescription
chrg_bchno|收费批次号|charge batch
rx_circ_flag|外购处方标志|outside prescription
fee_ocur_time|费用发生时间|time of the fee
med_list_codg|医疗目录编码|catalogue code
medins_list_codg|医药机构目录编码|institution's code
det_item_fee_sumamt|明细项目费用总额|amount of the line
cnt|数量|quantity
pric|单价|price
bilg_dept_codg|开单科室编码|ordering department
bilg_dept_name|开单科室名称|ordering department's name
bilg_dr_codg|开单医生编码|ordering doctor
bilg_dr_name|开单医生姓名|ordering doctor's name
hosp_appr_flag|医院审批标志|hospital approval
matn_fee_flag|生育费用标志|maternity fee
etip_flag|外检标志|outside examination
dscg_tkdrug_flag|出院带药标志|medicine to take home
tcmdrug_used_way|中药使用方式|use of herbal medicine
pric_uplmt_amt|定价上限金额|ceiling of the price
selfpay_prop|自付比例|own share
fulamt_ownpay_amt|全自费金额|wholly own expense
overlmt_amt|超限价金额|above the ceiling
overlmt_selfpay|超限价自费费用|above the ceiling
preselfpay_amt|先行自付金额|own share first
inscp_scp_amt|符合政策范围金额|within the policy
chrgitm_lv|收费项目等级|class of the item
med_chrgitm_type|医疗收费项目类别|kind of item
bas_medn_flag|基本药物标志|basic medicine
hi_nego_drug_flag|谈判药品标志|negotiated medicine
chld_medc_flag|儿童用药标志|medicine for children
lmt_used_flag|限制使用标志|limited use
drt_reim_flag|直报标志|direct reimbursement
medfee_sumamt|医疗费总额|total fee
psn_setlway|个人结算方式|way of settling
acct_used_flag|个人账户使用标志|account used
invono|发票号|invoice
setl_id|结算编号|settlement
medins_setl_id|医药机构结算编号|institution's settlement id
setl_time|结算时间|settled at
act_pay_dedc|实际支付起付线|deductible paid
pool_prop_selfpay|基本医疗统筹支付比例|fund ratio
hifp_pay|统筹基金支出|basic fund
cvlserv_pay|公务员补助支出|civil-servant aid
hifes_pay|企业补充医疗保险支出|enterprise fund
hifmi_pay|大病保险支出|major illness fund
hifob_pay|大额补助支出|large-sum fund
maf_pay|医疗救助支出|medical aid
oth_pay|其他支出|other funds
fund_pay_sumamt|基金支付总额|all funds
psn_part_amt|个人负担总额|person's part
acct_pay|个人账户支出|account
acct_mulaid_pay|个人账户共济支付|family mutual aid
psn_cash_pay|个人现金支出|cash
hosp_part_amt|医院负担金额|institution's part
clr_optins|清算经办机构|clearing agency
clr_way|清算方式|way of clearing
clr_type|清算类别|kind of clearing
fund_pay_type|基金支付类型|kind of fund
crt_payb_lmt_amt|本次可支付限额|payable limit
fund_payamt|基金支付金额|fund pays
fund_pay_type_name|基金支付类型名称|fund
setl_proc_info|结算过程信息|how it was settled
omsgid|原发送方报文号|original message id
oinfno|原交易编号|original transaction
refd_setl_flag|退费结算标志|refunded
refd_setl_id|退费结算编号|number of the refund
setl_optins|结算经办机构|settling agency
stmt_begndate|对账开始日期|statement from
stmt_enddate|对账结束日期|statement until
fixmedins_setl_cnt|结算笔数|number of settlements
stmt_rslt|对账结果|result
stmt_rslt_dscr|对账结果说明|result explained
file_qury_no|文件查询号|file number
cash_payamt|现金支付金额|cash
filename|文件名|file name
dld_endtime|下载截止时间|available until
"""

FIELD_LABELS: Mapping[str, Label] = {
    name: Label(zh, en) for name, zh, en in (row.split("|") for row in _ROWS.strip().splitlines())
}
"""Every field of the models of this package."""

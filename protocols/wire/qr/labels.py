"""What the fields of the three families are called, and which of them may not leave the bench."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.base import Label, Privacy

__all__ = ["FIELD_LABELS", "PRIVATE_FIELDS"]

PRIVATE_FIELDS: Mapping[str, Privacy] = {
    # A payment code buys something for whoever holds it, as a PIN does.
    "auth_code": Privacy.PIN,
    "qr_no": Privacy.PIN,
    "openid": Privacy.ID_NUMBER,
    "sub_openid": Privacy.ID_NUMBER,
    "buyer_user_id": Privacy.ID_NUMBER,
    "buyer_logon_id": Privacy.NAME,
}

_ROWS = """
appid|公众账号ID|application id
mch_id|商户号|merchant
sub_mch_id|子商户号|sub-merchant
device_info|设备号|terminal
nonce_str|随机字符串|nonce
nonce|随机字符串|nonce
sign|签名|signature
sign_type|签名类型|signature type
body|商品描述|description
attach|附加数据|attached data
out_trade_no|商户订单号|merchant's order number
total_fee|总金额（分）|total (fen)
fee_type|货币类型|currency
spbill_create_ip|终端IP|address of the terminal
auth_code|付款码|payment code
return_code|返回状态码|return code
return_msg|返回信息|return message
result_code|业务结果|business result
err_code|错误代码|error code
err_code_des|错误代码描述|error described
error_code|错误码|error number
openid|用户标识|payer
trade_type|交易类型|kind of trade
bank_type|付款银行|payer's bank
cash_fee|现金支付金额（分）|paid in cash (fen)
transaction_id|微信订单号|WeChat's order number
time_end|支付完成时间|paid at
trade_state|交易状态|state of the trade
trade_state_desc|交易状态描述|state described
recall|是否重调|call again
out_refund_no|商户退款单号|merchant's refund number
refund_id|微信退款单号|WeChat's refund number
refund_fee|退款金额|refund
refund_count|退款笔数|number of refunds
out_refund_no_0|商户退款单号|merchant's refund number
refund_id_0|微信退款单号|WeChat's refund number
refund_fee_0|退款金额（分）|refund (fen)
refund_status_0|退款状态|state of the refund
refund_success_time_0|退款成功时间|refunded at
bill_date|账单日期|day of the bill
bill_type|账单类型|kind of bill
app_id|应用ID|application id
method|接口名称|method
format|格式|format
charset|编码|character set
timestamp|时间戳|time
version|版本|version
biz_content|业务参数|business parameters
scene|支付场景|scene
subject|订单标题|subject
total_amount|订单金额（元）|total (yuan)
store_id|门店编号|shop
terminal_id|终端编号|terminal
refund_amount|退款金额（元）|refund (yuan)
out_request_no|退款请求号|refund request number
refund_reason|退款原因|reason of the refund
code|网关返回码|return code
msg|网关返回描述|return message
sub_code|业务返回码|business code
sub_msg|业务返回描述|business message
trade_no|支付宝交易号|Alipay's trade number
buyer_user_id|买家用户号|payer
receipt_amount|实收金额（元）|received (yuan)
gmt_payment|付款时间|paid at
trade_status|交易状态|state of the trade
retry_flag|是否需要重试|call again
action|撤销动作|what the cancel did
fund_change|资金是否变化|money moved by this call
refund_status|退款状态|state of the refund
bill_download_url|账单下载地址|address of the bill
mer_id|商户号|merchant
txn_time|交易发送时间|sent at
order_id|订单号|order number
orig_order_id|原订单号|original order number
txn_amt|交易金额（分）|amount (fen)
ccy|币种|currency
qr_no|付款码|payment code
term_id|终端号|terminal
ins_code|机构代码|institution
resp_code|应答码|response code
resp_msg|应答信息|response message
order_status|订单状态|state of the order
txn_ref|银行参考号|bank's reference
pay_time|支付时间|paid at
settle_date|清算日期|settlement day
download_url|下载地址|address of the file
sha1|文件摘要|digest of the file
"""

FIELD_LABELS: Mapping[str, Label] = {
    name: Label(zh, en) for name, zh, en in (row.split("|") for row in _ROWS.strip().splitlines())
}
"""Every field of the messages of this package."""

"""Payment by a code on the citizen's phone: WeChat Pay, Alipay and UnionPay, as their gateways are called."""

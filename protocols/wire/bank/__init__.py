"""The UnionPay POS dialect of ISO 8583 that kiosks and the bank's host speak (spec/services.md 3)."""

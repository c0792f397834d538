"""Reconciliation of four books: platform, channel (bank or QR), HIS, insurance (spec/services.md 5)."""

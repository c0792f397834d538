"""All planted mistakes, by id. The suite must find every one of them (``onecard simulate money --mutants``)."""

from __future__ import annotations

from dataclasses import replace

from reference_impl.simulation.mutant import Mutant
from reference_impl.simulation.mutants_channels import CHANNEL_MUTANTS
from reference_impl.simulation.mutants_rules import RULES_MUTANTS

__all__ = ["MUTANTS"]

_SEEDS: dict[str, int] = {
    "doubt-ends-by-timer": 1,
    "doubt-is-success": 7,
    "amount-change-ignored": 29,
    "undone-in-order": 1,
    "undo-given-up": 65,
    "cash-not-given-back": 12,
    "cash-before-insurance": 1,
    "never-locked": 1,
    "his-not-told": 1,
    "lock-kept": 3,
    "visit-kept": 1,
    "waits-for-ever": 143,
    "cancel-forgets": 202,
    "press-counts-again": 5,
    "part-given-back": 5,
    "all-from-the-citizen": 6,
    "sent-before-written": 35,
    "sent-while-written": 202,
    "no-recovery": 17,
    "recovery-starts-over": 35,
    "ledger-one-sided": 1,
    "ledger-twice": 1,
    "undo-not-posted": 1,
    "undo-posted-as-done": 1,
    "group-dropped": 1,
    "not-fenced": 165,
    "same-numbers-after-a-start": 3,
    "trade-key-not-noted": 1,
    "press-not-noted": 1,
    "same-key-for-every-trade": 1,
    "never-closed": 1,
    "reversal-dropped": 1,
    "reversal-sent-once": 1,
    "reversal-under-a-new-number": 1,
    "void-in-doubt-is-done": 148,
    "refund-in-doubt-is-lost": 99,
    "mac-not-checked": 1,
    "trace-not-kept": 45,
    "void-of-another-batch": 72,
    "keys-of-yesterday": 20,
    "wrong-day": 72,
    "qr-pay-in-doubt-failed": 2,
    "qr-not-cancelled": 90,
    "qr-cancel-in-doubt-is-done": 90,
    "qr-typing-is-paying": 17,
    "qr-refund-in-doubt-is-done": 44,
    "qr-new-refund-number": 206,
    "qr-signature-not-checked": 44,
    "settlement-in-doubt-failed": 1,
    "revocation-in-doubt-is-done": 200,
    "visit-in-doubt-is-left": 7,
    "commit-in-doubt-failed": 13,
    "commit-refused-is-done": 4,
    "his-refund-in-doubt-is-done": 127,
}
"""A seed whose story finds it: tried first. Whoever changes how stories are made looks for new ones."""

MUTANTS: dict[str, Mutant] = {
    each.id: replace(each, seed=_SEEDS.get(each.id, 0)) for each in (*RULES_MUTANTS, *CHANNEL_MUTANTS)
}

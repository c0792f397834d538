"""The vendor's words for every operation, and its numbers for every refusal.

Names are this project's invention. Source of the meaning of each: spec/services.md 2.1, 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.wire.his.operations import Operation
from protocols.wire.his_xml.codec import Row
from protocols.wire.his_xml.tables_money import MONEY
from protocols.wire.his_xml.tables_visits import VISITS

__all__ = ["CODES", "SUCCESS", "TYPES", "XmlKind", "operation_of"]

SUCCESS = "0"


@dataclass(frozen=True, slots=True)
class XmlKind:
    """``word`` is what stands in TYPE."""

    word: str
    request: Row
    reply: Row


TYPES: Mapping[Operation, XmlKind] = {
    operation: XmlKind(word, request, reply) for operation, (word, request, reply) in {**VISITS, **MONEY}.items()
}

_OPERATIONS = {kind.word: operation for operation, kind in TYPES.items()}


def operation_of(word: str) -> Operation | None:
    """None for a word that the vendor does not know."""
    return _OPERATIONS.get(word)


CODES: Mapping[str, str] = {
    "malformed": "1001",
    "key-missing": "1002",
    "signature-wrong": "1003",
    "clock-skew": "1004",
    "nonce-used": "1005",
    "credential-expired": "1006",
    "unknown-institution": "1007",
    "foreign-institution": "1008",
    "no-such-operation": "1009",
    "method-not-allowed": "1010",
    "too-large": "1011",
    "media-type": "1012",
    "key-reused": "1013",
    "notfound": "2000",
    "patient-unknown": "2001",
    "person-unknown": "2002",
    "name-differs": "2003",
    "patient-differs": "2004",
    "slot-closed": "3001",
    "slot-full": "3002",
    "lock-expired": "3003",
    "lock-in-trade": "3004",
    "lock-taken": "3005",
    "booking-expired": "3006",
    "booking-cancelled": "3007",
    "too-early": "3008",
    "fee-due": "3009",
    "refund-first": "3010",
    "bill-held": "4001",
    "bill-paid": "4002",
    "bill-void": "4003",
    "not-mergeable": "4004",
    "med-type-differs": "4005",
    "not-locked": "4006",
    "trade-cancelled": "4007",
    "trade-settled": "4008",
    "trade-differs": "4009",
    "trade-refunded": "4010",
    "amount-differs": "4011",
    "not-settled": "4012",
    "visit-began": "5001",
    "drug-issued": "5002",
    "ebill-printed": "5003",
    "refund-done": "5004",
    "refund-withdrawn": "5005",
    "refund-differs": "5006",
    "refused": "9999",
}
"""What the vendor says for each of our codes."""

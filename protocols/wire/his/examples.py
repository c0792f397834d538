"""One exchange of every operation."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.his.example import Example
from protocols.wire.his.examples_money import MONEY_EXAMPLES
from protocols.wire.his.examples_visits import VISIT_EXAMPLES
from protocols.wire.his.operations import Operation

__all__ = ["EXAMPLES"]

EXAMPLES: Mapping[Operation, Example] = {**VISIT_EXAMPLES, **MONEY_EXAMPLES}

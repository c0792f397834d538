"""A flow with everything that it names, as one JSON value: what was run stands in the first record of its history.

Passwords and keys that somebody wrote into a bench are left out: whoever verifies does not need them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scenarios.flow.model import Flow
from scenarios.models import Bench

__all__ = ["WITHHELD", "flow_of_lock", "lock_of_flow"]

WITHHELD = "withheld"
_SECRET = re.compile(r"key|secret|password|masters", re.IGNORECASE)
_DATABASE = re.compile(r"^postgresql://.*", re.IGNORECASE)


def lock_of_flow(flow: Flow) -> dict[str, Any]:
    """*flow* with its bench inside."""
    return _without_secrets(
        {**flow.model_dump(mode="json"), "bench": flow.stood.model_dump(mode="json", by_alias=True)}
    )


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: WITHHELD
            if _SECRET.search(str(name)) and each and not isinstance(each, Mapping | list)
            else _without_secrets(each)
            for name, each in value.items()
            if not (_SECRET.search(str(name)) and isinstance(each, Mapping | list) and each)
        }
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if isinstance(value, str) and _DATABASE.match(value):
        return f"postgresql://{WITHHELD}"
    return value


def flow_of_lock(lock: Mapping[str, Any]) -> Flow:
    """The flow of :func:`lock_of_flow`. Raises ValueError for a lock of another form."""
    flow = Flow.model_validate({**lock, "bench": Bench.model_validate(lock["bench"])})
    return flow.model_copy(update={"bench": flow.stood})

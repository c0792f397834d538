"""What the terminal's documents demand of a declaration: a mandatory item declared absent is a clause that is not met.

Without this a supplier could declare "no" to everything and pass what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.wire.base import Label
from scenarios.profiles import device_class_profile, load_profile

__all__ = ["UnmetDemand", "unmet_demands"]


@dataclass(frozen=True, slots=True)
class UnmetDemand:
    """A PICS item of one slot that the profile wants otherwise."""

    target: str
    clause: str
    item: str
    declared: Any
    text: Label


def unmet_demands(
    profile_id: str, slots: Iterable[tuple[str, str]], pics: Mapping[str, Mapping[str, Any]]
) -> tuple[UnmetDemand, ...]:
    """Demands of *profile_id* that the declarations in *pics* do not meet. *slots* are (name, device class) under test."""
    profile = load_profile(profile_id)
    found: list[UnmetDemand] = []
    for name, device_class in slots:
        device = profile.device(device_class)
        if device is None or name not in pics:
            continue
        items = device_class_profile(device_class)
        for demand in device.demands:
            declared = pics[name].get(demand.item)
            if declared is None or demand.met_by(declared):
                continue
            label = items.pics(demand.item).label
            shown = (str(declared), str(declared))
            if isinstance(declared, bool):
                shown = ("有", "yes") if declared else ("无", "no")
            text = Label(
                f"{name}：条款 {demand.clause} 要求“{label.zh}”，声明为“{shown[0]}”，该条款不满足",
                f"{name}: clause {demand.clause} demands '{label.en}', declared '{shown[1]}': the clause is not met",
            )
            found.append(UnmetDemand(name, demand.clause, demand.item, declared, text))
    return tuple(found)

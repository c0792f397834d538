"""The PICS template of a bench or plan: every item, what it means, and what is declared so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.language import Language

__all__ = ["pics_template", "slots_of"]

Declared = Mapping[str, Mapping[str, Any]]


def slots_of(path: Path) -> tuple[dict[str, str], Declared]:
    """Slots under test with their device class, and what the plan declares. Raises FileError."""
    from scenarios.service import Bench, FileError, load_bench, load_plan

    try:
        plan = load_plan(path)
        bench, declared = plan.bench, plan.pics
    except FileError as of_plan:
        try:
            bench, declared = load_bench(path), {}
        except FileError as of_bench:
            # Complain about the kind of file that it is nearer to: the one with fewer problems.
            raise min((of_plan, of_bench), key=lambda each: len(each.problems)) from None
    assert isinstance(bench, Bench), "load_plan resolves the bench"
    return {name: bench.slots[name].device_class for name in bench.targets()}, declared


def pics_template(slots: Mapping[str, str], declared: Declared, language: Language) -> str:
    """YAML to paste into a plan. An item that is not declared stays empty: review refuses it until someone decides."""
    from scenarios.service import device_class_profile

    rows = ["pics:"]
    for slot, device_class in slots.items():
        rows.append(f"  {slot}:")
        for item in device_class_profile(device_class).pics_items:
            value = declared.get(slot, {}).get(item.id)
            allowed = " | ".join(map(str, item.choices)) if item.choices else item.type
            if item.type == "bool":
                allowed = "true | false"
            rows.append(f"    # {item.label[language]} ({allowed})")
            rows.append(f"    {item.id}: {_yaml(value)}".rstrip())
    return "\n".join(rows)


def _yaml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)

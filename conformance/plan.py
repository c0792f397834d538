"""From a plan to its lock: which checks on which targets, under which declarations, resolved and hashed.

``review`` finds what must be mended before a run means anything: an unset PICS item is an error, never a guess.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.model import Check, Verdict, discover_checks
from conformance.pixit_secrets import shown_pixit
from conformance.result import NotRun
from protocols.record import canonical
from protocols.wire.base import Label
from scenarios.models import CARD, Bench, Plan, Slot
from scenarios.profiles import DeviceClassProfile, device_class_profile, load_profile
from scenarios.simulated import SAM_SOCKETS
from scenarios.vouched import expected_cards, expected_sams
from simulators.card.people import DEFAULT_PERSON

__all__ = [
    "WITHHELD",
    "PlanError",
    "Resolved",
    "Selected",
    "lock_of",
    "resolve",
    "suite_hash",
    "tool_version",
    "vouched",
]

_HASHED_SUFFIXES = (".py", ".yaml", ".j2", ".css")
_HASHED = ("conformance", "protocols/wire", "scenarios/profiles")


WITHHELD = "withheld"
"""Stands in a lock for a person that the bench file spells out."""


class PlanError(Exception):
    """The plan cannot be run as it stands; ``problems`` say what to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Selected:
    """One check on one target."""

    check: Check
    target: str

    @property
    def key(self) -> str:
        return f"{self.check.id}[{self.target}]"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A plan with everything filled in: what will run, what will not and why."""

    plan: Plan
    bench: Bench
    selected: tuple[Selected, ...]
    not_run: tuple[NotRun, ...]
    pics: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Mapping[str, Any]]
    pixit: Mapping[str, Mapping[str, Any]]

    def facts(self, target: str) -> dict[str, Any]:
        """What checks of *target* may depend on; goes into the history with each check."""
        slot = self.bench.slots[target]
        pixit = dict(self.pixit.get(target, {}))
        if (person := self.bench.person_of(target)) is not None:
            pixit.setdefault("card.pin", person.pin)  # never shown: the history and the lock leave PINs out
        elif slot.device_class == CARD and slot.simulated:
            pixit.setdefault("card.pin", DEFAULT_PERSON.pin)
        return {
            "dialect": slot.dialect,
            "generation": self.pics[target].get("card.generation"),
            "pics": dict(self.pics[target]),
            "parameters": dict(self.parameters[target]),
            "pixit": pixit,
            **({"story": list(self.plan.story)} if self.plan.story else {}),
            **vouched(slot),
            "bench_class": self.bench.bench_class,
            "clock": self.bench.clock,
        }


def vouched(slot: Slot) -> dict[str, Any]:
    """Cards and PSAMs that are known byte for byte: those of a simulated reader with a simulated hand."""
    if slot.device_class != "card_reader" or not slot.simulated:
        return {}
    sockets = slot.options.get("sam_sockets", SAM_SOCKETS)
    known: dict[str, Any] = {"sams": expected_sams(sockets)} if isinstance(sockets, int) else {}
    return {**known, "cards": expected_cards()} if slot.hand.by == "simulator" else known


def tool_version() -> str:
    """Version of this distribution; ``0+source`` from a tree that was never installed."""
    try:
        return importlib.metadata.version("onecard-hil")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"


def suite_hash() -> str:
    """SHA-256 over everything that decides a verdict: suites, judge, wire formats, profiles, clause texts."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for folder in _HASHED:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in _HASHED_SUFFIXES and path.is_file():
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def resolve(plan: Plan, checks: Sequence[Check] | None = None) -> Resolved:
    """Fill in the plan. Raises :class:`PlanError` with everything that is wrong with it."""
    assert isinstance(plan.bench, Bench), "load_plan resolves the bench file"
    bench, problems = plan.bench, list[str]()
    load_profile(plan.profile)
    pics: dict[str, Mapping[str, Any]] = {}
    parameters: dict[str, Mapping[str, Any]] = {}
    for target in bench.targets():
        profile = device_class_profile(bench.slots[target].device_class)
        pics[target] = _declared(plan, target, profile, problems)
        parameters[target] = _parameters(plan, target, profile, problems)
    for name in (*plan.pics, *plan.pixit):
        if name not in bench.slots:
            problems.append(f"plan {plan.plan}: {name!r} is not a slot of the bench: {', '.join(bench.slots)}")
    everything = tuple(checks if checks is not None else discover_checks())
    selected, not_run = _choose(plan, bench, pics, everything)
    if not selected:
        problems.append(f"plan {plan.plan}: nothing is selected by {', '.join(plan.select)}")
    problems += [f"plan {plan.plan}: {each}" for each in _unset_pins(plan, bench, selected)]
    known = {each.id for each in everything}
    problems += [
        f"plan {plan.plan}: waiver for unknown check {w.check!r}" for w in plan.waivers if w.check not in known
    ]
    problems += [f"plan {plan.plan}: {each}" for each in (*bench.fault_problems(plan.faults), *bench.people_problems())]
    if problems:
        raise PlanError(problems)
    return Resolved(plan, bench, tuple(selected), tuple(not_run), pics, parameters, plan.pixit)


def _unset_pins(plan: Plan, bench: Bench, selected: Sequence[Selected]) -> list[str]:
    """A PIN is never guessed on a real card: each wrong one takes a try."""
    asked = dict.fromkeys(each.target for each in selected if "card.pin" in each.check.needs)
    return [
        f"PIXIT of {name}: unset: card.pin. Set the PIN of this card, or declare PICS card.pin false"
        for name in asked
        if not bench.slots[name].simulated and plan.pixit.get(name, {}).get("card.pin") is None
    ]


def _declared(plan: Plan, target: str, profile: DeviceClassProfile, problems: list[str]) -> Mapping[str, Any]:
    given = plan.pics.get(target, {})
    known = {item.id: item for item in profile.pics_items}
    problems += [
        f"plan {plan.plan}: PICS of {target}: unknown item {name!r}; see `onecard pics`"
        for name in given
        if name not in known
    ]
    for name, value in given.items():
        if value is not None and name in known and (problem := known[name].problem(value)):
            problems.append(f"plan {plan.plan}: PICS of {target}: {problem}")
    unset = [name for name in known if given.get(name) is None]
    if unset:
        problems.append(
            f"plan {plan.plan}: PICS of {target}: unset: {', '.join(unset)}."
            " Declare each true, false or its value: an unset item is never guessed"
        )
    return {name: given[name] for name in known if given.get(name) is not None}


def _parameters(plan: Plan, target: str, profile: DeviceClassProfile, problems: list[str]) -> Mapping[str, Any]:
    """Open readings that this bench settles. Those left out stay open: the suites then accept either."""
    known = {each.id: each for each in profile.parameters}
    values = {each.id: each for each in profile.pixit_items}
    settled: dict[str, Any] = {}
    for name, value in plan.pixit.get(target, {}).items():
        item = known.get(name) or values.get(name)
        if item is None:
            problems.append(f"plan {plan.plan}: PIXIT of {target}: unknown item {name!r}; see `onecard pics {target}`")
        elif problem := item.problem(value):
            problems.append(f"plan {plan.plan}: PIXIT of {target}: {problem}")
        elif name in known:
            settled[name] = value
    return settled


def _choose(
    plan: Plan, bench: Bench, pics: Mapping[str, Mapping[str, Any]], checks: Sequence[Check]
) -> tuple[list[Selected], list[NotRun]]:
    selected: list[Selected] = []
    not_run: list[NotRun] = []
    for target in bench.targets():
        slot = bench.slots[target]
        for check in checks:
            if check.device_class != slot.device_class:
                continue
            if not _matches(check, plan.select) or (plan.exclude and _matches(check, plan.exclude)):
                reason = Label("计划未选中", "not selected by the plan")
                not_run.append(NotRun(check.id, target, Verdict.NOT_TESTED, reason))
                continue
            why = _why_not(check, slot, pics[target])
            if why is None:
                selected.append(Selected(check, target))
            else:
                not_run.append(NotRun(check.id, target, *why))
    return selected, not_run


def _matches(check: Check, patterns: Sequence[str]) -> bool:
    """A pattern is ``all``, a check id, a clause id, or a glob over either."""
    names = (check.id, *check.clauses)
    return any(each == "all" or any(fnmatch.fnmatchcase(name, each) for name in names) for each in patterns)


def _why_not(check: Check, slot: Slot, pics: Mapping[str, Any]) -> tuple[Verdict, Label] | None:
    variant = str(pics.get("card.generation", "")) if slot.device_class == CARD else slot.dialect
    if check.variants and variant not in check.variants:
        listed = "/".join(check.variants)
        return Verdict.NOT_APPLICABLE, Label(f"只适用于 {listed}", f"exists only for {listed}")
    for need in check.needs:
        if not _satisfied(need, pics):
            return Verdict.NOT_APPLICABLE, Label(f"PICS 声明不满足：{need}", f"PICS condition not met: {need}")
    missing = [each for each in check.hand if each not in hand_actions(slot)]
    if missing:
        listed = ", ".join(missing)
        return Verdict.NOT_TESTED, Label(
            f"台架的操作者不能执行：{listed}", f"the hand of this bench cannot do: {listed}"
        )
    return None


def hand_actions(slot: Slot) -> frozenset[str]:
    """First words of what the hand of *slot* can do."""
    from scenarios.simulated import CARD_ACTIONS, device_actions

    everything = CARD_ACTIONS if slot.device_class == CARD else device_actions(slot.device_class)
    if slot.hand.by == "program":
        return frozenset(slot.hand.actions)
    if slot.hand.by == "person":
        return everything - {"tear"}
    if slot.simulated:
        return everything if slot.device_class != CARD or slot.image else frozenset()
    return frozenset()


def _satisfied(need: str, pics: Mapping[str, Any]) -> bool:
    found = re.fullmatch(r"([\w.\-]+)(>=|=)?(.*)", need)
    assert found is not None, f"a check has an unreadable PICS condition: {need!r}"
    name, relation, wanted = found.groups()
    value = pics.get(name)
    if relation == ">=":
        return isinstance(value, int) and value >= int(wanted)
    if relation == "=":
        return str(value) == wanted
    return value is True or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _without_people(bench: dict[str, Any]) -> dict[str, Any]:
    """A lock travels with the dossier: it names the file of a person, and never says who that is."""
    for slot in bench["slots"].values():
        if isinstance(slot.get("person"), dict):
            slot["person"] = WITHHELD
    return bench


def _shown(resolved: Resolved, name: str) -> dict[str, Any]:
    device_class = resolved.bench.slots[name].device_class
    return shown_pixit(device_class, resolved.pixit[name], resolved.pics.get(name, {}))


def lock_of(resolved: Resolved) -> dict[str, Any]:
    """The resolved plan as a JSON value with its own SHA-256: the same plan and suite give the same lock."""
    lock: dict[str, Any] = {
        "plan": resolved.plan.plan,
        "bench": _without_people(resolved.bench.model_dump(mode="json", by_alias=True)),
        "slot_order": list(resolved.bench.slots),  # JSON objects are written sorted; seeds and runs follow this order
        "title": resolved.plan.title.model_dump() if resolved.plan.title else None,
        "missing_pcsc": resolved.plan.missing_pcsc,
        "profile": resolved.plan.profile,
        "select": list(resolved.plan.select),
        "exclude": list(resolved.plan.exclude),
        "checks": [each.key for each in resolved.selected],
        "not_run": [
            {"check": n.key, "verdict": n.verdict, "reason": n.reason.en, "reason_zh": n.reason.zh}
            for n in resolved.not_run
        ],
        "pics": {name: dict(items) for name, items in resolved.pics.items()},
        "parameters": {name: dict(items) for name, items in resolved.parameters.items()},
        "pixit": {name: _shown(resolved, name) for name in resolved.pixit},
        "waivers": [each.model_dump(mode="json") for each in resolved.plan.waivers],
        "faults": [each.model_dump(mode="json") for each in resolved.plan.faults],
        "damage_budget": dict(resolved.plan.damage_budget),
        "story": list(resolved.plan.story),
        "seed": resolved.plan.seed,
        "laboratory": resolved.plan.laboratory.model_dump(mode="json"),
        "suite_hash": suite_hash(),
        "tool_version": tool_version(),
    }
    lock["sha256"] = hashlib.sha256(canonical(lock).encode()).hexdigest()
    return lock

"""A whole city at once: institutions and terminals from one file, enrolment codes into another.

What is there already stays as it is, so the same file can be given again, or a longer one. A terminal that was never enrolled gets a
new code; one that was keeps its key and gets none.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from reference_impl.backend.administration.model import Institution
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.bootstrap import CONSOLE
from reference_impl.backend.services import Services
from reference_impl.backend.settings import Section, SettingsError
from reference_impl.backend.terminals.schemas import Code, Name, TerminalRequest

__all__ = ["Plan", "PlannedInstitution", "provision", "read_plan", "write_codes"]


class PlannedInstitution(Section):
    """``parent`` stands in the file before it, or in the database; only the root has none."""

    code: Code
    parent: Code | None = None
    kind: Literal["city", "town", "clinic"]
    name: Name


class Plan(Section):
    institutions: Annotated[tuple[PlannedInstitution, ...], Field(max_length=100_000)]
    terminals: Annotated[tuple[TerminalRequest, ...], Field(max_length=100_000)]


def read_plan(file: Path) -> Plan:
    """Raises :class:`SettingsError`, naming the line of thought that is wrong: ``terminals.3.merchant``."""
    try:
        return Plan.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}: name a file that can be read") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SettingsError(f"{file}: {where}: {first['msg']}") from None


async def provision(services: Services, plan: Plan) -> dict[str, str]:
    """Makes what is missing. Gives the enrolment codes by terminal. Raises ProblemError, SettingsError."""
    await _institutions(services, plan)
    for each in plan.terminals:
        if each.institution not in services.directory.institutions:
            raise SettingsError(f"terminal {each.terminal_id}: there is no institution {each.institution}")
    fleet = services.fleet
    missing = [each.wish for each in plan.terminals if each.terminal_id not in fleet.terminals]
    codes = await fleet.create_all(CONSOLE, missing)
    waiting = [
        each.terminal_id
        for each in plan.terminals
        if each.terminal_id not in codes and fleet.terminals[each.terminal_id].state == "created"
    ]
    renewed = [await fleet.new_code(CONSOLE, terminal_id) for terminal_id in waiting]
    return codes | {held.terminal_id: code for held, code in renewed}


async def _institutions(services: Services, plan: Plan) -> None:
    directory, now = services.directory, services.clock.now()
    async with directory.changing:
        known = set(directory.institutions)
        made: list[Institution] = []
        for each in plan.institutions:
            if each.code in known:
                continue
            if (each.parent is None) != (not known) or (each.parent is not None and each.parent not in known):
                raise SettingsError(f"institution {each.code}: name as parent one that stands before it")
            made.append(Institution(each.code, each.parent, each.kind, each.name, "open", now))
            known.add(each.code)
        entries = [
            services.trail.record(
                CONSOLE, Act("institution.created", "institution", each.code, each.code), then=directory.writes([each])
            )
            for each in made
        ]
        await asyncio.gather(*entries)
        directory.show(made)


def write_codes(file: Path, codes: Mapping[str, str]) -> None:
    """For the engineers who set the terminals up; nobody else may read it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        json.dump(codes, stream, indent=1)
    draft.replace(file)

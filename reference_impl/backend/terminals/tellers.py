"""The parameter by which a route of a domain knows on whose behalf it acts, and how what it sees is put on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Header, Request

from reference_impl.backend.audit.trail import Act
from reference_impl.backend.business import Business
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.problems import ProblemError, ProblemKind
from reference_impl.backend.services import Services, ServicesOf
from reference_impl.backend.terminals.admission import Admitted
from reference_impl.backend.terminals.callers import TerminalOf
from reference_impl.backend.till import business_of

__all__ = ["SERVICE_OFF", "BusinessOf", "KeyOf", "TellerOf", "for_service"]

SERVICE_OFF = ProblemKind(
    "service-off", 403, "本终端未开通该业务", "The operator has switched this service off for the terminal."
)


async def _teller(services: ServicesOf, terminal: TerminalOf) -> Teller:
    return teller_of(services, terminal)


def teller_of(services: Services, admitted: Admitted) -> Teller:
    """The terminal as a teller. What it is shown of persons is in the audit trail before it is sent."""
    held = admitted.terminal
    place = services.directory.institutions.get(held.institution)

    async def noted(action: str, key: str, details: Mapping[str, str]) -> None:
        act = Act(action, action.partition(".")[0], key, held.institution, dict(details))
        await services.trail.record(held.actor, act)

    return Teller(held.terminal_id, held.institution, place.name if place is not None else held.institution, noted)


async def _business(request: Request) -> Business:
    return business_of(request.app.state.services.till)


def for_service(services: Services, admitted: Admitted, name: str) -> None:
    """Raises :class:`ProblemError` where service *name* is switched off for the terminal (DG-OPS-03)."""
    if name not in admitted.terminal.services.split():
        raise ProblemError(SERVICE_OFF, f"The operator has switched {name} off for this terminal.")


TellerOf = Annotated[Teller, Depends(_teller)]
"""The type of a route's parameter that takes the terminal as a teller."""

BusinessOf = Annotated[Business, Depends(_business)]
"""The type of a route's parameter that takes the money side."""

KeyOf = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[0-9A-Za-z_-]{8,64}$",
        description="Of this wish alone: the same wish sent again carries it again and is done once.",
        examples=["k-20261127-000001"],
    ),
]
"""The type of a route's parameter that takes the idempotency key."""

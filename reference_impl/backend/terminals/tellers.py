"""The parameter by which a route of a domain knows on whose behalf it acts, and how what it sees is put on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from reference_impl.backend.audit.trail import Act
from reference_impl.backend.business import Business
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.problems import ProblemError, ProblemKind
from reference_impl.backend.services import Services
from reference_impl.backend.terminals.admission import Admitted
from reference_impl.backend.terminals.callers import Signed
from reference_impl.backend.till import business_of

__all__ = ["SERVICE_OFF", "Caller", "CallerOf", "KeyOf"]

SERVICE_OFF = ProblemKind(
    "service-off", 403, "本终端未开通该业务", "The operator has switched this service off for the terminal."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A terminal whose request was admitted, and what its routes need."""

    services: Services
    admitted: Admitted
    teller: Teller

    @property
    def business(self) -> Business:
        """The money side. Raises :class:`ProblemError` where there is none."""
        return business_of(self.services.till)

    def must_offer(self, name: str) -> None:
        """Raises :class:`ProblemError` where service *name* is switched off for the terminal (DG-OPS-03)."""
        if name not in self.admitted.terminal.services.split():
            raise ProblemError(SERVICE_OFF, f"The operator has switched {name} off for this terminal.")


def _teller_of(services: Services, admitted: Admitted) -> Teller:
    """The terminal as a teller. What it is shown of persons is in the audit trail before it is sent."""
    held = admitted.terminal
    place = services.directory.institutions.get(held.institution)

    async def noted(action: str, key: str, details: Mapping[str, str]) -> None:
        act = Act(action, action.partition(".")[0], key, held.institution, dict(details))
        await services.trail.record(held.actor, act)

    return Teller(held.terminal_id, held.institution, place.name if place is not None else held.institution, noted)


class _Calling(Signed):
    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        admitted = await self.admitted(request)
        services: Services = request.app.state.services
        return Caller(services, admitted, _teller_of(services, admitted))


CallerOf = Annotated[Caller, Depends(_Calling())]
"""The type of a route's parameter that takes the terminal, as a teller, with all that its routes need."""

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

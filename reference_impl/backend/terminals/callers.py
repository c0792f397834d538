"""The parameter by which a route knows the terminal that calls."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from pydantic import ValidationError

from protocols.wire.base import WireError
from protocols.wire.platform import authentication as wire
from protocols.wire.platform.message import Message
from reference_impl.backend.problems import INVALID_REQUEST, TOO_MANY_REQUESTS, ProblemError
from reference_impl.backend.services import Services
from reference_impl.backend.terminals.admission import REFUSALS, Admitted, SignedRequest

__all__ = ["HEADERS", "TERMINAL_DENIED", "Signed", "TerminalOf", "opened"]

M = TypeVar("M", bound=Message)

TERMINAL_DENIED = (*REFUSALS.values(), TOO_MANY_REQUESTS)
"""What every route of terminals can answer."""

HEADERS = {
    wire.TIMESTAMP_HEADER: "Unix time in seconds, when this request is made",
    wire.NONCE_HEADER: "16 to 64 letters, digits, - and _; never used before",
    wire.SIGNATURE_HEADER: "HMAC-SHA256 (hex) under the session key of method, target, timestamp, nonce and SHA-256 (hex) of "
    "the body, with line feeds between",
}
"""What comes with the token, for the document: :mod:`reference_impl.backend.app` puts it there."""


class Signed(HTTPBearer):
    """One dependency that does it all: each more of them costs a terminal's request as much as checking its signature."""

    def __init__(self) -> None:
        super().__init__(
            scheme_name="terminal", description="The token of POST /v1/terminal/sessions, with three headers."
        )

    async def __call__(self, request: Request) -> Admitted:  # type: ignore[override]
        return await self.admitted(request)

    async def admitted(self, request: Request) -> Admitted:
        """Raises :class:`ProblemError`."""
        headers, scope = request.headers, request.scope
        scheme, _, token = headers.get("authorization", "").partition(" ")
        query = scope["query_string"].decode("latin-1")
        services: Services = request.app.state.services
        return await services.admission.admit(
            SignedRequest(
                method=request.method,
                target=scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
                body=await request.body(),
                token=token if scheme.lower() == "bearer" else "",
                timestamp=headers.get(wire.TIMESTAMP_HEADER, ""),
                nonce=headers.get(wire.NONCE_HEADER, ""),
                signature=headers.get(wire.SIGNATURE_HEADER, ""),
            )
        )


TerminalOf = Annotated[Admitted, Depends(Signed())]
"""The type of a route's parameter that takes the terminal whose request was admitted."""


def opened(admitted: Admitted, sealed: str, kind: type[M]) -> M:
    """What the terminal sealed under its session key. Raises :class:`ProblemError`; shows nothing of what was in it."""
    try:
        return kind.model_validate(wire.open_sealed(admitted.key, sealed))
    except WireError:
        raise ProblemError(
            INVALID_REQUEST, "Seal this part with the key of the session that sends it.", where="body.sealed"
        ) from None
    except ValidationError as error:
        where = ".".join(["body", "sealed", *(str(part) for part in error.errors()[0]["loc"])])
        raise ProblemError(INVALID_REQUEST, f"{where}: {error.errors()[0]['type']}", where=where) from None

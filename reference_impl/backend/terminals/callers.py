"""The parameter by which a route knows the terminal that calls."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ValidationError

from protocols.wire.base import WireError
from protocols.wire.platform import authentication as wire
from protocols.wire.platform.message import Message
from reference_impl.backend.problems import INVALID_REQUEST, TOO_MANY_REQUESTS, ProblemError
from reference_impl.backend.services import ServicesOf
from reference_impl.backend.terminals.admission import REFUSALS, Admitted, SignedRequest

__all__ = ["TERMINAL_DENIED", "TerminalOf", "opened"]

M = TypeVar("M", bound=Message)

TERMINAL_DENIED = (*REFUSALS.values(), TOO_MANY_REQUESTS)
"""What every route of terminals can answer."""

_BEARER = HTTPBearer(
    scheme_name="terminal", auto_error=False, description="The token of POST /v1/terminal/sessions, with three headers."
)
_TIMESTAMP = Header(alias=wire.TIMESTAMP_HEADER, description="Unix time in seconds, when this request is made")
_NONCE = Header(alias=wire.NONCE_HEADER, description="16 to 64 letters, digits, - and _; never used before")
_SIGNATURE = Header(
    alias=wire.SIGNATURE_HEADER,
    description="HMAC-SHA256 (hex) under the session key of method, target, timestamp, nonce, SHA-256 (hex) of the body, "
    "with line feeds between",
)


async def _terminal(
    request: Request,
    services: ServicesOf,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    timestamp: Annotated[str, _TIMESTAMP] = "",
    nonce: Annotated[str, _NONCE] = "",
    signature: Annotated[str, _SIGNATURE] = "",
) -> Admitted:
    query = request.scope["query_string"].decode("latin-1")
    target = request.scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    return await services.admission.admit(
        SignedRequest(
            method=request.method,
            target=target,
            body=await request.body(),
            token=credentials.credentials if credentials is not None else "",
            timestamp=timestamp,
            nonce=nonce,
            signature=signature,
        )
    )


TerminalOf = Annotated[Admitted, Depends(_terminal)]
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

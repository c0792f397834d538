"""Who stands at the terminal: a credential comes in sealed, a masked visitor goes out."""

from __future__ import annotations

from fastapi import APIRouter

from protocols.wire.platform.models import Credential, IdentityRequest, NewRecord, Visitor
from reference_impl.backend.channels.notify_client import Recipient
from reference_impl.backend.identity.service import IDENTITY_PROBLEMS
from reference_impl.backend.identity.visitors import VISITOR_UNKNOWN
from reference_impl.backend.peers import NOT_CONNECTED, PEER_PROBLEMS
from reference_impl.backend.problems import responses
from reference_impl.backend.terminals.callers import TERMINAL_DENIED, opened
from reference_impl.backend.terminals.tellers import CallerOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1", tags=["identity 身份"])

_ENDS = responses(*TERMINAL_DENIED, *PEER_PROBLEMS, NOT_CONNECTED, *IDENTITY_PROBLEMS)


@ROUTER.post("/identity", summary="识别就诊人 / Identify a citizen", responses=_ENDS)
async def identify(caller: CallerOf, body: IdentityRequest) -> Visitor:
    """By social security card, resident ID, e-credential or code (DG-SVC-ID-01..06). ``sealed`` is a Credential."""
    return await caller.business.identity.identify(caller.teller, opened(caller.admitted, body.sealed, Credential))


@ROUTER.post("/patients", summary="实名建档 / Create a record", responses={**_ENDS, **responses(VISITOR_UNKNOWN)})
async def create_record(caller: CallerOf, body: NewRecord) -> Visitor:
    """At the first visit (DG-SVC-ID-07): number and name are those of the credential that was shown. With a phone the citizen is
    told by message what becomes of their payments."""
    visitor = await caller.business.identity.create_record(caller.teller, body.visitor_id, body.phone)
    if body.phone and caller.services.till is not None:
        await caller.services.till.contacts.remember(visitor.patient_id, Recipient(phone=body.phone))
    return visitor

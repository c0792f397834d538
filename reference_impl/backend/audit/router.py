"""The audit trail over HTTP. Asking it is audited too."""

from __future__ import annotations

from fastapi import APIRouter

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.audit.questions import entries_for, verified
from reference_impl.backend.audit.schemas import AuditPage, AuditQuestion, AuditView, Verification
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.problems import responses
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin/audit", tags=["audit 审计"])


@ROUTER.post("/search", summary="查询审计记录 / Search the trail", responses=responses(*DENIED))
async def search(services: ServicesOf, caller: CallerOf, body: AuditQuestion) -> AuditPage:
    """Entries of the caller's institutions. Those of the platform itself belong to the root."""
    token = services.trail.token(body.object_kind, body.object_key)
    act = Act("audit.searched", body.object_kind, body.object_key, body.institution)
    scope = await services.access.scope(caller, Permission.AUDIT_READ, act)
    whole = services.directory.root in scope and not body.institution
    await services.access.done(caller, act)
    found = await entries_for(services.store.engine, body, token, None if whole else scope)
    shown = found[: body.limit]
    return AuditPage(
        items=[AuditView.of(each) for each in shown], before=shown[-1].seq if len(found) > body.limit else 0
    )


@ROUTER.post("/verifications", summary="校验审计链 / Verify the chain", responses=responses(*DENIED))
async def verify(services: ServicesOf, caller: CallerOf) -> Verification:
    """Reads the whole trail."""
    act = Act("audit.verified", "", "", services.directory.root)
    await services.access.require(caller, Permission.AUDIT_READ, act)
    await services.access.done(caller, act)
    entries, head, broken = await verified(services.store.engine, services.keys)
    return Verification(entries=entries, head=head, broken_at=broken or 0)

"""Institutions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from reference_impl.backend.administration.callers import DENIED, CallerOf
from reference_impl.backend.administration.permissions import Permission
from reference_impl.backend.administration.schemas import (
    InstitutionChange,
    InstitutionRequest,
    InstitutionView,
)
from reference_impl.backend.audit.trail import Act
from reference_impl.backend.paging import Page, ScopeQuery, page_of
from reference_impl.backend.problems import (
    CONFLICT,
    NOT_FOUND,
    responses,
)
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(prefix="/v1/admin", tags=["institutions 机构"])

CodePath = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,32}$", examples=["H44190000001"])]


@ROUTER.get("/institutions", summary="机构列表 / List institutions", responses=responses(*DENIED))
async def list_institutions(
    services: ServicesOf, caller: CallerOf, query: Annotated[ScopeQuery, Query()]
) -> Page[InstitutionView]:
    act = Act("institutions.listed", "institution", query.institution, query.institution)
    scope = await services.access.scope(caller, Permission.INSTITUTIONS_READ, act)
    shown, following = page_of((services.directory.institutions[code] for code in scope), lambda each: each.code, query)
    return Page(items=[InstitutionView.of(each) for each in shown], next=following)


@ROUTER.post(
    "/institutions", status_code=201, summary="新增机构 / Create an institution", responses=responses(*DENIED, CONFLICT)
)
async def add_institution(services: ServicesOf, caller: CallerOf, body: InstitutionRequest) -> InstitutionView:
    made = await services.changes.add_institution(caller, body.code, body.parent, body.name)
    return InstitutionView.of(made)


@ROUTER.get("/institutions/{code}", summary="查看机构 / One institution", responses=responses(*DENIED, NOT_FOUND))
async def one_institution(services: ServicesOf, caller: CallerOf, code: CodePath) -> InstitutionView:
    known = code if code in services.directory.institutions else ""
    act = Act("institution.read", "institution", code, known)
    await services.access.require_known(caller, Permission.INSTITUTIONS_READ, act)
    return InstitutionView.of(services.directory.institutions[code])


@ROUTER.patch(
    "/institutions/{code}",
    summary="修改机构 / Change an institution",
    responses=responses(*DENIED, NOT_FOUND, CONFLICT),
)
async def change_institution(
    services: ServicesOf, caller: CallerOf, code: CodePath, body: InstitutionChange
) -> InstitutionView:
    return InstitutionView.of(await services.changes.change_institution(caller, code, body.name, body.state))

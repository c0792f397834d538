"""For the machines around the backend: is it alive, and what does it count."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from protocols.wire.platform.message import Message
from reference_impl.backend.metrics import METRICS_TYPE
from reference_impl.backend.services import ServicesOf

__all__ = ["ROUTER"]

ROUTER = APIRouter(tags=["operation 运行"])


class Health(Message):
    """``database``: ok, or away while commits wait for it, or failed when this process must end."""

    status: Literal["ok", "degraded", "failed"]
    database: Literal["ok", "away", "failed"]
    epoch: int
    started_at: float
    waiting: int


@ROUTER.get(
    "/healthz", summary="健康检查 / Health", responses={503: {"model": Health, "description": "degraded or failed"}}
)
async def healthz(services: ServicesOf, response: Response) -> Health:
    store = services.store
    failed = store.failed.done()
    if failed or store.away:
        response.status_code = 503
    return Health(
        status="failed" if failed else "degraded" if store.away else "ok",
        database="failed" if failed else "away" if store.away else "ok",
        epoch=store.epoch,
        started_at=services.started_at,
        waiting=store.waiting,
    )


@ROUTER.get(
    "/metrics",
    summary="指标 / Metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text format", "content": {"text/plain": {}}}},
)
async def metrics(services: ServicesOf) -> Response:
    return Response(services.metrics.text(), media_type=METRICS_TYPE)

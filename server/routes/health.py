"""State of the server: liveness, readiness, API description and metrics."""

from __future__ import annotations

import asyncio
import json
from hmac import compare_digest
from typing import Literal

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from pydantic import BaseModel

from ..dependencies import ServicesDep, bearer
from ..errors import ApiError, unavailable
from ..identity import Caller
from ..settings import is_loopback

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """State of the server."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Answer, to show that the process is alive."""
    return Health()


@router.get("/readyz")
async def readyz(services: ServicesDep) -> Health:
    """Answer if the database answers too; otherwise 503."""
    if not await services.database.is_ready():
        raise unavailable()
    return Health()


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, services: ServicesDep) -> Response:
    """Return the description of this API."""
    await services.limits.count(request, Caller(), "auth")
    state = request.app.state
    async with services.describing:
        if not hasattr(state, "description"):
            state.description = await asyncio.to_thread(_description, request.app)
        await asyncio.sleep(0)
        return Response(state.description, media_type="application/json")


def _description(app: FastAPI) -> bytes:
    return json.dumps(app.openapi(), ensure_ascii=False).encode()


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, services: ServicesDep) -> Response:
    """Return metrics for Prometheus, to this computer without a proxy or with the metrics token."""
    if not _may_see(request, services.settings.metrics_token):
        raise ApiError("not_found", "Not Found")
    pool = GaugeMetricFamily("sterna_pool", "Connections to PostgreSQL.", labels=["figure"])
    for name, value in sorted(services.database.pool_stats().items()):
        pool.add_metric([name], value)
    text = generate_latest(services.metrics.registry) + generate_latest(SingleFamily(pool))
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class SingleFamily:
    """Registry of one family of metrics."""

    def __init__(self, family: GaugeMetricFamily) -> None:
        self._family = family

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the family."""
        return [self._family]


def _may_see(request: Request, token: str) -> bool:
    if token and compare_digest(bearer(request).encode(), token.encode()):
        return True
    is_direct = not {"x-forwarded-for", "forwarded", "x-real-ip"} & set(request.headers)
    return is_direct and request.client is not None and is_loopback(request.client.host)

"""For whoever runs the service: does it live, is it ready, what does it do."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.exc import SQLAlchemyError

from api.context import TheService
from api.problems import Problem
from api.schemas import Health
from worker import queries

router = APIRouter(tags=["operations"])


@router.get("/livez", response_model=Health)
async def livez() -> Health:
    """Whether the process answers at all, even with every thread waiting for the store."""
    return Health(status="alive")


@router.get("/readyz", response_model=Health)
def readyz(here: TheService) -> Health:
    """Whether the store answers; without a broker jobs still run, so it is not asked."""
    try:
        with here.database.read() as session:
            queries.ping(session)
    except SQLAlchemyError:
        raise Problem(503, "store-away", "The store does not answer.") from None
    if here.hub.is_closing:
        raise Problem(503, "closing", "The process is about to end.")
    return Health(status="ready")


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(here: TheService) -> Response:
    """Figures for Prometheus."""
    return Response(here.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

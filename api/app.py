"""The application: routes, middleware and handlers put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api import handlers, openapi
from api.context import Service, bad_cursor
from api.hub import Hub
from api.metrics import Metrics
from api.middleware import Around
from api.problems import Problem
from api.ratelimit import RateLimiter
from api.routes import admin, bulk, directory, events, networks, operations, results, solves
from api.routes.docs import add_docs
from matcher.errors import MatcherError
from worker.queries import BadCursor
from worker.settings import Settings
from worker.store.database import UNREACHABLE, Database

_DESCRIPTION = "Assigns component demands to suppliers, and explains every yes and no."


def create_app(
    settings: Settings,
    database: Database,
    enqueue: Callable[[str], None] | None = None,
) -> FastAPI:
    """The API on a migrated store.

    Parameters
    ----------
    enqueue
        Wakes a worker for the solve of that id, after it has been committed. It may fail: the
        row in the store is what counts, and a sweep finds it.
    """
    app = FastAPI(
        title="Supplier matcher",
        version=version("supplier-matcher"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            Problem: handlers.of_problem,
            MatcherError: handlers.of_core,
            BadCursor: bad_cursor,
            HTTPException: handlers.of_http,
            RequestValidationError: handlers.of_validation,
            **dict.fromkeys(UNREACHABLE, handlers.of_store),
        },
    )
    metrics = Metrics(database)
    limiter = RateLimiter(settings.requests_per_minute, settings.redis_url)
    app.state.service = Service(settings, database, enqueue, Hub(database), limiter, metrics)
    app.add_middleware(Around, metrics=metrics, max_bytes=settings.max_upload_bytes)
    for part in (networks, directory, bulk, solves, events, results, admin, operations):
        app.include_router(part.router)
    add_docs(app)
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]
    return app

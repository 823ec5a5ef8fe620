"""The factory: wires the parts and gives the ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine

from claimbench.impl.registry import pipeline_names
from claimbench.impl.service import admin_routes, page_routes, tenant_routes, watch_routes
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.control import Control
from claimbench.impl.service.door import Door
from claimbench.impl.service.gauges import Gauges
from claimbench.impl.service.guard import Guard
from claimbench.impl.service.intake import Intake
from claimbench.impl.service.limits import DEFAULT_LIMITS, ServiceLimits
from claimbench.impl.service.outcomes import Outcomes
from claimbench.impl.service.overview import Lookout
from claimbench.impl.service.parts import Parts
from claimbench.impl.service.problems import ProblemBody, install_problem_handlers
from claimbench.impl.service.query_times import time_queries
from claimbench.impl.service.tenants import Tenants
from claimbench.impl.service.worker import Worker

DESCRIPTION = """
Companies submit sessions with messages and questions about them; the pipeline answers through the OpenAI
Batch API. Authorize as a company with its API key, as an administrator with the admin token. Every error is a
problem document (RFC 9457) with a `code` for programs.
"""


@dataclass(frozen=True, slots=True)
class ServiceSetup:
    """What the service is built with. `worker` None: the stages run in other processes."""

    engine: Engine
    admin_token: str
    observer: Observer
    limits: ServiceLimits = DEFAULT_LIMITS
    worker: Worker | None = None
    pipeline: str = "optimized"


def create_app(setup: ServiceSetup) -> Door:
    """The application, behind its door. The worker inside starts and stops with it."""
    time_queries(setup.engine, setup.observer.service_query)
    app = FastAPI(
        title="Claimbench",
        version=version("claimbench"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
    )
    app.state.parts = _parts(setup)
    install_problem_handlers(app)
    for module in (watch_routes, tenant_routes, page_routes, admin_routes):
        app.include_router(module.router)
    app.mount("/admin/assets", StaticFiles(directory=_assets()), name="assets")
    _document_problems(app)
    return Door(app, setup.limits, setup.observer.telemetry)


def _parts(setup: ServiceSetup) -> Parts:
    lookout = Lookout(setup.engine)
    telemetry = setup.observer.telemetry
    return Parts(
        engine=setup.engine,
        limits=setup.limits,
        telemetry=telemetry,
        journal=setup.observer.journal,
        tenants=Tenants(setup.engine),
        intake=Intake(setup.engine),
        outcomes=Outcomes(setup.engine),
        lookout=lookout,
        gauges=Gauges(setup.engine, lookout, telemetry),
        control=Control(setup.engine),
        guard=Guard(setup.admin_token),
        pipelines=tuple(sorted({*pipeline_names(), setup.pipeline})),
        worker=setup.worker,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    current_default_thread_limiter().total_tokens = parts.limits.threads
    if parts.worker is not None:
        parts.worker.start()
    try:
        yield
    finally:
        if parts.worker is not None:
            parts.worker.stop()


def _assets() -> Path:
    return Path(str(files("claimbench.impl.service") / "static"))


def _document_problems(app: FastAPI) -> None:
    """Put the one shape of errors into the OpenAPI document, where FastAPI would put its own."""

    def openapi() -> dict[str, object]:
        if not app.openapi_schema:
            schema = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            schemas = schema["components"]["schemas"]
            schemas["ProblemBody"] = ProblemBody.model_json_schema(
                ref_template="#/components/schemas/{model}", mode="serialization"
            )
            schemas.update(schemas["ProblemBody"].pop("$defs", {}))
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way of changing its schema

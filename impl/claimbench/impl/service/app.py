"""The factory: wires the state and gives the ASGI application."""

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
from claimbench.impl.service.app_state import AppState
from claimbench.impl.service.authentication import AdminAuthentication, CompanyKeys
from claimbench.impl.service.control import Control
from claimbench.impl.service.limits import DEFAULT_LIMITS, RequestLimits, ServiceLimits
from claimbench.impl.service.overview import Overviews
from claimbench.impl.service.problems import ProblemBody, install_problem_handlers
from claimbench.impl.service.query_times import time_queries
from claimbench.impl.service.sessions import SessionReader, SessionWriter
from claimbench.impl.service.telemetry import Gauges
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


def create_app(setup: ServiceSetup) -> RequestLimits:
    """The application, behind its limits. The worker inside starts and stops with it."""
    time_queries(setup.engine, setup.observer.service_query)
    app = FastAPI(
        title="Claimbench",
        version=version("claimbench"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
    )
    app.state.parts = _state_of(setup)
    install_problem_handlers(app)
    for module in (watch_routes, tenant_routes, page_routes, admin_routes):
        app.include_router(module.router)
    app.mount("/admin/assets", StaticFiles(directory=_assets()), name="assets")
    _document_problems(app)
    return RequestLimits(app, setup.limits, setup.observer.telemetry)


def _state_of(setup: ServiceSetup) -> AppState:
    overviews = Overviews(setup.engine)
    telemetry = setup.observer.telemetry
    return AppState(
        engine=setup.engine,
        limits=setup.limits,
        telemetry=telemetry,
        operations_log=setup.observer.operations_log,
        company_keys=CompanyKeys(setup.engine),
        session_writer=SessionWriter(setup.engine),
        session_reader=SessionReader(setup.engine),
        overviews=overviews,
        gauges=Gauges(setup.engine, overviews, telemetry),
        control=Control(setup.engine),
        admin=AdminAuthentication(setup.admin_token),
        pipelines=tuple(sorted({*pipeline_names(), setup.pipeline})),
        worker=setup.worker,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.parts
    current_default_thread_limiter().total_tokens = state.limits.threads
    if state.worker is not None:
        state.worker.start()
    try:
        yield
    finally:
        if state.worker is not None:
            state.worker.stop()


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

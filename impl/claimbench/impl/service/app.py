"""The factory: wires the state and gives the ASGI application."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter, run_sync
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from claimbench.impl.registry import pipeline_names
from claimbench.impl.service import (
    admin_routes,
    docs_routes,
    manage_routes,
    page_routes,
    tenant_routes,
    watch_routes,
)
from claimbench.impl.service.activity import Observer
from claimbench.impl.service.admin_access import AdminAuthentication, EndedSessions
from claimbench.impl.service.app_state import AppState
from claimbench.impl.service.authentication import CompanyKeys, shown_key
from claimbench.impl.service.companies import Companies
from claimbench.impl.service.control import Control
from claimbench.impl.service.limits import DEFAULT_LIMITS, Identity, RequestLimits, ServiceLimits
from claimbench.impl.service.overview import Overviews
from claimbench.impl.service.problems import ProblemBody, database_unavailable, install_problem_handlers
from claimbench.impl.service.query_times import time_queries
from claimbench.impl.service.sampler import Sampler
from claimbench.impl.service.sessions import SessionReader, SessionWriter
from claimbench.impl.service.telemetry import Gauges
from claimbench.impl.service.trend import Trend
from claimbench.impl.service.worker import Worker

LOOKUPS_AT_ONCE = 2
"""Of keys that are not remembered: more would take threads and connections from those that are."""

OPEN_PAGES = frozenset({"/admin", "/admin/sign-in", "/admin/sign-out"})

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
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = _state_of(setup)
    app.state.observer = setup.observer
    install_problem_handlers(app)
    for module in (watch_routes, tenant_routes, page_routes, manage_routes, admin_routes, docs_routes):
        app.include_router(module.router)
    app.mount("/docs/assets", StaticFiles(directory=docs_routes.assets()), name="docs assets")
    app.mount("/admin/assets", StaticFiles(directory=_assets()), name="assets")
    _document_problems(app)
    return RequestLimits(app, setup.limits, setup.observer.telemetry, HeaderAuthentication(app).of)


class HeaderAuthentication:
    """Tells by a request's route and headers whether it may come in, before its body is read.

    The routes ask again for who is calling: by then a key is remembered.
    """

    def __init__(self, app: FastAPI) -> None:
        self._state: AppState = app.state.parts
        self._company = tuple(tenant_routes.router.routes)
        self._admin = tuple(
            route for module in (admin_routes, page_routes, manage_routes) for route in module.router.routes
        )
        self._lookups = CapacityLimiter(LOOKUPS_AT_ONCE)

    async def of(self, scope: Scope) -> Identity:
        """Anonymous where nobody need say who he is; Problem 401, 403 or 429 where he must and does not."""
        if _matches(self._company, scope):
            await self._company_of(Headers(scope=scope))
        elif scope["path"] in OPEN_PAGES or not _matches(self._admin, scope):
            return Identity.ANONYMOUS
        else:
            self._state.admin.check(Request(scope))
        return Identity.KNOWN

    async def _company_of(self, headers: Headers) -> None:
        keys, key = self._state.company_keys, shown_key(headers)
        if keys.remembered(key) is None:
            # Unknown keys wait for each other, not for the threads of those that are known.
            try:
                await run_sync(keys.of_key, key, limiter=self._lookups)
            except (PoolTimeoutError, OperationalError):
                raise database_unavailable() from None


def _matches(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _state_of(setup: ServiceSetup) -> AppState:
    overviews, ended = Overviews(setup.engine), EndedSessions(setup.engine)
    telemetry = setup.observer.telemetry
    return AppState(
        engine=setup.engine,
        limits=setup.limits,
        telemetry=telemetry,
        operations_log=setup.observer.operations_log,
        companies=Companies(setup.engine),
        company_keys=CompanyKeys(setup.engine),
        session_writer=SessionWriter(setup.engine),
        session_reader=SessionReader(setup.engine),
        overviews=overviews,
        trend=Trend(),
        gauges=Gauges(setup.engine, overviews, telemetry),
        control=Control(setup.engine),
        admin=AdminAuthentication(setup.admin_token, ended.__contains__),
        ended_sessions=ended,
        pipelines=tuple(sorted({*pipeline_names(), setup.pipeline})),
        worker=setup.worker,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.parts
    current_default_thread_limiter().total_tokens = state.limits.threads
    sampler = Sampler(state.overviews, state.trend, app.state.observer, state.ended_sessions.look)
    if state.worker is not None:
        state.worker.start()
    sampler.start()
    try:
        yield
    finally:
        sampler.stop()
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

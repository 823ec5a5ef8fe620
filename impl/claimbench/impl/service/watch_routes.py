"""What machines ask: is it alive, is it ready, and what has it counted?"""

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from claimbench.impl.service.app_state import AppState, State
from claimbench.impl.service.forms import View
from claimbench.impl.service.telemetry import MEDIA_TYPE

router = APIRouter(tags=["watching"])


class Alive(View):
    """The process answers."""

    alive: bool = True


class ReadinessCheck(View):
    """One thing that must work."""

    name: str
    ok: bool
    detail: str


class Readiness(View):
    """Whether requests can be served now."""

    ready: bool
    checks: tuple[ReadinessCheck, ...]


@router.get("/health")
async def health() -> Alive:
    """Liveness: answers as long as the process does, whatever else is broken."""
    return Alive()


@router.get("/ready", response_model=Readiness, responses={503: {"model": Readiness}})
def ready(state: State) -> Response:
    """Readiness: the database answers, and the scheduler that runs inside is alive."""
    checks = (_database(state), _scheduler(state))
    readiness = Readiness(ready=all(check.ok for check in checks), checks=checks)
    return JSONResponse(readiness.model_dump(), 200 if readiness.ready else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(state: State) -> Response:
    """All counters, in Prometheus' text format. No label names a tenant."""
    state.gauges.update()
    return Response(state.telemetry.page(), media_type=MEDIA_TYPE)


def _database(state: AppState) -> ReadinessCheck:
    try:
        with state.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return ReadinessCheck(name="database", ok=False, detail=f"does not answer ({type(error).__name__})")
    return ReadinessCheck(name="database", ok=True, detail="answers")


def _scheduler(state: AppState) -> ReadinessCheck:
    if state.worker is None:
        return ReadinessCheck(name="scheduler", ok=True, detail="runs in other processes")
    alive = state.worker.is_alive()
    return ReadinessCheck(name="scheduler", ok=alive, detail="runs inside" if alive else "has ended")

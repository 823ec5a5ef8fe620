"""What administrators may do from programs: watch, export, steer, and let companies in."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.responses import Response

from claimbench.impl.ports import Stage
from claimbench.impl.service.app_state import CallingAdmin, Orders, State
from claimbench.impl.service.control import DesiredState
from claimbench.impl.service.exports import log_csv, operations_csv, queue_csv
from claimbench.impl.service.forms import (
    CompanyForm,
    CompanyPage,
    CompanyView,
    KeyPage,
    KeyView,
    Moment,
    RequestBody,
    StorableText,
    View,
)
from claimbench.impl.service.limits import EXPORT_ROWS_MAX, ID_MAX
from claimbench.impl.service.operations_log import Level, LogFilter, LogLine, read_log
from claimbench.impl.service.overview import Overview
from claimbench.impl.service.problems import documented

router = APIRouter(
    prefix="/admin",
    tags=["administration"],
    dependencies=[CallingAdmin],
    responses=documented(401, 403, 422, 429, 503),
)
CSV = "text/csv; charset=utf-8"

Id = Annotated[int, Path(ge=1, le=ID_MAX)]
WorkerName = Annotated[StorableText, Path(min_length=1, max_length=200)]
Search = Annotated[StorableText, Query(max_length=200, description="Words of the name, or an id.")]
PageSize = Annotated[int, Query(ge=1, le=1_000)]
After = Annotated[int, Query(ge=0, le=ID_MAX, description="`next_after` of the page before.")]
CompanyFilter = Annotated[int | None, Query(ge=1, le=ID_MAX, description="Only this company.")]
OperationFilter = Annotated[Stage | None, Query(description="Only this operation.")]


class Format(StrEnum):
    """What an export comes as."""

    JSON = "json"
    CSV = "csv"


class ExportTable(StrEnum):
    """Which table a CSV export holds."""

    QUEUE = "queue"
    OPERATIONS = "operations"


class LogView(View):
    """Log lines, newest first."""

    lines: tuple[LogLine, ...]


class LogQuery(RequestBody):
    """Which log lines, and how."""

    since: Moment | None = Field(None, description="From this time on, with its time zone.")
    until: Moment | None = Field(None, description="Before this time, with its time zone.")
    operation: StorableText | None = Field(
        None, max_length=100, description="A stage, a kind of event, `worker`, `switch` or `admin`."
    )
    company: int | None = Field(None, ge=1, le=ID_MAX)
    level: Level | None = None
    limit: int = Field(1_000, ge=1, le=EXPORT_ROWS_MAX)
    format: Format = Format.JSON


class PipelineForm(RequestBody):
    """What to switch to."""

    pipeline: Annotated[StorableText, Field(min_length=1, max_length=200)]


class DesiredStateView(View):
    """What all workers are told to do; `pipeline` null: each runs the one that it was started with."""

    paused: bool
    pipeline: str | None
    cache_epoch: int


_CSV_TOO: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("/batch-monitoring", response_model=Overview, responses=_CSV_TOO)
def batch_monitoring(
    state: State,
    company: CompanyFilter = None,
    operation: OperationFilter = None,
    format: Format = Format.JSON,  # noqa: A002 (the word that users write)
    table: ExportTable = ExportTable.QUEUE,
) -> Overview | Response:
    """Metrics per company and operation, cache, workers, scheduler, breakers, query times and health."""
    overview = state.overviews.look().filtered(company, operation)
    if format is Format.JSON:
        return overview
    lines = queue_csv(overview) if table is ExportTable.QUEUE else operations_csv(overview)
    return Response("".join(lines), media_type=CSV, headers=_attached(f"claimbench-{table}.csv"))


@router.get("/batch-monitoring/log", response_model=LogView, responses=_CSV_TOO)
def operations_log(state: State, query: Annotated[LogQuery, Query()]) -> LogView | Response:
    """The operations log, newest first, by date range."""
    state.operations_log.flush()
    levels = (query.level,) if query.level else ()
    wanted = LogFilter(query.since, query.until, query.operation, query.company, levels)
    lines = read_log(state.engine, wanted, query.limit)
    if query.format is Format.JSON:
        return LogView(lines=tuple(lines))
    return StreamingResponse(log_csv(lines), media_type=CSV, headers=_attached("claimbench-log.csv"))


@router.post("/scheduler/pause")
def pause(orders: Orders) -> DesiredStateView:
    """Let every worker finish its stage and start no other."""
    return _view(orders.pause())


@router.post("/scheduler/resume")
def resume(orders: Orders) -> DesiredStateView:
    """Let every worker go on."""
    return _view(orders.resume())


@router.post("/pipeline", responses=documented(400, 408, 413))
def switch_pipeline(form: PipelineForm, orders: Orders) -> DesiredStateView:
    """Let every worker run another pipeline from its next stage on."""
    return _view(orders.switch(form.pipeline))


@router.post("/cache/invalidate")
def invalidate_cache(orders: Orders) -> DesiredStateView:
    """Let every worker forget its company cache."""
    return _view(orders.invalidate_cache())


@router.delete("/workers/{name}", status_code=204, responses=documented(404, 409))
def dismiss_worker(name: WorkerName, orders: Orders) -> None:
    """Show a worker no longer that has stopped or is lost."""
    orders.dismiss_worker(name)


@router.get("/companies")
def list_companies(state: State, search: Search = "", limit: PageSize = 100, after: After = 0) -> CompanyPage:
    """Companies by id, with the number of keys that open them."""
    return state.companies.page(search, limit, after)


@router.post("/companies", status_code=201, responses=documented(400, 408, 409, 413))
def create_company(form: CompanyForm, orders: Orders) -> CompanyView:
    """Let a new company in; it needs a key to do anything."""
    return orders.create_company(form.name)


@router.delete("/companies/{company_id}", status_code=204, responses=documented(404, 409))
def delete_company(company_id: Id, orders: Orders) -> None:
    """Delete a company with its keys, sessions, requests and batches; none of them may be under way."""
    orders.delete_company(company_id)


@router.get("/companies/{company_id}/keys", responses=documented(404))
def list_keys(company_id: Id, state: State) -> KeyPage:
    """The keys of a company, newest first, without the keys themselves."""
    return state.companies.keys(company_id)


@router.post("/companies/{company_id}/keys", status_code=201, responses=documented(404))
def create_key(company_id: Id, orders: Orders) -> KeyView:
    """A new key for a company. It is shown this once."""
    return orders.create_key(company_id)


@router.delete("/keys/{key_id}", status_code=204, responses=documented(404))
def revoke_key(key_id: Id, orders: Orders) -> None:
    """Let a key open nothing any more: here at once, in other processes within five seconds."""
    orders.revoke_key(key_id)


def _view(orders: DesiredState) -> DesiredStateView:
    return DesiredStateView(paused=orders.paused, pipeline=orders.pipeline, cache_epoch=orders.cache_epoch)


def _attached(filename: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename}"'}

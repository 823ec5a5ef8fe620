"""What the admin page shows, made ready for its template: texts and numbers, nothing to compute there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from claimbench.impl.ports import Stage
from claimbench.impl.service.figures import CacheFigures, WorkerReport, WorkerState
from claimbench.impl.service.operations_log import LogLine
from claimbench.impl.service.overview import Health, Overview
from claimbench.impl.service.queue_table import QueueRow
from claimbench.impl.service.trend import Curve

COMPANIES_SHOWN = 50
QUERIES_SHOWN = 8

HEALTH_SIGNS = {Health.WELL: "●", Health.PAUSED: "❚❚", Health.TROUBLED: "▲", Health.STOPPED: "■"}
"""A shape for each, as colour alone tells not everybody."""


@dataclass(frozen=True, slots=True)
class PageFilter:
    """What the page was asked to show; None is everything."""

    company_id: int | None = None
    operation: Stage | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """One large number; `tone` is `plain`, `good` or `bad`."""

    name: str
    value: str
    note: str = ""
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the page."""

    overview: Overview
    sign: str
    tiles: tuple[Tile, ...]
    queue: tuple[QueueRow, ...]
    companies_left_out: int
    workers: tuple[WorkerReport, ...]
    curve: Curve
    log: tuple[LogLine, ...]
    pipelines: tuple[str, ...]
    wanted: PageFilter
    stages: tuple[Stage, ...] = tuple(Stage)


def make_dashboard(
    overview: Overview,
    log: tuple[LogLine, ...],
    curve: Curve,
    pipelines: tuple[str, ...],
    wanted: PageFilter,
) -> Dashboard:
    """Arrange an overview for the page: the companies with most waiting first, at most fifty."""
    shown = overview.filtered(wanted.company_id, wanted.operation)
    ordered = _busiest_first(shown.queue)
    return Dashboard(
        overview=shown,
        sign=HEALTH_SIGNS[overview.health],
        tiles=_tiles(overview),
        queue=tuple(row for rows in ordered[:COMPANIES_SHOWN] for row in rows),
        companies_left_out=max(0, len(ordered) - COMPANIES_SHOWN),
        workers=tuple(_shortened(worker) for worker in shown.workers),
        curve=curve,
        log=log,
        pipelines=pipelines,
        wanted=wanted,
    )


def render(template: str, **values: object) -> str:
    """The template with these values; everything is escaped."""
    return _environment.get_template(template).render(values)


def _source(name: str) -> str:
    return (files("claimbench.impl.service") / "templates" / name).read_text(encoding="utf-8")


def _busiest_first(queue: tuple[QueueRow, ...]) -> list[list[QueueRow]]:
    companies: dict[int, list[QueueRow]] = {}
    for row in queue:
        companies.setdefault(row.company_id, []).append(row)
    return sorted(
        companies.values(), key=lambda rows: (-sum(row.waiting for row in rows), rows[0].company_id)
    )


def _tiles(overview: Overview) -> tuple[Tile, ...]:
    rows = {stage: [row for row in overview.queue if row.operation is stage] for stage in Stage}
    pending, results = rows[Stage.CREATE_BATCHES], rows[Stage.PROCESS_RESULTS]
    failed = sum(row.failed or 0 for row in results)
    abandoned = sum(row.failed or 0 for row in rows[Stage.RETRY_FAILED])
    cache = _cache(worker.cache for worker in overview.workers)
    fallbacks = sum(
        one.count for worker in overview.workers for one in worker.events if one.kind == "fallback"
    )
    tokens = sum(row.total_tokens or 0 for row in results)
    return (
        Tile("Waiting", number(sum(row.waiting for row in pending)), f"oldest {_oldest(pending, overview)}"),
        Tile("In batches", number(sum(row.waiting for row in results)), _open_batches(rows)),
        Tile("Complete", number(sum(row.done or 0 for row in results)), f"{number(tokens)} tokens", "good"),
        Tile("Failed", number(failed), "to be retried", "bad" if failed else "plain"),
        Tile("Abandoned", number(abandoned), "attempts used up", "bad" if abandoned else "plain"),
        Tile(
            "Cache hits",
            share(cache.hit_rate),
            f"{number(cache.hits)} of {number(cache.hits + cache.misses)}",
        ),
        Tile("Fallbacks", number(fallbacks), "to the naive pipeline", "bad" if fallbacks else "plain"),
        Tile("Cost", dollars(sum(row.cost_usd or 0 for row in results)), "of all answers"),
    )


def _oldest(rows: Iterable[QueueRow], overview: Overview) -> str:
    moments = [row.oldest_waiting_at for row in rows if row.oldest_waiting_at]
    return age(overview.taken_at - min(moments)) if moments else "—"


def _open_batches(rows: dict[Stage, list[QueueRow]]) -> str:
    return f"{number(sum(row.waiting for row in rows[Stage.CHECK_STATUSES]))} open batches"


def _cache(caches: Iterable[CacheFigures]) -> CacheFigures:
    total = CacheFigures()
    for one in caches:
        total = CacheFigures(hits=total.hits + one.hits, misses=total.misses + one.misses)
    return total


def _shortened(worker: WorkerReport) -> WorkerReport:
    return worker.model_copy(update={"queries": worker.queries[:QUERIES_SHOWN]})


def number(value: float | None) -> str:
    """With thousands apart; a dash for nothing."""
    return "—" if value is None else f"{value:,.0f}"


def dollars(value: float) -> str:
    """Cents from one dollar on, and what matters of less."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def milliseconds(value: float) -> str:
    """Three digits that matter, and the unit."""
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


def share(value: float | None) -> str:
    """Percent; a dash for nothing."""
    return "—" if value is None else f"{value:.1%}"


def age(span: timedelta) -> str:
    """The largest two units, such as `3 min 20 s`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def words(identifier: str) -> str:
    """`create_batches` as people say it."""
    return identifier.replace("_", " ").lower()


def clock(moment: datetime | None) -> str:
    """The time of day in UTC; a dash for nothing."""
    return "—" if moment is None else f"{moment:%H:%M:%S}"


_environment = Environment(
    loader=FunctionLoader(_source),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    number=number, milliseconds=milliseconds, share=share, age=age, words=words, clock=clock
)
_environment.globals.update(lost=WorkerState.LOST, stopped=WorkerState.STOPPED)

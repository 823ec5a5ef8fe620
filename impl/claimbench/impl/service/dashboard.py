"""What the admin page shows, made ready for its template: texts and numbers, nothing to compute there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

from claimbench.impl.ports import Stage
from claimbench.impl.service.display_names import name_key
from claimbench.impl.service.figures import CacheFigures, WorkerReport
from claimbench.impl.service.operations_log import LogLine
from claimbench.impl.service.overview import DEAD, Health, Overview
from claimbench.impl.service.queue_table import QueueRow
from claimbench.impl.service.rendering import dollars, number, seconds, share
from claimbench.impl.service.trend import Course

COMPANIES_SHOWN = 50
QUERIES_SHOWN = 8

HEALTH_SIGNS = {Health.WELL: "●", Health.PAUSED: "❚❚", Health.TROUBLED: "▲", Health.STOPPED: "■"}
"""A shape for each, as colour alone tells not everybody."""


@dataclass(frozen=True, slots=True)
class CompanyStanding:
    """The requests of one company by what became of them; `oldest_s` is 0 where none waits."""

    id: int
    name: str
    waiting: int
    in_batches: int
    complete: int
    failed: int
    abandoned: int
    oldest_s: int
    tokens: int
    cost_usd: float


class SortColumn(StrEnum):
    """By what the companies can be sorted; each is a field of their rows."""

    NAME = "name"
    WAITING = "waiting"
    IN_BATCHES = "in_batches"
    COMPLETE = "complete"
    FAILED = "failed"
    ABANDONED = "abandoned"
    OLDEST = "oldest_s"
    COST = "cost_usd"

    @property
    def heading(self) -> str:
        """What stands above the column."""
        return _HEADINGS.get(self, self.value.replace("_", " ").capitalize())


_HEADINGS = {SortColumn.NAME: "Company", SortColumn.OLDEST: "Oldest waiting", SortColumn.COST: "Cost"}


class Direction(StrEnum):
    """As the attribute `aria-sort` says it."""

    ASCENDING = "ascending"
    DESCENDING = "descending"


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of the companies."""

    column: SortColumn = SortColumn.WAITING
    direction: Direction = Direction.DESCENDING

    def __str__(self) -> str:
        return f"{self.column}-{self.direction}"

    def on(self, column: SortColumn) -> "Sort":
        """The order after a press on a column's head: numbers from above, names from A, then the reverse."""
        if column is not self.column:
            return Sort(column, Direction.ASCENDING if column is SortColumn.NAME else Direction.DESCENDING)
        is_down = self.direction is Direction.DESCENDING
        return Sort(column, Direction.ASCENDING if is_down else Direction.DESCENDING)

    def sorted(self, rows: Iterable[CompanyStanding]) -> list[CompanyStanding]:
        """The rows in this order; equal ones by their id."""

        def key(row: CompanyStanding) -> str | float:
            return name_key(row.name) if self.column is SortColumn.NAME else getattr(row, self.column)

        by_id = sorted(rows, key=lambda row: row.id)
        return sorted(by_id, key=key, reverse=self.direction is Direction.DESCENDING)


MOST_WAITING = Sort()


@dataclass(frozen=True, slots=True)
class PageFilter:
    """What the page was asked to show; None and no words are everything."""

    company_id: int | None = None
    operation: Stage | None = None
    search: str = ""
    sort: Sort = MOST_WAITING

    def address(self, path: str) -> str:
        """The page at this path with this filter."""
        given = {
            "company": self.company_id,
            "operation": self.operation,
            "search": self.search,
            "sort": None if self.sort == MOST_WAITING else str(self.sort),
        }
        query = urlencode({name: str(value) for name, value in given.items() if value})
        return f"{path}?{query}" if query else path

    def sorted_by(self, column: SortColumn) -> "PageFilter":
        """The same after a press on a column's head."""
        return replace(self, sort=self.sort.on(column))

    def of_company(self, company_id: int | None) -> "PageFilter":
        """The same about one company."""
        return replace(self, company_id=company_id)

    def finds(self, row: CompanyStanding) -> bool:
        """Whether a company is what was searched for: words of its name, or its id."""
        if not self.search:
            return True
        wanted = name_key(self.search)
        return wanted in name_key(row.name) or wanted == str(row.id)


@dataclass(frozen=True, slots=True)
class Tile:
    """One large number; `tone` is `plain`, `good` or `bad`, `leads_to` the page that says more."""

    name: str
    value: str
    note: str = ""
    tone: str = "plain"
    leads_to: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the page. `warning` is not empty when the figures are not of now."""

    overview: Overview
    warning: str
    sign: str
    tiles: tuple[Tile, ...]
    companies: tuple[CompanyStanding, ...]
    companies_left_out: int
    living: tuple[WorkerReport, ...]
    dead: tuple[WorkerReport, ...]
    course: Course
    log: tuple[LogLine, ...]
    pipelines: tuple[str, ...]
    wanted: PageFilter
    stages: tuple[Stage, ...] = tuple(Stage)
    columns: tuple[SortColumn, ...] = tuple(SortColumn)


def make_dashboard(
    overview: Overview,
    log: tuple[LogLine, ...],
    course: Course,
    pipelines: tuple[str, ...],
    wanted: PageFilter,
    warning: str = "",
) -> Dashboard:
    """Arrange an overview for the page: the companies in the order that is wanted, at most fifty."""
    shown = overview.filtered(wanted.company_id, wanted.operation)
    rows = company_rows(overview.filtered(wanted.company_id, None))
    found = wanted.sort.sorted(row for row in rows if wanted.finds(row))
    workers = tuple(_shortened(worker) for worker in shown.workers)
    return Dashboard(
        overview=shown,
        warning=warning,
        sign=HEALTH_SIGNS[overview.health],
        tiles=_tiles(rows, overview, wanted),
        companies=tuple(found[:COMPANIES_SHOWN]),
        companies_left_out=max(0, len(found) - COMPANIES_SHOWN),
        living=tuple(worker for worker in workers if worker.scheduler.state not in DEAD),
        dead=tuple(worker for worker in workers if worker.scheduler.state in DEAD),
        course=course,
        log=log,
        pipelines=pipelines,
        wanted=wanted,
    )


def company_rows(overview: Overview) -> tuple[CompanyStanding, ...]:
    """The four operations of each company as one row."""
    companies: dict[int, dict[Stage, QueueRow]] = {}
    for row in overview.queue:
        companies.setdefault(row.company_id, {})[row.operation] = row
    return tuple(_company_row(rows, overview.taken_at) for rows in companies.values())


def _company_row(rows: dict[Stage, QueueRow], now: datetime) -> CompanyStanding:
    pending, results = rows[Stage.CREATE_BATCHES], rows[Stage.PROCESS_RESULTS]
    oldest = pending.oldest_waiting_at
    return CompanyStanding(
        id=pending.company_id,
        name=pending.company,
        waiting=pending.waiting,
        in_batches=results.waiting,
        complete=results.done or 0,
        failed=results.failed or 0,
        abandoned=rows[Stage.RETRY_FAILED].failed or 0,
        oldest_s=max(1, int((now - oldest).total_seconds())) if oldest else 0,
        tokens=results.total_tokens or 0,
        cost_usd=results.cost_usd or 0.0,
    )


def _tiles(rows: tuple[CompanyStanding, ...], overview: Overview, wanted: PageFilter) -> tuple[Tile, ...]:
    failed, abandoned = sum(row.failed for row in rows), sum(row.abandoned for row in rows)
    tokens, oldest_s = sum(row.tokens for row in rows), max((row.oldest_s for row in rows), default=0)
    errors = PageFilter(company_id=wanted.company_id).address("/admin/errors") if failed + abandoned else ""
    tiles = (
        Tile(
            "Waiting",
            number(sum(row.waiting for row in rows)),
            f"oldest {seconds(oldest_s)}" if oldest_s else "",
        ),
        Tile("In batches", number(sum(row.in_batches for row in rows)), "at the API"),
        Tile("Complete", number(sum(row.complete for row in rows)), f"{number(tokens)} tokens", "good"),
        Tile("Failed", number(failed), "to be retried", "bad" if failed else "plain", errors),
        Tile("Abandoned", number(abandoned), "attempts used up", "bad" if abandoned else "plain", errors),
        Tile("Cost", dollars(sum(row.cost_usd for row in rows)), "of all answers"),
    )
    return tiles if wanted.company_id else (*tiles, *_worker_tiles(overview))


def _worker_tiles(overview: Overview) -> tuple[Tile, ...]:
    """What workers count for all companies together."""
    cache = _cache(worker.cache for worker in overview.workers)
    fallbacks = sum(
        one.count for worker in overview.workers for one in worker.events if one.kind == "fallback"
    )
    return (
        Tile(
            "Cache hits",
            share(cache.hit_rate),
            f"{number(cache.hits)} of {number(cache.hits + cache.misses)}, {number(cache.expiries)} expired",
        ),
        Tile("Fallbacks", number(fallbacks), "to the naive pipeline", "bad" if fallbacks else "plain"),
    )


def _cache(caches: Iterable[CacheFigures]) -> CacheFigures:
    total = CacheFigures()
    for one in caches:
        total = CacheFigures(
            hits=total.hits + one.hits,
            misses=total.misses + one.misses,
            expiries=total.expiries + one.expiries,
        )
    return total


def _shortened(worker: WorkerReport) -> WorkerReport:
    return worker.model_copy(update={"queries": worker.queries[:QUERIES_SHOWN]})

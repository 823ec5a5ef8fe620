"""Takes turns on a bench: clones, the fake API outside, the server's own counts, and what came of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import URL

from claimbench.errors import InvalidMeasurementError
from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Template
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.bench.opening import WARM_UP_SIZE, Bench
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.fake_openai.server import running_server
from claimbench.loadgen.probes.server import ServerProbe
from claimbench.loadgen.scale.points import GrownSize
from claimbench.loadgen.scale.turns import ScaleReading, ScaleTurn, TurnFailed, Turns
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.reports.record.scale import IndexFacts, Part, ScaleFailure, StatementUse, Turned
from claimbench.scenarios.model import Arm, BatchScenario

_STATEMENTS_TOLD = 14
_USE = """
    SELECT query, calls, rows, shared_blks_hit + shared_blks_read + local_blks_hit + local_blks_read,
           wal_bytes::bigint, (total_exec_time / 1000)::float8
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s) AND toplevel
    ORDER BY total_exec_time DESC LIMIT %s
"""


def _nothing_with(_: URL) -> None:
    return


@dataclass(frozen=True, slots=True)
class TurnAsked:
    """A turn before it has a database."""

    part: Part
    arm: Arm
    point: GrownSize
    variant: str = ""
    strategies: Mapping[str, str] = field(default_factory=dict)
    indexes: IndexSet | None = None
    fake_outside: bool = False
    instrument: Literal["none", "wire", "waits"] = "none"
    block: int = 0
    before: Callable[[URL], None] = _nothing_with
    after: Callable[[URL], None] = _nothing_with
    """Called with the clone, beside the turn."""

    def __str__(self) -> str:
        told = [self.arm.name, self.variant, str(self.point), self.part.replace("_", " ")]
        return ", ".join(each for each in told if each)


@dataclass
class ScaleWorkshop:
    """One bench, and all that was taken on it so far; what failed is kept beside it."""

    scenario: BatchScenario
    bench: Bench
    turns: Turns
    budget_s: float
    taken: list[Turned] = field(default_factory=list)
    failures: list[ScaleFailure] = field(default_factory=list)
    indexes: list[IndexFacts] = field(default_factory=list)
    _services: ExitStack = field(default_factory=ExitStack)
    _service: str = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Its fake API lives as long."""
        with self._services:
            yield

    def template(self, point: GrownSize, indexes: IndexSet) -> Template:
        """The sealed database of this size; made once."""
        dataset = point.dataset(self.scenario.dataset)
        return self.bench.workshop.template(recipe(dataset, companies=point.companies, indexes=indexes))

    def take(self, asked: TurnAsked, way: Relayed | None = None) -> Turned | None:
        """Take the turn on a fresh clone; None when it failed, and why is kept."""
        self.bench.progress.step(str(asked) + (f", {way.asked_ms:g} ms" if way else ""))
        indexes = asked.indexes or IndexSet(asked.arm.indexes)
        template = self.template(asked.point, indexes)
        warm_up = self.template(GrownSize(WARM_UP_SIZE, 12), indexes)
        with self.bench.workshop.clone(template) as url, self.bench.workshop.clone(warm_up) as small:
            asked.before(url)
            self.bench.workshop.checkpoint()
            turn = ScaleTurn(
                pipeline=asked.arm.pipeline,
                strategies=dict(asked.strategies),
                url=_text(way.url.set(database=url.database) if way else url),
                warm_up_url=_text(small),
                service=self._fake() if asked.fake_outside else "",
                failed_line_rate=self.scenario.api.failed_line_rate,
                instrument=asked.instrument,
            )
            with ServerProbe(self.bench.server, url) as server:
                found = self.turns.take(turn, within_s=2 * self.budget_s)
                counts = _counts(server)
            if isinstance(found, TurnFailed):
                self.failures.append(ScaleFailure(what=str(asked), reason=found.reason))
                self.bench.progress.note(f"failed: {asked}: {found.reason}")
                return None
            statements = self._statements(url) if asked.instrument == "waits" else ()
            asked.after(url)
            self.bench.workshop.forget_statements(url, small)
        turned = _turned(asked, found, way.achieved_ms if way else 0.0, template).model_copy(
            update={
                "rows": counts.get("rows"),
                "wal_bytes": counts.get("wal_bytes"),
                "buffers": counts.get("buffers"),
                "executions": counts.get("server_executions"),
                "statements": statements,
            }
        )
        self.taken.append(turned)
        return turned

    def _fake(self) -> str:
        if not self._service:
            api = self.scenario.api
            server = running_server(seed=api.seed, failed_line_rate=api.failed_line_rate, clock="manual")
            self._service = self._services.enter_context(server).base_url
        return self._service

    def _statements(self, url: URL) -> tuple[StatementUse, ...]:
        if not self.bench.server.facts.pg_stat_statements:
            return ()
        with connect(self.bench.server.counters_url) as connection:
            rows = connection.execute(_USE, [url.database, _STATEMENTS_TOLD]).fetchall()
        return tuple(
            StatementUse(
                text=" ".join(str(text).split())[:160],
                calls=calls,
                rows=found,
                blocks=blocks,
                wal_bytes=wal_bytes,
                seconds=seconds,
            )
            for text, calls, found, blocks, wal_bytes, seconds in rows
        )


def _counts(server: ServerProbe) -> dict[str, int]:
    """Nothing where the server forgot statements meanwhile: the turn's time and memory stand all the same."""
    try:
        return {reading.metric: int(reading.value) for reading in server.lap()}
    except InvalidMeasurementError:
        return {}


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _turned(asked: TurnAsked, found: ScaleReading, rtt_ms: float, template: Template) -> Turned:
    return Turned(
        part=asked.part,
        arm=asked.arm.name,
        variant=asked.variant,
        size=asked.point.companies,
        requests=int(template.facts["pending"] or 0),
        rtt_ms=rtt_ms,
        service="fake" if asked.fake_outside else "none",
        block=asked.block,
        steps=found.steps,
        peak_memory_bytes=found.peak_memory_bytes,
        left=found.left,
        sent=found.sent,
    )

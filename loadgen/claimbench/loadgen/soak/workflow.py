"""A soak from its scenario to its record: the long load with its restart, the oracle, the verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from psycopg import sql
from sqlalchemy import URL, NullPool, create_engine, text

from claimbench.impl.schema import Base
from claimbench.impl.service.worker_factory import durations_of
from claimbench.loadgen.bench.databases import Server
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.bench.databases.settings import Setting
from claimbench.loadgen.bench.opening import open_bench
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.load.block import SETTLING
from claimbench.loadgen.load.driver import generate
from claimbench.loadgen.load.plan import LoadPlan
from claimbench.loadgen.load.planning import plan_at_rate
from claimbench.loadgen.load.stored import StoreWatch
from claimbench.loadgen.load.tested_service import (
    ServiceSettings,
    TestedService,
    running_service,
    timetable_speed,
)
from claimbench.loadgen.load.validity import Bounds, problems
from claimbench.loadgen.load.workflow import load_environment
from claimbench.loadgen.oracle import judge
from claimbench.loadgen.oracle.rows import UNFINISHED, Rows, read_rows
from claimbench.loadgen.oracle.trail import TRAIL_STATEMENTS
from claimbench.loadgen.soak.api import ApiSettings, WitnessedApi, witnessed_api
from claimbench.loadgen.soak.evidence import Away, evidence_of, submitted
from claimbench.loadgen.soak.rate import LEASE, ArrivalRate, SoakRequest, SoakSite, rate_of
from claimbench.loadgen.soak.watching import Outage, Watch, restarted, watched
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.judge.soak import findings, verdict
from claimbench.reports.record.load import Generated, Latency
from claimbench.reports.record.soak import Accounting, Restart, SoakAsked, Soaked, SoakRecord

AUTOVACUUM = (Setting("autovacuum", "on"), Setting("autovacuum_naptime", "15s"))
"""Off while arms are compared; a service that runs for long has it."""

DRAIN_S = 120.0
"""How long after the load the last request may take."""

LOOK_S = 0.5
VIOLATIONS_MAX = 20


def run_soak(request: SoakRequest, database: str, progress: Progress) -> SoakRecord:
    """Find the rate, load, restart, drain, judge; `UsageError` where the database is not ours alone."""
    scenario, arm = request.scenario, request.arm
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    workload = workload_of(scenario)
    workload.check(arm)
    with (
        open_bench(scenario, database, progress, AUTOVACUUM, _restarted(progress)) as bench,
        bench.way(scenario.network.judged_rtt_ms) as way,
    ):
        templates = bench.templates(workload, (arm,), scenario.dataset.size)
        site = SoakSite(request, bench.server, bench.workshop, templates[arm.name], way)
        soaked = _soaked(site, rate_of(site, progress), progress)
        described = load_environment(bench.server)
    found = findings(soaked)
    return SoakRecord(
        claimbench=version("claimbench"),
        started_at=started_at,
        command=request.command,
        environment=described,
        soaked=soaked,
        findings=found,
        verdict=verdict(soaked, found),
    )


def _restarted(progress: Progress) -> Callable[[Server], None]:
    def restart(server: Server) -> None:
        progress.step("restarting the database once, to know that it can be done")
        server.restart()

    return restart


@dataclass(frozen=True, slots=True)
class Loaded:
    """The load is over: what the generator, the watch and the store saw."""

    plan: LoadPlan
    generated: Generated
    watch: Watch
    outage: Outage
    begun_at: datetime
    drained_after_s: float | None
    end_to_end: Latency

    def at(self, elapsed_s: float) -> datetime:
        """The time of day, so many seconds after the load began."""
        return self.begun_at + timedelta(seconds=elapsed_s)


def _soaked(site: SoakSite, rate: ArrivalRate, progress: Progress) -> Soaked:
    request = site.request
    with (
        site.workshop.clone(site.template) as url,
        witnessed_api(_api_settings(request)) as api,
    ):
        _prepare(url)
        engine = create_engine(url, poolclass=NullPool)
        before = read_rows(engine)
        with running_service(_service_settings(site, url, api)) as service:
            loaded = _loaded(site, rate, service, url, progress)
        progress.step("the oracle judges")
        kept = _kept(request, loaded, before, url, api)
        stored_at_s = _stored_again_s(url, loaded)
    bounds = Bounds(lag_p99=request.load.objective.lag_p99)
    return Soaked(
        asked=_asked(request, rate),
        generated=loaded.generated,
        samples=tuple(loaded.watch.samples),
        restart=Restart(
            at_s=loaded.outage.at_s, answered_at_s=loaded.outage.answered_at_s, stored_at_s=stored_at_s
        ),
        kept=kept,
        end_to_end=loaded.end_to_end,
        problems=tuple(problems(loaded.generated, bounds)),
    )


def _loaded(
    site: SoakSite, rate: ArrivalRate, service: TestedService, url: URL, progress: Progress
) -> Loaded:
    request = site.request
    store = StoreWatch.of(url)
    store.settle(SETTLING)
    site.workshop.checkpoint()
    plan = plan_at_rate(request.load, service.access, rate.per_s, request.duration_s)
    plan = plan.model_copy(update={"window_s": 1.0})
    progress.step(f"load: {rate.per_s:.3g} arrivals per second for {request.duration_s:.0f} s")
    watch, begun_at = Watch(service, url, time.monotonic()), datetime.now(UTC)
    with watched(watch), restarted(site.server, watch, request.duration_s / 2) as outage:
        generated = generate(plan, request.load.processes)
    progress.step("draining")
    drained_after_s = _drained_after_s(url)
    end_to_end = store.wait_and_read(timedelta(0)).end_to_end
    return Loaded(plan, generated, watch, outage, begun_at, drained_after_s, end_to_end)


def _drained_after_s(url: URL) -> float | None:
    """Seconds until nothing is left to do; None when something is after `DRAIN_S`."""
    start_s = time.monotonic()
    with connect(url) as connection:
        while (passed_s := time.monotonic() - start_s) < DRAIN_S:
            left = connection.execute(UNFINISHED.encode()).fetchone()
            if left is not None and not left[0]:
                return passed_s
            time.sleep(LOOK_S)
    return None


def _prepare(url: URL) -> None:
    """Let it be vacuumed as in production, and keep a trail for the oracle."""
    with connect(url) as connection:
        for table in Base.metadata.sorted_tables:
            reset = sql.SQL("ALTER TABLE {} RESET (autovacuum_enabled)")
            connection.execute(reset.format(sql.Identifier(table.name)))
        for statement in TRAIL_STATEMENTS:
            connection.execute(statement.encode())


def _api_settings(request: SoakRequest) -> ApiSettings:
    api = request.scenario.api
    return ApiSettings(api.seed, api.failed_line_rate, request.faults, request.load.pace.api_speed)


def _service_settings(site: SoakSite, url: URL, api: WitnessedApi) -> ServiceSettings:
    through = site.way.url.set(database=url.database)
    interval = site.request.load.pace.interval
    return ServiceSettings(site.request.arm.pipeline, through, api.base_url, interval, LEASE)


def _kept(request: SoakRequest, loaded: Loaded, before: Rows, url: URL, api: WitnessedApi) -> Accounting:
    engine = create_engine(url, poolclass=NullPool)
    speed = timetable_speed(request.load.pace.interval)
    away = Away(loaded.at(loaded.outage.at_s), loaded.at(loaded.outage.answered_at_s))
    evidence = evidence_of(before, engine, api.recorder, durations_of(speed, LEASE).policy, away)
    violations = judge(evidence)
    books = submitted(loaded.plan, loaded.generated)
    ends = [row.status for row in evidence.worked_on]
    return Accounting(
        acknowledged=books.acknowledged,
        unsure=books.unsure,
        stored=len(evidence.after.sessions) - len(before.sessions),
        requests=len(ends),
        completed=ends.count("PROCESSING_COMPLETE"),
        given_up=ends.count("PROCESSING_ABANDONED"),
        batches=len(evidence.api.batches),
        drained_after_s=loaded.drained_after_s,
        violated=len(violations),
        violations=tuple(str(one) for one in violations[:VIOLATIONS_MAX]),
    )


def _stored_again_s(url: URL, loaded: Loaded) -> float | None:
    """When the first result after the restart was stored, in seconds since the load began."""
    first = text(
        "SELECT min(begun_at) FROM claimbench_trail "
        "WHERE new_status = 'PROCESSING_COMPLETE' AND begun_at > :answered"
    )
    with create_engine(url, poolclass=NullPool).connect() as connection:
        stored_at = connection.scalar(first, {"answered": loaded.at(loaded.outage.answered_at_s)})
    return None if stored_at is None else float((stored_at - loaded.begun_at).total_seconds())


def _asked(request: SoakRequest, rate: ArrivalRate) -> SoakAsked:
    return SoakAsked(
        name=request.scenario.name,
        sha256=request.scenario.sha256,
        pipeline=request.arm.pipeline,
        rate_per_s=rate.per_s,
        capacity_per_s=rate.capacity_per_s,
        share=request.share,
        duration_s=request.duration_s,
        faults=tuple(dict.fromkeys(fault.kind.value for fault in request.faults.fault)),
        rtt_ms=request.scenario.network.judged_rtt_ms,
        failed_share_max=request.load.objective.failed,
    )

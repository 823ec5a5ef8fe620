"""The studies of a scale report, at one size each: strategies, round-trip times, indexes, where time goes."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from sqlalchemy import URL

from claimbench.impl.indexes import IndexSet
from claimbench.impl.optimized.strategies import CacheUse, Concurrency, Fetching, Grouping, Writing
from claimbench.impl.ports import Stage
from claimbench.loadgen.bench.databases.connecting import connect
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.scale.index_study import INDEX_SETS, index_facts, plans
from claimbench.loadgen.scale.points import GrownSize
from claimbench.loadgen.scale.workshop import ScaleWorkshop, TurnAsked
from claimbench.reports.judge.ablation import Variant, variants
from claimbench.scenarios.model import Arm

STUDIED = GrownSize(20, 40)
"""Where strategies are looked at."""
SWEPT = GrownSize(5, 20)
"""Where round-trip times are: small, since the naive arm waits long at 20 ms."""
INDEXED = GrownSize(20, 500)
"""Where indexes are: a table that a plan can choose about."""
WAITED = GrownSize(10, 100)
"""Where waits are, of both arms."""
ABLATED_RTTS_MS = (0.0, 1.0)
SWEPT_RTTS_MS = (0.0, 0.5, 1.0, 2.0, 5.0, 20.0)
SWEPT_BLOCKS = 2
SERIAL: Mapping[str, str] = {"concurrency": Concurrency.SERIAL.value}
ONE_CONNECTION = "one connection"

_OFF: Mapping[str, Mapping[str, str]] = {
    "indexes": {},
    "selective fetching": {"fetching": Fetching.WHOLE_ROWS.value},
    "cache": {"caching": CacheUse.ASKED_AGAIN.value},
    "batch operations": {"grouping": Grouping.ONE_BY_ONE.value},
    "parallelism": SERIAL,
    "set-based writes": {"writing": Writing.ROWS.value},
}
"""Each of the document's strategies, and what the pipeline does without it; indexes are the schema's."""


def ablation(candidate: Arm, work: ScaleWorkshop) -> None:
    """All strategies, none, each alone and each left out, on clones of one template at two round trips."""
    if candidate.pipeline != "optimized":
        work.bench.progress.note(f"ablation: {candidate.name} takes no strategies")
        return
    with ExitStack() as stack:
        ways = _ways(stack, work, ABLATED_RTTS_MS)
        for variant in variants(tuple(_OFF)):
            asked = _asked(candidate, variant)
            work.take(replace(asked, instrument="wire"))
            for way in ways:
                work.take(asked, way)


def _asked(candidate: Arm, variant: Variant) -> TurnAsked:
    changed = {key: value for name in variant.off for key, value in _OFF[name].items()}
    indexes = IndexSet.BEFORE if "indexes" in variant.off else IndexSet.AFTER
    return TurnAsked("ablation", candidate, STUDIED, variant.name, changed, indexes)


def round_trip_times(arms: Sequence[Arm], work: ScaleWorkshop) -> None:
    """Both arms at six round-trip times; over one connection, so that no wait hides another."""
    with ExitStack() as stack:
        ways = _ways(stack, work, SWEPT_RTTS_MS)
        for arm in arms:
            serial = arm.pipeline == "optimized"
            asked = TurnAsked(
                "round_trip_times",
                arm,
                SWEPT,
                ONE_CONNECTION if serial else "",
                SERIAL if serial else {},
            )
            work.take(replace(asked, instrument="wire"))
            for block in range(SWEPT_BLOCKS):
                for way in ways:
                    work.take(replace(asked, block=block), way)


def _ways(stack: ExitStack, work: ScaleWorkshop, rtts_ms: Sequence[float]) -> list[Relayed]:
    return [stack.enter_context(work.bench.way(rtt_ms)) for rtt_ms in rtts_ms]


def indexes(candidate: Arm, work: ScaleWorkshop) -> None:
    """The candidate over each set of indexes, made on a clone that has none."""
    for name, made in INDEX_SETS.items():
        found: list[str] = []

        def before(url: URL, made: Sequence[str] = made, found: list[str] = found) -> None:
            with connect(url) as connection:
                for statement in made:
                    connection.execute(statement.encode())
                found += plans(connection, Stage.CREATE_BATCHES)

        def after(url: URL, name: str = name, found: list[str] = found) -> None:
            with connect(url) as connection:
                found += plans(connection, Stage.PROCESS_RESULTS)
                work.indexes.append(index_facts(connection, name, tuple(found)))

        asked = TurnAsked("indexes", candidate, INDEXED, name, indexes=IndexSet.BEFORE)
        work.take(replace(asked, before=before, after=after))


def where(arms: Sequence[Arm], work: ScaleWorkshop) -> None:
    """Both arms with the probe of waits, the fake API outside."""
    for arm in arms:
        work.take(TurnAsked("where", arm, WAITED, fake_outside=True, instrument="waits"))

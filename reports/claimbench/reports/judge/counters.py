"""The first tier: exact counters, and whether they are exact."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claimbench.errors import NotEquivalentError, NothingToCompareError, UsageError
from claimbench.reports.record.gate import Baseline, CounterEntry
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Sample
from claimbench.scenarios.metrics import Tier, definition

REPEATS = 3
"""How often a counter must have been taken, with the same result, before it is held to zero tolerance."""

NOT_PORTABLE = frozenset({"wal_bytes", "buffers"})
"""Counted exactly, but decided by the server's version and settings too: held to declared rules only."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One counter of a run, as often as it was taken."""

    arm: str
    metric: str
    stage: str
    companies: int
    unit: str
    values: tuple[float, ...]

    @property
    def is_exact(self) -> bool:
        """Whether it was shown to be the same every time."""
        return len(self.values) >= REPEATS and len(set(self.values)) == 1

    @property
    def varies(self) -> bool:
        """Whether it was shown not to be."""
        return len(set(self.values)) > 1

    @property
    def name(self) -> str:
        """How it is called in every output."""
        return self.entry.name

    @property
    def entry(self) -> CounterEntry:
        """As it stands in a baseline."""
        return CounterEntry(
            arm=self.arm,
            metric=self.metric,
            stage=self.stage,
            companies=self.companies,
            unit=self.unit,
            low=min(self.values),
            high=max(self.values),
            repeats=len(self.values),
        )


def counters_of(record: ResultRecord) -> tuple[Reading, ...]:
    """All counters of a run, in a stable order."""
    return readings_of(record.samples)


def readings_of(samples: Sequence[Sample]) -> tuple[Reading, ...]:
    """All counters among samples, in a stable order."""
    found: dict[tuple[str, str, str, int, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        metric = definition(sample.metric)
        if metric and metric.tier is Tier.COUNTER:
            key = (sample.arm, sample.metric, sample.stage, sample.size, sample.unit)
            found[key].append(sample)
    return tuple(
        Reading(
            *key, values=tuple(sample.value for sample in sorted(found[key], key=lambda each: each.block))
        )
        for key in sorted(found)
    )


def refuse_unsound(record: ResultRecord) -> None:
    """What nothing may be held to: raises `NotEquivalentError` (exit 5) if the arms did not do the same work.

    Raises `UsageError` (exit 2) for a sample that no instrument can have given.
    """
    if not record.equivalence.equal:
        raise NotEquivalentError(
            "the arms do not do the same work",
            where=record.scenario.name,
            remedy="mend the arms, then run again",
        )
    for position, sample in enumerate(record.samples):
        if sample.value < 0:
            raise UsageError(
                f"{sample.metric} of {sample.value:g} {sample.unit} is negative",
                where=f"results: samples[{position}]",
                remedy="run again: no instrument gives this",
            )


def baseline_of(record: ResultRecord, reason: str) -> Baseline:
    """The counters of a run whose arms did the same work.

    Raises as `refuse_unsound`, and `NothingToCompareError` (exit 4) without counters.
    """
    refuse_unsound(record)
    counters = entries_of(counters_of(record))
    if not any(entry.high for entry in counters):
        raise NothingToCompareError(
            "the run counted nothing", where=record.scenario.name, remedy="run with the counting pass"
        )
    return Baseline(
        claimbench=record.claimbench,
        scenario=record.scenario.name,
        scenario_sha256=record.scenario.sha256,
        dataset_hash=record.dataset_hash,
        run=record.digest,
        saved_at=record.started_at,
        reason=reason,
        counters=counters,
    )


def entries_of(readings: Sequence[Reading]) -> tuple[CounterEntry, ...]:
    """What a baseline keeps of counters: those that are the same on every machine."""
    return tuple(each.entry for each in readings if each.metric not in NOT_PORTABLE)


def growth_exponent(readings: Sequence[Reading]) -> float | None:
    """The exponent g of value = c * companies**g, by least squares in logarithms; 0 is constant.

    None below two sizes, and where a counter is 0 at some sizes only.
    """
    if len({reading.companies for reading in readings}) < 2:
        return None
    values = [max(reading.values) for reading in readings]
    if len(set(values)) == 1:
        return 0.0
    if min(values) <= 0:
        return None
    sizes = np.log([reading.companies for reading in readings])
    return float(np.polyfit(sizes, np.log(values), 1)[0])


def ratio(value: float, reference: float) -> float:
    """Value by reference; nothing by nothing is 1, something by nothing is infinite."""
    if reference == 0:
        return 1.0 if value == 0 else math.inf
    return value / reference

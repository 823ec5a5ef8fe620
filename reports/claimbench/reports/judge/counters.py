"""The first tier: counters of a run, whether they are exact, and a finding for each against the baseline."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from claimbench.errors import NotEquivalentError, NothingToCompareError, UsageError
from claimbench.reports.record.gate import Baseline, CounterEntry
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Finding, Place, Sample, VerdictValue
from claimbench.reports.wording import count_text, value_text
from claimbench.scenarios.metrics import Better, Tier, definition
from claimbench.scenarios.thresholds import BASE, Threshold

REPEATS = 3
"""How often a counter must have been taken, with the same result, before it is held to zero tolerance."""

NOT_PORTABLE = frozenset({"wal_bytes", "buffers"})
"""Counted exactly, but decided by the server's version and settings too: held to declared rules only."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter of a run, as often as it was taken."""

    arm: str
    metric: str
    stage: str
    size: int
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
    def series(self) -> str:
        """The counter at its stage, at any size."""
        return f"{self.arm}.{self.metric}{{stage:{self.stage}}}"

    @property
    def entry(self) -> CounterEntry:
        """As it stands in a baseline."""
        return CounterEntry(
            arm=self.arm,
            metric=self.metric,
            stage=self.stage,
            size=self.size,
            unit=self.unit,
            low=min(self.values),
            high=max(self.values),
            repeats=len(self.values),
        )


def counters_of(record: ResultRecord) -> tuple[Counter, ...]:
    """All counters of a run, in a stable order."""
    return readings_of(record.samples)


def readings_of(samples: Sequence[Sample]) -> tuple[Counter, ...]:
    """All counters among samples, in a stable order."""
    found: dict[tuple[str, str, str, int, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        metric = definition(sample.metric)
        if metric and metric.tier is Tier.COUNTER:
            key = (sample.arm, sample.metric, sample.stage, sample.size, sample.unit)
            found[key].append(sample)
    return tuple(
        Counter(
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
    ).sealed


def entries_of(readings: Sequence[Counter]) -> tuple[CounterEntry, ...]:
    """What a baseline keeps of counters: those that are the same on every machine."""
    return tuple(each.entry for each in readings if each.metric not in NOT_PORTABLE)


def growth_exponent(readings: Sequence[Counter]) -> float | None:
    """The exponent g of value = c * size**g, by least squares in logarithms; 0 is constant.

    None below two sizes, and where a counter is 0 at some sizes only.
    """
    if len({reading.size for reading in readings}) < 2:
        return None
    values = [max(reading.values) for reading in readings]
    if len(set(values)) == 1:
        return 0.0
    if min(values) <= 0:
        return None
    sizes = np.log([reading.size for reading in readings])
    return float(np.polyfit(sizes, np.log(values), 1)[0])


def ratio(value: float, reference: float) -> float:
    """Value by reference; nothing by nothing is 1, something by nothing is infinite."""
    if reference == 0:
        return 1.0 if value == 0 else math.inf
    return value / reference


PASS, FAIL = VerdictValue.PASS, VerdictValue.FAIL
INCONCLUSIVE, INVALID = VerdictValue.INCONCLUSIVE, VerdictValue.INVALID

BEYOND_BELIEF = 0.2
"""A fifth of the baseline or less: work that is not done any more looks just like this."""

DEMOTED_LIMIT = 1.05
"""What a counter that varies may lose against the baseline before anybody is told."""

SAME_WORK = frozenset({"active_companies"})
"""What must be equal, since neither way is better."""


@dataclass(frozen=True, slots=True)
class CounterRules:
    """What counters are held to. believed: names of metrics whose large improvement is meant."""

    baseline: Baseline
    thresholds: tuple[Threshold, ...]
    believed: frozenset[str]
    alpha: float
    family: int
    """How many questions with an error share `alpha`."""


def counter_findings(readings: Sequence[Counter], rules: CounterRules) -> Iterator[Finding]:
    """A finding for each counter that run and baseline have in the same unit."""
    entries = {entry.place: entry for entry in rules.baseline.counters}
    exact = shown_exact(readings)
    for reading in readings:
        entry = entries.get(reading.entry.place)
        if entry and entry.unit == reading.unit:
            yield _Comparison(reading, entry, rules, reading.series in exact).finding()


def shown_exact(readings: Sequence[Counter]) -> frozenset[str]:
    """The counters, wherever they were taken, that repeats showed to be exact at some size and none to vary.

    A scenario's further sizes are taken once: what is exact at its own size is so at theirs.
    """
    varying = {each.series for each in readings if each.varies}
    return frozenset(each.series for each in readings if each.is_exact and each.series not in varying)


def unknown_to(baseline: Baseline, readings: Sequence[Counter]) -> tuple[Place, ...]:
    """Where the run has a counter and the baseline does not."""
    known = {entry.place for entry in baseline.counters}
    return tuple(
        each.entry.place
        for each in readings
        if each.entry.place not in known and each.metric not in NOT_PORTABLE
    )


@dataclass(frozen=True, slots=True)
class _Comparison:
    reading: Counter
    entry: CounterEntry
    rules: CounterRules
    is_exact: bool

    def finding(self) -> Finding:
        formulas = [each for each in self.rules.thresholds if self._is_about(each)]
        if self._is_beyond_belief:
            reason = (
                "an improvement beyond belief: see that the work is still done, then promote the baseline "
                f"or say --believe {self.reading.metric}"
            )
            return _improved(self._told(INVALID, "zero tolerance", reason))
        if formulas:
            return self._by_formula(formulas)
        if self.reading.varies:
            return self._demoted()
        if not self.is_exact and self._worse > 1:
            reason = f"{self._words}, but taken {len(self.reading.values)} times only"
            return self._told(
                INCONCLUSIVE, "zero tolerance", f"{reason}: run with repeats = {REPEATS} under [workload]"
            )
        return self._exact()

    def _is_about(self, threshold: Threshold) -> bool:
        place, reading = threshold.place, self.reading
        return (
            threshold.subject == BASE
            and (place.metric, place.stage) == (reading.metric, reading.stage)
            and place.size in (None, reading.size)
        )

    @property
    def _worse(self) -> float:
        """How many times worse than the baseline; above 1 is worse, whichever way is better."""
        found = definition(self.reading.metric)
        if found and found.better is Better.HIGHER:
            return ratio(self.entry.high, min(self.reading.values))
        return ratio(max(self.reading.values), self.entry.high)

    @property
    def _is_beyond_belief(self) -> bool:
        found = definition(self.reading.metric)
        lower = found is None or found.better is Better.LOWER
        believed = self.reading.metric in self.rules.believed
        return lower and not believed and self.entry.high > 0 and self._worse <= BEYOND_BELIEF

    def _exact(self) -> Finding:
        worse = self._worse
        if math.isclose(worse, 1, rel_tol=1e-9):
            return self._told(PASS, "zero tolerance", "as in the baseline")
        if self.reading.metric in SAME_WORK:
            return self._told(INVALID, "zero tolerance", "the amount of work is another one")
        if worse > 1:
            return self._told(FAIL, "zero tolerance", f"worse than the baseline: {self._words}")
        return _improved(self._told(PASS, "zero tolerance", f"better than the baseline: {self._words}"))

    def _by_formula(self, formulas: Sequence[Threshold]) -> Finding:
        share = ratio(max(self.reading.values), self.entry.high)
        broken = [each for each in formulas if not each.operator.holds(share, each.limit)]
        rule = ", ".join(each.rule for each in formulas)
        if broken:
            return self._told(FAIL, rule, f"{share:.4g} times the baseline breaks {broken[0].rule}")
        return self._told(PASS, rule, f"{share:.4g} times the baseline")

    def _demoted(self) -> Finding:
        """A t-test of the repeats against the baseline's worst: it varies, so it is a statistic."""
        rule = f"varies between repeats, so: <{DEMOTED_LIMIT:g}"
        values, worst = np.array(self.reading.values), self.entry.high
        if worst <= 0 or (values <= 0).any() or len(values) < REPEATS:
            return self._told(INCONCLUSIVE, rule, "too few repeats, or a 0 among them, to judge what varies")
        excess = np.log(values / (DEMOTED_LIMIT * worst))
        varies = excess.min() < excess.max()
        p_worse = (
            float(stats.ttest_1samp(excess, 0, alternative="greater").pvalue)
            if varies
            else float(excess[0] <= 0)
        )
        if excess.min() > 0 and p_worse <= self.rules.alpha / max(self.rules.family, 1):
            return self._told(FAIL, rule, f"every repeat is beyond it: {self._words}", p_worse)
        if excess.max() <= 0:
            return self._told(PASS, rule, "every repeat is within it", p_worse)
        return self._told(INCONCLUSIVE, rule, "some repeats are beyond it", p_worse)

    @property
    def _words(self) -> str:
        return f"{self._text(self.entry.high)} -> {self._text(max(self.reading.values))}"

    def _text(self, value: float) -> str:
        """Bytes in full: in KiB a small step could not be seen."""
        unit = self.reading.unit
        return f"{count_text(value)} B" if unit == "B" else value_text(value, unit)

    def _told(self, value: VerdictValue, rule: str, reason: str, p_worse: float | None = None) -> Finding:
        return Finding(
            tier="counter",
            subject=self.reading.name,
            rule=rule,
            value=value,
            measured=self._words,
            reason=reason,
            p_worse=p_worse,
            place=self.entry.place,
        )


def _improved(finding: Finding) -> Finding:
    return finding.model_copy(update={"is_better": True})

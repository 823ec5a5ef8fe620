"""From what a load run found to its record: the numbers of each block, ratios, thresholds, one verdict."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from claimbench.reports.judge import statistics
from claimbench.reports.judge.statistics import METHOD
from claimbench.reports.record.load import (
    BlockRecord,
    CapacityRecord,
    Latency,
    LoadAsked,
    LoadRecord,
    OperationRecord,
    Ratio,
)
from claimbench.reports.record.values import (
    ArmRecord,
    Equivalence,
    Finding,
    Interval,
    Scalar,
    Verdict,
    VerdictValue,
)
from claimbench.scenarios.grammar import number_text
from claimbench.scenarios.load import Load
from claimbench.scenarios.metrics import LoadMetric
from claimbench.scenarios.model import Scenario
from claimbench.scenarios.thresholds import RATIO, Percentile, Statistic, Threshold

ALL = "all"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which number: a metric, an operation (`all` for the whole run) and a statistic."""

    metric: LoadMetric
    operation: str
    statistic: str


@dataclass(frozen=True, slots=True)
class Paired:
    """One value per block that both arms have, in the order of blocks."""

    reference: tuple[float, ...]
    candidate: tuple[float, ...]


def value_of(block: BlockRecord, wanted: Wanted) -> float | None:
    """The number, or None if it was not measured. Times are in ms, rates per second, shares from 0 to 1.

    `round_trips` and `server_cpu` (ms) are per answered request.
    """
    operation = _operation(block, wanted.operation)
    if operation is None:
        return None
    if wanted.metric.is_time:
        return _of_latency(_latency(block, operation, wanted.metric), wanted.statistic)
    return _counted(block, operation, wanted)


def values_by_block(blocks: Iterable[BlockRecord], arm: str, wanted: Wanted) -> dict[int, float]:
    """The number of every block of an arm that has it."""
    found = {block.block: value_of(block, wanted) for block in blocks if block.arm == arm}
    return {block: value for block, value in found.items() if value is not None}


def paired(blocks: Sequence[BlockRecord], arms: Sequence[ArmRecord], wanted: Wanted) -> Paired:
    """The values of the reference and of the candidate in the blocks that both have."""
    by_role = {arm.role: values_by_block(blocks, arm.name, wanted) for arm in arms}
    reference, candidate = by_role.get("reference", {}), by_role.get("candidate", {})
    shared = sorted(reference.keys() & candidate.keys())
    return Paired(tuple(reference[each] for each in shared), tuple(candidate[each] for each in shared))


def ratio_of(values: Paired) -> Interval | None:
    """Candidate by reference with its interval; None with less than two blocks or a reference of 0."""
    if len(values.reference) < 2:
        return None
    less = statistics.reduction(np.array(values.reference), np.array(values.candidate))
    if less is None:
        return None
    return Interval(value=1 - less.value, ci_low=1 - less.ci_high, ci_high=1 - less.ci_low)


def ratios(blocks: Sequence[BlockRecord], arms: Sequence[ArmRecord]) -> tuple[Ratio, ...]:
    """All that is compared between arms, where at least one was measured."""
    found = (_ratio(blocks, arms, each) for each in _compared(blocks))
    return tuple(each for each in found if each.values)


def _ratio(blocks: Sequence[BlockRecord], arms: Sequence[ArmRecord], wanted: Wanted) -> Ratio:
    by_arm = {arm.name: values_by_block(blocks, arm.name, wanted) for arm in arms}
    return Ratio(
        metric=_title(wanted),
        operation=wanted.operation,
        unit=unit_of(wanted.metric),
        values={arm: median(values.values()) for arm, values in by_arm.items() if values},
        ratio=ratio_of(paired(blocks, arms, wanted)),
    )


def _title(wanted: Wanted) -> str:
    words = {"p99_9": "p99.9", "rate": "", "value": "per request"}
    return f"{wanted.metric.value} {words.get(wanted.statistic, wanted.statistic)}".rstrip()


def unit_of(metric: LoadMetric) -> str:
    """The unit of a metric's values."""
    if metric.is_time or metric is LoadMetric.SERVER_CPU:
        return "ms"
    return {LoadMetric.THROUGHPUT: "per s", LoadMetric.CAPACITY: "per s"}.get(metric, "count")


def _compared(blocks: Sequence[BlockRecord]) -> Iterable[Wanted]:
    for statistic in ("p50", "p90", "p95", "p99", "p99_9", "max"):
        yield Wanted(LoadMetric.RESPONSE_TIME, ALL, statistic)
    for metric in (LoadMetric.SERVICE_TIME, LoadMetric.END_TO_END):
        for statistic in ("p50", "p95", "p99"):
            yield Wanted(metric, ALL, statistic)
    names = dict.fromkeys(each.name for block in blocks for each in block.generated.operations)
    for name in names:
        yield Wanted(LoadMetric.RESPONSE_TIME, name, "p50")
        yield Wanted(LoadMetric.RESPONSE_TIME, name, "p95")
    yield Wanted(LoadMetric.THROUGHPUT, ALL, "rate")
    yield Wanted(LoadMetric.ROUND_TRIPS, ALL, "value")
    yield Wanted(LoadMetric.SERVER_CPU, ALL, "value")


def _operation(block: BlockRecord, name: str) -> OperationRecord | None:
    if name == ALL:
        return block.generated.total
    return next((each for each in block.generated.operations if each.name == name), None)


def _latency(block: BlockRecord, operation: OperationRecord, metric: LoadMetric) -> Latency | None:
    if metric is LoadMetric.END_TO_END:
        return block.served.end_to_end
    return {
        LoadMetric.RESPONSE_TIME: operation.response,
        LoadMetric.SERVICE_TIME: operation.service,
    }.get(metric, operation.lag)


def _of_latency(latency: Latency | None, statistic: str) -> float | None:
    if latency is None or not latency.count:
        return None
    return float(getattr(latency, f"{statistic}_ms"))


def _counted(block: BlockRecord, operation: OperationRecord, wanted: Wanted) -> float | None:
    match wanted.metric:
        case LoadMetric.FAILED:
            return _count_or_share(operation.failed, operation, wanted.statistic)
        case LoadMetric.DROPPED:
            return _count_or_share(operation.dropped, operation, wanted.statistic)
        case LoadMetric.THROUGHPUT:
            return (operation.completed - operation.failed) / block.generated.duration_s
        case LoadMetric.ROUND_TRIPS:
            return _each(block.served.round_trips, operation)
        case LoadMetric.SERVER_CPU:
            cpu_s = block.served.server_cpu_s
            return _each(None if cpu_s is None else 1000 * cpu_s, operation)
        case _:
            return None  # capacity is of an arm, not of a block


def _count_or_share(count: int, operation: OperationRecord, statistic: str) -> float | None:
    if statistic == "count":
        return float(count)
    return count / operation.arrivals if operation.arrivals else None


def _each(total: float | None, operation: OperationRecord) -> float | None:
    return None if total is None or not operation.completed else total / operation.completed


PASS, FAIL, INCONCLUSIVE = VerdictValue.PASS, VerdictValue.FAIL, VerdictValue.INCONCLUSIVE

_SHARED_MACHINE = (
    "The generator, the service, the fake API and Postgres share one machine: each takes processor time from "
    "the others, so capacities are those of this machine under this load, not of the service alone."
)
_COARSE_CLOCK = (
    "The generator's clock wakes it to about a millisecond, so every response time contains up to that much "
    "schedule lag; the lag is shown apart."
)
_FAST_API = (
    "The real API answers within hours; here its time goes faster, so end-to-end times compare the arms and "
    "do not predict waiting times of production."
)
LIMITATIONS = (_SHARED_MACHINE, _COARSE_CLOCK, _FAST_API)


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What a load run found, before anything is judged. `started_at` is ISO 8601 with time zone."""

    blocks: tuple[BlockRecord, ...]
    capacities: tuple[CapacityRecord, ...]
    arms: tuple[ArmRecord, ...]
    environment: Mapping[str, Scalar]
    dataset: Mapping[str, Scalar]
    equivalence: Equivalence | None
    started_at: str
    version: str
    command: str


def judge_load(scenario: Scenario, load: Load, facts: LoadFacts) -> LoadRecord:
    """Compare the arms, hold the thresholds, and conclude."""
    thresholds = tuple(judge_threshold(each, facts) for each in load.thresholds)
    return LoadRecord(
        claimbench=facts.version,
        started_at=facts.started_at,
        command=facts.command,
        asked=_asked(scenario, load),
        environment=dict(facts.environment),
        dataset=dict(facts.dataset),
        arms=facts.arms,
        equivalence=facts.equivalence,
        blocks=facts.blocks,
        capacities=facts.capacities,
        ratios=ratios(facts.blocks, facts.arms),
        thresholds=thresholds,
        method=METHOD,
        limitations=(*_own_limitations(load), *LIMITATIONS),
        verdict=_verdict(facts, thresholds),
    )


def _asked(scenario: Scenario, load: Load) -> LoadAsked:
    return LoadAsked(
        name=scenario.name,
        title=scenario.title,
        why=scenario.why,
        sha256=scenario.sha256,
        arrivals=str(load),
        seed=load.seed,
        blocks=load.blocks,
        processes=load.processes,
        objective=str(load.objective),
        rtt_ms=scenario.network.judged_rtt_ms,
    )


def _own_limitations(load: Load) -> tuple[str, ...]:
    if load.blocks >= METHOD.few_blocks_below:
        return ()
    return (f"With {load.blocks} blocks the intervals are wide, or there are none.",)


def judge_threshold(threshold: Threshold, facts: LoadFacts) -> Finding:
    """Absolute ones on the median block of the worst arm, ratios on their whole interval."""
    if threshold.place.metric == LoadMetric.CAPACITY:
        return _judged_capacity(threshold, facts)
    place = threshold.place
    wanted = Wanted(LoadMetric(place.metric), place.operation or ALL, recorded_as(threshold.statistic))
    return (
        _judged_ratio(threshold, facts, wanted)
        if threshold.subject == RATIO
        else _judged(threshold, facts, wanted)
    )


def recorded_as(statistic: Statistic) -> str:
    """What a block's record calls it: `p99_9`, `max`, `mean`, `rate`, `count`, `value`."""
    if isinstance(statistic, Percentile):
        return f"p{number_text(statistic.percent)}".replace(".", "_")
    return {"avg": "mean"}.get(str(statistic), str(statistic))


def _judged(threshold: Threshold, facts: LoadFacts, wanted: Wanted) -> Finding:
    arms = [arm.name for arm in facts.arms if threshold.place.arm in (None, arm.name)]
    found = {arm: values_by_block(facts.blocks, arm, wanted) for arm in arms}
    if not arms or not all(found.values()):
        return _found(threshold, "not measured", FAIL)
    medians = {arm: median(values.values()) for arm, values in found.items()}
    holds = all(threshold.operator.holds(value, threshold.limit) for value in medians.values())
    unit = unit_of(LoadMetric(threshold.place.metric))
    told = ", ".join(f"{arm} {value:,.4g}{_suffix(unit)}" for arm, value in medians.items())
    return _found(threshold, told, PASS if holds else FAIL)


def _judged_ratio(threshold: Threshold, facts: LoadFacts, wanted: Wanted) -> Finding:
    values = paired(facts.blocks, facts.arms, wanted)
    if not values.reference:
        return _found(threshold, "not measured", FAIL)
    ratio = ratio_of(values)
    if ratio is None:
        return _found(threshold, "no interval: too few blocks, or a reference of 0", INCONCLUSIVE)
    ends = [threshold.operator.holds(end, threshold.limit) for end in (ratio.ci_low, ratio.ci_high)]
    told = f"{ratio.value:.3g} [{ratio.ci_low:.3g}, {ratio.ci_high:.3g}]"
    return _found(threshold, told, PASS if all(ends) else INCONCLUSIVE if any(ends) else FAIL)


def _judged_capacity(threshold: Threshold, facts: LoadFacts) -> Finding:
    found = {each.arm: each.rate_per_s for each in facts.capacities}
    if threshold.subject == RATIO:
        by_role = {arm.role: found.get(arm.name) for arm in facts.arms}
        reference, candidate = by_role.get("reference"), by_role.get("candidate")
        if not reference or not candidate:
            return _found(threshold, "not measured", FAIL)
        held = threshold.operator.holds(candidate / reference, threshold.limit)
        told = f"{candidate / reference:.3g} ({candidate:,.3g} by {reference:,.3g} per s, one search each)"
        return _found(threshold, told, PASS if held else FAIL)
    rates = {arm: rate for arm, rate in found.items() if threshold.place.arm in (None, arm)}
    known = {arm: rate for arm, rate in rates.items() if rate is not None}
    told = ", ".join(f"{arm} {rate:,.3g} per s" for arm, rate in known.items())
    holds = bool(rates) and known == rates
    holds = holds and all(threshold.operator.holds(rate, threshold.limit) for rate in known.values())
    return _found(threshold, told or "not measured", PASS if holds else FAIL)


def _suffix(unit: str) -> str:
    return "" if unit == "count" else f" {unit}"


def _found(threshold: Threshold, measured: str, value: VerdictValue) -> Finding:
    words = {PASS: "within the threshold", FAIL: f"{measured} breaks {threshold.rule}"}
    return Finding(
        subject=threshold.key,
        rule=threshold.rule,
        value=value,
        measured=measured,
        reason=words.get(value, "it cannot be told on which side of the threshold this is"),
    )


def _verdict(facts: LoadFacts, findings: Sequence[Finding]) -> Verdict:
    if facts.equivalence is not None and not facts.equivalence.equal:
        return Verdict.of(VerdictValue.NOT_EQUIVALENT, facts.equivalence.differences[0])
    for block in facts.blocks:
        if block.problems:
            where = f"block {block.block}, {block.arm}"
            return Verdict.of(VerdictValue.INVALID, f"{where}: {block.problems[0]}")
    for value in (FAIL, INCONCLUSIVE):
        found = [each for each in findings if each.value is value]
        if found:
            told = "; ".join(f"{each.subject}: {each.rule}, measured {each.measured}" for each in found)
            return Verdict.of(value, told)
    count = len(findings)
    return Verdict.of(PASS, f"{count} of {count} thresholds hold" if count else "nothing was asked")

"""The numbers of a load's blocks: what one shows, and how candidate and reference compare over all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from claimbench.reports.judge import statistics
from claimbench.reports.record.load import BlockRecord, Latency, LoadArm, OperationRecord, Ratio
from claimbench.reports.record.values import Interval
from claimbench.scenarios.metrics import LoadMetric

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


def paired(blocks: Sequence[BlockRecord], arms: Sequence[LoadArm], wanted: Wanted) -> Paired:
    """The values of the reference and of the candidate in the blocks that both have."""
    by_role = {arm.role: values_by_block(blocks, arm.name, wanted) for arm in arms}
    reference, candidate = by_role.get("reference", {}), by_role.get("candidate", {})
    shared = sorted(reference.keys() & candidate.keys())
    return Paired(tuple(reference[each] for each in shared), tuple(candidate[each] for each in shared))


def ratio_of(values: Paired) -> Interval | None:
    """Candidate by reference with its interval; None with less than two blocks or a reference of 0.

    Below six blocks, which no interval at 95 % has, its ends are the lowest and the highest block.
    """
    if len(values.reference) < 2:
        return None
    few = len(values.reference) < statistics.FEW_BLOCKS_BELOW
    less_of = statistics.observed_reduction if few else statistics.reduction
    less = less_of(np.array(values.reference), np.array(values.candidate))
    if less is None:
        return None
    return Interval(value=1 - less.value, ci_low=1 - less.ci_high, ci_high=1 - less.ci_low)


def ratios(blocks: Sequence[BlockRecord], arms: Sequence[LoadArm]) -> tuple[Ratio, ...]:
    """All that is compared between arms, where at least one was measured; nothing with one arm alone."""
    if len(arms) < 2:
        return ()
    found = (_ratio(blocks, arms, each) for each in _compared(blocks))
    return tuple(each for each in found if each.values)


def _ratio(blocks: Sequence[BlockRecord], arms: Sequence[LoadArm], wanted: Wanted) -> Ratio:
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

"""The tables of a load report, as text in cells."""

from collections.abc import Iterator
from statistics import median

from claimbench.reports.judge.littles_law import littles_law
from claimbench.reports.judge.statistics import level
from claimbench.reports.pages.page import PageTable, columns
from claimbench.reports.record.load import (
    BlockRecord,
    CapacityRecord,
    Latency,
    LoadRecord,
    Ratio,
    TargetRecord,
)
from claimbench.reports.record.values import Interval

_PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9", "max")


def latencies(record: LoadRecord) -> PageTable:
    """A row per arm and kind of time: the median over blocks of each percentile."""
    rows = tuple(row for arm in record.arms for row in _latency_rows(record, arm.name))
    return PageTable(
        "Times in milliseconds, median over blocks", columns(("Arm", "Time"), _PERCENTILES), rows
    )


def _latency_rows(record: LoadRecord, arm: str) -> Iterator[tuple[str, ...]]:
    blocks = _of(record, arm)
    kinds = {
        "response, from the intended start": [block.generated.total.response for block in blocks],
        "service, from the real start": [block.generated.total.service for block in blocks],
        "schedule lag": [block.generated.total.lag for block in blocks],
        "submitted → result stored": [
            block.served.end_to_end
            for block in blocks
            if block.served.end_to_end and block.served.end_to_end.count
        ],
    }
    for name, found in kinds.items():
        if found:
            yield (arm, name, *_percentiles(found))


def operations(record: LoadRecord) -> PageTable:
    """A row per arm and operation: response times from the intended start, and what went wrong."""
    rows = []
    names = dict.fromkeys(each.name for block in record.blocks for each in block.generated.operations)
    for name in names:
        for arm in record.arms:
            found = [
                each
                for block in _of(record, arm.name)
                for each in block.generated.operations
                if each.name == name
            ]
            counts = [
                sum(getattr(each, field) for each in found) for field in ("arrivals", "failed", "dropped")
            ]
            rows.append(
                (
                    name,
                    arm.name,
                    *(f"{count:,}" for count in counts),
                    *_percentiles([e.response for e in found]),
                )
            )
    heads = columns(("Operation", "Arm"), ("Arrivals", "Failed", "Dropped", *_PERCENTILES))
    return PageTable("Response time by operation, milliseconds", heads, tuple(rows))


def ratios(record: LoadRecord) -> PageTable:
    """A row per comparison."""
    arms = [arm.name for arm in record.arms]
    rows = tuple(
        (each.metric, each.operation, *(_value(each, arm) for arm in arms), ratio_text(each.ratio))
        for each in record.ratios
    )
    heads = columns(("Metric", "Operation"), (*arms, "Ratio"))
    return PageTable(f"Candidate by reference; below 1 is less; {ends_of_ratios(record)}", heads, rows)


def ends_of_ratios(record: LoadRecord) -> str:
    """What stands in the brackets behind a ratio: an interval of its true level, or the outermost blocks."""
    blocks, method = record.asked.blocks, record.method
    if blocks < method.few_blocks_below:
        return f"in brackets {method.interval_of_few_blocks}"
    return f"in brackets the interval at {100 * level(blocks):.1f} %, {method.interval}"


def targets(record: LoadRecord) -> PageTable:
    """A row per target, with its address; none where our own arms were loaded."""
    rows = tuple((each.name, each.role, each.url) for each in record.arms if isinstance(each, TargetRecord))
    return PageTable("Targets", columns(("Target", "Role", "Address"), ()), rows)


def ratio_text(ratio: Interval | None) -> str:
    """A ratio with its interval, or a dash."""
    return "–" if ratio is None else f"{ratio.value:.3g} [{ratio.ci_low:.3g}, {ratio.ci_high:.3g}]"


def blocks(record: LoadRecord) -> PageTable:
    """A row per arm and block: what was sent, what came of it, and what it cost, as far as it can be seen."""
    rows = tuple(_block_row(block) for block in record.blocks)
    heads = (
        *("Planned", "Completed", "Failed", "Dropped", "Lag p99, ms", "Generator CPU", "Service CPU, s"),
        *("Round trips", "Stored", "Unfinished", "In flight, mean", "by Little's law"),
    )
    seen = [place for place in range(len(heads)) if any(row[place + 2] != "–" for row in rows)]
    kept = tuple((*row[:2], *(row[place + 2] for place in seen)) for row in rows)
    return PageTable("Blocks", columns(("Arm", "Block"), tuple(heads[place] for place in seen)), kept)


def _block_row(block: BlockRecord) -> tuple[str, ...]:
    total, served, law = block.generated.total, block.served, littles_law(block.generated)
    return (
        block.arm,
        str(block.block),
        *(f"{count:,}" for count in (block.generated.planned, total.completed, total.failed, total.dropped)),
        f"{total.lag.p99_ms:.1f}",
        ", ".join(f"{worker.cpu_share:.0%}" for worker in block.generated.workers) or "–",
        "–" if served.server_cpu_s is None else f"{served.server_cpu_s:.2f}",
        *(_count(count) for count in (served.round_trips, served.stored, served.unfinished)),
        f"{law.in_flight:,.3f}" if law.in_flight else "–",
        f"{law.throughput_per_s * law.response_ms / 1000:,.3f}" if law.in_flight else "–",
    )


def capacities(record: LoadRecord) -> PageTable:
    """A row per arm: the highest rate within the objective."""
    rows = tuple((each.arm, capacity_text(each), str(len(each.points))) for each in record.capacities)
    return PageTable("Capacity", columns(("Arm",), ("Arrivals per second", "Rates tried")), rows)


def capacity_text(capacity: CapacityRecord) -> str:
    """The capacity; `≥` where the search ended at its highest rate, `<` where the lowest was too much."""
    if capacity.rate_per_s is None:
        return f"< {min((each.rate_per_s for each in capacity.points), default=0):.4g}"
    return f"{'≥ ' if capacity.is_ceiling else ''}{capacity.rate_per_s:.4g}"


def curve(record: LoadRecord) -> PageTable:
    """A row per rate that the search tried."""
    rows = tuple(
        (
            each.arm,
            point.broken or "within the objective",
            f"{point.rate_per_s:.4g}",
            f"{point.completed_per_s:.4g}",
            f"{point.response_p95_ms:,.1f}",
            "–" if point.end_to_end_p95_ms is None else f"{point.end_to_end_p95_ms:,.0f}",
            f"{point.lag_p99_ms:.1f}",
            f"{point.failed_share:.2%}",
        )
        for each in record.capacities
        for point in sorted(each.points, key=lambda point: point.rate_per_s)
    )
    answered = ("Answered per s", "Response p95, ms", "End to end p95, ms", "Lag p99, ms", "Failed")
    return PageTable("Rates tried", columns(("Arm", "Objective"), ("Arrivals per s", *answered)), rows)


def failures(record: LoadRecord) -> PageTable:
    """A row per arm, operation and reason."""
    counts: dict[tuple[str, str], int] = {}
    for block in record.blocks:
        for each in block.generated.failures:
            key = (block.arm, f"{each.operation}: {each.reason}")
            counts[key] = counts.get(key, 0) + each.count
    rows = tuple((arm, what, f"{count:,}") for (arm, what), count in counts.items())
    return PageTable("Failures", columns(("Arm", "What failed and why"), ("Count",)), rows)


def _of(record: LoadRecord, arm: str) -> list[BlockRecord]:
    return [block for block in record.blocks if block.arm == arm]


def _percentiles(found: list[Latency]) -> tuple[str, ...]:
    names = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p99_9_ms", "max_ms")
    known = [each for each in found if each.count]
    if not known:
        return ("–",) * len(names)
    return tuple(f"{median(getattr(each, name) for each in known):,.2f}" for name in names)


def _value(ratio: Ratio, arm: str) -> str:
    if arm not in ratio.values:
        return "–"
    value = ratio.values[arm]
    number = f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    return number if ratio.unit == "count" else f"{number} {ratio.unit}"


def _count(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"

"""Whether the generator was fit to measure: one that was not has measured itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from claimbench.reports.judge.littles_law import littles_law
from claimbench.reports.record.load import Generated

LAW_OFF_MAX = 0.05
"""Histograms keep three digits, and the last packet of a process may miss a moment."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond these a run is invalid. CPU is a share of one core, overall in each process."""

    lag_p99: timedelta
    cpu_share: float = 0.9
    dropped_share: float = 0.001


def problems(generated: Generated, bounds: Bounds) -> Iterator[str]:
    """A sentence for each bound that was passed."""
    if generated.workers_lost:
        yield f"{generated.workers_lost} of {generated.workers_expected} generator processes were lost"
    if generated.heartbeats_lost:
        yield f"generator processes fell silent {generated.heartbeats_lost} times"
    for worker in generated.workers:
        if worker.cpu_share > bounds.cpu_share:
            told = f"{worker.cpu_share:.0%} of a core, more than {bounds.cpu_share:.0%}"
            yield f"generator process {worker.index} needed {told}: use more processes, or a lower rate"
    yield from _of_arrivals(generated, bounds)


def _of_arrivals(generated: Generated, bounds: Bounds) -> Iterator[str]:
    total, lag_ms = generated.total, bounds.lag_p99.total_seconds() * 1000
    if total.lag.p99_ms > lag_ms:
        told = f"p99 of the lag {total.lag.p99_ms:,.1f} ms, more than {lag_ms:,.0f} ms"
        yield f"requests left behind their schedule: {told}"
    if total.dropped > bounds.dropped_share * total.arrivals:
        yield f"{total.dropped:,} of {total.arrivals:,} arrivals found no place in flight: raise maxVUs"
    law = littles_law(generated)
    if law.off_share > LAW_OFF_MAX and not generated.workers_lost:
        yield f"the books do not agree: {law}"
    if total.replayed:
        yield f"{total.replayed:,} answers were replays of earlier requests: no work was measured"
    lost = generated.planned - total.arrivals
    if lost and not generated.workers_lost:
        yield f"{lost:,} of {generated.planned:,} arrivals are not accounted for: the run was cut short"

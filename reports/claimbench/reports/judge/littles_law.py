"""Little's law as a check of a load's own books: mean in flight = throughput x mean response.

Little, Operations Research 9 (1961). The two sides are counted apart: one as requests came and went, the
other from the histograms and the clock.
"""

from dataclasses import dataclass

from claimbench.reports.record.load import Generated


@dataclass(frozen=True, slots=True)
class LittlesLaw:
    """Both sides: what was counted in flight on average, and its two factors."""

    in_flight: float
    throughput_per_s: float
    response_ms: float

    @property
    def off_share(self) -> float:
        """How far the product lies from what was counted, as a share of it."""
        product = self.throughput_per_s * self.response_ms / 1000
        return abs(product / self.in_flight - 1) if self.in_flight else 0.0

    def __str__(self) -> str:
        return (
            f"Little's law: {self.in_flight:,.3f} in flight on average = {self.throughput_per_s:,.1f}/s x "
            f"{self.response_ms:,.2f} ms, off by {self.off_share:.1%}"
        )


def littles_law(generated: Generated) -> LittlesLaw:
    """What was counted in flight, beside what the histograms and the clock make of it."""
    observed_s = max((worker.observed_s for worker in generated.workers), default=0.0)
    if not observed_s:
        return LittlesLaw(0.0, 0.0, 0.0)
    in_flight_s = sum(worker.in_flight_s for worker in generated.workers)
    total = generated.total
    return LittlesLaw(in_flight_s / observed_s, total.completed / observed_s, total.response.mean_ms)

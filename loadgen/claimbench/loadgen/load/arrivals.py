"""When requests arrive: a rate over time, laid out evenly or as a Poisson process. Pure and seeded.

The k-th arrival comes when the expected count, the integral of the rate, reaches k (evenly) or the sum
of k exponential gaps of mean 1 (Poisson). The second is the time-rescaling construction of a
non-homogeneous Poisson process: Lewis and Shedler, Naval Research Logistics Quarterly 26 (1979), section 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

Times = NDArray[np.float64]


class Spacing(StrEnum):
    """How arrivals lie around the rate: one each 1/rate seconds, or at random as independent users come."""

    EVEN = "even"
    POISSON = "poisson"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of time in which the rate goes in a straight line from one value to another, per second."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    duration_s: float
    rate_from: float
    rate_to: float

    @property
    def expected(self) -> float:
        """The expected number of arrivals."""
        return self.duration_s * (self.rate_from + self.rate_to) / 2

    def time_of(self, count: Times) -> Times:
        """When the expected count since the stretch's start reaches each of these, in seconds since then."""
        slope = (self.rate_to - self.rate_from) / self.duration_s
        # The root of slope/2 t^2 + rate_from t = count, in the form that a slope of 0 does not break.
        root = np.sqrt(np.maximum(self.rate_from**2 + 2 * slope * count, 0.0))
        total = self.rate_from + root
        return np.divide(2 * count, total, out=np.zeros_like(count), where=total > 0)


Profile = Sequence[Stretch]


def constant(rate: float, duration_s: float) -> tuple[Stretch, ...]:
    """The same rate, per second, for so long."""
    return (Stretch(duration_s, rate, rate),)


def arrival_times(profile: Profile, spacing: Spacing, seed: int) -> Times:
    """Seconds since the start, ascending; the same arguments give the same times on every machine."""
    expected = sum(stretch.expected for stretch in profile)
    counts = _poisson_counts(expected, seed) if spacing is Spacing.POISSON else np.arange(_whole(expected))
    return np.concatenate([np.zeros(0), *_times_by_stretch(profile, counts.astype(np.float64))])


def _whole(expected: float) -> int:
    """How many k from 0 lie below it; 0.1 + 0.2 more than a whole number is that number."""
    return int(np.ceil(round(expected, 6)))


def _poisson_counts(expected: float, seed: int) -> Times:
    random = np.random.Generator(np.random.PCG64(seed))
    enough = int(expected + 10 * np.sqrt(expected) + 20)
    sums = np.cumsum(random.standard_exponential(enough))
    return sums[sums < expected]


def _times_by_stretch(profile: Profile, counts: Times) -> Iterator[Times]:
    start_s = reached = 0.0
    for position, stretch in enumerate(profile):
        end = reached + stretch.expected if position < len(profile) - 1 else np.inf
        inside = counts[(counts >= reached) & (counts < end)]
        yield start_s + stretch.time_of(inside - reached)
        start_s, reached = start_s + stretch.duration_s, reached + stretch.expected


def share(count: int, worker: int, workers: int) -> range:
    """The arrivals that one of several workers takes: every n-th, so that all of them keep one schedule."""
    return range(worker, count, workers)

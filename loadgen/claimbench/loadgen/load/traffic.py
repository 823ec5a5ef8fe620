"""Which operation each arrival is, and for which tenant: drawn once for the whole schedule, from the seed.

So the n-th arrival does the same whichever worker sends it, and both arms get the same requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Choices = NDArray[np.int64]

_OPERATIONS_STREAM, _TENANTS_STREAM = 1, 2


@dataclass(frozen=True, slots=True)
class Draw:
    """For every arrival the position of its operation and of its tenant."""

    operations: Choices
    tenants: Choices


def draw(count: int, weights: Sequence[float], tenants: int, seed: int) -> Draw:
    """Operations in proportion to their weights; tenants Zipf-like, the first one busiest."""
    sizes = 1 / np.arange(1, max(tenants, 1) + 1)
    return Draw(
        _weighted(count, np.asarray(weights, dtype=np.float64), [seed, _OPERATIONS_STREAM]),
        _weighted(count, sizes, [seed, _TENANTS_STREAM]),
    )


def _weighted(count: int, weights: NDArray[np.float64], seed: list[int]) -> Choices:
    bounds = np.cumsum(weights / weights.sum())
    uniform = np.random.Generator(np.random.PCG64(seed)).random(count)
    return np.searchsorted(bounds, uniform, side="right").clip(max=len(weights) - 1).astype(np.int64)

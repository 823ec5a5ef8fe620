"""What a user imports: `from claimbench import yours as claimbench`, then `@claimbench.compare(…)`.

The packages of the project share the name `claimbench`, which has no module of its own to import from.
"""

from collections.abc import Callable

from claimbench.loadgen.workloads.functions.comparison import SIZES, Case, Comparison, Define, Populate

__all__ = ["Case", "Comparison", "compare"]


def compare(*, populate: Populate, sizes: tuple[int, ...] = SIZES) -> Callable[[Define], Comparison]:
    """Make a comparison of a function that names the functions of a case; `claimbench compare FILE` runs it.

    populate: `populate(case, n)` fills an empty database with n. sizes: the largest is the one that is timed.
    """

    def made(define: Define) -> Comparison:
        return Comparison(define.__name__, define, populate, tuple(sizes))

    return made

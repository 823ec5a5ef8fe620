"""A machine that is not fit is told before minutes are spent on it; what it distorts is not found."""

import pytest

from claimbench.errors import InvalidMeasurementError
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.gate.machine import fitness_of_way, refuse_unfit
from claimbench.loadgen.gate.selftesting import INTO_BLOCKS, SelftestOutcome, is_distorted
from claimbench.reports.record.gate import Fitness
from claimbench.reports.record.values import Interval


def read(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, ci_low=low, ci_high=high)


def test_a_loaded_machine_is_refused_with_what_to_do() -> None:
    refuse_unfit(Fitness(load_per_core=1.9), "selftest")

    with pytest.raises(InvalidMeasurementError, match=r"not fit: 3\.2 processes") as refused:
        refuse_unfit(Fitness(load_per_core=3.2), "selftest")
    assert refused.value.exit_code == 3


def test_a_way_that_misses_its_round_trip_is_refused() -> None:
    way = Relayed("postgresql://h/d", 1.0, 0.04)  # type: ignore[arg-type]

    with pytest.raises(InvalidMeasurementError, match="round trip"):
        refuse_unfit(fitness_of_way(way), "calibrate")


@pytest.mark.parametrize(
    ("factor", "seen", "distorted"),
    [
        (1.05, read(1.06, 1.03, 1.09), False),
        (1.10, read(1.272, 1.130, 1.419), True),
        (1.20, read(1.483, 1.381, 1.644), True),
        (1.20, read(1.196, 1.121, 1.252), False),
        (1.20, read(1.02, 1.00, 1.05), True),
    ],
)
def test_what_is_read_far_from_what_was_injected_is_distorted(
    factor: float, seen: Interval, distorted: bool
) -> None:
    assert is_distorted(factor, seen) is distorted


def test_a_distorted_reading_is_undecided_and_never_missed_or_found() -> None:
    outcome = SelftestOutcome(INTO_BLOCKS[0], "distorted", "")

    assert outcome.is_undecided
    assert not outcome.is_missed

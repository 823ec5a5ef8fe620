"""Flags and tracker of the integrated pipeline: what it prefers, and that it measures instead of assuming."""

from datetime import UTC, datetime, timedelta

import pytest

from claimbench.errors import UsageError
from claimbench.impl.integration import VARIABLES, Flags
from claimbench.impl.integration.tracker import PathChoice, PathRun, Tracker, Tracking
from claimbench.impl.ports import Stage
from claimbench.impl.stage_events import Path, Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STAGE = Stage.CREATE_BATCHES
RARELY = Tracking(measure_every=1_000)


def tracker_after(optimized: list[PathRun], original: list[PathRun], tracking: Tracking = RARELY) -> Tracker:
    tracker = Tracker(tracking)
    for path, samples in ((Path.OPTIMIZED, optimized), (Path.ORIGINAL, original)):
        for sample in samples:
            tracker.record(STAGE, path, sample)
    return tracker


def went(seconds: float, units: int = 1) -> PathRun:
    return PathRun(NOW, seconds, units, ended_well=True)


FAILED = PathRun(NOW, 0.1, 0, ended_well=False)


def test_all_flags_are_on_unless_they_are_set() -> None:
    assert Flags.from_environment({}) == Flags(
        batch_optimization=True, batch_operations=True, parallel_processing=True, fallback_on_errors=True
    )


@pytest.mark.parametrize(("name", "variable"), VARIABLES.items())
def test_each_variable_switches_its_own_flag_off(name: str, variable: str) -> None:
    flags = Flags.from_environment({variable: "FALSE"})

    assert [flag for flag in VARIABLES if not getattr(flags, flag)] == [name]


@pytest.mark.parametrize("text", ["", "yes", "1", "tru"])
def test_a_value_that_is_neither_true_nor_false_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="ENABLE_BATCH_OPERATIONS"):
        Flags.from_environment({"ENABLE_BATCH_OPERATIONS": text})


def test_a_path_that_was_never_measured_is_no_yardstick() -> None:
    """The third mistake: an average of nothing is 0, and nothing is faster than that."""
    tracker = tracker_after([went(1.0)] * 50, [])

    assert tracker.choose(STAGE, NOW) == PathChoice(Path.OPTIMIZED, Reason.NOT_YET_MEASURED)


def test_the_faster_path_is_preferred_by_time_for_a_unit_of_work() -> None:
    tracker = tracker_after([went(2.0, units=1_000)], [went(1.0, units=10)])

    assert tracker.choose(STAGE, NOW) == PathChoice(Path.OPTIMIZED, Reason.FASTER)


def test_an_optimized_path_that_is_slower_is_left() -> None:
    tracker = tracker_after([went(2.0)], [went(1.0)])

    assert tracker.choose(STAGE, NOW) == PathChoice(Path.ORIGINAL, Reason.SLOWER)


def test_nine_successes_in_ten_are_not_more_than_90_percent() -> None:
    tracker = tracker_after([went(0.1)] * 9 + [FAILED], [went(1.0)])

    assert tracker.choose(STAGE, NOW) == PathChoice(Path.ORIGINAL, Reason.UNRELIABLE)


def test_the_path_that_is_not_preferred_is_measured_now_and_then() -> None:
    tracker = tracker_after([went(0.1)], [went(1.0)], Tracking(measure_every=10))

    choices = [tracker.choose(STAGE, NOW) for _ in range(20)]
    assert [choice.reason for choice in choices].count(Reason.MEASURING) == 2
    assert choices[9] == PathChoice(Path.ORIGINAL, Reason.MEASURING)


def test_the_optimized_path_comes_back_after_a_bad_spell() -> None:
    tracker = tracker_after([FAILED] * 20, [went(1.0)])
    assert tracker.choose(STAGE, NOW).path is Path.ORIGINAL

    later = NOW + timedelta(hours=2)
    assert tracker.choose(STAGE, later) == PathChoice(Path.OPTIMIZED, Reason.NOT_YET_MEASURED)


def test_measuring_a_path_that_has_recovered_brings_it_back() -> None:
    tracker = tracker_after([FAILED] * 20, [went(1.0)], Tracking(window=20, measure_every=2))
    for _ in range(60):
        choice = tracker.choose(STAGE, NOW)
        tracker.record(STAGE, choice.path, went(0.1 if choice.path is Path.OPTIMIZED else 1.0))

    assert {tracker.choose(STAGE, NOW).reason for _ in range(2)} == {Reason.FASTER, Reason.MEASURING}


def test_each_stage_is_tracked_by_itself() -> None:
    tracker = tracker_after([went(2.0)], [went(1.0)])

    assert tracker.choose(Stage.RETRY_FAILED, NOW).reason is Reason.NOT_YET_MEASURED

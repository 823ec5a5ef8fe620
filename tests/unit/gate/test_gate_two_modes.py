"""Processes that are in one of two modes, by simulation from fixed seeds: what is found, hidden, and said."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from gate_factory import a_later_run, checked, rules, sample

from claimbench.reports.judge import timing
from claimbench.reports.judge.modes import two_modes
from claimbench.reports.judge.statistics import Values, of_median
from claimbench.reports.judge.timing import Hypothesis, LookPlan, decide
from claimbench.reports.record.gate import Duel, Fitness
from claimbench.reports.record.values import Sample

EXPERIMENTS = 150
APART = 0.3
"""How much slower the slow mode is, as a logarithm."""
ROUNDS = 4


def rounds_of(random: np.random.Generator, effect: float = 1.0, share: float = 0.5) -> Values:
    """Times of one side, a row for each block: its process in a mode of its own, its rounds near to it."""
    blocks = LookPlan().most_blocks
    mode = (random.random((blocks, 1)) < share) * APART + random.normal(0, 0.02, (blocks, 1))
    return effect * np.exp(mode + random.normal(0, 0.02, (blocks, ROUNDS)))


def outcomes(effect: float) -> dict[str, int]:
    random = np.random.default_rng(11)
    counts = {"pass": 0, "fail": 0, "inconclusive": 0}
    for _ in range(EXPERIMENTS):
        base, head = (np.median(rounds_of(random, each), axis=1) for each in (1.0, effect))
        (answer,) = decide([Hypothesis("time", 1.05)], _reader(head / base), LookPlan())
        counts[answer.value] += 1
    return counts


def _reader(values: Values):
    given = 0

    def take(count: int) -> tuple[Values]:
        nonlocal given
        start, given = given, given + count
        return (values[start:given],)

    return take


def test_ten_percent_is_found_though_processes_are_in_one_of_two_modes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = outcomes(1.10)
    monkeypatch.setattr(timing, "of_median_by_modes", of_median)
    by_ranks_alone = outcomes(1.10)

    assert found["fail"] >= 0.95 * EXPERIMENTS
    assert by_ranks_alone["fail"] <= 0.65 * EXPERIMENTS


@pytest.mark.parametrize("effect", [1.0, 1.05])
def test_two_modes_raise_no_false_alarm(effect: float) -> None:
    assert outcomes(effect)["fail"] <= 0.01 * EXPERIMENTS + 1


def test_a_slow_mode_that_the_head_alone_has_is_not_green() -> None:
    random, greens = np.random.default_rng(12), 0
    for _ in range(EXPERIMENTS):
        base = np.exp(random.normal(0, 0.02, 96))
        head = np.median(rounds_of(random, share=0.6), axis=1)
        (answer,) = decide([Hypothesis("time", 1.05)], _reader(head / base), LookPlan())
        greens += answer.value == "pass"

    assert greens <= 0.05 * EXPERIMENTS


def samples_of(side: str, rounds: Sequence[Sequence[float]]) -> list[Sample]:
    return [
        sample(side, "time", value, "s", block=block, rtt_ms=1.0)
        for block, values in enumerate(rounds)
        for value in values
    ]


def test_a_check_that_two_modes_leave_undecided_says_so() -> None:
    random = np.random.default_rng(4)
    base, head = (rounds_of(random, effect) for effect in (1.0, 1.05))
    duel = Duel(
        base_revision="1" * 40,
        head_revision="2" * 40,
        pipeline="optimized",
        samples=(*samples_of("base", base), *samples_of("head", head)),
        fitness=Fitness(load_per_core=0.5),
    )
    gate = checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), duel=duel)
    (found,) = (each for each in gate.findings if each.tier == "timing")

    assert found.value == "inconclusive"
    assert found.reason.startswith("two modes: base is in a mode 35 % slower in ")
    assert " of its rounds and head is in a mode 35 % slower in " in found.reason


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_two_modes_are_seen(share: float) -> None:
    random = np.random.default_rng(2)
    seen = sum(two_modes(rounds_of(random, share=share).ravel().tolist()) is not None for _ in range(100))

    assert seen >= 95


def log_normal(random: np.random.Generator) -> Values:
    return np.exp(random.normal(0, 0.05, 192))


def heavy_tails(random: np.random.Generator) -> Values:
    return np.exp(random.standard_t(2, 192) * 0.03)


def drift(random: np.random.Generator) -> Values:
    return np.exp(np.linspace(0, 0.4, 192) + random.normal(0, 0.02, 192))


def a_step(random: np.random.Generator) -> Values:
    return np.exp((np.arange(192) > 96) * APART + random.normal(0, 0.02, 192))


@pytest.mark.parametrize("noise", [log_normal, heavy_tails, drift, a_step])
def test_other_noise_is_not_taken_for_two_modes(noise: Callable[[np.random.Generator], Values]) -> None:
    random = np.random.default_rng(3)
    seen = sum(two_modes(noise(random).tolist()) is not None for _ in range(100))

    assert seen <= 1

"""Processes that are in one of two modes, by simulation from fixed seeds: what is found, hidden, and said."""

from collections.abc import Sequence

import numpy as np
import pytest
from gate_factory import a_later_run, checked, rules, sample

from claimbench.loadgen.gate.duel import PROCESSES, ROUNDS_OF_A_PROCESS
from claimbench.reports.judge.modes import two_modes
from claimbench.reports.judge.statistics import Values
from claimbench.reports.judge.timing import Hypothesis, LookPlan, decide
from claimbench.reports.record.gate import Duel, Fitness
from claimbench.reports.record.values import Sample

EXPERIMENTS = 400
APART = 0.2
"""How much slower the slow mode is, as a logarithm."""


def rounds_of(random: np.random.Generator, blocks: int, processes: int, effect: float = 1.0) -> Values:
    """Times of one side, a row for each block: each process in a mode of its own, its rounds near to it."""
    mode = (random.random((blocks, processes, 1)) < 0.5) * APART + random.normal(
        0, 0.02, (blocks, processes, 1)
    )
    rounds = random.normal(0, 0.02, (blocks, processes, ROUNDS_OF_A_PROCESS))
    return effect * np.exp(mode + rounds).reshape(blocks, -1)


def outcomes(effect: float, processes: int) -> dict[str, int]:
    random, plan = np.random.default_rng(11), LookPlan()
    counts = {"pass": 0, "fail": 0, "inconclusive": 0}
    for _ in range(EXPERIMENTS):
        base = np.median(rounds_of(random, plan.most_blocks, processes), axis=1)
        head = np.median(rounds_of(random, plan.most_blocks, processes, effect), axis=1)
        (answer,) = decide([Hypothesis("time", 1.05)], _reader(head / base), plan)
        counts[answer.value] += 1
    return counts


def _reader(values: Values):
    given = 0

    def take(count: int) -> tuple[Values]:
        nonlocal given
        start, given = given, given + count
        return (values[start:given],)

    return take


def test_ten_percent_is_found_more_often_with_two_processes_a_side_and_hardly_ever_green() -> None:
    one, two = outcomes(1.10, 1), outcomes(1.10, PROCESSES)

    assert two["fail"] > one["fail"]
    assert two["pass"] <= 0.05 * EXPERIMENTS


def test_two_modes_raise_no_false_alarm() -> None:
    assert outcomes(1.0, PROCESSES)["fail"] <= 0.01 * EXPERIMENTS


def samples_of(side: str, rounds: Sequence[Sequence[float]]) -> list[Sample]:
    return [
        sample(side, "time", value, "s", block=block, rtt_ms=1.0)
        for block, values in enumerate(rounds)
        for value in values
    ]


def test_a_check_that_two_modes_leave_undecided_says_so() -> None:
    random = np.random.default_rng(4)
    base, head = (rounds_of(random, 96, PROCESSES, effect) for effect in (1.0, 1.06))
    duel = Duel(
        base_revision="1" * 40,
        head_revision="2" * 40,
        pipeline="optimized",
        samples=(*samples_of("base", base), *samples_of("head", head)),
        fitness=Fitness(load_per_core=0.5),
    )
    (found,) = (
        each
        for each in checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), duel=duel).findings
        if each.tier == "timing"
    )

    assert found.value == "inconclusive"
    assert found.reason.startswith("two modes: base is in a mode 22 % slower in ")
    assert " and head is in a mode 22 % slower in " in found.reason


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_two_modes_are_seen(share: float) -> None:
    random = np.random.default_rng(2)
    seen = 0
    for _ in range(EXPERIMENTS):
        slow = np.repeat(random.random(96) < share, ROUNDS_OF_A_PROCESS)
        seen += two_modes((np.exp(slow * APART + random.normal(0, 0.03, 192))).tolist()) is not None

    assert seen >= 0.95 * EXPERIMENTS


def log_normal(random: np.random.Generator) -> Values:
    return np.exp(random.normal(0, 0.05, 192))


def heavy_tails(random: np.random.Generator) -> Values:
    return np.exp(random.standard_t(2, 192) * 0.03)


def drift(random: np.random.Generator) -> Values:
    return np.exp(np.linspace(0, 0.4, 192) + random.normal(0, 0.02, 192))


def a_step(random: np.random.Generator) -> Values:
    return np.exp((np.arange(192) > 96) * APART + random.normal(0, 0.02, 192))


@pytest.mark.parametrize("noise", [log_normal, heavy_tails, drift, a_step])
def test_other_noise_is_not_taken_for_two_modes(noise) -> None:
    random = np.random.default_rng(3)
    seen = sum(two_modes(noise(random).tolist()) is not None for _ in range(EXPERIMENTS))

    assert seen <= 0.01 * EXPERIMENTS

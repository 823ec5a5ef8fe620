"""How often the gate cries wolf here, what it finds, and what is below its floor: by resampling A/A blocks.

Recorded blocks, each a pair of the same code, are drawn with replacement into whole gate runs: looks, Holm,
confirmation and all. Within each block the sides are swapped at random, since nothing tells them apart; that
makes the null exact, so a bias between the sides is reported by itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from claimbench.errors import InvalidMeasurementError
from claimbench.reports.judge.statistics import Proportion, Values
from claimbench.reports.judge.timing import Hypothesis, LookPlan, decide, interval_of
from claimbench.reports.record.calibration import Bias, Caught, Condition, Floor, Simulated
from claimbench.reports.record.values import Sample

INDEPENDENT_BLOCKS = 60
"""Fewer recorded blocks than these cannot stand for hundreds of gate runs."""

POWER = 0.8
FLOOR_PERCENTILE = 95
EFFECTS_PERCENT = (5, 10, 20)
SEARCHED_PERCENT = tuple(range(1, 61))


@dataclass(frozen=True, slots=True)
class Gated:
    """A metric with its limit, and what the same code gave for it on both sides, a block each."""

    metric: str
    limit: float
    base: Values
    head: Values


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is resampled, how it is looked at, how often, and from which seed."""

    gated: tuple[Gated, ...]
    plan: LookPlan
    runs: int
    seed: int

    def alarms(self, effect: float, metric: str | None = None) -> "Alarms":
        """Whole gate runs in which head needs `effect` times as much of one metric (of all by default)."""
        random = np.random.default_rng(self.seed)
        draws = [self._draw(random, effect, metric) for _ in range(self.runs)]
        ours = sum(self._gate_alarms(draw) for draw in draws)
        wrong_way = sum(_rival_alarms(draw, self.plan.blocks[-1]) for draw in draws)
        rivals = tuple(Proportion(int(n), self.runs) for n in np.atleast_1d(wrong_way))
        return Alarms(Proportion(ours, self.runs), rivals)

    def caught(self, effect: float, metric: str) -> Proportion:
        """As `alarms`, of our gate alone."""
        random = np.random.default_rng(self.seed)
        found = sum(self._gate_alarms(self._draw(random, effect, metric)) for _ in range(self.runs))
        return Proportion(found, self.runs)

    def estimates(self, metric: str) -> Values:
        """The effect that noise alone shows at the last look, as a log-ratio, a number for each run."""
        random = np.random.default_rng(self.seed)
        one = next(each for each in self.gated if each.metric == metric)
        found = []
        for _ in range(self.runs):
            (drawn,) = Simulation((one,), self.plan, 1, 0)._draw(random, 1.0, None)
            ratios = drawn.head / drawn.base
            found.append(np.log(interval_of(ratios[: self.plan.blocks[-1]]).value))
        return np.array(found)

    def _draw(self, random: np.random.Generator, effect: float, metric: str | None) -> tuple[Gated, ...]:
        recorded = len(self.gated[0].base)
        picked = random.integers(0, recorded, self.plan.most_blocks)
        swapped = random.random(self.plan.most_blocks) < 0.5
        return tuple(
            Gated(
                each.metric,
                each.limit,
                np.where(swapped, each.head[picked], each.base[picked]),
                np.where(swapped, each.base[picked], each.head[picked])
                * (effect if metric in (None, each.metric) else 1.0),
            )
            for each in self.gated
        )

    def _gate_alarms(self, drawn: Sequence[Gated]) -> bool:
        hypotheses = [Hypothesis(each.metric, each.limit) for each in drawn]
        given = 0

        def take(count: int) -> Sequence[Values]:
            nonlocal given
            start, given = given, given + count
            return [(each.head / each.base)[start:given] for each in drawn]

        return any(answer.value == "fail" for answer in decide(hypotheses, take, self.plan))


@dataclass(frozen=True, slots=True)
class Alarms:
    """How often the gate ended red, and how often each rival's rule would have, in the order of `RIVALS`."""

    ours: Proportion
    rivals: tuple[Proportion, ...]


def _rival_alarms(drawn: Sequence[Gated], blocks: int) -> Values:
    alarms = [any(rival.alarms(each.base[:blocks], each.head[:blocks]) for each in drawn) for rival in RIVALS]
    return np.array(alarms, dtype=float)


def gated_of(samples: Sequence[Sample], limits: Sequence["RatioLimit"]) -> tuple[Gated, ...]:
    """The recorded pairs of each metric that is gated.

    Raises `InvalidMeasurementError` (exit 3) below 60 blocks.
    """
    return tuple(_gated(samples, limit) for limit in limits)


@dataclass(frozen=True, slots=True)
class RatioLimit:
    """How much of the base revision's value a metric may reach: 1.05 is 5 % more."""

    metric: str
    limit: float


def _by_block(samples: Sequence[Sample], arm: str, metric: str) -> Mapping[int, float]:
    """The rounds of a block are one replication: their median counts, as in a check."""
    rounds: dict[int, list[float]] = defaultdict(list)
    for each in samples:
        if (each.arm, each.metric) == (arm, metric):
            rounds[each.block].append(each.value)
    return {block: float(np.median(values)) for block, values in rounds.items()}


def _gated(samples: Sequence[Sample], limit: RatioLimit) -> Gated:
    of_arm = {arm: _by_block(samples, arm, limit.metric) for arm in ("base", "head")}
    blocks = sorted(set(of_arm["base"]) & set(of_arm["head"]))
    if len(blocks) < INDEPENDENT_BLOCKS:
        raise InvalidMeasurementError(
            f"{len(blocks)} blocks of {limit.metric} are too few to resample",
            where="calibration",
            remedy=f"record {INDEPENDENT_BLOCKS} or more with --blocks",
        )
    values = [np.array([of_arm[arm][block] for block in blocks]) for arm in ("base", "head")]
    if min(each.min() for each in values) <= 0:
        raise InvalidMeasurementError(
            f"a block of {limit.metric} is 0", where="calibration", remedy="take a larger scenario"
        )
    return Gated(limit.metric, limit.limit, *values)


def outcome_of(condition: Condition, simulation: Simulation) -> Simulated:
    """All that a calibration says about one condition of the machine."""
    null = simulation.alarms(1.0)
    return Simulated(
        condition=condition.name,
        blocks=len(simulation.gated[0].base),
        runs=simulation.runs,
        seed=simulation.seed,
        false_alarms=null.ours.events,
        rival_false_alarms=tuple(
            Caught(name=rival.name, rule=rival.rule, events=rate.events, trials=rate.trials)
            for rival, rate in zip(RIVALS, null.rivals, strict=True)
        ),
        floors=tuple(_floor(simulation, each) for each in simulation.gated),
        curve=tuple(_curve(simulation)),
        biases=tuple(_bias(each) for each in simulation.gated),
    )


def _floor(simulation: Simulation, gated: Gated) -> Floor:
    reached = np.percentile(np.abs(simulation.estimates(gated.metric)), FLOOR_PERCENTILE)
    return Floor(
        metric=gated.metric,
        limit=gated.limit,
        noise_percent=100 * float(np.expm1(reached)),
        smallest_found_percent=smallest_found(simulation, gated.metric),
    )


def smallest_found(simulation: Simulation, metric: str) -> float | None:
    """The smallest effect in whole percent that is found with 80 % power, by bisection; None above 60 %."""
    quick = Simulation(simulation.gated, simulation.plan, min(simulation.runs, 100), simulation.seed)
    low, high = 0, len(SEARCHED_PERCENT)
    while low < high:
        middle = (low + high) // 2
        if quick.caught(1 + SEARCHED_PERCENT[middle] / 100, metric).share >= POWER:
            high = middle
        else:
            low = middle + 1
    return float(SEARCHED_PERCENT[low]) if low < len(SEARCHED_PERCENT) else None


def _curve(simulation: Simulation) -> Iterator[Caught]:
    for gated in simulation.gated:
        for percent in EFFECTS_PERCENT:
            rate = simulation.caught(1 + percent / 100, gated.metric)
            yield Caught(name=f"+{percent} % {gated.metric}", rule="", events=rate.events, trials=rate.trials)


def _bias(gated: Gated) -> Bias:
    """Whether one side, which is the same code, was slower more often than chance lets it."""
    ratios = gated.head / gated.base
    slower, unequal = int((ratios > 1).sum()), int((ratios != 1).sum())
    p_value = float(stats.binomtest(slower, unequal).pvalue) if unequal else 1.0
    return Bias(metric=gated.metric, head_worse=slower, blocks=len(ratios), p_value=p_value)


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule that says whether `head` is slower than `base`, from the blocks of each."""

    name: str
    rule: str
    alarms: Callable[[Values, Values], bool]


def _mean_10_percent(base: Values, head: Values) -> bool:
    return bool(head.mean() > 1.10 * base.mean())


def _asv(base: Values, head: Values) -> bool:
    different = stats.mannwhitneyu(head, base, alternative="two-sided").pvalue < 0.002
    return bool(different and np.median(head) > 1.1 * np.median(base))


def _mann_whitney(base: Values, head: Values) -> bool:
    different = stats.mannwhitneyu(head, base, alternative="two-sided").pvalue < 0.05
    return bool(different and np.median(head) > np.median(base))


RIVALS = (
    Rival("pytest-benchmark", "--benchmark-compare-fail=mean:10%", _mean_10_percent),
    Rival("asv", "Mann-Whitney p < 0.002 and 10 % by the medians", _asv),
    Rival("Mann-Whitney", "p < 0.05 and slower by the medians", _mann_whitney),
)

"""The second tier: rules about blocks, decided at bounded looks that are declared before the first one.

Each look spends its share of the error budget, so looking again is no second chance. A red is given only
after a second set of blocks, which the first one has not seen, says the same.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from claimbench.errors import UsageError
from claimbench.reports.judge import statistics
from claimbench.reports.judge.modes import of_median_by_modes, told_modes
from claimbench.reports.judge.statistics import Surprise, Values, holm, of_percentile
from claimbench.reports.record.gate import Duel
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Finding, Interval, Sample, VerdictValue
from claimbench.reports.wording import value_text
from claimbench.scenarios.metrics import Tier, definition
from claimbench.scenarios.thresholds import BASE, RATIO, Percentile, Selection, Threshold

LEAST_BLOCKS = 6
"""Below six blocks no rank test can be surprised enough."""


@dataclass(frozen=True, slots=True)
class LookPlan:
    """When to look, and how the budget is shared. Blocks are cumulative.

    alpha: chance of a red look without a reason, over all hypotheses and looks. beta: chance, for each
    hypothesis, of a green without a reason. confirmation_alpha: the level of the second set.
    """

    blocks: tuple[int, ...] = (12, 24, 48)
    shares: tuple[float, ...] = (0.2, 0.3, 0.5)
    alpha: float = 0.05
    beta: float = 0.05
    confirmation_alpha: float = 0.05

    def __post_init__(self) -> None:
        grows = list(self.blocks) == sorted(set(self.blocks)) and self.blocks[0] >= LEAST_BLOCKS
        if not grows or len(self.shares) != len(self.blocks) or not math.isclose(sum(self.shares), 1):
            raise UsageError(
                f"looks at {self.blocks} with shares {self.shares} are no plan",
                where="looks",
                remedy=f"let blocks grow from {LEAST_BLOCKS} or more, and shares add up to 1",
            )

    @property
    def most_blocks(self) -> int:
        """All that a check can take: the last look, and its confirmation."""
        return 2 * self.blocks[-1]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One rule about blocks: their percentile must stay below the limit (or above it)."""

    name: str
    limit: float
    percent: float = 50.0
    caps: bool = True

    def excess(self, values: Values) -> Values:
        """How far each block is beyond the limit, in logarithms; above 0 is bad."""
        sign = 1 if self.caps else -1
        return np.asarray(sign * np.log(values / self.limit))

    def surprise(self, values: Values) -> Surprise:
        """How surprising these blocks are, for and against."""
        if self.percent == 50:
            return of_median_by_modes(self.excess(values))
        return of_percentile(self.excess(values), self.percent if self.caps else 100 - self.percent)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the blocks say about a hypothesis."""

    hypothesis: Hypothesis
    value: VerdictValue
    reason: str
    p_worse: float
    interval: Interval
    blocks: int


Take = Callable[[int], Sequence[Values]]
"""So many further blocks, an array for each hypothesis; shorter where there are no more."""


def decide(
    hypotheses: Sequence[Hypothesis], take: Take, plan: LookPlan, others: int = 0
) -> tuple[Decision, ...]:
    """Look at most as often as planned; one decision for each hypothesis, in order.

    take is called for blocks in their order of time: first those of the looks, then those that confirm.
    """
    course = _Course(hypotheses, plan, others)
    for look in range(len(plan.blocks)):
        course.look(look, take)
        if course.is_settled:
            break
    return course.answers()


class _Course:
    """One check on its way: blocks so far, and what each hypothesis has come to."""

    def __init__(self, hypotheses: Sequence[Hypothesis], plan: LookPlan, others: int) -> None:
        self._hypotheses, self._plan, self._others = tuple(hypotheses), plan, others
        self._blocks: list[Values] = [np.empty(0) for _ in hypotheses]
        self._settled: dict[int, Decision] = {}
        self._has_red = False

    @property
    def is_settled(self) -> bool:
        return self._has_red or len(self._settled) == len(self._hypotheses)

    def look(self, look: int, take: Take) -> None:
        fresh = take(self._plan.blocks[look] - len(self._blocks[0]))
        self._blocks = [np.append(old, new) for old, new in zip(self._blocks, fresh, strict=True)]
        surprises = [q.surprise(v) for q, v in zip(self._hypotheses, self._blocks, strict=True)]
        red = holm(
            [each.worse for each in surprises], self._plan.alpha * self._plan.shares[look], self._others
        )
        for index, surprise in enumerate(surprises):
            if not red[index] and surprise.fine <= self._plan.beta * self._plan.shares[look]:
                self._settled.setdefault(index, self._answer(index, VerdictValue.PASS, "", surprise.worse))
        if any(red):
            self._has_red = True
            self._confirm([index for index in range(len(red)) if red[index]], take)

    def _confirm(self, red: Sequence[int], take: Take) -> None:
        """The reds again, on as many unseen blocks as the last look would have had."""
        second = take(self._plan.blocks[-1])
        if len(second[0]) < LEAST_BLOCKS:
            reason = "red, but there are no further blocks to confirm it: take more blocks"
            for index in red:
                self._settled[index] = self._answer(index, VerdictValue.INCONCLUSIVE, reason, math.nan)
            return
        p_values = [self._hypotheses[index].surprise(second[index]).worse for index in red]
        confirmed = holm(p_values, self._plan.confirmation_alpha)
        for place, index in enumerate(red):
            value = VerdictValue.FAIL if confirmed[place] else VerdictValue.INCONCLUSIVE
            words = "says the same" if confirmed[place] else "does not confirm the red of the first"
            reason = f"a second set of {len(second[index])} blocks {words} (p = {p_values[place]:.2g})"
            self._settled[index] = self._answer(index, value, reason, p_values[place])

    def answers(self) -> tuple[Decision, ...]:
        for index, hypothesis in enumerate(self._hypotheses):
            if index not in self._settled:
                surprise = hypothesis.surprise(self._blocks[index])
                reason = (
                    "the blocks lie on both sides of the limit, or too near to it, and the looks are used up"
                )
                if self._has_red:
                    reason = "the check ended with another question's red"
                self._settled[index] = self._answer(index, VerdictValue.INCONCLUSIVE, reason, surprise.worse)
        return tuple(self._settled[index] for index in range(len(self._hypotheses)))

    def _answer(self, index: int, value: VerdictValue, reason: str, p_worse: float) -> Decision:
        values = self._blocks[index]
        p = self._hypotheses[index].surprise(values).worse if math.isnan(p_worse) else p_worse
        return Decision(self._hypotheses[index], value, reason, p, interval_of(values), len(values))


def interval_of(values: Values) -> Interval:
    """The centre of positive block values with its 95 % interval, on the scale of the values."""
    logs = statistics.location(np.log(values))
    return Interval(value=math.exp(logs.value), ci_low=math.exp(logs.ci_low), ci_high=math.exp(logs.ci_high))


BASE_ARM, HEAD_ARM = "base", "head"
"""The arms of a duel."""

UNBELIEVABLE_RATIO = 0.5
"""A time or a memory of half the base revision's is looked at by a person before it is believed."""


@dataclass(frozen=True, slots=True)
class RuleOnBlocks:
    """A threshold as a hypothesis, and its values, a block each, in the order in which they were taken."""

    threshold: Threshold
    hypothesis: Hypothesis
    values: Values
    unit: str
    modes: str = ""
    """What is seen of two modes on either side, in words; empty where there are none."""


def is_statistical(threshold: Threshold) -> bool:
    """Whether blocks decide it."""
    found = definition(threshold.place.metric)
    return found is not None and found.tier is Tier.STATISTICAL


def rule_of_run(threshold: Threshold, record: ResultRecord) -> RuleOnBlocks:
    """An arm's values, or the candidate's by the reference's; without values when there are none."""
    roles = {arm.role: arm.name for arm in record.arms}
    if threshold.subject == RATIO:
        values = _ratios(record, threshold.place, roles["candidate"], roles["reference"])
    else:
        blocks = _blocks(record.samples, threshold.subject, threshold.place, record)
        values = np.array([blocks[block] for block in sorted(blocks)])
    return _rule(threshold, values)


def rule_of_duel(threshold: Threshold, record: ResultRecord, duel: Duel) -> RuleOnBlocks:
    """This revision's values by the base revision's."""
    seen = record.model_copy(update={"samples": duel.samples})
    rule = _rule(threshold, _ratios(seen, threshold.place, HEAD_ARM, BASE_ARM))
    return replace(rule, modes=told_modes(duel.samples, (BASE_ARM, HEAD_ARM), threshold.place.metric))


def _rule(threshold: Threshold, values: Values) -> RuleOnBlocks:
    statistic = threshold.statistic
    percent = statistic.percent if isinstance(statistic, Percentile) else 50.0
    hypothesis = Hypothesis(str(threshold), threshold.limit, percent, threshold.operator.caps)
    found = definition(threshold.place.metric)
    unit = "times" if threshold.is_relative or found is None else found.unit
    return RuleOnBlocks(threshold, hypothesis, values, unit)


def _ratios(record: ResultRecord, place: Selection, over_arm: str, under_arm: str) -> Values:
    over = _blocks(record.samples, over_arm, place, record)
    under = _blocks(record.samples, under_arm, place, record)
    shared = [block for block in sorted(over) if block in under]
    return np.array([over[block] / under[block] if under[block] > 0 else 0.0 for block in shared])


def _blocks(samples: Iterable[Sample], arm: str, place: Selection, record: ResultRecord) -> dict[int, float]:
    rtt_ms = place.rtt_ms
    if rtt_ms is None:
        rtt_ms = record.scenario.judged_rtt_ms if place.metric == "time" else 0.0
    size = place.size or record.scenario.size
    wanted = (arm, place.metric, place.stage, rtt_ms, size)
    found: dict[int, list[float]] = defaultdict(list)
    for each in samples:
        if (each.arm, each.metric, each.stage, each.rtt_ms, each.size) == wanted:
            found[each.block].append(each.value)
    return {block: float(np.median(values)) for block, values in found.items()}


@dataclass(frozen=True, slots=True)
class Judgement:
    """How hypotheses of one kind are decided: the looks, and how many further ones share the error budget."""

    plan: LookPlan
    others: int
    believed: frozenset[str]


def timing_findings(asked: Sequence[RuleOnBlocks], judgement: Judgement) -> tuple[Finding, ...]:
    """A finding for each hypothesis; those that cannot be asked are invalid and say why."""
    sound = [each for each in asked if not _why_not(each)]
    others = judgement.others + len(asked) - len(sound)
    answers = (
        decide([each.hypothesis for each in sound], _Recorded(sound), judgement.plan, others) if sound else ()
    )
    told = {id(each): _told(each, answer, judgement) for each, answer in zip(sound, answers, strict=True)}
    return tuple(told.get(id(each)) or _unasked(each) for each in asked)


def plan_for(blocks: int) -> LookPlan:
    """One look, for blocks that are all there already: every other block is kept to confirm a red."""
    looked_at = (blocks + 1) // 2 if blocks >= 2 * LEAST_BLOCKS else max(blocks, LEAST_BLOCKS)
    return LookPlan(blocks=(looked_at,), shares=(1.0,))


def interleaved(asked: RuleOnBlocks) -> RuleOnBlocks:
    """With blocks enough for two sets: the even ones first, then the odd ones, so that both span the run."""
    values = asked.values
    if len(values) < 2 * LEAST_BLOCKS:
        return asked
    return RuleOnBlocks(asked.threshold, asked.hypothesis, np.append(values[::2], values[1::2]), asked.unit)


class _Recorded:
    """Hands out recorded blocks in their order."""

    def __init__(self, asked: Sequence[RuleOnBlocks]) -> None:
        self._asked, self._given = asked, 0

    def __call__(self, count: int) -> Sequence[Values]:
        start, self._given = self._given, self._given + count
        return [each.values[start : self._given] for each in self._asked]


def _why_not(asked: RuleOnBlocks) -> str:
    found = len(asked.values)
    if found < LEAST_BLOCKS:
        return (
            f"{found} blocks are too few to judge on: take {2 * LEAST_BLOCKS} or more, half of them confirm"
        )
    if (asked.values <= 0).any():
        return "a block is 0, and nothing can be compared with nothing: measure more work"
    return ""


def _unasked(asked: RuleOnBlocks) -> Finding:
    return Finding(
        tier="timing",
        subject=asked.threshold.key,
        rule=asked.threshold.rule,
        value=VerdictValue.INVALID,
        measured="not judged",
        reason=_why_not(asked),
        blocks=len(asked.values),
    )


def _told(asked: RuleOnBlocks, answer: Decision, judgement: Judgement) -> Finding:
    interval, value, reason = answer.interval, answer.value, answer.reason
    if value is VerdictValue.INCONCLUSIVE and asked.modes:
        reason = f"two modes: {asked.modes}, which hides an effect of this size; {reason}"
    metric = asked.threshold.place.metric
    collapsed = asked.threshold.subject == BASE and interval.ci_high < UNBELIEVABLE_RATIO
    if collapsed and metric not in judgement.believed:
        value = VerdictValue.INVALID
        reason = f"an improvement beyond belief: see that the work is still done, then say --believe {metric}"
    texts = [_text(each, asked.unit) for each in (interval.value, interval.ci_low, interval.ci_high)]
    return Finding.model_validate(
        {
            "tier": "timing",
            "subject": asked.threshold.key,
            "rule": asked.threshold.rule,
            "value": value,
            "measured": f"{texts[0]} [{texts[1]}, {texts[2]}]",
            "reason": reason or "the blocks lie within the limit",
            "interval": interval,
            "p_worse": answer.p_worse,
            "blocks": answer.blocks,
            "is_better": interval.ci_high < 1 and asked.threshold.subject == BASE,
        }
    )


def _text(value: float, unit: str) -> str:
    return f"{value:.3f}x" if unit == "times" else value_text(value, unit)

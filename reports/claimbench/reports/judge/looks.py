"""Bounded looks: how many blocks are taken when, declared before the first one, and what is decided then.

Each look spends its share of the error budget, so looking again is no second chance. A red is given only
after a second set of blocks, which the first one has not seen, says the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from claimbench.errors import UsageError
from claimbench.reports.judge import statistics
from claimbench.reports.judge.significance import Surprise, holm, of_median, of_percentile
from claimbench.reports.judge.statistics import Values
from claimbench.reports.record.values import Interval, VerdictValue

LEAST_BLOCKS = 6
"""Below six blocks no rank test can be surprised enough."""


@dataclass(frozen=True, slots=True)
class LookPlan:
    """When to look, and how the budget is shared. Blocks are cumulative.

    alpha: chance of a red look without a reason, over all questions and looks. beta: chance, for each
    question, of a green without a reason. confirmation_alpha: the level of the second set.
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
class Question:
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
            return of_median(self.excess(values))
        return of_percentile(self.excess(values), self.percent if self.caps else 100 - self.percent)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the blocks say about a question."""

    question: Question
    value: VerdictValue
    reason: str
    p_worse: float
    interval: Interval
    blocks: int


Take = Callable[[int], Sequence[Values]]
"""So many further blocks, an array for each question; shorter where there are no more."""


def decide(questions: Sequence[Question], take: Take, plan: LookPlan, others: int = 0) -> tuple[Answer, ...]:
    """Look at most as often as planned; one answer for each question, in order.

    take is called for blocks in their order of time: first those of the looks, then those that confirm.
    """
    course = _Course(questions, plan, others)
    for look in range(len(plan.blocks)):
        course.look(look, take)
        if course.is_settled:
            break
    return course.answers()


class _Course:
    """One check on its way: blocks so far, and what each question has come to."""

    def __init__(self, questions: Sequence[Question], plan: LookPlan, others: int) -> None:
        self._questions, self._plan, self._others = tuple(questions), plan, others
        self._blocks: list[Values] = [np.empty(0) for _ in questions]
        self._settled: dict[int, Answer] = {}
        self._has_red = False

    @property
    def is_settled(self) -> bool:
        return self._has_red or len(self._settled) == len(self._questions)

    def look(self, look: int, take: Take) -> None:
        fresh = take(self._plan.blocks[look] - len(self._blocks[0]))
        self._blocks = [np.append(old, new) for old, new in zip(self._blocks, fresh, strict=True)]
        surprises = [q.surprise(v) for q, v in zip(self._questions, self._blocks, strict=True)]
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
        p_values = [self._questions[index].surprise(second[index]).worse for index in red]
        confirmed = holm(p_values, self._plan.confirmation_alpha)
        for place, index in enumerate(red):
            value = VerdictValue.FAIL if confirmed[place] else VerdictValue.INCONCLUSIVE
            words = "says the same" if confirmed[place] else "does not confirm the red of the first"
            reason = f"a second set of {len(second[index])} blocks {words} (p = {p_values[place]:.2g})"
            self._settled[index] = self._answer(index, value, reason, p_values[place])

    def answers(self) -> tuple[Answer, ...]:
        for index, question in enumerate(self._questions):
            if index not in self._settled:
                surprise = question.surprise(self._blocks[index])
                reason = (
                    "the blocks lie on both sides of the limit, or too near to it, and the looks are used up"
                )
                if self._has_red:
                    reason = "the check ended with another question's red"
                self._settled[index] = self._answer(index, VerdictValue.INCONCLUSIVE, reason, surprise.worse)
        return tuple(self._settled[index] for index in range(len(self._questions)))

    def _answer(self, index: int, value: VerdictValue, reason: str, p_worse: float) -> Answer:
        values = self._blocks[index]
        p = self._questions[index].surprise(values).worse if math.isnan(p_worse) else p_worse
        return Answer(self._questions[index], value, reason, p, interval_of(values), len(values))


def interval_of(values: Values) -> Interval:
    """The centre of positive block values with its 95 % interval, on the scale of the values."""
    logs = statistics.location(np.log(values))
    return Interval(value=math.exp(logs.value), ci_low=math.exp(logs.ci_low), ci_high=math.exp(logs.ci_high))

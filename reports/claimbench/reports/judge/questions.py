"""The second tier: from a threshold to a question about blocks, with the numbers to answer it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from claimbench.reports.judge.looks import LEAST_BLOCKS, Answer, LookPlan, Question, decide
from claimbench.reports.judge.statistics import Values
from claimbench.reports.record.gate import Duel
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Finding, Sample, VerdictValue
from claimbench.reports.wording import value_text
from claimbench.scenarios.metrics import Tier, definition
from claimbench.scenarios.thresholds import BASE, RATIO, Percentile, Selection, Threshold

BASE_ARM, HEAD_ARM = "base", "head"
"""The arms of a duel."""

UNBELIEVABLE_RATIO = 0.5
"""A time or a memory of half the base revision's is looked at by a person before it is believed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A threshold as a question, and its values, a block each, in the order in which they were taken."""

    threshold: Threshold
    question: Question
    values: Values
    unit: str


def is_statistical(threshold: Threshold) -> bool:
    """Whether blocks decide it."""
    found = definition(threshold.place.metric)
    return found is not None and found.tier is Tier.STATISTICAL


def asked_of_run(threshold: Threshold, record: ResultRecord) -> Asked:
    """An arm's values, or the candidate's by the reference's; without values when there are none."""
    roles = {arm.role: arm.name for arm in record.arms}
    if threshold.subject == RATIO:
        values = _ratios(record, threshold.place, _Pair(roles["candidate"], roles["reference"]))
    else:
        blocks = _blocks(record.samples, threshold.subject, threshold.place, record)
        values = np.array([blocks[block] for block in sorted(blocks)])
    return _asked(threshold, values)


def asked_of_duel(threshold: Threshold, record: ResultRecord, duel: Duel) -> Asked:
    """This revision's values by the base revision's."""
    seen = record.model_copy(update={"samples": duel.samples})
    return _asked(threshold, _ratios(seen, threshold.place, _Pair(HEAD_ARM, BASE_ARM)))


@dataclass(frozen=True, slots=True)
class _Pair:
    over: str
    under: str


def _asked(threshold: Threshold, values: Values) -> Asked:
    statistic = threshold.statistic
    percent = statistic.percent if isinstance(statistic, Percentile) else 50.0
    question = Question(str(threshold), threshold.limit, percent, threshold.operator.caps)
    found = definition(threshold.place.metric)
    unit = "times" if threshold.is_relative or found is None else found.unit
    return Asked(threshold, question, values, unit)


def _ratios(record: ResultRecord, place: Selection, pair: _Pair) -> Values:
    over = _blocks(record.samples, pair.over, place, record)
    under = _blocks(record.samples, pair.under, place, record)
    shared = [block for block in sorted(over) if block in under]
    return np.array([over[block] / under[block] if under[block] > 0 else 0.0 for block in shared])


def _blocks(samples: Iterable[Sample], arm: str, place: Selection, record: ResultRecord) -> dict[int, float]:
    rtt_ms = place.rtt_ms
    if rtt_ms is None:
        rtt_ms = record.scenario.judged_rtt_ms if place.metric == "time" else 0.0
    companies = place.companies or record.scenario.companies
    wanted = (arm, place.metric, place.stage, rtt_ms, companies)
    found: dict[int, list[float]] = defaultdict(list)
    for each in samples:
        if (each.arm, each.metric, each.stage, each.rtt_ms, each.size) == wanted:
            found[each.block].append(each.value)
    return {block: float(np.median(values)) for block, values in found.items()}


@dataclass(frozen=True, slots=True)
class Judgement:
    """How questions of one kind are decided: the looks, and how many further ones share the error budget."""

    plan: LookPlan
    others: int
    believed: frozenset[str]


def timing_findings(asked: Sequence[Asked], judgement: Judgement) -> tuple[Finding, ...]:
    """A finding for each question; those that cannot be asked are invalid and say why."""
    sound = [each for each in asked if not _why_not(each)]
    others = judgement.others + len(asked) - len(sound)
    answers = (
        decide([each.question for each in sound], _Recorded(sound), judgement.plan, others) if sound else ()
    )
    told = {id(each): _told(each, answer, judgement) for each, answer in zip(sound, answers, strict=True)}
    return tuple(told.get(id(each)) or _unasked(each) for each in asked)


def plan_for(blocks: int) -> LookPlan:
    """One look, for blocks that are all there already: every other block is kept to confirm a red."""
    looked_at = (blocks + 1) // 2 if blocks >= 2 * LEAST_BLOCKS else max(blocks, LEAST_BLOCKS)
    return LookPlan(blocks=(looked_at,), shares=(1.0,))


def interleaved(asked: Asked) -> Asked:
    """With blocks enough for two sets: the even ones first, then the odd ones, so that both span the run."""
    values = asked.values
    if len(values) < 2 * LEAST_BLOCKS:
        return asked
    return Asked(asked.threshold, asked.question, np.append(values[::2], values[1::2]), asked.unit)


class _Recorded:
    """Hands out recorded blocks in their order."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked, self._given = asked, 0

    def __call__(self, count: int) -> Sequence[Values]:
        start, self._given = self._given, self._given + count
        return [each.values[start : self._given] for each in self._asked]


def _why_not(asked: Asked) -> str:
    found = len(asked.values)
    if found < LEAST_BLOCKS:
        return (
            f"{found} blocks are too few to judge on: take {2 * LEAST_BLOCKS} or more, half of them confirm"
        )
    if (asked.values <= 0).any():
        return "a block is 0, and nothing can be compared with nothing: measure more work"
    return ""


def _unasked(asked: Asked) -> Finding:
    return Finding(
        tier="timing",
        subject=asked.threshold.key,
        rule=asked.threshold.rule,
        value=VerdictValue.INVALID,
        measured="not judged",
        reason=_why_not(asked),
        blocks=len(asked.values),
    )


def _told(asked: Asked, answer: Answer, judgement: Judgement) -> Finding:
    interval, value, reason = answer.interval, answer.value, answer.reason
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

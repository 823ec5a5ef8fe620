"""From what a load run found to its record: the numbers of each block, ratios, thresholds, one verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from claimbench.reports.judge.load_values import (
    ALL,
    Wanted,
    paired,
    ratio_of,
    ratios,
    unit_of,
    values_by_block,
)
from claimbench.reports.judge.statistics import METHOD
from claimbench.reports.record.load import BlockRecord, CapacityRecord, LoadArm, LoadAsked, LoadRecord
from claimbench.reports.record.values import Equivalence, Finding, Scalar, Verdict, VerdictValue
from claimbench.scenarios.grammar import number_text
from claimbench.scenarios.load import Load
from claimbench.scenarios.metrics import LoadMetric
from claimbench.scenarios.model import Scenario
from claimbench.scenarios.targets import TargetsScenario, objective_text
from claimbench.scenarios.thresholds import RATIO, Percentile, Statistic, Threshold

PASS, FAIL, INCONCLUSIVE = VerdictValue.PASS, VerdictValue.FAIL, VerdictValue.INCONCLUSIVE

_SHARED_MACHINE = (
    "The generator, the service, the fake API and Postgres share one machine: each takes processor time from "
    "the others, so capacities are those of this machine under this load, not of the service alone."
)
_COARSE_CLOCK = (
    "The generator's clock wakes it to about a millisecond, so every response time contains up to that much "
    "schedule lag; the lag is shown apart."
)
_FAST_API = (
    "The real API answers within hours; here its time goes faster, so end-to-end times compare the arms and "
    "do not predict waiting times of production."
)
LIMITATIONS = (_SHARED_MACHINE, _COARSE_CLOCK, _FAST_API)

_AWAY = (
    "Load went to {host}, another machine than this one, as --allow-host said: the network between is part "
    "of every time."
)
_KEPT_STATE = (
    "A target is not reset between blocks: what earlier requests left there is part of what later ones meet."
)
_SEEN_FROM_OUTSIDE = (
    "A target is seen from outside: nobody proved that its answers are right, or that two of them do the "
    "same work."
)
LIMITATIONS_OF_TARGETS = (_SEEN_FROM_OUTSIDE, _KEPT_STATE, _COARSE_CLOCK)


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What a load run found, before anything is judged. `started_at` is ISO 8601 with time zone."""

    blocks: tuple[BlockRecord, ...]
    capacities: tuple[CapacityRecord, ...]
    arms: tuple[LoadArm, ...]
    environment: Mapping[str, Scalar]
    dataset: Mapping[str, Scalar]
    equivalence: Equivalence | None
    started_at: str
    version: str
    command: str


def judge_load(scenario: Scenario, load: Load, facts: LoadFacts) -> LoadRecord:
    """Compare the arms, hold the thresholds, and conclude."""
    asked = _asked(scenario, load, str(load.objective), scenario.network.judged_rtt_ms)
    return _judged_record(asked, load, facts, LIMITATIONS)


def judge_targets(scenario: TargetsScenario, facts: LoadFacts, elsewhere: Sequence[str]) -> LoadRecord:
    """As `judge_load`, for services of somebody else. elsewhere: the other machines that were loaded."""
    asked = _asked(scenario, scenario.load, objective_text(scenario.load.objective), None)
    away = tuple(_AWAY.format(host=host) for host in elsewhere)
    return _judged_record(asked, scenario.load, facts, (*away, *LIMITATIONS_OF_TARGETS))


def _judged_record(
    asked: LoadAsked, load: Load, facts: LoadFacts, limitations: tuple[str, ...]
) -> LoadRecord:
    thresholds = tuple(judge_threshold(each, facts) for each in load.thresholds)
    return LoadRecord(
        claimbench=facts.version,
        started_at=facts.started_at,
        command=facts.command,
        asked=asked,
        environment=dict(facts.environment),
        dataset=dict(facts.dataset),
        arms=facts.arms,
        equivalence=facts.equivalence,
        blocks=facts.blocks,
        capacities=facts.capacities,
        ratios=ratios(facts.blocks, facts.arms),
        thresholds=thresholds,
        method=METHOD,
        limitations=(*_few_blocks(load, facts), *limitations),
        verdict=_verdict(facts, thresholds),
    )


def _asked(
    scenario: Scenario | TargetsScenario, load: Load, objective: str, rtt_ms: float | None
) -> LoadAsked:
    return LoadAsked(
        name=scenario.name,
        title=scenario.title or scenario.name,
        why=scenario.why,
        sha256=scenario.sha256,
        arrivals=str(load),
        seed=load.seed,
        blocks=load.blocks,
        processes=load.processes,
        objective=objective,
        rtt_ms=rtt_ms,
    )


def _few_blocks(load: Load, facts: LoadFacts) -> tuple[str, ...]:
    few = METHOD.few_blocks_below
    if load.blocks >= few or len(facts.arms) < 2:
        return ()
    seen = "one block has no spread" if load.blocks == 1 else "ratios show the lowest and the highest block"
    return (
        f"An interval at 95 % needs {few} blocks, and there are {load.blocks}: {seen}, and none is judged.",
    )


def judge_threshold(threshold: Threshold, facts: LoadFacts) -> Finding:
    """Absolute ones on the median block of the worst arm, ratios on their whole interval."""
    if threshold.place.metric == LoadMetric.CAPACITY:
        return _judged_capacity(threshold, facts)
    place = threshold.place
    wanted = Wanted(LoadMetric(place.metric), place.operation or ALL, recorded_as(threshold.statistic))
    return (
        _judged_ratio(threshold, facts, wanted)
        if threshold.subject == RATIO
        else _judged(threshold, facts, wanted)
    )


def recorded_as(statistic: Statistic) -> str:
    """What a block's record calls it: `p99_9`, `max`, `mean`, `rate`, `count`, `value`."""
    if isinstance(statistic, Percentile):
        return f"p{number_text(statistic.percent)}".replace(".", "_")
    return {"avg": "mean"}.get(str(statistic), str(statistic))


def _judged(threshold: Threshold, facts: LoadFacts, wanted: Wanted) -> Finding:
    arms = [arm.name for arm in facts.arms if threshold.place.arm in (None, arm.name)]
    found = {arm: values_by_block(facts.blocks, arm, wanted) for arm in arms}
    if not arms or not all(found.values()):
        return _found(threshold, "not measured", FAIL)
    medians = {arm: median(values.values()) for arm, values in found.items()}
    holds = all(threshold.operator.holds(value, threshold.limit) for value in medians.values())
    unit = unit_of(LoadMetric(threshold.place.metric))
    told = ", ".join(f"{arm} {value:,.4g}{_suffix(unit)}" for arm, value in medians.items())
    return _found(threshold, told, PASS if holds else FAIL)


def _judged_ratio(threshold: Threshold, facts: LoadFacts, wanted: Wanted) -> Finding:
    values = paired(facts.blocks, facts.arms, wanted)
    if not values.reference:
        return _found(threshold, "not measured", FAIL)
    ratio = ratio_of(values)
    if ratio is None:
        return _found(threshold, "no interval: too few blocks, or a reference of 0", INCONCLUSIVE)
    told = f"{ratio.value:.3g} [{ratio.ci_low:.3g}, {ratio.ci_high:.3g}]"
    blocks, few = len(values.reference), METHOD.few_blocks_below
    if blocks < few:
        reason = (
            f"{told} is what {blocks} blocks gave, and an interval at 95 % needs {few}: take {few} or more"
        )
        return _found(threshold, told, INCONCLUSIVE, reason)
    ends = [threshold.operator.holds(end, threshold.limit) for end in (ratio.ci_low, ratio.ci_high)]
    return _found(threshold, told, PASS if all(ends) else INCONCLUSIVE if any(ends) else FAIL)


def _judged_capacity(threshold: Threshold, facts: LoadFacts) -> Finding:
    found = {each.arm: each.rate_per_s for each in facts.capacities}
    if threshold.subject == RATIO:
        by_role = {arm.role: found.get(arm.name) for arm in facts.arms}
        reference, candidate = by_role.get("reference"), by_role.get("candidate")
        if not reference or not candidate:
            return _found(threshold, "not measured", FAIL)
        held = threshold.operator.holds(candidate / reference, threshold.limit)
        told = f"{candidate / reference:.3g} ({candidate:,.3g} by {reference:,.3g} per s, one search each)"
        return _found(threshold, told, PASS if held else FAIL)
    rates = {arm: rate for arm, rate in found.items() if threshold.place.arm in (None, arm)}
    known = {arm: rate for arm, rate in rates.items() if rate is not None}
    told = ", ".join(f"{arm} {rate:,.3g} per s" for arm, rate in known.items())
    holds = bool(rates) and known == rates
    holds = holds and all(threshold.operator.holds(rate, threshold.limit) for rate in known.values())
    return _found(threshold, told or "not measured", PASS if holds else FAIL)


def _suffix(unit: str) -> str:
    return "" if unit == "count" else f" {unit}"


def _found(threshold: Threshold, measured: str, value: VerdictValue, reason: str = "") -> Finding:
    words = {PASS: "within the threshold", FAIL: f"{measured} breaks {threshold.rule}"}
    undecided = "it cannot be told on which side of the threshold this is"
    return Finding(
        subject=threshold.key,
        rule=threshold.rule,
        value=value,
        measured=measured,
        reason=reason or words.get(value, undecided),
    )


def _verdict(facts: LoadFacts, findings: Sequence[Finding]) -> Verdict:
    if facts.equivalence is not None and not facts.equivalence.equal:
        return Verdict.of(VerdictValue.NOT_EQUIVALENT, facts.equivalence.differences[0])
    for block in facts.blocks:
        if block.problems:
            where = f"block {block.block}, {block.arm}"
            return Verdict.of(VerdictValue.INVALID, f"{where}: {block.problems[0]}")
    for value in (FAIL, INCONCLUSIVE):
        found = [each for each in findings if each.value is value]
        if found:
            told = "; ".join(f"{each.subject}: {each.rule}, measured {each.measured}" for each in found)
            return Verdict.of(value, told)
    count = len(findings)
    return Verdict.of(PASS, f"{count} of {count} thresholds hold" if count else "nothing was asked")

"""The whole gate: run, baseline, thresholds and duel in, every finding and the verdict out. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from claimbench.reports.judge.counters import (
    BEYOND_BELIEF,
    DEMOTED_LIMIT,
    REPEATS,
    Counter,
    CounterRules,
    counter_findings,
    counters_of,
    growth_exponent,
    ratio,
    refuse_unsound,
)
from claimbench.reports.judge.folding import folded, grouped
from claimbench.reports.judge.timing import (
    Judgement,
    LookPlan,
    RuleOnBlocks,
    interleaved,
    is_statistical,
    plan_for,
    rule_of_duel,
    rule_of_run,
    timing_findings,
)
from claimbench.reports.judge.validity import (
    complaints_about_pair,
    complaints_about_run,
    fitness_of_run,
    refuse_vacuous,
    unfit,
)
from claimbench.reports.record.gate import Baseline, CounterEntry, Duel, Fitness, GateMethod, GateRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Finding, Verdict, VerdictValue
from claimbench.reports.wording import value_text
from claimbench.scenarios.metrics import definition
from claimbench.scenarios.thresholds import BASE, RATIO, GrowthExponent, Threshold


class Tiers(StrEnum):
    """What is judged: counters are the same everywhere, times need a fit machine."""

    ALL = "all"
    COUNTERS = "counters"


@dataclass(frozen=True, slots=True)
class GateCase:
    """All that a gate decides on. `believed`: metrics whose large improvement is meant."""

    record: ResultRecord
    thresholds: tuple[Threshold, ...]
    baseline: Baseline | None = None
    duel: Duel | None = None
    believed: tuple[str, ...] = ()
    tiers: Tiers = Tiers.ALL
    plan: LookPlan = field(default_factory=LookPlan)
    seed: int = 0


def judge_gate(case: GateCase, version: str) -> GateRecord:
    """Every finding, and one verdict over them.

    Raises `NotEquivalentError` (exit 5) if the arms did not do the same work, and `UsageError` (exit 2) for
    a sample that no instrument can have given.
    """
    refuse_unsound(case.record)
    refuse_vacuous(case.record, case.thresholds, case.believed)
    judged = _Judged(case, counters_of(case.record))
    complaints, findings = tuple(judged.complaints()), tuple(judged.findings())
    return GateRecord(
        claimbench=version,
        scenario=case.record.scenario.name,
        run=case.record.digest,
        thresholds=tuple(str(each) for each in case.thresholds),
        believed=case.believed,
        is_counters_only=case.tiers is Tiers.COUNTERS,
        baseline=case.baseline,
        duel=case.duel,
        method=method_of(case.plan, case.seed),
        complaints=complaints,
        findings=findings,
        notes=tuple(judged.notes(findings)),
        verdict=verdict_of(complaints, findings),
    )


def method_of(plan: LookPlan, seed: int) -> GateMethod:
    """The constants, in a value that goes into every result."""
    return GateMethod(
        effect="Hodges-Lehmann estimate of the log-ratios, paired within blocks",
        interval="exact Wilcoxon signed-rank interval at the first level from 95 % that its ranks have",
        test="Wilcoxon's signed-rank test against the limit; the sign test for percentiles but the median",
        family="Holm over all gated metrics at each look",
        alpha=plan.alpha,
        beta=plan.beta,
        confirmation_alpha=plan.confirmation_alpha,
        looks=plan.blocks,
        shares=plan.shares,
        repeats=REPEATS,
        beyond_belief=BEYOND_BELIEF,
        demoted_limit=DEMOTED_LIMIT,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """The case with its counters read."""

    case: GateCase
    readings: tuple[Counter, ...]

    def complaints(self) -> Iterator[str]:
        case = self.case
        if case.tiers is Tiers.ALL:
            yield from complaints_about_run(case.record, self.readings)
        yield from complaints_about_pair(case.record, self.readings, case.baseline)
        for threshold in case.thresholds:
            yield from self._complaints_about(threshold)

    def _complaints_about(self, threshold: Threshold) -> Iterator[str]:
        arms = {arm.name for arm in self.case.record.arms}
        if threshold.subject not in arms | {RATIO, BASE}:
            yield f"{threshold}: the run has no such arm, only {', '.join(sorted(arms))}"
        elif is_statistical(threshold):
            if self.case.tiers is Tiers.ALL:
                yield from self._complaints_about_blocks(threshold)
        elif threshold.subject == BASE:
            if self.case.baseline is None:
                yield f"{threshold}: there is no baseline to compare with: name one with --baseline"
            elif not any(_is_at(threshold, each) for each in self.case.baseline.counters):
                yield f"{threshold}: the baseline does not hold {threshold.place}: promote a run that has it"
        elif not self._readings_for(threshold, self._arm_of(threshold)):
            yield f"{threshold}: {threshold.place} was not measured: run the whole scenario again"

    def _complaints_about_blocks(self, threshold: Threshold) -> Iterator[str]:
        if threshold.subject == BASE and self.case.duel is None:
            yield f"{threshold}: the base revision was not measured: name it with --base-rev"
        elif not len(self._rule(threshold).values):
            yield f"{threshold}: {threshold.place} was not measured: run the whole scenario again"

    def findings(self) -> Iterator[Finding]:
        family = [each for each in self.case.thresholds if is_statistical(each)]
        if self.case.baseline:
            believed = frozenset(self.case.believed)
            varying = sum(each.varies for each in self.readings)
            rules = CounterRules(
                self.case.baseline,
                self.case.thresholds,
                believed,
                self.case.plan.alpha,
                varying + len(family),
            )
            yield from counter_findings(self.readings, rules)
        for threshold in self.case.thresholds:
            if not is_statistical(threshold) and threshold.subject != BASE:
                yield from self._exact_finding(threshold)
        if self.case.tiers is Tiers.ALL:
            yield from self._timing(family)

    def notes(self, findings: Sequence[Finding]) -> Iterator[str]:
        varying = folded(each.entry.place for each in self.readings if each.varies)
        if varying:
            yield f"moved to the statistical tier, as they vary between repeats: {varying}"
        if any(each.value is VerdictValue.FAIL and each.rule == "zero tolerance" for each in findings):
            yield "if a worse counter is meant: claimbench baseline promote RESULTS --reason WHY"
        better = [each.place for each in findings if each.is_better and each.tier == "counter" and each.place]
        if better:
            yield f"better than the baseline and not promoted: {folded(better)}"
        faster = [each for each in findings if each.is_better and each.tier == "timing"]
        for finding in faster:
            yield f"better than the base revision: {finding.subject} {finding.measured}"
        yield from self._notes_on_the_baseline()
        if self.case.baseline is None:
            yield "there is no baseline: counters are held to thresholds alone"

    def _notes_on_the_baseline(self) -> Iterator[str]:
        baseline = self.case.baseline
        if baseline is None:
            return
        if not baseline.seal:
            yield "the baseline has no seal, so an edit of its counters cannot be told: promote a run"
        exact = {each.entry.place for each in self.readings if not each.varies}
        varied = [each.place for each in baseline.counters if not each.is_exact and each.place in exact]
        if varied:
            yield (
                "varied when the baseline was saved and are exact now, so held to the highest there: "
                f"{folded(varied)}"
            )

    def _exact_finding(self, threshold: Threshold) -> Iterator[Finding]:
        exact = _ExactRule(threshold, self._readings_for(threshold, self._arm_of(threshold)))
        if threshold.subject == RATIO:
            under = self._readings_for(threshold, self._role("reference"))
            exact = replace(exact, under=under)
        yield from exact.finding()

    def _readings_for(self, threshold: Threshold, arm: str) -> tuple[Counter, ...]:
        """All sizes for growth; the one size that is asked about otherwise."""
        place = threshold.place
        size = place.size or self.case.record.scenario.size
        found = [each for each in self.readings if (each.metric, each.stage) == (place.metric, place.stage)]
        grows = isinstance(threshold.statistic, GrowthExponent)
        return tuple(each for each in found if each.arm == arm and (grows or each.size == size))

    def _arm_of(self, threshold: Threshold) -> str:
        return self._role("candidate") if threshold.subject == RATIO else threshold.subject

    def _role(self, role: str) -> str:
        return next(arm.name for arm in self.case.record.arms if arm.role == role)

    def _rule(self, threshold: Threshold) -> RuleOnBlocks:
        if threshold.subject == BASE and self.case.duel:
            return rule_of_duel(threshold, self.case.record, self.case.duel)
        return interleaved(rule_of_run(threshold, self.case.record))

    def _timing(self, family: Sequence[Threshold]) -> Iterator[Finding]:
        arms = {arm.name for arm in self.case.record.arms}
        of_base = [each for each in family if each.subject == BASE and self.case.duel]
        of_run = [each for each in family if each.subject in arms | {RATIO}]
        believed = frozenset(self.case.believed)
        if of_base and self.case.duel:
            asked = [self._rule(each) for each in of_base]
            judgement = Judgement(self.case.plan, len(family) - len(of_base), believed)
            yield from _if_fit(timing_findings(asked, judgement), self.case.duel.fitness)
        for threshold in of_run:
            one = self._rule(threshold)
            judgement = Judgement(plan_for(len(one.values)), len(family) - 1, believed)
            found = timing_findings([one], judgement)
            if self.case.record.time_invalid and threshold.place.metric == "time":
                yield from _invalid(found, self.case.record.time_invalid)
            else:
                yield from _if_fit(found, fitness_of_run(self.case.record))


@dataclass(frozen=True, slots=True)
class _ExactRule:
    """A rule about counters of the run itself; `under` are the reference's for a ratio."""

    threshold: Threshold
    over: tuple[Counter, ...]
    under: tuple[Counter, ...] = ()

    def finding(self) -> Iterator[Finding]:
        """One finding; none when nothing was measured, which is complained about elsewhere."""
        if not self.over or (self.threshold.subject == RATIO and not self.under):
            return
        values = self._values()
        if not values:
            yield self._told(
                VerdictValue.INVALID, "–", "the growth cannot be told: too few sizes, or a 0 at some of them"
            )
            return
        limit = self.threshold.limit
        held = [self.threshold.operator.holds(value, limit) for value in values]
        text = " or ".join(self._text(value) for value in sorted(set(values)))
        if all(held):
            yield self._told(VerdictValue.PASS, text, "within the threshold")
        elif any(held):
            yield self._told(VerdictValue.INCONCLUSIVE, text, "repeats lie on both sides of the threshold")
        else:
            yield self._told(VerdictValue.FAIL, text, f"{text} breaks {self.threshold.rule}")

    def _values(self) -> tuple[float, ...]:
        if isinstance(self.threshold.statistic, GrowthExponent):
            exponent = growth_exponent(self.over)
            return () if exponent is None else (exponent,)
        if self.under:
            return (ratio(float(np.median(self.over[0].values)), float(np.median(self.under[0].values))),)
        return self.over[0].values

    def _text(self, value: float) -> str:
        found = definition(self.threshold.place.metric)
        plain = (
            isinstance(self.threshold.statistic, GrowthExponent) or self.threshold.is_relative or not found
        )
        return f"{value:.4g}" if plain or found is None else value_text(value, found.unit)

    def _told(self, value: VerdictValue, measured: str, reason: str) -> Finding:
        return Finding(
            tier="counter",
            subject=self.threshold.key,
            rule=self.threshold.rule,
            value=value,
            measured=measured,
            reason=reason,
        )


def _is_at(threshold: Threshold, entry: CounterEntry) -> bool:
    place = threshold.place
    return (place.metric, place.stage) == (entry.metric, entry.stage) and place.size in {
        None,
        entry.size,
    }


def _if_fit(findings: Sequence[Finding], fitness: Fitness) -> Iterator[Finding]:
    reasons = unfit(fitness)
    yield from _invalid(findings, "; ".join(reasons)) if reasons else findings


def _invalid(findings: Sequence[Finding], reason: str) -> Iterator[Finding]:
    for finding in findings:
        yield finding.model_copy(update={"value": VerdictValue.INVALID, "reason": reason})


def verdict_of(complaints: Sequence[str], findings: Sequence[Finding]) -> Verdict:
    """Nothing to compare outranks a fail, a fail outranks a doubt, and silence is never a pass."""
    if complaints:
        return Verdict.nothing_to_compare(_first(complaints, "complaints"))
    if not findings:
        return Verdict.nothing_to_compare("nothing was compared: name a --baseline, or declare thresholds")
    groups = grouped(findings)
    for value in (VerdictValue.FAIL, VerdictValue.INVALID, VerdictValue.INCONCLUSIVE):
        lines = [
            f"{each.subject} ({said.rule}): {said.reason}"
            for each in groups
            if (said := each.leading).value is value
        ]
        if lines:
            return Verdict.of(value, _first(lines, "like it"))
    return Verdict.of(VerdictValue.PASS, f"all {len(findings)} comparisons pass")


def _first(lines: Sequence[str], noun: str) -> str:
    more = f" (and {len(lines) - 1} more {noun})" if len(lines) > 1 else ""
    return f"{lines[0]}{more}"

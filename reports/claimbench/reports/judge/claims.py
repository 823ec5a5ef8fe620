"""From metrics to verdicts: each claim is judged on its interval, never on its point."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from claimbench.reports.record.run import (
    ArmRecord,
    ClaimAtSize,
    ClaimResult,
    Interval,
    Metric,
    VerdictOfClaim,
)
from claimbench.reports.record.wording import NOT_MEASURED, count_text, interval_text, percent_text
from claimbench.scenarios.grammar import AtLeast, CountChange, Reduction, Used, number_text
from claimbench.scenarios.model import Claim

TOLERANCE = 1e-9
"""Two counts per scheduler run that differ by less came from the same division."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that claims are judged on. `judged_rtt_ms` is for time; all else is measured without a delay."""

    metrics: tuple[Metric, ...]
    reference: str
    candidate: str
    companies: int
    judged_rtt_ms: float
    invalid: str = field(default="")
    """Why nothing may be judged, if so."""

    def at(self, claim: Claim, companies: int) -> Metric | None:
        """What was measured for a claim at a number of companies."""
        rtt_ms = self.judged_rtt_ms if claim.metric == "time" else 0.0
        return self._find(claim.metric, claim.stage, companies, rtt_ms)

    def active_companies(self, companies: int) -> float | None:
        """The N of a claim: active companies in a dataset of this size."""
        found = self._find("active_companies", "run", companies, 0.0)
        return found.values.get(self.reference, found.values.get(self.candidate)) if found else None

    def sizes(self, claim: Claim) -> tuple[int, ...]:
        """Every number of companies that the claim's metric was measured at."""
        found = {m.companies for m in self.metrics if m.metric == claim.metric and m.stage == claim.stage}
        return tuple(sorted(found))

    def _find(self, metric: str, stage: str, companies: int, rtt_ms: float) -> Metric | None:
        wanted = (metric, stage, companies, rtt_ms)
        return next((m for m in self.metrics if (m.metric, m.stage, m.companies, m.rtt_ms) == wanted), None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one size says about a claim."""

    verdict: VerdictOfClaim
    reason: str
    measured: Interval | None = None
    text: str = NOT_MEASURED


def evidence_of(
    metrics: tuple[Metric, ...], arms: Sequence[ArmRecord], companies: int, judged_rtt_ms: float
) -> Evidence:
    """The evidence of a run whose arms did the same work."""
    names = {arm.role: arm.name for arm in arms}
    return Evidence(metrics, names["reference"], names["candidate"], companies, judged_rtt_ms)


def judge_claim(claim: Claim, evidence: Evidence) -> ClaimResult:
    """The verdict at the dataset's own size, and at every other size that was measured."""
    finding = _finding(claim, evidence, evidence.companies)
    sizes = () if evidence.invalid else evidence.sizes(claim)
    return ClaimResult(
        id=claim.id,
        source=claim.source,
        quote=claim.quote,
        metric=claim.metric,
        stage=claim.stage,
        claimed=str(claim.claimed),
        measured=finding.measured,
        measured_text=finding.text,
        verdict=finding.verdict,
        reason=finding.reason,
        by_companies=tuple(_at_size(size, _finding(claim, evidence, size)) for size in sizes),
    )


def _at_size(companies: int, finding: Finding) -> ClaimAtSize:
    return ClaimAtSize(
        companies=companies, measured=finding.measured, measured_text=finding.text, verdict=finding.verdict
    )


def _finding(claim: Claim, evidence: Evidence, companies: int) -> Finding:
    if evidence.invalid:
        return Finding("inconclusive", evidence.invalid)
    metric = evidence.at(claim, companies)
    if metric is None:
        missing = f"{claim.metric} of {claim.stage} was not measured at {companies} companies"
        return Finding("inconclusive", missing)
    match claim.claimed:
        case Reduction():
            return _judge_reduction(claim.claimed, metric, evidence)
        case CountChange():
            return _judge_count(claim.claimed, metric, evidence)
        case AtLeast():
            return _judge_rate(claim.claimed, metric, evidence)
        case Used():
            return _judge_use(metric, evidence)


def _judge_reduction(claimed: Reduction, metric: Metric, evidence: Evidence) -> Finding:
    measured = metric.reduction
    if measured is None:
        return Finding("inconclusive", _why_no_reduction(metric, evidence))
    text = interval_text(measured)
    low, high = claimed.low_percent / 100, claimed.high_percent / 100
    claim_text = f"{number_text(claimed.low_percent)}..{number_text(claimed.high_percent)} %"
    above_low = measured.ci_low >= low - TOLERANCE
    inside = f"{text} lies within {claim_text}"
    if measured.ci_low > high + TOLERANCE:
        return Finding("exceeded", f"{text} is more than the claimed {claim_text}", measured, text)
    if measured.ci_high < low - TOLERANCE:
        return Finding("refuted", f"{text} is less than the claimed {claim_text}", measured, text)
    if above_low and measured.ci_high <= high + TOLERANCE:
        return Finding("holds", inside, measured, text)
    if above_low:
        reason = f"{text} is within {claim_text} or better: only the better end is open"
        return Finding("holds", reason, measured, text)
    reason = f"{text} reaches below the lower end of {claim_text}: more blocks would narrow it"
    return Finding("inconclusive", reason, measured, text)


def _why_no_reduction(metric: Metric, evidence: Evidence) -> str:
    name = f"{metric.metric} of {metric.stage}"
    for arm in (evidence.reference, evidence.candidate):
        if arm not in metric.values:
            return f"{name} was not measured for {arm}"
    if metric.spread[evidence.reference].low <= 0:
        return f"{name} of {evidence.reference} is 0 in a block, and nothing can be less than nothing"
    return f"{name} was measured in one block, which gives no interval: take two or more"


def _judge_count(claimed: CountChange, metric: Metric, evidence: Evidence) -> Finding:
    missing = [arm for arm in (evidence.reference, evidence.candidate) if arm not in metric.values]
    if missing:
        return Finding("inconclusive", f"{metric.metric} was not measured for {missing[0]}")
    reference, candidate = metric.values[evidence.reference], metric.values[evidence.candidate]
    expected = evidence.active_companies(metric.companies) if claimed.reference is None else claimed.reference
    if expected is None:
        return Finding("inconclusive", "the number of active companies, N, was not measured")
    text = f"{count_text(reference)} -> {count_text(candidate)}"
    spread = metric.spread[evidence.candidate]
    measured = Interval(value=candidate, ci_low=spread.low, ci_high=spread.high)
    if any(each.high - each.low > TOLERANCE for each in metric.spread.values()):
        return Finding("inconclusive", f"{text}, but the counts vary between blocks", measured, text)
    change = _Change(saved=reference - expected, spent=candidate - claimed.candidate)
    numbers = f"N is {count_text(expected)}: " if claimed.reference is None else ""
    return Finding(
        change.verdict, f"{numbers}{text} per scheduler run, {change.words(claimed)}", measured, text
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """How far the two counts are from the claimed ones: a reference above, a candidate above."""

    saved: float
    spent: float

    @property
    def verdict(self) -> VerdictOfClaim:
        if abs(self.saved) <= TOLERANCE and abs(self.spent) <= TOLERANCE:
            return "holds"
        return "exceeded" if self.saved >= -TOLERANCE and self.spent <= TOLERANCE else "refuted"

    def words(self, claimed: CountChange) -> str:
        if self.verdict == "holds":
            return "exactly as claimed"
        if self.spent > TOLERANCE:
            return f"more than the claimed {claimed} leaves"
        if self.saved < -TOLERANCE:
            return f"a smaller start than the claimed {claimed} has, so less is saved"
        return f"more saved than the claimed {claimed}"


def _judge_rate(claimed: AtLeast, metric: Metric, evidence: Evidence) -> Finding:
    arm = evidence.candidate
    if arm not in metric.values:
        return Finding("inconclusive", f"{metric.metric} was not measured for {arm}")
    spread = metric.spread[arm]
    measured = Interval(value=metric.values[arm], ci_low=spread.low, ci_high=spread.high)
    text, wanted = interval_text(measured), percent_text(claimed.percent / 100)
    if spread.low >= claimed.percent / 100 - TOLERANCE:
        return Finding("holds", f"{text} reaches the claimed {wanted}", measured, text)
    if spread.high < claimed.percent / 100 - TOLERANCE:
        return Finding("refuted", f"{text} stays below the claimed {wanted}", measured, text)
    return Finding("inconclusive", f"{text} is on both sides of the claimed {wanted}", measured, text)


def _judge_use(metric: Metric, evidence: Evidence) -> Finding:
    arm = evidence.candidate
    if arm not in metric.values:
        return Finding("inconclusive", f"whether {metric.stage} is used was not measured for {arm}")
    spread = metric.spread[arm]
    measured = Interval(value=metric.values[arm], ci_low=spread.low, ci_high=spread.high)
    if spread.low == 1:
        return Finding("holds", f"the planner takes {metric.stage}", measured, "used")
    if spread.high == 0:
        instead = f"; it takes {' or '.join(metric.notes)}" if metric.notes else ""
        reason = f"the planner does not take {metric.stage}{instead}"
        return Finding("refuted", reason, measured, "not used")
    return Finding("inconclusive", f"the planner takes {metric.stage} only at times", measured, "at times")

"""From metrics to verdicts: each claim is judged on its interval, never on its point."""

from collections.abc import Sequence
from dataclasses import dataclass

from claimbench.reports.judge.statistics import METHOD
from claimbench.reports.record.run import ClaimAtSize, ClaimResult, Metric
from claimbench.reports.record.values import ArmRecord, Finding, Interval, VerdictValue, Words
from claimbench.reports.wording import NOT_MEASURED, count_text, interval_text, percent_text
from claimbench.scenarios.grammar import AtLeast, CountChange, Reduction, Used, number_text
from claimbench.scenarios.metrics import Tier, definition
from claimbench.scenarios.model import Claim

TOLERANCE = 1e-9
"""Two counts per scheduler run that differ by less came from the same division."""

HOLDS, EXCEEDED = VerdictValue.HOLDS, VerdictValue.EXCEEDED
REFUTED, INCONCLUSIVE = VerdictValue.REFUTED, VerdictValue.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that claims are judged on. `judged_rtt_ms` is for time; all else is measured without a delay."""

    metrics: tuple[Metric, ...]
    reference: str
    candidate: str
    size: int
    judged_rtt_ms: float
    words: Words
    invalid: str = ""
    """Why nothing may be judged, if so."""
    time_invalid: str = ""
    """Why time may not be judged, if so."""

    def at(self, claim: Claim, size: int) -> Metric | None:
        """What was measured for a claim at a size."""
        rtt_ms = self.judged_rtt_ms if claim.metric == "time" else 0.0
        return self._find(claim.metric, claim.stage, size, rtt_ms)

    def counted(self, size: int) -> float | None:
        """The N of a claim: the size, or what the workload counts by (active companies, say) at this size."""
        if not self.words.counted_by:
            return size
        found = self._find(self.words.counted_by, "run", size, 0.0)
        return found.values.get(self.reference, found.values.get(self.candidate)) if found else None

    def sizes(self, claim: Claim) -> tuple[int, ...]:
        """Every size that the claim's metric was measured at."""
        found = {m.size for m in self.metrics if m.metric == claim.metric and m.stage == claim.stage}
        return tuple(sorted(found))

    def _find(self, metric: str, stage: str, size: int, rtt_ms: float) -> Metric | None:
        wanted = (metric, stage, size, rtt_ms)
        return next((m for m in self.metrics if (m.metric, m.stage, m.size, m.rtt_ms) == wanted), None)


def measurements_of(
    metrics: tuple[Metric, ...],
    arms: Sequence[ArmRecord],
    size: int,
    judged_rtt_ms: float,
    words: Words,
) -> Measurements:
    """Those of a run whose arms did the same work."""
    names = {arm.role: arm.name for arm in arms}
    return Measurements(metrics, names["reference"], names["candidate"], size, judged_rtt_ms, words)


def judge_claim(claim: Claim, measurements: Measurements) -> ClaimResult:
    """The verdict at the dataset's own size, and at every other size that was measured."""
    finding = _ClaimedAt(claim, measurements, measurements.size).finding()
    sizes = () if measurements.invalid else measurements.sizes(claim)
    return ClaimResult(
        id=claim.id,
        source=claim.source,
        quote=claim.quote,
        metric=claim.metric,
        stage=claim.stage,
        claimed=finding.rule,
        measured=finding.interval,
        measured_text=finding.measured,
        verdict=finding.value,
        reason=finding.reason,
        by_size=tuple(_ClaimedAt(claim, measurements, size).result() for size in sizes),
    )


def has_few_blocks(metric: Metric) -> bool:
    """Whether it is no exact count and has too few blocks for an interval."""
    found = definition(metric.metric)
    exact = found is not None and found.tier is Tier.COUNTER
    return not exact and metric.blocks < METHOD.few_blocks_below


@dataclass(frozen=True, slots=True)
class _ClaimedAt:
    """A claim at one size."""

    claim: Claim
    run: Measurements
    size: int

    def result(self) -> ClaimAtSize:
        found = self.finding()
        return ClaimAtSize(
            size=self.size,
            measured=found.interval,
            measured_text=found.measured,
            verdict=found.value,
        )

    def finding(self) -> Finding:
        if self.run.invalid or (self.run.time_invalid and self.claim.metric == "time"):
            value = INCONCLUSIVE if self.run.invalid else VerdictValue.INVALID
            return self._found(value, self.run.invalid or self.run.time_invalid)
        metric = self.run.at(self.claim, self.size)
        if metric is None:
            name = f"{self.claim.metric} of {self.claim.stage}"
            return self._found(INCONCLUSIVE, f"{name} was not measured at {self.run.words.sized(self.size)}")
        match self.claim.claimed:
            case Reduction() as claimed:
                return self._reduction(claimed, metric)
            case CountChange() as claimed:
                return self._count(claimed, metric)
            case AtLeast() as claimed:
                return self._rate(claimed, metric)
            case Used():
                return self._use(metric)

    def _found(
        self, value: VerdictValue, reason: str, interval: Interval | None = None, text: str = NOT_MEASURED
    ) -> Finding:
        return Finding(
            subject=self.claim.id,
            rule=str(self.claim.claimed),
            value=value,
            measured=text,
            reason=reason,
            interval=interval,
        )

    def _reduction(self, claimed: Reduction, metric: Metric) -> Finding:
        measured = metric.reduction
        if measured is None:
            return self._found(INCONCLUSIVE, self._why_no_reduction(metric))
        text = interval_text(measured)
        if has_few_blocks(metric):
            few = METHOD.few_blocks_below
            reason = f"{text} is what {metric.blocks} blocks gave, and an interval at 95 % needs {few}"
            return self._found(INCONCLUSIVE, f"{reason}: take {few} or more", measured, text)
        return self._by_interval(claimed, measured, text)

    def _by_interval(self, claimed: Reduction, measured: Interval, text: str) -> Finding:
        low, high = claimed.low_percent / 100, claimed.high_percent / 100
        claim_text = f"{number_text(claimed.low_percent)}..{number_text(claimed.high_percent)} %"
        above_low = measured.ci_low >= low - TOLERANCE
        inside = f"{text} lies within {claim_text}"
        if measured.ci_low > high + TOLERANCE:
            return self._found(EXCEEDED, f"{text} is more than the claimed {claim_text}", measured, text)
        if measured.ci_high < low - TOLERANCE:
            return self._found(REFUTED, f"{text} is less than the claimed {claim_text}", measured, text)
        if above_low and measured.ci_high <= high + TOLERANCE:
            return self._found(HOLDS, inside, measured, text)
        if above_low:
            reason = f"{text} is within {claim_text} or better: only the better end is open"
            return self._found(HOLDS, reason, measured, text)
        reason = f"{text} reaches below the lower end of {claim_text}: more blocks would narrow it"
        return self._found(INCONCLUSIVE, reason, measured, text)

    def _why_no_reduction(self, metric: Metric) -> str:
        name = f"{metric.metric} of {metric.stage}"
        for arm in (self.run.reference, self.run.candidate):
            if arm not in metric.values:
                return f"{name} was not measured for {arm}"
        if metric.spread[self.run.reference].low <= 0:
            return f"{name} of {self.run.reference} is 0 in a block, and nothing can be less than nothing"
        return f"{name} was measured in one block, which gives no interval: take two or more"

    def _count(self, claimed: CountChange, metric: Metric) -> Finding:
        missing = [arm for arm in (self.run.reference, self.run.candidate) if arm not in metric.values]
        if missing:
            return self._found(INCONCLUSIVE, f"{metric.metric} was not measured for {missing[0]}")
        reference, candidate = (
            metric.values[self.run.reference],
            metric.values[self.run.candidate],
        )
        expected = self.run.counted(metric.size) if claimed.reference is None else claimed.reference
        if expected is None:
            counted = self.run.words.counted_by.replace("_", " ")
            return self._found(INCONCLUSIVE, f"the number of {counted}, N, was not measured")
        text = f"{count_text(reference)} -> {count_text(candidate)}"
        spread = metric.spread[self.run.candidate]
        measured = Interval(value=candidate, ci_low=spread.low, ci_high=spread.high)
        if any(each.high - each.low > TOLERANCE for each in metric.spread.values()):
            return self._found(INCONCLUSIVE, f"{text}, but the counts vary between blocks", measured, text)
        change = _Change(saved=reference - expected, spent=candidate - claimed.candidate)
        numbers = f"N is {count_text(expected)}: " if claimed.reference is None else ""
        return self._found(
            change.verdict, f"{numbers}{text} per scheduler run, {change.words(claimed)}", measured, text
        )

    def _rate(self, claimed: AtLeast, metric: Metric) -> Finding:
        arm = self.run.candidate
        if arm not in metric.values:
            return self._found(INCONCLUSIVE, f"{metric.metric} was not measured for {arm}")
        spread = metric.spread[arm]
        measured = Interval(value=metric.values[arm], ci_low=spread.low, ci_high=spread.high)
        text, wanted = interval_text(measured), percent_text(claimed.percent / 100)
        wanted += "".join(f"; {note}" for note in metric.notes)
        if spread.low >= claimed.percent / 100 - TOLERANCE:
            return self._found(HOLDS, f"{text} reaches the claimed {wanted}", measured, text)
        if spread.high < claimed.percent / 100 - TOLERANCE:
            return self._found(REFUTED, f"{text} stays below the claimed {wanted}", measured, text)
        return self._found(INCONCLUSIVE, f"{text} is on both sides of the claimed {wanted}", measured, text)

    def _use(self, metric: Metric) -> Finding:
        arm = self.run.candidate
        if arm not in metric.values:
            return self._found(INCONCLUSIVE, f"whether {metric.stage} is used was not measured for {arm}")
        spread = metric.spread[arm]
        measured = Interval(value=metric.values[arm], ci_low=spread.low, ci_high=spread.high)
        if spread.low == 1:
            return self._found(HOLDS, f"the planner takes {metric.stage}", measured, "used")
        if spread.high == 0:
            instead = f"; it takes {' or '.join(metric.notes)}" if metric.notes else ""
            reason = f"the planner does not take {metric.stage}{instead}"
            return self._found(REFUTED, reason, measured, "not used")
        return self._found(
            INCONCLUSIVE, f"the planner takes {metric.stage} only at times", measured, "at times"
        )


@dataclass(frozen=True, slots=True)
class _Change:
    """How far the two counts are from the claimed ones: a reference above, a candidate above."""

    saved: float
    spent: float

    @property
    def verdict(self) -> VerdictValue:
        if abs(self.saved) <= TOLERANCE and abs(self.spent) <= TOLERANCE:
            return HOLDS
        return EXCEEDED if self.saved >= -TOLERANCE and self.spent <= TOLERANCE else REFUTED

    def words(self, claimed: CountChange) -> str:
        if self.verdict is HOLDS:
            return "exactly as claimed"
        if self.spent > TOLERANCE:
            return f"more than the claimed {claimed} leaves"
        if self.saved < -TOLERANCE:
            return f"a smaller start than the claimed {claimed} has, so less is saved"
        return f"more saved than the claimed {claimed}"

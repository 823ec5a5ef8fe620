"""Every verdict again from the raw samples, without a database: whether a file says what its samples say."""

from collections.abc import Iterator
from dataclasses import dataclass

from claimbench.reports.judge.claims import judge_claim, measurements_of
from claimbench.reports.judge.comparison import compare
from claimbench.reports.judge.gate import GateCase, Tiers, judge_gate
from claimbench.reports.judge.timing import LookPlan
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.scenarios.grammar import parse_claimed
from claimbench.scenarios.model import Claim
from claimbench.scenarios.thresholds import parse_thresholds


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What was recomputed, how much agrees, and a sentence for each thing that does not."""

    compared: int
    differences: tuple[str, ...]


def recheck(record: ResultRecord, gate: GateRecord | None) -> Rechecked:
    """Recompute the metrics, the claims, and the gate when the run was checked."""
    found = list(_claims(record)) + list(_metrics(record))
    if gate:
        found += list(_gate(record, gate))
    return Rechecked(len(found), tuple(each.words for each in found if each.differs))


@dataclass(frozen=True, slots=True)
class _Recomputed:
    name: str
    recorded: str
    recomputed: str

    @property
    def differs(self) -> bool:
        return self.recorded != self.recomputed

    @property
    def words(self) -> str:
        return f"{self.name}: the file says {self.recorded}, its samples say {self.recomputed}"


def _claims(record: ResultRecord) -> Iterator[_Recomputed]:
    if record.verdict.value in ("not_equivalent", "invalid"):
        return
    scenario = record.scenario
    metrics = compare(record.samples, record.arms)
    measurements = measurements_of(
        metrics, record.arms, scenario.companies, scenario.judged_rtt_ms, record.words
    )
    for claim in record.claims:
        again = judge_claim(
            Claim(
                id=claim.id,
                source=claim.source,
                quote=claim.quote,
                metric=claim.metric,
                stage=claim.stage,
                claimed=parse_claimed(claim.claimed),
            ),
            measurements,
        )
        yield _Recomputed(f"claim {claim.id}", claim.verdict, again.verdict)


def _metrics(record: ResultRecord) -> Iterator[_Recomputed]:
    again = compare(record.samples, record.arms)
    yield _Recomputed("metrics", f"{len(record.metrics)} of them", f"{len(again)} of them")
    for recorded, recomputed in zip(record.metrics, again, strict=False):
        name = f"{recorded.metric} of {recorded.stage} at {recorded.companies} companies"
        yield _Recomputed(name, _rounded(recorded.values), _rounded(recomputed.values))


def _rounded(values: dict[str, float]) -> str:
    return ", ".join(f"{arm} {value:.9g}" for arm, value in sorted(values.items()))


def _gate(record: ResultRecord, gate: GateRecord) -> Iterator[_Recomputed]:
    yield _Recomputed("run", gate.run, record.digest)
    method = gate.method
    plan = LookPlan(method.looks, method.shares, method.alpha, method.beta, method.confirmation_alpha)
    case = GateCase(
        record,
        parse_thresholds(list(gate.thresholds)),
        gate.baseline,
        gate.duel,
        gate.believed,
        Tiers.COUNTERS if gate.is_counters_only else Tiers.ALL,
        plan,
        method.seed,
    )
    again = judge_gate(case, gate.claimbench)
    yield _Recomputed("gate", _verdict(gate), _verdict(again))
    recomputed = {(each.subject, each.rule): each.value for each in again.findings}
    for finding in gate.findings:
        name = f"{finding.subject} {finding.rule}"
        yield _Recomputed(name, finding.value, recomputed.get((finding.subject, finding.rule), "nothing"))


def _verdict(gate: GateRecord) -> str:
    return f"{gate.verdict.value} (exit {gate.verdict.exit_code})"

"""All that is derived again from the raw samples, without a database: does a file say what they say?

What is stored is judged once more, as a run is, and compared value by value: verdicts, reductions, intervals,
texts, the method, and which claims there are, for which the scenario is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from pydantic import BaseModel

from claimbench.reports.judge.conclude import RunFacts, judge, standard_limitations
from claimbench.reports.judge.gate import GateCase, Tiers, judge_gate
from claimbench.reports.judge.timing import LookPlan
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.values import Verdict
from claimbench.scenarios.grammar import Frozen, parse_claimed
from claimbench.scenarios.model import Arm, Claim, Scenario
from claimbench.scenarios.thresholds import parse_thresholds


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What was recomputed, how much agrees, and a sentence for each thing that does not."""

    compared: int
    differences: tuple[str, ...]


def recheck(record: ResultRecord, gate: GateRecord | None, scenario: Scenario | None = None) -> Rechecked:
    """Recompute the whole record, and the gate when the run was checked.

    scenario: the one that was run. Without it, what was asked for (claims, sizes, limitations) is taken from
    the record itself, and only what follows from that is recomputed.
    """
    found = list(_compared("", record, _judged_again(record, scenario)))
    if gate:
        found += list(_compared("gate: ", gate, _gate_again(record, gate)))
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


def _judged_again(record: ResultRecord, scenario: Scenario | None) -> ResultRecord:
    asked = _as_recorded(record) if scenario is None else scenario
    arms = tuple(Arm.model_validate(each.model_dump()) for each in record.arms)
    standard = standard_limitations(asked.model_copy(update={"arms": arms})) if scenario else ()
    own = tuple(each for each in record.limitations if each not in standard)
    facts = RunFacts(
        samples=record.samples,
        environment=record.environment,
        dataset=record.dataset,
        arms=record.arms,
        equivalence=record.equivalence,
        words=record.words,
        started_at=record.started_at,
        version=record.claimbench,
        command=record.command,
        limitations=own,
        invalid=record.invalid,
        time_invalid=record.time_invalid,
    )
    again = judge(asked.model_copy(update={"arms": arms}), facts)
    if scenario is None:
        return again.model_copy(update={"scenario": record.scenario, "limitations": record.limitations})
    source = {"source": record.scenario.source}  # where it was found is no part of what was asked for
    return again.model_copy(update={"scenario": again.scenario.model_copy(update=source)})


def _as_recorded(record: ResultRecord) -> Scenario:
    """As much of the scenario as judging needs, from what the record says of it."""
    asked = record.scenario
    claims = tuple(
        Claim(
            id=claim.id,
            source=claim.source,
            quote=claim.quote,
            metric=claim.metric,
            stage=claim.stage,
            claimed=parse_claimed(claim.claimed),
        )
        for claim in record.claims
    )
    table = {
        "name": asked.name,
        "title": asked.title,
        "why": asked.why,
        "sha256": asked.sha256,
        "dataset": {"size": asked.size},
        "workload": {
            "kind": asked.workload,
            "runs": asked.runs,
            "step": asked.step_s,
            "sizes": asked.sizes,
        },
        "network": {"rtt_ms": asked.rtt_ms, "judged_rtt_ms": asked.judged_rtt_ms},
        "arms": [each.model_dump() for each in record.arms],
    }
    return Scenario.model_validate(table).model_copy(update={"claims": claims})


def _gate_again(record: ResultRecord, gate: GateRecord) -> GateRecord:
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
    return judge_gate(case, gate.claimbench)


def _compared(prefix: str, recorded: Frozen, recomputed: Frozen) -> Iterator[_Recomputed]:
    """Field by field; what is raw is compared with nothing."""
    for name in type(recorded).model_fields:
        if name not in {"samples", "duel", "baseline"}:
            yield from _values(f"{prefix}{name}", getattr(recorded, name), getattr(recomputed, name))


def _values(name: str, recorded: object, recomputed: object) -> Iterator[_Recomputed]:
    """Down to single values, since a reader wants to know which one."""
    match recorded, recomputed:
        case Verdict() as one, Verdict() as other:
            yield _Recomputed(name, _exit(one), _exit(other))
            yield _Recomputed(f"{name}.reason", one.reason, other.reason)
        case BaseModel() as one, BaseModel() as other if type(one) is type(other):
            for field in type(one).model_fields:
                yield from _values(f"{name}.{field}", getattr(one, field), getattr(other, field))
        case tuple() as one, tuple() as other:
            for position, (left, right) in enumerate(zip_longest(one, other)):
                yield from _values(f"{name}[{_label(left or right, position)}]", left, right)
        case dict() as one, dict() as other:
            for key in sorted({*one, *other}):
                yield from _values(f"{name}.{key}", one.get(key), other.get(key))
        case _:
            yield _Recomputed(name, _text(recorded), _text(recomputed))


def _label(value: object, position: int) -> str:
    named = (getattr(value, key, "") for key in ("id", "subject", "metric"))
    return next((f"{position}, {each}" for each in named if each), str(position))


def _exit(verdict: Verdict) -> str:
    return f"{verdict.value} (exit {verdict.exit_code})"


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:.9g}" if isinstance(value, float) else str(value)

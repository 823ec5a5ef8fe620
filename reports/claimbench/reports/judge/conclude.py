"""The one entry: raw facts of a run in, the complete record out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from claimbench.errors import ExitCode
from claimbench.reports.judge.claims import Evidence, evidence_of, judge_claim
from claimbench.reports.judge.comparison import compare
from claimbench.reports.judge.limitations import standard_limitations
from claimbench.reports.judge.statistics import METHOD
from claimbench.reports.record.run import (
    ArmRecord,
    ClaimResult,
    Equivalence,
    ResultRecord,
    Sample,
    Scalar,
    ScenarioRecord,
    Verdict,
)
from claimbench.scenarios.model import Scenario


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run found, before anything is judged.

    started_at: ISO 8601 with time zone. version: of claimbench. command: what reproduces the run.
    limitations: of this run, beside the standard ones. invalid: why the machine or the instruments
    were not fit to measure; empty if they were.
    """

    samples: tuple[Sample, ...]
    environment: Mapping[str, Scalar]
    dataset: Mapping[str, Scalar]
    arms: tuple[ArmRecord, ...]
    equivalence: Equivalence
    started_at: str
    version: str
    command: str = ""
    limitations: tuple[str, ...] = ()
    invalid: str = ""


def judge(scenario: Scenario, facts: RunFacts) -> ResultRecord:
    """Compare the arms and judge every claim.

    Arms that did not do the same work publish no speed: the record has no samples, no metrics, and
    every claim is inconclusive.
    """
    equal = facts.equivalence.equal
    samples = facts.samples if equal else ()
    metrics = compare(samples, facts.arms)
    evidence = evidence_of(metrics, facts.arms, scenario.dataset.companies, scenario.network.judged_rtt_ms)
    evidence = replace(evidence, invalid=_why_nothing_counts(facts))
    claims = tuple(judge_claim(claim, evidence) for claim in scenario.claims)
    return ResultRecord(
        claimbench=facts.version,
        started_at=facts.started_at,
        command=facts.command,
        scenario=_scenario_record(scenario),
        environment=dict(facts.environment),
        dataset=dict(facts.dataset),
        arms=facts.arms,
        equivalence=facts.equivalence,
        samples=samples,
        method=METHOD,
        metrics=metrics,
        claims=claims,
        limitations=(*facts.limitations, *standard_limitations(scenario)),
        verdict=_overall(claims, facts, evidence),
    )


def _why_nothing_counts(facts: RunFacts) -> str:
    if not facts.equivalence.equal:
        return "the arms do not do the same work, so no speed is published"
    return f"the measurement is invalid: {facts.invalid}" if facts.invalid else ""


def _scenario_record(scenario: Scenario) -> ScenarioRecord:
    sizes = {*scenario.workload.companies, scenario.dataset.companies}
    return ScenarioRecord(
        name=scenario.name,
        title=scenario.title,
        why=scenario.why,
        sha256=scenario.sha256,
        runs=scenario.workload.runs,
        step_s=scenario.workload.step.total_seconds(),
        companies=scenario.dataset.companies,
        company_sizes=tuple(sorted(sizes)),
        rtt_ms=scenario.network.rtt_ms,
        judged_rtt_ms=scenario.network.judged_rtt_ms,
    )


def _overall(claims: tuple[ClaimResult, ...], facts: RunFacts, evidence: Evidence) -> Verdict:
    if not facts.equivalence.equal:
        return _verdict("not_equivalent", ExitCode.NOT_EQUIVALENT, _first_difference(facts.equivalence))
    if facts.invalid:
        return _verdict("invalid", ExitCode.INCONCLUSIVE, evidence.invalid)
    if not claims:
        return _verdict(
            "holds", ExitCode.OK, "the scenario makes no claim: the arms were compared, not judged"
        )
    counts = {verdict: [c.id for c in claims if c.verdict == verdict] for verdict in _VERDICTS}
    told = ", ".join(f"{len(ids)} {_VERDICTS[verdict]}" for verdict, ids in counts.items() if ids)
    summary = f"of {len(claims)} claims {told}"
    if counts["refuted"]:
        return _verdict("refuted", ExitCode.REFUTED, f"{summary}; refuted: {', '.join(counts['refuted'])}")
    if counts["inconclusive"]:
        undecided = ", ".join(counts["inconclusive"])
        return _verdict("inconclusive", ExitCode.INCONCLUSIVE, f"{summary}; inconclusive: {undecided}")
    return _verdict("holds", ExitCode.OK, summary)


_VERDICTS = {
    "holds": "hold",
    "exceeded": "exceeded",
    "refuted": "refuted",
    "inconclusive": "inconclusive",
}


def _verdict(value: str, exit_code: ExitCode, reason: str) -> Verdict:
    return Verdict.model_validate({"value": value, "exit_code": int(exit_code), "reason": reason})


def _first_difference(equivalence: Equivalence) -> str:
    first = equivalence.differences[0] if equivalence.differences else "no difference was recorded"
    return f"the arms do not do the same work, so no speed is published: {first}"

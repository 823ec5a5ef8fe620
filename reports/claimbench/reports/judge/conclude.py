"""The one entry: raw facts of a run in, the complete record out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from claimbench.reports.judge.claims import Measurements, judge_claim, measurements_of
from claimbench.reports.judge.comparison import compare
from claimbench.reports.judge.statistics import FEW_BLOCKS_BELOW, METHOD
from claimbench.reports.record.run import ClaimResult, ResultRecord, ScenarioRecord
from claimbench.reports.record.values import (
    ArmRecord,
    Equivalence,
    Sample,
    Scalar,
    Verdict,
    VerdictValue,
    Words,
)
from claimbench.scenarios.model import BATCH_PIPELINE, Scenario


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run found, before anything is judged.

    started_at: ISO 8601 with time zone. version: of claimbench. command: what reproduces the run.
    limitations: of this run, beside the standard ones. invalid: why the machine or the instruments
    were not fit to measure; empty if they were. time_invalid: why they were not fit to measure time.
    """

    samples: tuple[Sample, ...]
    environment: Mapping[str, Scalar]
    dataset: Mapping[str, Scalar]
    arms: tuple[ArmRecord, ...]
    equivalence: Equivalence
    words: Words
    started_at: str
    version: str
    command: str = ""
    limitations: tuple[str, ...] = ()
    invalid: str = ""
    time_invalid: str = ""


def judge(scenario: Scenario, facts: RunFacts) -> ResultRecord:
    """Compare the arms and judge every claim.

    Arms that did not do the same work publish no speed: the record has no samples, no metrics, and
    every claim is inconclusive.
    """
    equal = facts.equivalence.equal
    samples = facts.samples if equal else ()
    metrics = compare(samples, facts.arms)
    measurements = measurements_of(
        metrics, facts.arms, scenario.dataset.size, scenario.network.judged_rtt_ms, facts.words
    )
    measurements = replace(measurements, invalid=_why_nothing_counts(facts), time_invalid=facts.time_invalid)
    claims = tuple(judge_claim(claim, measurements) for claim in scenario.claims)
    return ResultRecord(
        claimbench=facts.version,
        started_at=facts.started_at,
        command=facts.command,
        scenario=_scenario_record(scenario),
        words=facts.words,
        environment=dict(facts.environment),
        dataset=dict(facts.dataset),
        arms=facts.arms,
        equivalence=facts.equivalence,
        samples=samples,
        method=METHOD,
        metrics=metrics,
        claims=claims,
        limitations=(*facts.limitations, *standard_limitations(scenario)),
        invalid=facts.invalid,
        time_invalid=facts.time_invalid,
        verdict=_overall(claims, facts, measurements),
    )


def _why_nothing_counts(facts: RunFacts) -> str:
    if not facts.equivalence.equal:
        return "the arms do not do the same work, so no speed is published"
    return f"the measurement is invalid: {facts.invalid}" if facts.invalid else ""


def _scenario_record(scenario: Scenario) -> ScenarioRecord:
    sizes = {*scenario.workload.sizes, scenario.dataset.size}
    return ScenarioRecord(
        name=scenario.name,
        title=scenario.title,
        why=scenario.why,
        sha256=scenario.sha256,
        source=scenario.source,
        workload=scenario.workload.kind,
        runs=scenario.workload.runs,
        step_s=scenario.workload.step.total_seconds(),
        size=scenario.dataset.size,
        sizes=tuple(sorted(sizes)),
        rtt_ms=scenario.network.rtt_ms,
        judged_rtt_ms=scenario.network.judged_rtt_ms,
    )


def _overall(claims: tuple[ClaimResult, ...], facts: RunFacts, measurements: Measurements) -> Verdict:
    if not facts.equivalence.equal:
        return Verdict.of(VerdictValue.NOT_EQUIVALENT, _first_difference(facts.equivalence))
    if facts.invalid:
        return Verdict.of(VerdictValue.INVALID, measurements.invalid)
    if not claims and not facts.time_invalid:
        reason = "the scenario makes no claim: the arms were compared, not judged"
        return Verdict.of(VerdictValue.HOLDS, reason)
    ids = {value: [claim.id for claim in claims if claim.verdict is value] for value in _WORDS}
    told = ", ".join(f"{len(ids[value])} {word}" for value, word in _WORDS.items() if ids[value])
    summary = f"of {len(claims)} claims {told}" if claims else "the scenario makes no claim"
    if facts.time_invalid:
        return Verdict.of(VerdictValue.INVALID, f"time is invalid: {facts.time_invalid}; {summary}")
    for value in (VerdictValue.REFUTED, VerdictValue.INCONCLUSIVE):
        if ids[value]:
            return Verdict.of(value, f"{summary}; {value}: {', '.join(ids[value])}")
    return Verdict.of(VerdictValue.HOLDS, summary)


_WORDS = {
    VerdictValue.HOLDS: "hold",
    VerdictValue.EXCEEDED: "exceeded",
    VerdictValue.REFUTED: "refuted",
    VerdictValue.INCONCLUSIVE: "inconclusive",
    VerdictValue.INVALID: "invalid",
}


def _first_difference(equivalence: Equivalence) -> str:
    first = equivalence.differences[0] if equivalence.differences else "no difference was recorded"
    return f"the arms do not do the same work, so no speed is published: {first}"


_PORTIONS = ("optimized", "integrated")
"""The pipelines of ours that store several paid answers with one statement."""
_FAKE = (
    "The batch API is a fake that answers at once, the same to both arms, from a process of its own where "
    "time and memory are taken. The hours that a real batch waits are in neither."
)
_AT_RISK = (
    "The optimized pipeline stores the answers of retries up to 100 at a time, the naive one each before the "
    "next call: a crash can lose 100 that were paid for, or one. Part of the gain is bought with that."
)


def standard_limitations(scenario: Scenario) -> tuple[str, ...]:
    """One sentence each, the one that changes most conclusions first."""
    return tuple(_limitations(scenario))


def _limitations(scenario: Scenario) -> Iterator[str]:
    network, workload = scenario.network, scenario.workload
    yield (
        f"Time is judged at a round trip of {network.judged_rtt_ms:g} ms. A slower network helps the arm "
        "with fewer round trips, a faster one hurts it; read the chart of time against round trip before you "
        "carry a percentage elsewhere."
    )
    yield (
        "Intervals say how sure this run is of itself. Another machine, another server or another dataset is "
        "not in them."
    )
    yield "The data are made, not recorded: shapes and sizes follow the scenario, not a customer."
    if workload.kind == BATCH_PIPELINE:
        yield _FAKE
    if any(arm.pipeline in _PORTIONS for arm in scenario.arms):
        yield _AT_RISK
    if scenario.server.in_memory:
        yield (
            "An embedded server keeps its files in memory here, where there is room: commits wait for no "
            "disk, which helps the arm that commits more often."
        )
    yield "Memory is that of the client process; what the database server uses is not in it."
    indexes = {arm.indexes for arm in scenario.arms}
    if len(indexes) > 1:
        yield (
            "The arms run with different indexes, as the document describes before and after: an effect is "
            "that of code and indexes together."
        )
    if min(workload.blocks, workload.memory_blocks) < FEW_BLOCKS_BELOW:
        yield (
            f"With {workload.blocks} blocks for time and {workload.memory_blocks} for memory: below "
            f"{FEW_BLOCKS_BELOW} no interval reaches 95 %, so the lowest and the highest block are shown, "
            "and no claim is judged on them."
        )
    yield (
        "Each claim is judged by itself at 95 %; with several claims that rest on time or memory, the chance "
        "that one of the intervals misses is larger than 5 %."
    )

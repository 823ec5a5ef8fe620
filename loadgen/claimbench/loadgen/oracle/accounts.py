"""What a pipeline says of its own work: its reports and its stats, beside the trail and the rows."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from claimbench.impl.ports import PipelineStats, Stage, StageReport
from claimbench.impl.statuses import RequestStatus
from claimbench.loadgen.oracle.evidence import Evidence
from claimbench.loadgen.oracle.invariants import Invariant, Violation


@dataclass(frozen=True, slots=True)
class SelfReport:
    """What all reports together say was completed, and the stats of each company at the end."""

    completed: int
    stats: Mapping[int, PipelineStats]


def completed_requests(report: StageReport) -> int:
    """The requests that a stage says it completed; checking statuses completes batches."""
    return 0 if report.stage is Stage.CHECK_STATUSES else report.completed


def true_account(evidence: Evidence, account: SelfReport) -> Iterator[Violation]:
    """Where nothing failed and nobody was killed, reports and stats are exact."""
    completed = sum(
        step.new_status == RequestStatus.PROCESSING_COMPLETE != step.old_status
        for step in evidence.trail.requests
    )
    if account.completed != completed:
        told = f"the reports say that {account.completed} requests were completed, the database {completed}"
        yield Violation(Invariant.TRUE_ACCOUNT, told)
    for company_id, stats in account.stats.items():
        there = Counter(
            row.status
            for row in evidence.after.requests.values()
            if evidence.after.company_of(row).id == company_id
        )
        said = {status.value: count for status, count in stats.requests.items() if count}
        if said != dict(there):
            told = f"stats of company {company_id} say {said}, the rows {dict(there)}"
            yield Violation(Invariant.TRUE_ACCOUNT, told)

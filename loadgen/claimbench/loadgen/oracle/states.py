"""Legal states, legal edges, true outcomes, and whether anything is stuck."""

from collections.abc import Iterator

from claimbench.impl.statuses import ENDED_BATCHES, OPEN_BATCHES
from claimbench.impl.statuses import BatchStatus as Batch
from claimbench.impl.statuses import RequestStatus as Request
from claimbench.loadgen.oracle.evidence import Evidence
from claimbench.loadgen.oracle.invariants import Invariant, Violation
from claimbench.loadgen.oracle.rows import BatchRow, RequestRow

REQUEST_EDGES = frozenset(
    {
        (Request.PENDING_BATCHING, Request.BATCHING_IN_PROGRESS),
        (Request.PENDING_BATCHING, Request.PROCESSING_ABANDONED),
        (Request.BATCHING_IN_PROGRESS, Request.BATCHING_IN_PROGRESS),  # into a batch split from its own
        (Request.BATCHING_IN_PROGRESS, Request.PENDING_BATCHING),
        (Request.BATCHING_IN_PROGRESS, Request.PROCESSING_COMPLETE),
        (Request.BATCHING_IN_PROGRESS, Request.PROCESSING_FAILED),
        (Request.BATCHING_IN_PROGRESS, Request.PROCESSING_ABANDONED),
        (Request.PROCESSING_FAILED, Request.RETRY_IN_PROGRESS),
        (Request.PROCESSING_FAILED, Request.PROCESSING_ABANDONED),
        (Request.RETRY_IN_PROGRESS, Request.PROCESSING_COMPLETE),
        (Request.RETRY_IN_PROGRESS, Request.PROCESSING_FAILED),
        (Request.RETRY_IN_PROGRESS, Request.PROCESSING_ABANDONED),
    }
)
"""How a request may move, from and to."""

BATCH_EDGES = frozenset(
    {
        (None, Batch.UPLOADING),
        (Batch.UPLOADING, None),  # none of its requests could be sent
        (Batch.UPLOADING, Batch.FAILED),
        *((Batch.UPLOADING, status) for status in OPEN_BATCHES),
        *((old, new) for old in OPEN_BATCHES for new in (*OPEN_BATCHES, *ENDED_BATCHES)),
        *((status, Batch.PROCESSED) for status in ENDED_BATCHES),
    }
)
"""How a batch may move; None stands for there being no row."""

_OVER = frozenset({Request.PROCESSING_COMPLETE, Request.PROCESSING_ABANDONED})


def legal_states(evidence: Evidence) -> Iterator[Violation]:
    """Each request and batch has the columns of its state."""
    for request in evidence.after.requests.values():
        for wrong in _wrong_with_request(request, evidence):
            yield Violation(
                Invariant.LEGAL_STATE, f"request {request.id} is {request.status} and has {wrong}"
            )
    for batch in evidence.after.batches.values():
        for wrong in _wrong_with_batch(batch):
            yield Violation(Invariant.LEGAL_STATE, f"batch {batch.id} is {batch.status} and has {wrong}")


def _wrong_with_request(row: RequestRow, evidence: Evidence) -> Iterator[str]:
    if row == evidence.before.requests.get(row.id):
        return
    if not 0 <= row.attempts <= evidence.policy.attempts_max:
        yield f"{row.attempts} attempts of {evidence.policy.attempts_max}"
    if row.batch_id is not None and row.batch_id not in evidence.after.batches:
        yield f"batch {row.batch_id}, which there is not"
    if (row.completed_at is not None) != (row.status in _OVER):
        yield f"completed_at {row.completed_at}"
    if (row.status == Request.PENDING_BATCHING) and row.batch_id is not None:
        yield f"batch {row.batch_id}"
    if row.status == Request.PROCESSING_COMPLETE:
        yield from (f"no {name}" for name in ("prompt_tokens", "completion_tokens") if _lacks(row, name))
        if row.error is not None:
            yield f"the error {row.error!r}"
    elif row.status in (Request.PROCESSING_FAILED, Request.PROCESSING_ABANDONED) and not row.error:
        yield "no reason"


def _lacks(row: RequestRow, name: str) -> bool:
    return getattr(row, name) is None


def _wrong_with_batch(row: BatchRow) -> Iterator[str]:
    ended = row.status in ENDED_BATCHES or row.status == Batch.PROCESSED
    waits_for_files = row.status == Batch.FINALIZING
    if (row.completed_at is not None) != ended and not waits_for_files:
        yield f"completed_at {row.completed_at}"
    if (row.processed_at is not None) != (row.status == Batch.PROCESSED):
        yield f"processed_at {row.processed_at}"
    if (row.outcome is not None) != (row.status == Batch.PROCESSED):
        yield f"the outcome {row.outcome}"
    if row.status in OPEN_BATCHES and row.openai_batch_id is None:
        yield "no id of the API"
    if row.status == Batch.UPLOADING and row.openai_batch_id is not None:
        yield f"the API's id {row.openai_batch_id}"


def legal_paths(evidence: Evidence) -> Iterator[Violation]:
    """Each step of the trail is an edge of the state diagram."""
    for step in evidence.trail.requests:
        if (step.old_status, step.new_status) not in REQUEST_EDGES:
            told = f"request {step.request_id} went from {step.old_status} to {step.new_status}"
            yield Violation(Invariant.LEGAL_PATH, told)
    for move in evidence.trail.batches:
        if (move.old_status, move.new_status) not in BATCH_EDGES:
            old, new = (status or "no row" for status in (move.old_status, move.new_status))
            told = f"batch {move.batch_id} went from {old} to {new}"
            yield Violation(Invariant.LEGAL_PATH, told)


def true_outcomes(evidence: Evidence) -> Iterator[Violation]:
    """What a processed batch says of its end is what the API says."""
    said = {batch.id: batch.status for batch in evidence.api.batches}
    for row in evidence.after.batches.values():
        if row.status == Batch.PROCESSED and row.openai_batch_id in said:
            truth = said[row.openai_batch_id]
            if row.outcome != truth:
                told = f"batch {row.id} says {row.outcome}, the API {truth.value}"
                yield Violation(Invariant.TRUE_OUTCOME, told)


def nothing_stuck(evidence: Evidence) -> Iterator[Violation]:
    """All work of active companies has come to an end."""
    for row in evidence.worked_on:
        if row.status not in _OVER and evidence.active_at_last[evidence.company_of(row.id)]:
            yield Violation(Invariant.NOTHING_STUCK, f"request {row.id} is still {row.status}")
    for batch in evidence.after.batches.values():
        if batch.status != Batch.PROCESSED and evidence.active_at_last.get(batch.company_id):
            yield Violation(Invariant.NOTHING_STUCK, f"batch {batch.id} is still {batch.status}")

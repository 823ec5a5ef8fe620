"""The state of the queue: three counts, for one company or for all."""

from typing import Any

from sqlalchemy import Engine, Select, func, select

from claimbench.impl.ports import PipelineStats
from claimbench.impl.schema import BatchRequest, ProcessingRequest, Session
from claimbench.impl.statuses import BatchStatus, RequestStatus


def queue_stats(engine: Engine, company_id: int | None) -> PipelineStats:
    """Count requests and batches by status; every status is present, be it with 0."""
    by_request = select(
        ProcessingRequest.status,
        func.count(),
        func.min(ProcessingRequest.requested_at),
        func.coalesce(func.sum(ProcessingRequest.prompt_tokens + ProcessingRequest.completion_tokens), 0),
        func.coalesce(func.sum(ProcessingRequest.cost_usd), 0),
    ).group_by(ProcessingRequest.status)
    by_batch = select(BatchRequest.status, func.count()).group_by(BatchRequest.status)
    if company_id is not None:
        by_request = by_request.join(Session).where(Session.company_id == company_id)
        by_batch = by_batch.where(BatchRequest.company_id == company_id)
    return _stats(engine, by_request, by_batch)


def _stats(
    engine: Engine, by_request: Select[*tuple[Any, ...]], by_batch: Select[*tuple[Any, ...]]
) -> PipelineStats:
    with engine.connect() as connection:
        requests = {RequestStatus(row[0]): row for row in connection.execute(by_request)}
        batches = {BatchStatus(status): count for status, count in connection.execute(by_batch)}
    pending = requests.get(RequestStatus.PENDING_BATCHING)
    return PipelineStats(
        requests={status: requests[status][1] if status in requests else 0 for status in RequestStatus},
        batches={status: batches.get(status, 0) for status in BatchStatus},
        oldest_pending_at=pending[2] if pending else None,
        total_tokens=sum(int(row[3]) for row in requests.values()),
        cost_usd=float(sum(row[4] for row in requests.values())),
    )

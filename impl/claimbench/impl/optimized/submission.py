"""Handing files to the API, several at a time, and finding again what an interrupted run had handed over."""

from collections.abc import Sequence
from dataclasses import dataclass

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import CIRCUIT_OPEN, ApiError, Blame
from claimbench.impl.events import surplus_batch
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import HELD_BACK
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.batch_files import BatchFile
from claimbench.impl.optimized.writing import rows_of, write
from claimbench.impl.ports import ApiBatch, PipelineContext, batch_metadata
from claimbench.impl.statuses import BatchStatus
from claimbench.impl.storable import storable

_HELD = ApiError(HELD_BACK, code=CIRCUIT_OPEN, retryable=True)


@dataclass(frozen=True, slots=True)
class InterruptedBatch:
    """A batch that an earlier run claimed and did not see through."""

    id: int
    key: str
    requests: int
    since: int | None
    """It is known that the API did not create it before this time of its clock."""


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
    """What became of a claimed batch: the API's batch, an error, or neither yet."""

    batch_id: int
    requests: int
    batch: ApiBatch | None = None
    error: ApiError | None = None

    @property
    def is_settled(self) -> bool:
        """Whether this run is done with it."""
        return self.batch is not None or self.error is not None

    @property
    def is_unknown(self) -> bool:
        """Whether the API may have it all the same; then the lease gives it time to show what it made."""
        return self.error is not None and self.error.status_code is None and self.error.blame is Blame.MOMENT

    @property
    def status(self) -> BatchStatus:
        """What to write: under way, refused for good, or to be submitted by a later run."""
        if self.batch:
            return BatchStatus.VALIDATING
        refused = self.error is not None and self.error.blame is Blame.REQUEST
        return BatchStatus.FAILED if refused else BatchStatus.UPLOADING


@dataclass(frozen=True, slots=True)
class Submitter:
    """Makes the calls of one stage; safe in threads."""

    context: PipelineContext
    breaker: StageBreaker

    def submit(self, file: BatchFile) -> SubmittedBatch:
        """Upload a file and create its batch; the file is closed."""
        api = self.context.api
        with file.lines:
            if self.breaker.is_open:
                return SubmittedBatch(file.batch_id, file.requests, error=_HELD)
            try:
                file_id = api.upload(f"{file.key}.jsonl", file.lines)
                created = api.create_batch(file_id, batch_metadata(file.key, file.company_id))
            except ApiError as error:
                self.breaker.count(error)
                return SubmittedBatch(file.batch_id, file.requests, error=error)
        return SubmittedBatch(file.batch_id, file.requests, batch=created)

    def find(self, batch: InterruptedBatch) -> SubmittedBatch:
        """What the API has of an interrupted batch; neither batch nor error when it has nothing."""
        if self.breaker.is_open:
            return SubmittedBatch(batch.id, batch.requests, error=_HELD)
        try:
            found = self.context.api.find_batch(batch.key, batch.since)
        except ApiError as error:
            self.breaker.count(error)
            return SubmittedBatch(batch.id, batch.requests, error=error)
        return SubmittedBatch(batch.id, batch.requests, batch=found)

    def record(self, submissions: Sequence[SubmittedBatch], lease: Lease) -> None:
        """Write what became of them; one too many at the API is told as surplus."""
        known = [done for done in submissions if not done.is_unknown]
        if not known:
            return
        failed = [done.error if done.status is BatchStatus.FAILED else None for done in known]
        parameters = {
            "batches": [done.batch_id for done in known],
            "statuses": [done.status.value for done in known],
            "openai_ids": [done.batch.id if done.batch else None for done in known],
            "openai_stamps": [done.batch.created_at if done.batch else None for done in known],
            "file_ids": [done.batch.input_file_id if done.batch else None for done in known],
            "errors": [storable(str(error)) if error else None for error in failed],
            "now": lease.at,
            "token": lease.by,
        }
        if write(self.context.engine, statements.RECORD_SUBMISSIONS, parameters) < len(known):
            self._tell_surplus([done.batch.id for done in known if done.batch])

    def _tell_surplus(self, openai_ids: Sequence[str]) -> None:
        """Those that no row names: another scheduler has submitted the same batch meanwhile."""
        for row in rows_of(self.context.engine, statements.SURPLUS_BATCHES, {"openai_ids": openai_ids}):
            self.context.events(surplus_batch(row.openai_id))

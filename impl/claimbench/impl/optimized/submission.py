"""Handing files to the API, several at a time, and finding again what an interrupted run had handed over."""

from collections.abc import Sequence
from dataclasses import dataclass

from claimbench.impl.breaker import StageBreaker
from claimbench.impl.errors import CIRCUIT_OPEN, ApiError, Blame, is_unsent
from claimbench.impl.events import surplus_batch
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import HELD_BACK
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.prompt_files import BatchFile
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
    was_sent: bool
    """Whether the API may have it: nobody has written that it was never handed over."""


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
    """What became of a claimed batch: the API's batch, an error, or neither yet."""

    batch_id: int
    requests: int
    batch: ApiBatch | None = None
    error: ApiError | None = None
    was_sent: bool = True
    """Whether its creation was asked for, and the answer leaves open that the API has it."""

    @property
    def is_settled(self) -> bool:
        """Whether this run is done with it."""
        return self.batch is not None or self.error is not None

    @property
    def is_unknown(self) -> bool:
        """Whether the API may have it all the same; then the lease gives it time to show what it made."""
        return (
            self.was_sent
            and self.error is not None
            and self.error.status_code is None
            and self.error.blame is Blame.MOMENT
        )

    @property
    def status(self) -> BatchStatus:
        """What to write: under way, refused for good, or to be submitted by a later run."""
        if self.batch:
            return BatchStatus.VALIDATING
        refused = self.error is not None and self.error.blame is Blame.REQUEST
        return BatchStatus.FAILED if refused else BatchStatus.UPLOADING


def held(batch_id: int, requests: int, *, was_sent: bool) -> SubmittedBatch:
    """A batch for which no call was made, as the stage makes none any more."""
    return SubmittedBatch(batch_id, requests, error=_HELD, was_sent=was_sent)


@dataclass(frozen=True, slots=True)
class Submitter:
    """Makes the calls of one stage; safe in threads."""

    context: PipelineContext
    breaker: StageBreaker

    def submit(self, file: BatchFile) -> SubmittedBatch:
        """Upload a file and create its batch; the file is closed."""
        api, file_id = self.context.api, None
        with file.opened() as lines:
            if self.breaker.is_open:
                return held(file.batch_id, file.requests, was_sent=False)
            try:
                file_id = api.upload(f"{file.key}.jsonl", lines)
                created = api.create_batch(file_id, batch_metadata(file.key, file.company_id))
            except ApiError as error:
                self.breaker.count(error)
                was_sent = file_id is not None and not is_unsent(error)
                return SubmittedBatch(file.batch_id, file.requests, error=error, was_sent=was_sent)
        return SubmittedBatch(file.batch_id, file.requests, batch=created)

    def find(self, batches: Sequence[InterruptedBatch]) -> Sequence[SubmittedBatch]:
        """What the API has of interrupted batches, by one listing; nothing where it has none."""
        if not batches:
            return ()
        times = [batch.since for batch in batches]
        known = [time for time in times if time is not None]
        since = min(known) if len(known) == len(times) else None
        try:
            found = self.context.api.find_batches([batch.key for batch in batches], since)
        except ApiError as error:
            self.breaker.count(error)
            return [SubmittedBatch(batch.id, batch.requests, error=error) for batch in batches]
        return [SubmittedBatch(batch.id, batch.requests, batch=found.get(batch.key)) for batch in batches]

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
            "were_sent": [done.was_sent for done in known],
            "now": lease.at,
            "token": lease.by,
        }
        if write(self.context.engine, statements.RECORD_SUBMISSIONS, parameters) < len(known):
            self._tell_surplus([done.batch.id for done in known if done.batch])

    def _tell_surplus(self, openai_ids: Sequence[str]) -> None:
        """Those that no row names: another scheduler has submitted the same batch meanwhile."""
        for row in rows_of(self.context.engine, statements.SURPLUS_BATCHES, {"openai_ids": openai_ids}):
            self.context.events(surplus_batch(row.openai_id))

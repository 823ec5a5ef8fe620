"""The Protocols that vary: pipelines, the batch API, the clock, and who listens to events."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import BinaryIO, Protocol, runtime_checkable

from sqlalchemy import Engine

from claimbench.impl.events import EventSink
from claimbench.impl.statuses import BatchStatus, RequestStatus


class Stage(StrEnum):
    """The four stages, in the order in which a scheduler run takes them."""

    CREATE_BATCHES = "create_batches"
    CHECK_STATUSES = "check_statuses"
    PROCESS_RESULTS = "process_results"
    RETRY_FAILED = "retry_failed"


INTERVALS: Mapping[Stage, timedelta] = MappingProxyType(
    {
        Stage.CREATE_BATCHES: timedelta(minutes=5),
        Stage.CHECK_STATUSES: timedelta(minutes=2),
        Stage.PROCESS_RESULTS: timedelta(minutes=1),
        Stage.RETRY_FAILED: timedelta(minutes=10),
    }
)
"""How often each stage runs, as the document has it."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage says that it did, in requests (in batches for `check_statuses`).

    claimed: taken up. created: handed to the API in new batches. completed: ended well.
    failed: ended badly. skipped: seen and left for later.
    """

    stage: Stage
    claimed: int = 0
    created: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: "StageReport") -> "StageReport":
        """Both together; they are of the same stage."""
        return StageReport(
            self.stage,
            self.claimed + other.claimed,
            self.created + other.created,
            self.completed + other.completed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True, slots=True)
class RunReport:
    """One scheduler run: the four stage reports in order."""

    stages: tuple[StageReport, ...]


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """The state of the queue, of one company or of all."""

    requests: Mapping[RequestStatus, int]
    batches: Mapping[BatchStatus, int]
    oldest_pending_at: datetime | None
    total_tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of the document and of the API; both arms obey the same ones."""

    requests_per_batch_min: int = 10
    requests_per_batch_max: int = 1_000
    bytes_per_batch_max: int = 200_000_000
    pending_age_max: timedelta = timedelta(minutes=30)
    retries_per_company: int = 10
    attempts_max: int = 3
    concurrent_companies: int = 5
    company_cache_ttl: timedelta = timedelta(minutes=5)
    claim_lease: timedelta = timedelta(minutes=15)
    back_off_min: timedelta = timedelta(minutes=5)
    back_off_max: timedelta = timedelta(hours=1)
    missing_file_patience: timedelta = timedelta(hours=1)
    """How long an ended batch is waited for that lacks a file, or a part of one, by the API's clock."""


@runtime_checkable
class Pipeline(Protocol):
    """One implementation of the four stages. No stage reads a clock: `now` is its time."""

    def create_batches(self, now: datetime) -> StageReport:
        """Batch the pending requests of every active company and hand them to the API."""

    def check_statuses(self, now: datetime) -> StageReport:
        """Ask the API about every open batch and record what it says."""

    def process_results(self, now: datetime) -> StageReport:
        """Apply the output and error files of every ended batch to requests and sessions."""

    def retry_failed(self, now: datetime) -> StageReport:
        """Send failed requests alone, a limited number for each company."""

    def run(self, now: datetime) -> RunReport:
        """One scheduler run: the four stages once, in that order."""

    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue of one company, or of all."""


class Clock(Protocol):
    """Where time comes from, for those who need more than the `now` of a stage."""

    def now(self) -> datetime:
        """The present, with its time zone (UTC)."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of an input file that made the API fail the batch: its number, from 1, and the reason."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class ApiBatch:
    """A batch as the API tells it. Empty ids are None, whatever form of empty the API used.

    answered: how many of its requests the API counts as completed; its counts are not always right.
    created_at, told_at: when it was made, and when the API told this, by its clock, in Unix seconds.
    """

    id: str
    status: BatchStatus
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    metadata: Mapping[str, str] | None = None
    errors: tuple[str, ...] = ()
    bad_lines: tuple[BadLine, ...] = ()
    answered: int = 0
    created_at: int | None = None
    told_at: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one chat completion: text and token counts."""

    content: str
    prompt_tokens: int
    completion_tokens: int


BATCH_KEY = "claimbench_key"
"""The metadata entry by which a batch is found again after a crash."""


def batch_metadata(key: str, company_id: int) -> Mapping[str, str]:
    """What a batch carries at the API: the key that its row has, and its tenant."""
    return {BATCH_KEY: key, "company_id": str(company_id)}


class BatchApi(Protocol):
    """The calls that the pipelines need. Failures are `claimbench.impl.errors.ApiError`s."""

    def upload(self, filename: str, lines: BinaryIO) -> str:
        """Upload a JSONL file, read from its present position; return the file's id."""

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """Create a batch over an uploaded file. Never retried: see `find_batches`."""

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        """The batches that the API has whose metadata carries one of these keys, by key: one listing for all.

        since: by the API's clock, in Unix seconds: none is older, as is known. Without it all are looked at.
        """

    def retrieve(self, batch_id: str) -> ApiBatch:
        """The present state of a batch."""

    def download(self, file_id: str) -> Iterator[bytes]:
        r"""The lines of an output or error file, streamed, without their ends, which are b"\n" alone."""

    def file_size(self, file_id: str) -> int | None:
        """How many bytes the API keeps of a file; None where it does not tell."""

    def complete(self, body: Mapping[str, object]) -> Completion:
        """Send one request alone through chat completions."""


def take_stage(pipeline: Pipeline, stage: Stage, now: datetime) -> StageReport:
    """The one method of a pipeline that the stage is."""
    match stage:
        case Stage.CREATE_BATCHES:
            return pipeline.create_batches(now)
        case Stage.CHECK_STATUSES:
            return pipeline.check_statuses(now)
        case Stage.PROCESS_RESULTS:
            return pipeline.process_results(now)
        case Stage.RETRY_FAILED:
            return pipeline.retry_failed(now)


def run_stages(pipeline: Pipeline, now: datetime) -> RunReport:
    """One scheduler run of any pipeline."""
    return RunReport(tuple(take_stage(pipeline, stage, now) for stage in Stage))


class ByStage(ABC):
    """A `Pipeline` whose stages differ only in which they are: made of one method that takes any stage."""

    @abstractmethod
    def take(self, stage: Stage, now: datetime) -> StageReport:
        """Take this stage at this time."""

    @abstractmethod
    def stats(self, company_id: int | None = None) -> PipelineStats:
        """Count the queue of one company, or of all."""

    def create_batches(self, now: datetime) -> StageReport:
        """Stage 1."""
        return self.take(Stage.CREATE_BATCHES, now)

    def check_statuses(self, now: datetime) -> StageReport:
        """Stage 2."""
        return self.take(Stage.CHECK_STATUSES, now)

    def process_results(self, now: datetime) -> StageReport:
        """Stage 3."""
        return self.take(Stage.PROCESS_RESULTS, now)

    def retry_failed(self, now: datetime) -> StageReport:
        """Stage 4."""
        return self.take(Stage.RETRY_FAILED, now)

    def run(self, now: datetime) -> RunReport:
        """The four stages once, in order."""
        return run_stages(self, now)


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """All that a pipeline is built with."""

    engine: Engine
    api: BatchApi
    policy: Policy
    events: EventSink


class PipelineFactory(Protocol):
    """Makes a pipeline; a class whose constructor takes the context is one."""

    def __call__(self, context: PipelineContext) -> Pipeline:
        """Build the pipeline; open no connection yet."""

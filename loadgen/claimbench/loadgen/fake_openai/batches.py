"""One batch: its states over time, and how it looks at a moment."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from claimbench.loadgen.fake_openai.fault_injection import NONE_ACTIVE, ActiveFaults
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.validation import LineProblem
from claimbench.loadgen.fake_openai.wire import JsonObject
from claimbench.loadgen.fake_openai.work import BatchTotals, BatchWork

VALIDATION_S = 3
WRITING_S = 2
WINDOW_S = 86_400


class Status(StrEnum):
    """The states of a batch, by the names of the specification."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


ENDED = frozenset({Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` (Unix seconds) on, the batch is in this state."""

    at: float
    status: Status


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of one batch, in the order of time; the first is its creation.

    `work_s` is how long the model takes for all lines once the batch is in progress.
    """

    steps: tuple[Step, ...]
    work_s: float

    def status(self, now: float) -> Status:
        """The state at a moment."""
        reached = [step.status for step in self.steps if step.at <= now]
        return reached[-1] if reached else self.steps[0].status

    def reached(self, status: Status, now: float) -> int | None:
        """The whole Unix second in which the batch came into a state, if that has happened by now."""
        for step in self.steps:
            if step.status is status and step.at <= now:
                return int(step.at)
        return None

    def at(self, status: Status) -> float | None:
        """When the batch comes into a state; None for never."""
        return next((step.at for step in self.steps if step.status is status), None)

    @property
    def ends_at(self) -> float:
        """When the batch comes into its last state."""
        return self.steps[-1].at

    def progress(self, now: float) -> float:
        """The share (0..1) of the lines that the model is done with at a moment."""
        started = self.at(Status.IN_PROGRESS)
        if started is None or now < started:
            return 0.0
        stopped = self.at(Status.CANCELLING) or self.at(Status.EXPIRED) or math.inf
        return min(1.0, (min(now, stopped) - started) / self.work_s)

    def cancelled(self, now: float, wind_down_s: float, window_s: float = WINDOW_S) -> "Timeline":
        """The same batch, told to stop now; it does not outlive its window."""
        past = tuple(step for step in self.steps if step.at <= now)
        ends_at = min(now + wind_down_s, max(now, self.steps[0].at + window_s))
        return Timeline((*past, Step(now, Status.CANCELLING), Step(ends_at, Status.CANCELLED)), self.work_s)


def work_seconds(lines: int, chance: float) -> float:
    """How long a batch of that size is in progress; `chance` (0..1) spreads it by 10 s either way.

    Nine lines take 128 s at a chance of one half, as one recorded batch did; each factor of ten adds 11 s.
    """
    return 117 + 11 * math.log10(1 + lines) + 20 * (chance - 0.5)


def completing(created_at: float, work_s: float, speed: float = 1.0) -> Timeline:
    """validating, in_progress, finalizing, completed; all of it `speed` times as fast."""
    started, work_s = created_at + VALIDATION_S / speed, work_s / speed
    return Timeline(
        (
            Step(created_at, Status.VALIDATING),
            Step(started, Status.IN_PROGRESS),
            Step(started + work_s, Status.FINALIZING),
            Step(started + work_s + WRITING_S / speed, Status.COMPLETED),
        ),
        work_s,
    )


def failing(created_at: float, speed: float = 1.0) -> Timeline:
    """validating, failed: the input file was no good."""
    failed_at = created_at + VALIDATION_S / speed
    steps = (Step(created_at, Status.VALIDATING), Step(failed_at, Status.FAILED))
    return Timeline(steps, math.inf)


def expiring(created_at: float, share: float, speed: float = 1.0) -> Timeline:
    """validating, in_progress, expired after the window, with this share of the lines done."""
    started, ended = created_at + VALIDATION_S / speed, created_at + WINDOW_S / speed
    work_s = (ended - started) / share if share > 0 else math.inf
    steps = (
        Step(created_at, Status.VALIDATING),
        Step(started, Status.IN_PROGRESS),
        Step(ended, Status.EXPIRED),
    )
    return Timeline(steps, work_s)


_STAMPED = (
    Status.IN_PROGRESS,
    Status.FINALIZING,
    Status.COMPLETED,
    Status.FAILED,
    Status.EXPIRED,
    Status.CANCELLING,
    Status.CANCELLED,
)
_COUNTED_WHOLE = frozenset({Status.FINALIZING, *ENDED}) - {Status.FAILED}
_EMPTY = BatchTotals(0, 0, 0, 0, 0)


@dataclass(frozen=True)
class BatchOrder:
    """What the creating request asked for."""

    endpoint: str
    input_file_id: str
    metadata: dict[str, str] | None
    output_expires_after_s: int | None
    endpoint_as_named: str


@dataclass(frozen=True)
class Batch:
    """Everything about one batch; only a cancellation replaces it by another.

    `work` and `tally` are those of its end. File ids are None where no such file will come to be.
    """

    id: str
    number: int
    order: BatchOrder
    created_at: int
    timeline: Timeline
    problems: tuple[LineProblem, ...] = ()
    work: BatchWork | None = None
    tally: BatchTotals = _EMPTY
    output_file_id: str | None = None
    error_file_id: str | None = None
    faults: ActiveFaults = NONE_ACTIVE

    @property
    def model(self) -> str | None:
        """The one model of its requests; None while no valid file was found."""
        return self.work.lines.index.model if self.work else None

    def ended(self, now: float) -> bool:
        """Whether it will not change any more."""
        return self.timeline.status(now) in ENDED

    def shown(self, now: float) -> JsonObject:
        """The object of the API. Costs the same for every size of batch."""
        status = self.timeline.status(now)
        stamps = {f"{one}_at": self.timeline.reached(one, now) for one in _STAMPED}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.order.endpoint_as_named,
            "model": self.model,
            "errors": self._errors(status),
            "input_file_id": self.order.input_file_id,
            "completion_window": "24h",
            "status": status,
            "output_file_id": self._output_file_id(status, now),
            "error_file_id": self._error_file_id(status),
            "created_at": self.created_at,
            "expires_at": self._expires_at(),
            **stamps,
            "request_counts": self._counts(status, now),
            "usage": self._usage(status),
            "metadata": self.order.metadata,
        }

    def _expires_at(self) -> int:
        """The end of the window: earlier than in a day only for a batch that a fast model lets expire."""
        expired_at = self.timeline.at(Status.EXPIRED)
        return self.created_at + WINDOW_S if expired_at is None else int(expired_at)

    def _errors(self, status: Status) -> JsonObject | None:
        if status is not Status.FAILED:
            return None
        return {"object": "list", "data": [_shown_problem(problem) for problem in self.problems]}

    def _output_file_id(self, status: Status, now: float) -> str | None:
        late = self.faults.of(FaultKind.LATE_OUTPUT_FILE_ID)
        if status not in ENDED or (late and now < self.timeline.ends_at + late.seconds):
            return None
        return self.output_file_id

    def _error_file_id(self, status: Status) -> str | None:
        if status not in ENDED:
            return None
        if self.error_file_id is None and self.faults.of(FaultKind.EMPTY_ERROR_FILE_ID):
            return ""
        return self.error_file_id

    def _counts(self, status: Status, now: float) -> JsonObject:
        if self.work is None or status is Status.VALIDATING:
            return {"total": 0, "completed": 0, "failed": 0}
        total, tally = len(self.work), self.tally
        if status in _COUNTED_WHOLE:
            completed, failed = tally.completed, tally.failed
            if self.faults.of(FaultKind.WRONG_COUNTS):
                completed, failed = total, 0
        else:
            share, rest = self.timeline.progress(now), self.work.rest
            if rest is not None:
                share = min(1.0, share * total / rest.done) if rest.done else 0.0
            completed, failed = int(share * tally.completed), int(share * tally.failed)
        return {"total": total, "completed": completed, "failed": failed}

    def _usage(self, status: Status) -> JsonObject | None:
        if status not in ENDED or self.work is None:
            return None
        return {
            "input_tokens": self.tally.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self.tally.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.tally.reasoning_tokens},
            "total_tokens": self.tally.input_tokens + self.tally.output_tokens,
        }


def _shown_problem(problem: LineProblem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": problem.message,
        "param": problem.param,
        "line": problem.line,
    }

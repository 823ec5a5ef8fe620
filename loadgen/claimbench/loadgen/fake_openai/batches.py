"""One batch: what was fixed when it was created, and how it looks at a moment."""

from dataclasses import dataclass, replace
from typing import Any

from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.line_rules import LineProblem
from claimbench.loadgen.fake_openai.timeline import ENDED, WINDOW_S, Status, Timeline
from claimbench.loadgen.fake_openai.triggers import CALM, Occasion
from claimbench.loadgen.fake_openai.wire import JsonObject
from claimbench.loadgen.fake_openai.work import Tally, Work

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
_EMPTY = Tally(0, 0, 0, 0, 0)


@dataclass(frozen=True)
class BatchOrder:
    """What the creating request asked for."""

    endpoint: str
    input_file_id: str
    metadata: dict[str, str] | None
    output_expires_after_s: int | None


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
    work: Work | None = None
    tally: Tally = _EMPTY
    output_file_id: str | None = None
    error_file_id: str | None = None
    faults: Occasion = CALM

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
            "endpoint": self.order.endpoint,
            "model": self.model,
            "errors": self._errors(status),
            "input_file_id": self.order.input_file_id,
            "completion_window": "24h",
            "status": status,
            "output_file_id": self._output_file_id(status, now),
            "error_file_id": self._error_file_id(status),
            "created_at": self.created_at,
            "expires_at": self.created_at + WINDOW_S,
            **stamps,
            "request_counts": self._counts(status, now),
            "usage": self._usage(status),
            "metadata": self.order.metadata,
        }

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
            executed = tally if self.work.rest is None else replace(tally, failed=self._executed_failures)
            share = self.timeline.progress(now)
            if self.work.rest is not None:
                share = min(1.0, share * total / self.work.rest.done) if self.work.rest.done else 0.0
            completed, failed = int(share * executed.completed), int(share * executed.failed)
        return {"total": total, "completed": completed, "failed": failed}

    @property
    def _executed_failures(self) -> int:
        rest = self.work.rest if self.work else None
        return 0 if rest is None else rest.done - self.tally.completed

    def _usage(self, status: Status) -> JsonObject | None:
        if status not in ENDED or self.work is None:
            return None
        return {
            "input_tokens": self.tally.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self.tally.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.tally.input_tokens + self.tally.output_tokens,
        }


def _shown_problem(problem: LineProblem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": problem.message,
        "param": problem.param,
        "line": problem.line,
    }

"""When a batch changes its state: computed once from time, seed and size; polls only read it."""

import math
from dataclasses import dataclass
from enum import StrEnum

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

    def cancelled(self, now: float, wind_down_s: float) -> "Timeline":
        """The same batch, told to stop now."""
        past = tuple(step for step in self.steps if step.at <= now)
        ending = (Step(now, Status.CANCELLING), Step(now + wind_down_s, Status.CANCELLED))
        return Timeline(past + ending, self.work_s)


def work_seconds(lines: int, chance: float) -> float:
    """How long a batch of that size is in progress; `chance` (0..1) spreads it by 10 s either way.

    Nine lines take 128 s at a chance of one half, as one recorded batch did; each factor of ten adds 11 s.
    """
    return 117 + 11 * math.log10(1 + lines) + 20 * (chance - 0.5)


def completing(created_at: float, work_s: float) -> Timeline:
    """validating, in_progress, finalizing, completed."""
    started = created_at + VALIDATION_S
    return Timeline(
        (
            Step(created_at, Status.VALIDATING),
            Step(started, Status.IN_PROGRESS),
            Step(started + work_s, Status.FINALIZING),
            Step(started + work_s + WRITING_S, Status.COMPLETED),
        ),
        work_s,
    )


def failing(created_at: float) -> Timeline:
    """validating, failed: the input file was no good."""
    steps = (Step(created_at, Status.VALIDATING), Step(created_at + VALIDATION_S, Status.FAILED))
    return Timeline(steps, math.inf)


def expiring(created_at: float, share: float) -> Timeline:
    """validating, in_progress, expired after the window, with this share of the lines done."""
    started, ended = created_at + VALIDATION_S, created_at + WINDOW_S
    work_s = (ended - started) / share if share > 0 else math.inf
    steps = (
        Step(created_at, Status.VALIDATING),
        Step(started, Status.IN_PROGRESS),
        Step(ended, Status.EXPIRED),
    )
    return Timeline(steps, work_s)

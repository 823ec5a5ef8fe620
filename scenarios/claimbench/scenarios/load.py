"""The `[load]` table of a scenario: how requests arrive, what they ask, and what they are held to.

Its words are those of k6 where k6 has one: executor, rate, timeUnit, duration, startRate, stages, target,
preAllocatedVUs, maxVUs, thresholds. As there, arrivals do not wait for answers.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from claimbench.scenarios.grammar import Count, Duration, Frozen, Seed, Share, duration_text, number_text
from claimbench.scenarios.thresholds import LoadThresholds

PositiveRate = Annotated[float, Field(gt=0, le=100_000)]
AnyRate = Annotated[float, Field(ge=0, le=100_000)]
Weight = Annotated[float, Field(ge=0)]
Places = Annotated[int, Field(ge=1, le=10_000)]

ARRIVALS_MAX = 10_000_000
"""Each process of a generator holds its share of them in memory, some hundred bytes for each."""


class Executor(StrEnum):
    """k6's two executors whose arrivals are open."""

    CONSTANT = "constant-arrival-rate"
    RAMPING = "ramping-arrival-rate"


class Arrivals(StrEnum):
    """Evenly spaced, or as independent users come."""

    EVEN = "even"
    POISSON = "poisson"


class LoadStage(Frozen):
    """Go to the rate `target` (per timeUnit) in a straight line, in this time."""

    target: AnyRate
    duration: Duration


class Traffic(Frozen):
    """How often each operation is asked for, as weights; 0 leaves it out."""

    submit: Weight = 30
    submit_bulk: Weight = 20
    read_session: Weight = 30
    list_sessions: Weight = 10
    statistics: Weight = 8
    admin: Weight = 2
    sessions_per_bulk: Annotated[int, Field(ge=1, le=500)] = 20

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not any(
            (
                self.submit,
                self.submit_bulk,
                self.read_session,
                self.list_sessions,
                self.statistics,
                self.admin,
            )
        ):
            raise ValueError("every weight is 0, so nothing would be asked")
        return self


class Objective(Frozen):
    """What a rate must keep to count as within capacity, and what a valid generator must keep."""

    response_p95: Duration = timedelta(milliseconds=500)
    end_to_end_p95: Duration = timedelta(seconds=10)
    failed: Share = 0.01
    lag_p99: Duration = timedelta(milliseconds=100)

    def __str__(self) -> str:
        return (
            f"p95 of the response within {duration_text(self.response_p95)}, "
            f"p95 from submission to stored result within {duration_text(self.end_to_end_p95)}, "
            f"at most {number_text(100 * self.failed)} % failed, "
            f"p99 of the lag within {duration_text(self.lag_p99)}"
        )


class CapacitySearch(Frozen):
    """Look for the highest rate per second, each tried for `step`, until known to within `precision`."""

    lowest: PositiveRate
    highest: PositiveRate
    step: Duration
    precision: Annotated[float, Field(gt=0.01, le=1)] = 0.1

    @model_validator(mode="after")
    def _upright(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError("lowest must be below highest")
        return self


class ServicePace(Frozen):
    """How fast the service's own clockwork goes: the document's intervals are minutes, a load run is not.

    `interval` is the time between two times that batches are created, the other stages go in proportion;
    `api_speed` is how many seconds of the fake API's time pass in one.
    """

    interval: Duration = timedelta(seconds=1)
    api_speed: Annotated[float, Field(gt=0, le=1_000_000)] = 3_600

    @model_validator(mode="after")
    def _bearable(self) -> Self:
        if not timedelta(milliseconds=100) <= self.interval <= timedelta(minutes=5):
            raise ValueError("interval must be from 100ms to 5min, which is the document's")
        return self


class Load(Frozen):
    """One load: a rate over time, its traffic, and how often arms are compared under it.

    Rates count per `time_unit`. `blocks` of both arms follow each other, each on fresh databases with the
    same arrivals. `processes` generate, each with at most `places` requests in flight.
    """

    executor: Executor
    rate: PositiveRate | None = None
    time_unit: Annotated[Duration, Field(alias="timeUnit")] = timedelta(seconds=1)
    duration: Duration | None = None
    start_rate: Annotated[AnyRate, Field(alias="startRate")] = 0
    stages: tuple[LoadStage, ...] = ()
    pre_allocated: Annotated[Places | None, Field(alias="preAllocatedVUs")] = None
    maximum: Annotated[Places | None, Field(alias="maxVUs")] = None
    arrivals: Arrivals = Arrivals.POISSON
    seed: Seed = 1
    blocks: Count = 3
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    traffic: Traffic = Traffic()
    pace: ServicePace = ServicePace()
    objective: Objective = Objective()
    capacity: CapacitySearch | None = None
    thresholds: LoadThresholds = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        constant = self.executor is Executor.CONSTANT
        if constant and (self.rate is None or self.duration is None):
            raise ValueError(f"{self.executor} needs rate and duration")
        if constant and (self.stages or self.start_rate):
            raise ValueError(f"{self.executor} has no stages and no startRate: use ramping-arrival-rate")
        if not constant and not self.stages:
            raise ValueError(f"{self.executor} needs stages")
        if not constant and (self.rate is not None or self.duration is not None):
            raise ValueError(
                f"{self.executor} takes its rates and times from stages: remove rate and duration"
            )
        if self.maximum and self.pre_allocated and self.maximum < self.pre_allocated:
            raise ValueError("maxVUs is below preAllocatedVUs")
        if not any(self.rates_per_s):
            raise ValueError("the rate is 0 all the time, so nothing would arrive")
        return self

    @model_validator(mode="after")
    def _bearable(self) -> Self:
        lengths, rates = self.lengths_s, self.rates_per_s
        expected = sum(length * sum(rates[at : at + 2]) / 2 for at, length in enumerate(lengths))
        if self.capacity:
            expected = max(expected, self.capacity.highest * self.capacity.step.total_seconds())
        if expected > ARRIVALS_MAX:
            raise ValueError(
                f"{expected:,.0f} arrivals, and a load has at most {ARRIVALS_MAX:,}: lower rate or duration"
            )
        return self

    @property
    def places(self) -> int:
        """How many requests may be in flight at once: maxVUs, which is preAllocatedVUs if it is not said."""
        return self.maximum or self.pre_allocated or 1_000

    @property
    def rates_per_s(self) -> tuple[float, ...]:
        """The rates at the start and at the end of each piece of time, per second."""
        unit_s = self.time_unit.total_seconds()
        if self.rate is not None:
            return (self.rate / unit_s, self.rate / unit_s)
        return (self.start_rate / unit_s, *(stage.target / unit_s for stage in self.stages))

    @property
    def lengths_s(self) -> tuple[float, ...]:
        """How long each piece of time is, in seconds."""
        if self.duration is not None:
            return (self.duration.total_seconds(),)
        return tuple(stage.duration.total_seconds() for stage in self.stages)

    def __str__(self) -> str:
        rates = " → ".join(number_text(round(rate, 3)) for rate in dict.fromkeys(self.rates_per_s))
        length = duration_text(timedelta(seconds=sum(self.lengths_s)))
        return f"{self.arrivals.value} arrivals, {rates} per second, for {length}"

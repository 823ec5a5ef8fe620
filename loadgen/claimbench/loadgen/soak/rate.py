"""What a soak is asked for, and at which rate it goes: a share of the capacity, unless that is given."""

from dataclasses import dataclass
from datetime import timedelta

from claimbench.errors import InvalidMeasurementError, UsageError
from claimbench.loadgen.bench.databases import Server, Template, Workshop
from claimbench.loadgen.bench.relay import Relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.fake_openai.faults import Faults
from claimbench.loadgen.fake_openai.server import running_server
from claimbench.loadgen.load.block import LoadSite
from claimbench.loadgen.load.capacity import search
from claimbench.reports.record.load import CapacityPoint, CapacityRecord
from claimbench.scenarios.load import ARRIVALS_MAX, CapacitySearch, Load
from claimbench.scenarios.model import Arm, BatchScenario

LEASE = timedelta(seconds=15)
"""What the restart cut off is taken up again after this; no stage takes as long at a soak's pace."""


@dataclass(frozen=True, slots=True)
class SoakRequest:
    """What the user asked for; a rate of None is to be found as the share of the capacity."""

    scenario: BatchScenario
    load: Load
    arm: Arm
    duration_s: float
    rate_per_s: float | None
    share: float
    faults: Faults
    command: str

    def bearable(self, rate_per_s: float) -> float:
        """The rate. `UsageError` if it makes more arrivals than a generator holds."""
        arrivals = rate_per_s * self.duration_s
        if arrivals > ARRIVALS_MAX:
            raise UsageError(
                f"{arrivals:,.0f} arrivals at {rate_per_s:g} a second, and there may be {ARRIVALS_MAX:,}",
                where="--duration",
                remedy=f"give {ARRIVALS_MAX / rate_per_s:.0f}s or less, or a lower --rate",
            )
        return rate_per_s


@dataclass(frozen=True, slots=True)
class SoakSite:
    """Where the soak takes place; `way` leads from the service to its database."""

    request: SoakRequest
    server: Server
    workshop: Workshop
    template: Template
    way: Relayed


@dataclass(frozen=True, slots=True)
class ArrivalRate:
    """Arrivals per second, and the capacity that they are a share of, if it was looked for."""

    per_s: float
    capacity_per_s: float | None = None


def rate_of(soak_site: SoakSite, progress: Progress) -> ArrivalRate:
    """The rate that was given, or the share of the capacity, which is searched with the soak's faults.

    Raises `UsageError` without a `[load.capacity]`, `InvalidMeasurementError` when nothing is borne.
    """
    request = soak_site.request
    if request.rate_per_s is not None:
        return ArrivalRate(request.rate_per_s)
    limits = request.load.capacity
    if limits is None:
        raise UsageError(
            "there is no [load.capacity] to search by",
            where=repr(request.scenario.name),
            remedy="add it, or give a --rate",
        )
    found = _capacity(soak_site, limits, progress)
    if found.rate_per_s is None:
        raise InvalidMeasurementError(
            f"not even {limits.lowest:g} arrivals a second are borne ({found.points[0].broken})",
            where=request.arm.name,
            remedy="lower load.capacity.lowest, or give a --rate",
        )
    return ArrivalRate(request.bearable(request.share * found.rate_per_s), found.rate_per_s)


def _capacity(soak_site: SoakSite, limits: CapacitySearch, progress: Progress) -> CapacityRecord:
    request, api = soak_site.request, soak_site.request.scenario.api
    speed = request.load.pace.api_speed
    with running_server(
        seed=api.seed, failed_line_rate=api.failed_line_rate, speed=speed, faults=request.faults
    ) as fake:
        site = LoadSite(
            request.scenario,
            request.load,
            soak_site.server,
            soak_site.workshop,
            {request.arm.name: soak_site.template},
            fake,
            soak_site.way,
            LEASE,
        )

        def tried(rate: float) -> CapacityPoint:
            progress.step(f"capacity: {request.arm.name} at {rate:.3g} arrivals per second")
            return site.step(request.arm, rate, limits.step.total_seconds())

        return search(request.arm.name, limits, tried)

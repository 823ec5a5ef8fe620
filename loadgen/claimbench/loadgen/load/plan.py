"""What a generator process must know; one file that every process of a run reads, or gets from the master."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from claimbench.errors import UsageError
from claimbench.loadgen.load.arrivals import Spacing, Stretch, Times, arrival_times
from claimbench.loadgen.load.traffic import Draw, draw
from claimbench.scenarios.grammar import Frozen

Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class Task:
    """One arrival: which operation it is and for which tenant, as positions in the plan."""

    position: int
    operation: int
    tenant: int
    due_s: float


class Body(StrEnum):
    """What a request carries."""

    NONE = "none"
    SUBMISSION = "submission"
    BULK = "bulk"


class Credential(StrEnum):
    """Whose key a request shows."""

    NONE = "none"
    TENANT = "tenant"
    ADMIN = "admin"


class Operation(Frozen):
    """One kind of request. `{session}` in its path becomes one that this tenant submitted before."""

    name: str
    method: str = "GET"
    path: str
    weight: Positive = 1.0
    body: Body = Body.NONE
    credential: Credential = Credential.NONE


class TenantKey(Frozen):
    """A company, the key that its requests show, and a session that it had before, if it had one."""

    company_id: int
    key: str
    session_id: int | None = None


class LoadPlan(Frozen):
    """The whole of it. `in_flight_max` is for each process: more arrivals than that at once are dropped."""

    host: str
    profile: tuple[Stretch, ...]
    spacing: Spacing = Spacing.EVEN
    seed: int = 1
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]
    tenants: tuple[TenantKey, ...] = ()
    admin_token: str = ""
    bulk_size: Annotated[int, Field(ge=1)] = 20
    in_flight_max: Annotated[int, Field(ge=1)] = 1_000
    timeout_s: Positive = 30.0
    window_s: Positive = 1.0

    def times(self) -> Times:
        """When the arrivals of the whole run are due, in seconds since its start."""
        return arrival_times(self.profile, self.spacing, self.seed)

    def draw(self, count: int) -> Draw:
        """What each of so many arrivals does."""
        return draw(count, [each.weight for each in self.operations], len(self.tenants), self.seed)

    @property
    def duration_s(self) -> float:
        """Until the last arrival could be due."""
        return sum(stretch.duration_s for stretch in self.profile)


def read_plan(path: Path) -> LoadPlan:
    """The plan in this file. Raises `UsageError` naming the file, and the key if one is wrong."""
    try:
        return LoadPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot be read ({reason})", where=str(path), remedy="name a plan file") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(first["msg"].lower(), where=f"{path}: {key}", remedy="mend this value") from None

"""What a generator process must know; one file that every process of a run reads, or gets from the master."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

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


class Resend(StrEnum):
    """Whether a request whose connection ended without an answer is sent once more."""

    NEVER = "never"
    IDEMPOTENT = "idempotent"
    """Only with a method that may be repeated: GET, HEAD, PUT, DELETE, OPTIONS."""


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
    lag_p99_s: Positive = 0.1
    """More lag than this, and the generator was not fit to measure."""
    resend: Resend = Resend.NEVER
    salt: str = ""
    """In every idempotency key; each run takes its own, or it would measure replays of the run before."""

    @model_validator(mode="after")
    def _can_be_made(self) -> "LoadPlan":
        for each in self.profile:
            if each.duration_s <= 0 or each.rate_from < 0 or each.rate_to < 0:
                raise ValueError("profile: a duration is above 0, and a rate is not below 0")
        if not sum(each.expected for each in self.profile):
            raise ValueError("profile: no arrival is due; give a rate above 0")
        shown = {each.credential for each in self.operations}
        if Credential.TENANT in shown and not self.tenants:
            raise ValueError("tenants: an operation shows a tenant's key, and there is none")
        if Credential.ADMIN in shown and not self.admin_token:
            raise ValueError("admin_token: an operation shows the admin token, and there is none")
        return self

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
        told = first["msg"].removeprefix("Value error, ")
        where = f"{path}: {key}" if key else str(path)
        raise UsageError(told[:1].lower() + told[1:], where=where, remedy="mend this value") from None

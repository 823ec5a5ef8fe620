"""What a generator process must know; one file that every process of a run reads, or gets from the master."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator

from claimbench.errors import UsageError
from claimbench.loadgen.load.arrivals import Spacing, Stretch, Times, arrival_times
from claimbench.loadgen.load.traffic import Draw, draw
from claimbench.scenarios.grammar import Count, Frozen, Seed
from claimbench.scenarios.load import ARRIVALS_MAX
from claimbench.scenarios.loader import explained
from claimbench.scenarios.targets import Headers, Login, TargetRequest, path_template
from claimbench.scenarios.templates import variables, with_environment

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


def _operation_path(path: str) -> str:
    path_template(path.replace("{session}", ""))
    return path


class Operation(TargetRequest):
    """One kind of request. `{session}` in its path becomes one that this tenant submitted before."""

    path: Annotated[str, AfterValidator(_operation_path)]
    body: Body = Body.NONE
    credential: Credential = Credential.NONE

    @model_validator(mode="after")
    def _says_it_once(self) -> "Operation":
        if self.bodies and self.body is not Body.NONE:
            raise ValueError(f"there are body and {self.bodies[0]}, and a request has one body: keep one")
        if self.credential is not Credential.NONE and "authorization" in map(str.lower, self.headers):
            raise ValueError("there are a credential and a header Authorization: keep one")
        return self


class TenantKey(Frozen):
    """A company, the key that its requests show, and a session that it had before, if it had one."""

    company_id: int
    key: str = Field(repr=False)
    session_id: int | None = None


class Resend(StrEnum):
    """Whether a request whose connection ended without an answer is sent once more."""

    NEVER = "never"
    IDEMPOTENT = "idempotent"
    """Only with a method that may be repeated: GET, HEAD, PUT, DELETE, OPTIONS."""


class LoadPlan(Frozen):
    """The whole of it. `in_flight_max` is for each process: more arrivals than that at once are dropped."""

    model_config = ConfigDict(hide_input_in_errors=True)

    host: str
    ca: str = ""
    """A PEM file with the authority of the host's certificate, where no known one has signed it."""
    headers: Headers = Field(default={}, repr=False)
    """Of every request; an operation's own come before them."""
    login: Login | None = None
    profile: tuple[Stretch, ...]
    spacing: Spacing = Spacing.EVEN
    seed: Seed = 1
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]
    tenants: tuple[TenantKey, ...] = ()
    admin_token: str = Field(default="", repr=False)
    bulk_size: Count = 20
    in_flight_max: Count = 1_000
    timeout_s: Positive = 30.0
    window_s: Positive = 1.0
    lag_p99_s: Positive = 0.1
    """More lag than this, and the generator was not fit to measure."""
    resend: Resend = Resend.NEVER
    salt: str = ""
    """In every idempotency key; each run takes its own, or it would measure replays of the run before."""

    @model_validator(mode="after")
    def _has_arrivals(self) -> "LoadPlan":
        for each in self.profile:
            if each.duration_s <= 0 or each.rate_from < 0 or each.rate_to < 0:
                raise ValueError("profile: a duration is above 0, and a rate is not below 0")
        expected = sum(each.expected for each in self.profile)
        if not expected:
            raise ValueError("profile: no arrival is due; give a rate above 0")
        if expected > ARRIVALS_MAX:
            raise ValueError(f"profile: {expected:,.0f} arrivals, and a plan holds at most {ARRIVALS_MAX:,}")
        return self

    @model_validator(mode="after")
    def _knows_who_asks(self) -> "LoadPlan":
        names = [each.name for each in self.operations]
        if len(set(names)) < len(names):
            raise ValueError("operations: a name is there twice; give each one of its own")
        shown = {each.credential for each in self.operations}
        if Credential.TENANT in shown and not self.tenants:
            raise ValueError("tenants: an operation shows a tenant's key, and there is none")
        if Credential.ADMIN in shown and not self.admin_token:
            raise ValueError("admin_token: an operation shows the admin token, and there is none")
        common = {name.lower() for name in self.headers} | (
            {self.login.header.lower()} if self.login else set()
        )
        if shown - {Credential.NONE} and "authorization" in common:
            raise ValueError("headers: Authorization is there, and operations show a key; keep one")
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

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that headers and bodies name."""
        return frozenset().union(*(variables(each) for each in self._secretive().values()))

    def with_environment(self, environment: Mapping[str, str]) -> "LoadPlan":
        """The plan with every variable's value in its place. ValidationError if one cannot stand there."""
        found = {key: with_environment(each, environment) for key, each in self._secretive().items()}
        return LoadPlan.model_validate(self.model_dump(mode="json") | found)

    def _secretive(self) -> dict[str, JsonValue]:
        dumped: dict[str, JsonValue] = self.model_dump(mode="json")
        return {key: dumped[key] for key in ("headers", "login", "operations")}


def read_plan(path: Path) -> LoadPlan:
    """The plan in this file. Raises `UsageError` naming the file, and the key if one is wrong."""
    try:
        plan = LoadPlan.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot be read ({reason})", where=str(path), remedy="name a plan file") from None
    except ValidationError as error:
        raise explained(error.errors()[0], str(path), LoadPlan) from None
    return plan.model_copy(update={"ca": str(path.parent / plan.ca)}) if plan.ca else plan


def resolved(plan: LoadPlan, environment: Mapping[str, str], where: str) -> LoadPlan:
    """The plan with its environment variables put in. `UsageError` names one that is not set."""
    for name in sorted(plan.variables):
        if not environment.get(name):
            raise UsageError(
                f"the environment variable {name} is not set", where=where, remedy=f"export {name} before"
            )
    try:
        return plan.with_environment(environment) if plan.variables else plan
    except ValidationError as error:
        raise explained(error.errors()[0], where, LoadPlan) from None

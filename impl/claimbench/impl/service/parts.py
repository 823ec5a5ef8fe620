"""What the routes work with: made once by the factory, found through the application's state."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from claimbench.impl.service.control import Control
from claimbench.impl.service.gauges import Gauges
from claimbench.impl.service.guard import Guard
from claimbench.impl.service.intake import Intake
from claimbench.impl.service.journal import Journal
from claimbench.impl.service.limits import ServiceLimits
from claimbench.impl.service.outcomes import Outcomes
from claimbench.impl.service.overview import Lookout
from claimbench.impl.service.problems import Problem
from claimbench.impl.service.telemetry import Telemetry
from claimbench.impl.service.tenants import Tenant, Tenants
from claimbench.impl.service.worker import Worker


@dataclass(frozen=True, slots=True)
class Parts:
    """`worker` is None when the stages run elsewhere; `pipelines` are those that one may switch to."""

    engine: Engine
    limits: ServiceLimits
    telemetry: Telemetry
    journal: Journal
    tenants: Tenants
    intake: Intake
    outcomes: Outcomes
    lookout: Lookout
    gauges: Gauges
    control: Control
    guard: Guard
    pipelines: tuple[str, ...]
    worker: Worker | None


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    return cast("Parts", request.app.state.parts)


AnyParts = Annotated[Parts, Depends(parts_of)]

_company_key = HTTPBearer(scheme_name="Company key", auto_error=False)
_admin_token = HTTPBearer(scheme_name="Admin token", auto_error=False)


def calling_tenant(
    parts: AnyParts, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_company_key)]
) -> Tenant:
    """The company whose key the request carries; Problem 401 without one."""
    if shown is None:
        raise Problem(401, "key_required", "send a company's API key as `Authorization: Bearer KEY`")
    return parts.tenants.of_key(shown.credentials)


def calling_admin(
    request: Request,
    parts: AnyParts,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_admin_token)],
) -> None:
    """Lets administrators pass; Problem 401 for everybody else."""
    parts.guard.check(request)


CallingTenant = Annotated[Tenant, Depends(calling_tenant)]
CallingAdmin = Depends(calling_admin)

"""What the routes work with, made once by the factory, and the orders that administrators give through it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from claimbench.impl.service.admin_access import AdminAuthentication, Administrator, EndedSessions
from claimbench.impl.service.authentication import CallingCompany, CompanyKeys
from claimbench.impl.service.companies import Companies
from claimbench.impl.service.control import Control, DesiredState
from claimbench.impl.service.forms import CompanyView, KeyView
from claimbench.impl.service.limits import ServiceLimits
from claimbench.impl.service.operations_log import OperationsLog
from claimbench.impl.service.overview import PAUSED_NOTE, Overviews
from claimbench.impl.service.problems import Problem
from claimbench.impl.service.sessions import SessionReader, SessionWriter
from claimbench.impl.service.telemetry import Gauges, Telemetry
from claimbench.impl.service.trend import Trend
from claimbench.impl.service.worker import Worker


@dataclass(frozen=True, slots=True)
class AppState:
    """`worker` is None when the stages run elsewhere; `pipelines` are those that one may switch to."""

    engine: Engine
    limits: ServiceLimits
    telemetry: Telemetry
    operations_log: OperationsLog
    companies: Companies
    company_keys: CompanyKeys
    session_writer: SessionWriter
    session_reader: SessionReader
    overviews: Overviews
    trend: Trend
    gauges: Gauges
    control: Control
    admin: AdminAuthentication
    ended_sessions: EndedSessions
    pipelines: tuple[str, ...]
    worker: Worker | None


def app_state_of(request: Request) -> AppState:
    """The state of the application that serves this request."""
    return cast("AppState", request.app.state.parts)


State = Annotated[AppState, Depends(app_state_of)]

_company_key = HTTPBearer(scheme_name="Company key", auto_error=False)
_admin_token = HTTPBearer(scheme_name="Admin token", auto_error=False)


def calling_company(
    state: State, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_company_key)]
) -> CallingCompany:
    """The company whose key the request carries; Problem 401 without one."""
    if shown is None:
        raise Problem(401, "key_required", "send a company's API key as `Authorization: Bearer KEY`")
    return state.company_keys.of_key(shown.credentials)


def calling_admin(
    request: Request,
    state: State,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_admin_token)],
) -> Administrator:
    """The administrator who calls; Problem 401 for everybody else."""
    return state.admin.check(request)


Caller = Annotated[CallingCompany, Depends(calling_company)]
CallingAdmin = Depends(calling_admin)


class AdminOrders:
    """What an administrator does; each deed is noted in the operations log, with who did it."""

    def __init__(self, state: State, operator: Annotated[Administrator, CallingAdmin]) -> None:
        self._state, self._operator = state, operator

    def pause(self) -> DesiredState:
        """Let every worker finish its stage and start no other."""
        return self._ordered(self._state.control.pause, PAUSED_NOTE)

    def resume(self) -> DesiredState:
        """Let every worker go on."""
        return self._ordered(self._state.control.resume, "resumed the scheduler")

    def switch(self, pipeline: str) -> DesiredState:
        """Let every worker run this pipeline; Problem 422 for one that is not registered.

        Only registered ones: a page must not be able to import code.
        """
        if pipeline not in self._state.pipelines:
            raise Problem(
                422, "unknown_pipeline", f"there is no such pipeline; use {', '.join(self._state.pipelines)}"
            )
        return self._ordered(
            lambda: self._state.control.switch(pipeline), f"switched the pipeline to {pipeline}"
        )

    def invalidate_cache(self) -> DesiredState:
        """Let every worker forget its company cache."""
        return self._ordered(self._state.control.invalidate_cache, "invalidated the company cache")

    def dismiss_worker(self, name: str) -> None:
        """Show a worker that is no more no longer; Problem 404 or 409 where it cannot be."""
        self._state.overviews.dismiss(name)
        self._note(f"dismissed worker {name}")

    def create_company(self, name: str) -> CompanyView:
        """Let a company in; Problem 409 when its name is taken."""
        created = self._state.companies.create(name)
        self._note(f"created company {created.id}", created.id)
        return created

    def delete_company(self, company_id: int) -> None:
        """Delete a company with all that it stored; Problem 404 or 409 where it cannot be."""
        self._state.companies.delete(company_id)
        self._state.company_keys.forget(company_id)
        self._note(f"deleted company {company_id}", company_id)

    def create_key(self, company_id: int) -> KeyView:
        """Give a company a key; Problem 404 when there is no such company."""
        created = self._state.company_keys.create_key(company_id)
        self._note(f"created key {created.id}", company_id)
        return created

    def revoke_key(self, key_id: int) -> None:
        """Let a key open nothing any more; Problem 404 when there is no such key."""
        self._state.company_keys.revoke_key(key_id)
        self._note(f"revoked key {key_id}")

    def _note(self, told: str, company_id: int | None = None) -> None:
        self._log(told, company_id)
        self._state.overviews.forget()

    def _log(self, told: str, company_id: int | None = None) -> None:
        self._state.operations_log.note("admin", f"{told}, by {self._operator}", company_id=company_id)

    def _ordered(self, order: Callable[[], None], told: str) -> DesiredState:
        """What was seen before the worker here obeyed, by the sampler too, is not shown after."""
        order()
        self._log(told)
        if self._state.worker is not None:
            self._state.worker.tick()
        else:
            self._state.operations_log.flush()
        self._state.overviews.forget()
        return self._state.control.read()


Orders = Annotated[AdminOrders, Depends()]

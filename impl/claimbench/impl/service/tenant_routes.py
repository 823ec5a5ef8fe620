"""What a company may do: submit sessions, read their results, and read its statistics."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from sqlalchemy.exc import IntegrityError

from claimbench.impl.service.app_state import AppState, Caller, State
from claimbench.impl.service.authentication import CallingCompany
from claimbench.impl.service.forms import (
    BulkForm,
    BulkReceipt,
    RequestView,
    SessionForm,
    SessionPage,
    SessionReceipt,
    SessionView,
    Statistics,
)
from claimbench.impl.service.limits import ID_MAX
from claimbench.impl.service.problems import Problem, documented
from claimbench.impl.service.sessions import Forms, StoredSubmission

router = APIRouter(prefix="/v1", tags=["company"], responses=documented(401, 422, 503))

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="The same key with the same content stores once and gives the same receipt.",
        pattern=r"^[\x21-\x7e]{1,200}$",
    ),
]
Id = Annotated[int, Path(ge=1, le=ID_MAX)]
PageSize = Annotated[int, Query(ge=1, le=100)]
Before = Annotated[int | None, Query(ge=1, le=ID_MAX, description="`next_before` of the page before.")]

REPLAYED = "Idempotency-Replayed"
_refusals = documented(400, 403, 408, 413)


@router.post("/sessions", status_code=201, responses=_refusals)
def submit_session(
    form: SessionForm,
    state: State,
    company: Caller,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SessionReceipt:
    """Store one session with its messages and what shall be found out about it."""
    receipt = _take(state, company, (form,), idempotency_key, response).receipt.sessions[0]
    response.headers["Location"] = f"/v1/sessions/{receipt.id}"
    return receipt


@router.post("/sessions/bulk", status_code=201, responses=_refusals)
def submit_sessions(
    form: BulkForm,
    state: State,
    company: Caller,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> BulkReceipt:
    """Store several sessions, all or none."""
    return _take(state, company, form.sessions, idempotency_key, response).receipt


@router.get("/sessions")
def list_sessions(state: State, company: Caller, limit: PageSize = 20, before: Before = None) -> SessionPage:
    """The company's sessions, newest first."""
    return state.session_reader.page(company.company_id, limit, before)


@router.get("/sessions/{session_id}", responses=documented(404))
def read_session(session_id: Id, state: State, company: Caller) -> SessionView:
    """One session: its answers so far, and the state of its requests."""
    return state.session_reader.session(company.company_id, session_id)


@router.get("/requests/{request_id}", responses=documented(404))
def read_request(request_id: Id, state: State, company: Caller) -> RequestView:
    """One processing request: its state, and what its answer cost."""
    return state.session_reader.request(company.company_id, request_id)


@router.get("/statistics")
def read_statistics(state: State, company: Caller) -> Statistics:
    """How many of the company's requests and batches are in which state, its tokens and their cost."""
    return state.session_reader.statistics(company.company_id)


def _take(
    state: AppState, company: CallingCompany, forms: Forms, key: str | None, response: Response
) -> StoredSubmission:
    if not company.active:
        raise Problem(403, "company_inactive", "the company is inactive, so nothing would be processed")
    try:
        taken = state.session_writer.take(company.company_id, forms, key)
    except IntegrityError:
        state.company_keys.forget(company.company_id)  # deleted since its key was looked up
        raise Problem(401, "unknown_key", "the company of this key is no more") from None
    if taken.replayed:
        response.headers[REPLAYED] = "true"
    else:
        state.telemetry.submitted(sum(len(form.requests) for form in forms))
    return taken

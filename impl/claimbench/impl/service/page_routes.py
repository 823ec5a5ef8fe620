"""The admin page: rendered here, kept live by a small script, usable without it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from claimbench.impl.ports import Stage
from claimbench.impl.service.admin_access import (
    COOKIE,
    OPERATOR_CHARACTERS_MAX,
    SESSION_S,
    address_of,
    check_origin,
)
from claimbench.impl.service.app_state import AppState, CallingAdmin, Orders, State
from claimbench.impl.service.dashboard import (
    MOST_WAITING,
    Dashboard,
    Direction,
    PageFilter,
    Sort,
    SortColumn,
    make_dashboard,
)
from claimbench.impl.service.display_names import clean_name
from claimbench.impl.service.errors_table import bad_batches, failed_requests
from claimbench.impl.service.forms import StorableText
from claimbench.impl.service.limits import ID_MAX
from claimbench.impl.service.operations_log import Level, LogFilter, read_log
from claimbench.impl.service.problems import Problem
from claimbench.impl.service.rendering import clock, render

router = APIRouter(prefix="/admin", include_in_schema=False)
LOG_LINES = 25
ERROR_LINES = 100
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}


class Order(StrEnum):
    """What the buttons of the page do."""

    PAUSE = "pause"
    RESUME = "resume"
    SWITCH = "switch"
    INVALIDATE_CACHE = "invalidate_cache"
    DISMISS_WORKER = "dismiss_worker"


def page_filter(
    company: Annotated[str, Query(max_length=20)] = "",
    operation: Annotated[str, Query(max_length=40)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=40)] = "",
) -> PageFilter:
    """What the filter fields say; what cannot be read restricts nothing."""
    is_id = company.isascii() and company.isdigit() and 1 <= int(company) <= ID_MAX
    is_stage = operation in set(Stage)
    column, _, direction = sort.partition("-")
    is_sort = column in set(SortColumn) and direction in set(Direction)
    return PageFilter(
        int(company) if is_id else None,
        Stage(operation) if is_stage else None,
        search.strip(),
        Sort(SortColumn(column), Direction(direction)) if is_sort else MOST_WAITING,
    )


Wanted = Annotated[PageFilter, Depends(page_filter)]


@router.get("")
def page(request: Request, state: State, wanted: Wanted) -> Response:
    """The page, or the way to sign in."""
    try:
        state.admin.check(request)
    except Problem:
        return RedirectResponse("/admin/sign-in", 303)
    return shown("page.html.j2", dashboard=_dashboard(state, wanted))


@router.get("/live", dependencies=[CallingAdmin])
def live(state: State, wanted: Wanted) -> Response:
    """The part of the page that changes."""
    return shown("live.html.j2", dashboard=_dashboard(state, wanted))


@router.get("/errors", dependencies=[CallingAdmin])
def errors(state: State, wanted: Wanted) -> Response:
    """What the error counts of the page count."""
    levels = (Level.ERROR, Level.WARNING)
    chosen = LogFilter(operation=wanted.operation, company_id=wanted.company_id, levels=levels)
    state.operations_log.flush()
    return shown(
        "errors.html.j2",
        requests=failed_requests(state.engine, wanted.company_id, wanted.operation),
        batches=bad_batches(state.engine, wanted.company_id, wanted.operation),
        log=tuple(read_log(state.engine, chosen, ERROR_LINES)),
        wanted=wanted,
        stages=tuple(Stage),
    )


@router.get("/sign-in")
def sign_in_page() -> Response:
    """Asks for the admin token."""
    return _sign_in("", 200)


@router.post("/sign-in")
def sign_in(
    request: Request,
    state: State,
    token: Annotated[StorableText, Form(max_length=1_000)] = "",
    operator: Annotated[StorableText, Form(max_length=OPERATOR_CHARACTERS_MAX)] = "",
) -> Response:
    """Exchanges the token for a cookie that scripts cannot read."""
    check_origin(request)
    address = address_of(request)
    try:
        name = clean_name(operator) if operator.strip() else "somebody"
        state.admin.check_token(token, address)
    except ValueError as error:
        return _sign_in(f"Not signed in: {error}.", 422)
    except Problem as problem:
        state.operations_log.note("admin", f"refused a sign-in from {address}", level=Level.WARNING)
        return _sign_in(f"Not signed in: {problem.detail}.", problem.status, problem.retry_after_s)
    state.operations_log.note("admin", f"signed in: {name} ({address})")
    response = RedirectResponse("/admin", 303)
    response.set_cookie(
        COOKIE,
        state.admin.new_session(name),
        max_age=SESSION_S,
        path="/admin",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/sign-out")
def sign_out(request: Request, state: State) -> Response:
    """Ends the session, for whoever has its cookie."""
    check_origin(request)
    number = state.admin.session_number(request.cookies.get(COOKIE, ""))
    if number is not None:
        state.ended_sessions.add(number)
    response = RedirectResponse("/admin/sign-in", 303)
    response.delete_cookie(COOKIE, path="/admin")
    return response


@router.get("/ask", dependencies=[CallingAdmin])
def ask() -> Response:
    """Asks before a pause, where scripts do not."""
    question = "Pause all workers? What runs is finished, and nothing is started until somebody resumes."
    return shown(
        "ask.html.j2",
        question=question,
        action="/admin/order",
        fields={"order": Order.PAUSE.value},
        yes="Pause",
        back="/admin",
    )


@router.post("/order")
def order(
    orders: Orders,
    order: Annotated[Order, Form()],
    pipeline: Annotated[StorableText, Form(max_length=200)] = "",
    worker: Annotated[StorableText, Form(max_length=200)] = "",
) -> Response:
    """One press of a button."""
    match order:
        case Order.PAUSE:
            orders.pause()
        case Order.RESUME:
            orders.resume()
        case Order.SWITCH:
            orders.switch(pipeline)
        case Order.INVALIDATE_CACHE:
            orders.invalidate_cache()
        case Order.DISMISS_WORKER:
            orders.dismiss_worker(worker)
    return RedirectResponse("/admin", 303)


def shown(template: str, status: int = 200, **values: object) -> Response:
    """A page of this service, which loads nothing from elsewhere."""
    return HTMLResponse(render(template, **values), status, headers=PAGE_HEADERS)


def _dashboard(state: AppState, wanted: PageFilter) -> Dashboard:
    """The page's figures; those of before, with a warning, while the database does not answer."""
    now, warning = datetime.now(UTC), ""
    try:
        state.operations_log.flush()
        overview = state.overviews.look()
        chosen = LogFilter(operation=wanted.operation, company_id=wanted.company_id)
        log = tuple(read_log(state.engine, chosen, LOG_LINES))
    except SQLAlchemyError:
        before = state.overviews.last
        if before is None:
            raise
        overview, log = before, ()
        warning = (
            "The database does not answer. These figures are not up to date: "
            f"they are from {clock(overview.taken_at)} UTC."
        )
    return make_dashboard(overview, log, state.trend.course(now), state.pipelines, wanted, warning)


def _sign_in(message: str, status: int, retry_after_s: int | None = None) -> Response:
    response = shown("sign_in.html.j2", status, message=message, name_max=OPERATOR_CHARACTERS_MAX)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response

"""The admin page: rendered here, kept live by forty lines of script, usable without them."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from claimbench.impl.ports import Stage
from claimbench.impl.service.app_state import AdminOrders, AppState, CallingAdmin, State
from claimbench.impl.service.authentication import COOKIE, SESSION_S, check_origin
from claimbench.impl.service.dashboard import Dashboard, PageFilter, make_dashboard, render
from claimbench.impl.service.forms import StorableText
from claimbench.impl.service.limits import ID_MAX
from claimbench.impl.service.operations_log import LogFilter, read_log
from claimbench.impl.service.problems import Problem

router = APIRouter(prefix="/admin", include_in_schema=False)
LOG_LINES = 25
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

CompanyFilter = Annotated[str, Query(max_length=20)]
OperationFilter = Annotated[str, Query(max_length=40)]


class Order(StrEnum):
    """What the buttons of the page do."""

    PAUSE = "pause"
    RESUME = "resume"
    SWITCH = "switch"
    INVALIDATE_CACHE = "invalidate_cache"


@router.get("")
def page(
    request: Request, state: State, company: CompanyFilter = "", operation: OperationFilter = ""
) -> Response:
    """The page, or the way to sign in."""
    try:
        state.admin.check(request)
    except Problem:
        return RedirectResponse("/admin/sign-in", 303)
    dashboard = _dashboard(state, page_filter(company, operation))
    return HTMLResponse(render("page.html.j2", dashboard=dashboard), headers=PAGE_HEADERS)


@router.get("/live", dependencies=[CallingAdmin])
def live(state: State, company: CompanyFilter = "", operation: OperationFilter = "") -> Response:
    """The part of the page that changes."""
    dashboard = _dashboard(state, page_filter(company, operation))
    return HTMLResponse(render("live.html.j2", dashboard=dashboard), headers=PAGE_HEADERS)


@router.get("/sign-in")
def sign_in_page() -> Response:
    """Asks for the admin token."""
    return _sign_in("", 200)


@router.post("/sign-in")
def sign_in(
    request: Request, state: State, token: Annotated[StorableText, Form(max_length=1_000)] = ""
) -> Response:
    """Exchanges the token for a cookie that scripts cannot read."""
    check_origin(request)
    try:
        state.admin.check_token(token)
    except Problem as problem:
        state.operations_log.note("admin", "refused a sign-in")
        return _sign_in(f"Not signed in: {problem.detail}.", problem.status)
    response = RedirectResponse("/admin", 303)
    response.set_cookie(
        COOKIE,
        state.admin.new_session(),
        max_age=SESSION_S,
        path="/admin",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Forgets the cookie."""
    check_origin(request)
    response = RedirectResponse("/admin/sign-in", 303)
    response.delete_cookie(COOKIE, path="/admin")
    return response


@router.post("/order", dependencies=[CallingAdmin])
def order(
    state: State,
    order: Annotated[Order, Form()],
    pipeline: Annotated[StorableText, Form(max_length=200)] = "",
) -> Response:
    """One press of a button."""
    desk = AdminOrders(state)
    match order:
        case Order.PAUSE:
            desk.pause()
        case Order.RESUME:
            desk.resume()
        case Order.SWITCH:
            desk.switch(pipeline)
        case Order.INVALIDATE_CACHE:
            desk.invalidate_cache()
    return RedirectResponse("/admin", 303)


def page_filter(company: str, operation: str) -> PageFilter:
    """What the filter fields say; what cannot be read restricts nothing."""
    is_id = company.isascii() and company.isdigit() and 1 <= int(company) <= ID_MAX
    is_stage = operation in set(Stage)
    return PageFilter(int(company) if is_id else None, Stage(operation) if is_stage else None)


def _dashboard(state: AppState, wanted: PageFilter) -> Dashboard:
    state.operations_log.flush()
    overview = state.overviews.look()
    chosen = LogFilter(operation=wanted.operation, company_id=wanted.company_id)
    log = tuple(read_log(state.engine, chosen, LOG_LINES))
    curve = state.overviews.trend.curve(overview.taken_at)
    return make_dashboard(overview, log, curve, state.pipelines, wanted)


def _sign_in(message: str, status: int) -> Response:
    return HTMLResponse(render("sign_in.html.j2", message=message), status, headers=PAGE_HEADERS)

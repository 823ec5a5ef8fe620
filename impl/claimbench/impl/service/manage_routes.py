"""The pages on which companies are let in, found and deleted, and keys given and revoked."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.responses import Response

from claimbench.impl.service.app_state import AppState, CallingAdmin, Orders, State
from claimbench.impl.service.forms import CompanyForm, StorableText
from claimbench.impl.service.limits import ID_MAX
from claimbench.impl.service.page_routes import shown
from claimbench.impl.service.problems import Problem

router = APIRouter(prefix="/admin/manage", include_in_schema=False, dependencies=[CallingAdmin])
COMPANIES_ON_A_PAGE = 50

Id = Annotated[int, Path(ge=1, le=ID_MAX)]
Search = Annotated[StorableText, Query(max_length=200)]
After = Annotated[int, Query(ge=0, le=ID_MAX)]
KeyId = Annotated[int, Form(ge=0, le=ID_MAX)]


class Deed(StrEnum):
    """What the buttons of a company's page do."""

    CREATE_KEY = "create_key"
    REVOKE_KEY = "revoke_key"
    DELETE_COMPANY = "delete_company"


@router.get("")
def companies(state: State, search: Search = "", after: After = 0) -> Response:
    """All companies, fifty at a time."""
    return _companies(state, search.strip(), after)


@router.post("")
def create_company(
    state: State, orders: Orders, name: Annotated[StorableText, Form(max_length=1_000)] = ""
) -> Response:
    """Let a company in."""
    try:
        created = orders.create_company(CompanyForm(name=name).name)
    except ValidationError as error:
        return _companies(state, message=f"Not created: {error.errors()[0]['msg']}.", status=422)
    except Problem as problem:
        return _companies(state, message=f"Not created: {problem.detail}.", status=problem.status)
    return RedirectResponse(f"/admin/manage/{created.id}", 303)


@router.get("/{company_id}")
def company(company_id: Id, state: State) -> Response:
    """A company and its keys."""
    return _company(state, company_id)


@router.get("/{company_id}/ask")
def ask(
    company_id: Id, state: State, deed: Deed, key: Annotated[int, Query(ge=0, le=ID_MAX)] = 0
) -> Response:
    """Asks before something that cannot be undone, where scripts do not."""
    name = state.companies.one(company_id).name
    question = (
        f"Delete {name} with its keys, sessions, requests and batches? This cannot be undone."
        if deed is Deed.DELETE_COMPANY
        else f"Revoke key {key} of {name}? It opens nothing any more."
    )
    return shown(
        "ask.html.j2",
        question=question,
        action=f"/admin/manage/{company_id}",
        fields={"deed": deed.value, "key": str(key)},
        yes="Delete" if deed is Deed.DELETE_COMPANY else "Revoke",
        back=f"/admin/manage/{company_id}",
    )


@router.post("/{company_id}")
def change_company(
    company_id: Id, state: State, orders: Orders, deed: Annotated[Deed, Form()], key: KeyId = 0
) -> Response:
    """One press of a button on a company's page."""
    try:
        match deed:
            case Deed.CREATE_KEY:
                created = orders.create_key(company_id)
                return _company(state, company_id, new_key=created.key)
            case Deed.REVOKE_KEY:
                orders.revoke_key(key)
            case Deed.DELETE_COMPANY:
                orders.delete_company(company_id)
                return RedirectResponse("/admin/manage", 303)
    except Problem as problem:
        return _company(state, company_id, message=f"Not done: {problem.detail}.", status=problem.status)
    return RedirectResponse(f"/admin/manage/{company_id}", 303)


def _companies(
    state: AppState, search: str = "", after: int = 0, message: str = "", status: int = 200
) -> Response:
    found = state.companies.page(search, COMPANIES_ON_A_PAGE, after)
    return shown("companies.html.j2", status, found=found, search=search, message=message)


def _company(
    state: AppState, company_id: int, new_key: str = "", message: str = "", status: int = 200
) -> Response:
    return shown(
        "company.html.j2",
        status,
        company=state.companies.one(company_id),
        keys=state.companies.keys(company_id).keys,
        new_key=new_key,
        message=message,
    )

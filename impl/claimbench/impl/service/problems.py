"""The one shape of every error body: RFC 9457 problem details with a code for programs."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"
FAULTS_MAX = 20
TEXT_MAX = 200

_log = logging.getLogger(__name__)


class InvalidField(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    where: str = Field(description="The place, such as `body.messages.0.role`.")
    what: str


class ProblemBody(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    code: str = Field(description="For programs; never changes.")
    detail: str = Field(description="What happened and what to do, in one line.")
    faults: tuple[InvalidField, ...] = ()


class Problem(Exception):  # noqa: N818 (RFC 9457's word)
    """A request that is refused: `code` for programs, `detail` says what to do, `retry_after_s` when."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.retry_after_s = status, code, detail, retry_after_s


def problem_response(problem: Problem, faults: tuple[InvalidField, ...] = ()) -> Response:
    """The problem as a response."""
    body = ProblemBody(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        code=problem.code,
        detail=problem.detail,
        faults=faults,
    )
    headers = {} if problem.retry_after_s is None else {"Retry-After": str(problem.retry_after_s)}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(jsonable_encoder(body), problem.status, headers, MEDIA_TYPE)


def overloaded(retry_after_s: int) -> Problem:
    """More arrives than can be served."""
    return Problem(
        503, "overloaded", "the service is at its limit; try again later", retry_after_s=retry_after_s
    )


def database_unavailable() -> Problem:
    """The database gives no connection or no answer in time."""
    detail = "the database does not answer in time; try again later"
    return Problem(503, "database_unavailable", detail, retry_after_s=2)


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error of the application leave in the one shape."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(PoolTimeoutError, _busy)
    app.add_exception_handler(OperationalError, _busy)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(Exception, _unexpected)


def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 (Starlette dispatches by type)
    return problem_response(error)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (as above)
    code = HTTPStatus(error.status_code).name.lower()
    response = problem_response(Problem(error.status_code, code, _shortened(str(error.detail))))
    response.headers.update(error.headers or {})
    return response


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    faults = tuple(
        InvalidField(where=_shortened(".".join(map(str, one["loc"]))), what=_shortened(str(one["msg"])))
        for one in error.errors()[:FAULTS_MAX]
    )
    detail = f"{faults[0].where}: {faults[0].what}" if faults else "the request is not valid"
    return problem_response(Problem(422, "invalid_request", detail), faults)


def _busy(_: Request, error: Exception) -> Response:
    _log.warning("the database did not answer in time: %s", type(error).__name__)
    return problem_response(database_unavailable())


def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)  # noqa: S101 (as above)
    # A server that is restarted answers with errors of several classes.
    return _busy(request, error) if error.connection_invalidated else _unexpected(request, error)


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return problem_response(Problem(500, "internal_error", "the service failed; its log says why"))


def _shortened(text: str) -> str:
    """Callers may have sent anything: no surrogates, no control characters, not too much."""
    clean = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    return clean if len(clean) <= TEXT_MAX else f"{clean[: TEXT_MAX - 1]}…"


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The OpenAPI entries of these error statuses, for a route's `responses`."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status in statuses
    }

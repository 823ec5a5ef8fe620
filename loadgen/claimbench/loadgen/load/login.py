"""The log-in step: once before a load, a token of the answer goes into a header of every request."""

import json
import random

from pydantic import JsonValue

from claimbench.errors import InvalidMeasurementError, UsageError
from claimbench.loadgen.load.client import Client
from claimbench.loadgen.load.exchanges import DrawnExchange, HttpRequest
from claimbench.loadgen.load.plan import LoadPlan
from claimbench.scenarios.targets import Login
from claimbench.scenarios.templates import Arrival

_SERVER_ERROR = 500


def logged_in(plan: LoadPlan) -> LoadPlan:
    """The plan with the token in its headers; without a log-in, the plan.

    Raises `UsageError` where the plan or its secrets are wrong, `InvalidMeasurementError` where the service
    does not answer. Neither tells what was sent or what came.
    """
    if plan.login is None:
        return plan
    login, where = plan.login, f"login: {plan.login.method} {plan.login.path}"
    drawn = DrawnExchange(login, plan.headers)
    arrival = Arrival(0, plan.salt, random.Random(plan.seed))  # noqa: S311 (no secret)
    request = HttpRequest(
        "login",
        login.method,
        drawn.path(arrival),
        drawn.headers(arrival),
        drawn.body(arrival),
        is_remembered=False,
    )
    try:
        answer = Client(plan.host, plan.timeout_s, ca=plan.ca).send(request)
    except OSError as error:
        raise _silent(f"no answer ({type(error).__name__})", where) from None
    if answer.status >= _SERVER_ERROR:
        raise _silent(f"HTTP {answer.status}", where)
    if not request.is_answered_by(answer.status):
        told = f"HTTP {answer.status}"
        raise UsageError(told, where=where, remedy="see to the path, the headers and the secrets of [login]")
    token = _token(answer.content, login, where)
    text = login.prefix + token.replace("{", "{{").replace("}", "}}")
    others = {name: each for name, each in plan.headers.items() if name.lower() != login.header.lower()}
    return plan.model_copy(update={"headers": others | {login.header: text}, "login": None})


def _token(content: bytes, login: Login, where: str) -> str:
    try:
        found: JsonValue = json.loads(content)
    except ValueError:
        raise UsageError("its answer is no JSON", where=where, remedy="name another path") from None
    for part in login.token.split("."):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            found = None
    if not isinstance(found, str) or not found or not (found.isascii() and found.isprintable()):
        what = f"its answer has no text at {login.token}"
        raise UsageError(what, where=where, remedy="say in login.token where the token stands: data.token")
    return found


def _silent(what: str, where: str) -> InvalidMeasurementError:
    return InvalidMeasurementError(what, where=where, remedy="see to the service; nothing was measured")

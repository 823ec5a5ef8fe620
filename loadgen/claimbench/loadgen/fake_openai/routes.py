"""Which call a method and path are, by the names that the official client gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.wire import refuse

UNKNOWN = "unknown"

_COLLECTIONS: Mapping[str, Mapping[str, str]] = {
    "files": {"POST": "files.create", "GET": "files.list"},
    "files/*": {"GET": "files.retrieve", "DELETE": "files.delete"},
    "files/*/content": {"GET": "files.content"},
    "batches": {"POST": "batches.create", "GET": "batches.list"},
    "batches/*": {"GET": "batches.retrieve"},
    "batches/*/cancel": {"POST": "batches.cancel"},
    "chat/completions": {"POST": "chat.completions.create"},
    "responses": {"POST": "responses.create"},
    "embeddings": {"POST": "embeddings.create"},
    "completions": {"POST": "completions.create"},
    "moderations": {"POST": "moderations.create"},
    "models": {"GET": "models.list"},
    "models/*": {"GET": "models.retrieve"},
}

CALLS = tuple(name for methods in _COLLECTIONS.values() for name in methods.values())
"""All calls that the fake answers."""


@dataclass(frozen=True, slots=True)
class Route:
    """One call, the id and the deployment in its path (empty where it has none), and its dialect."""

    call: str
    id: str = ""
    deployment: str = ""
    dialect: Dialect = Dialect.OPENAI


def find_route(method: str, path: str) -> Route:
    """The call of a method and path. Refused: 404 for a path that nothing has, 405 for another's method."""
    parts = path.split("/")
    if parts[:2] != ["", "v1"] or not all(parts[2:]):
        raise _no_such_url(method, path)
    parts = parts[2:]
    identifier = parts[1] if len(parts) > 1 and parts[0] in ("files", "batches", "models") else ""
    pattern = "/".join([parts[0], "*", *parts[2:]]) if identifier else "/".join(parts)
    methods = _COLLECTIONS.get(pattern)
    if methods is None:
        raise _no_such_url(method, path)
    call = methods.get(method)
    if call is None:
        hint = " or ".join(methods)
        raise refuse(405, f"Not allowed to {method[:20]} on {path[:200]}. (HINT: use {hint} instead.)")
    return Route(call, identifier)


def _no_such_url(method: str, path: str) -> Exception:
    return refuse(404, f"Invalid URL ({method[:20]} {path[:200]})")

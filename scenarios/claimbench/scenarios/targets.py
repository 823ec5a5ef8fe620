"""A load for somebody else's HTTP service: which requests, to which one or two targets, under which arrivals.

What a request may say is the same here and in a generator's plan. No message repeats a value, because headers
and bodies hold secrets.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from claimbench.scenarios.grammar import Frozen, number_text, suggestion
from claimbench.scenarios.load import Load, Objective
from claimbench.scenarios.metrics import OF_LOADS, LoadMetric
from claimbench.scenarios.soundness import Complaint
from claimbench.scenarios.templates import json_template, template_of, variables
from claimbench.scenarios.thresholds import RATIO, Threshold, parse_threshold

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_GENERATOR = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_IN_A_PATH = re.compile(r"[!-\"$-~]*")
_HEADER_KEYS = {"env", "prefix"}


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("no name of a header: letters, digits and dashes")
    if name.lower() in _OF_THE_GENERATOR:
        raise ValueError("the generator writes this header itself: remove it")
    return name


def _header_text(value: object) -> str:
    if isinstance(value, Mapping):
        name, prefix = value.get("env"), value.get("prefix", "")
        if value.keys() - _HEADER_KEYS or not isinstance(name, str) or not isinstance(prefix, str):
            raise ValueError('write a text, or { env = "NAME" }, with a prefix = "…" if the header has one')
        value = prefix.replace("{", "{{").replace("}", "}}") + f"{{env:{name}}}"
    if not isinstance(value, str):
        raise ValueError('a header is a text, or { env = "NAME" }')  # noqa: TRY004 (pydantic takes this alone)
    template_of(value)
    if not value.isprintable() or any(ord(sign) > 0xFF for sign in value):
        raise ValueError("a line break, or a sign that no header can carry")
    return value


def _one_of_each(headers: dict[str, str]) -> dict[str, str]:
    names = [name.lower() for name in headers]
    if len(set(names)) < len(names):
        raise ValueError("a header is there twice: capitals make no difference")
    return headers


def path_template(path: str) -> str:
    """The path, if it is one whose texts are templates. ValueError says what would be right."""
    plain = "".join(part for part in template_of(path).parts if isinstance(part, str))
    if not path.startswith("/") or not _IN_A_PATH.fullmatch(plain):
        raise ValueError("a path begins with /, with plain letters, no space and no #: write %20 for a space")
    if variables(path):
        raise ValueError("a path is written to logs, so it takes no secret: use a header or the body")
    return path


def _sound_json(value: JsonValue) -> JsonValue:
    json_template(value)
    return value


def _sound_text(value: str) -> str:
    template_of(value)
    return value


def request_name(name: str) -> str:
    """The name, if a report can tell it. ValueError says what would be right."""
    if not name.strip() or not name.isprintable() or len(name) > 60 or "{" in name:
        raise ValueError("a name has 1 to 60 signs that can be seen, and no braces")
    if name == "all":
        raise ValueError("'all' stands for all requests together: take another name")
    return name


Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header_name)], Annotated[str, BeforeValidator(_header_text)]],
    AfterValidator(_one_of_each),
]
Text = Annotated[str, AfterValidator(_sound_text)]


class HttpExchange(Frozen):
    """What is sent: method, path, headers, and a body as JSON, as a form or as a text, all of templates."""

    model_config = ConfigDict(hide_input_in_errors=True)

    method: Method = "GET"
    path: Annotated[str, AfterValidator(path_template)]
    headers: Headers = Field(default={}, repr=False)
    json_: Annotated[JsonValue, AfterValidator(_sound_json)] = Field(default=None, alias="json", repr=False)
    form: dict[str, Text] = Field(default={}, repr=False)
    text: Text = Field(default="", repr=False)

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if len(self.bodies) > 1:
            raise ValueError(f"there are {' and '.join(self.bodies)}, and a request has one body: keep one")
        if self.bodies and self.method in ("GET", "HEAD"):
            raise ValueError(f'{self.method} carries no body: write method = "POST", or remove the body')
        return self

    @property
    def bodies(self) -> tuple[str, ...]:
        """The keys of the bodies that are given; one at most is right."""
        given = {"json": self.json_ is not None, "form": bool(self.form), "text": bool(self.text)}
        return tuple(key for key, is_given in given.items() if is_given)


class Login(HttpExchange):
    """Sent once before each load: a token of its JSON answer goes into a header of every request.

    token: where it stands, with dots between keys.
    """

    method: Method = "POST"
    token: str = "access_token"  # noqa: S105 (the name of a key)
    header: Annotated[str, AfterValidator(_header_name)] = "Authorization"
    prefix: Annotated[str, BeforeValidator(_header_text)] = "Bearer "


class TargetRequest(HttpExchange):
    """One kind of request, drawn in proportion to its weight.

    expect: the statuses that are no failure; any from 200 to 299 if none is named.
    """

    name: Annotated[str, AfterValidator(request_name)]
    weight: Annotated[float, Field(gt=0)] = 1.0
    expect: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()


class Target(Frozen):
    """A service under load. ca: a PEM file beside the plan, if no known authority signed its certificate."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(request_name)]
    url: str
    ca: str = ""


TargetRole = Literal["target", "reference", "candidate"]


class TargetsScenario(Frozen):
    """One or two targets, and what each of them is asked. Of two, the first one is the reference."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(request_name)]
    title: str = ""
    why: str = ""
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=2)]
    headers: Headers = Field(default={}, repr=False)
    login: Login | None = None
    requests: Annotated[tuple[TargetRequest, ...], Field(min_length=1)]
    load: Load
    sha256: str
    source: str = ""

    @property
    def roles(self) -> tuple[TargetRole, ...]:
        """What each target is to the others, in their order."""
        return ("reference", "candidate") if len(self.targets) > 1 else ("target",)


OF_ANSWERS: Final = frozenset(
    {
        LoadMetric.RESPONSE_TIME,
        LoadMetric.SERVICE_TIME,
        LoadMetric.SCHEDULE_LAG,
        LoadMetric.FAILED,
        LoadMetric.DROPPED,
        LoadMetric.THROUGHPUT,
        LoadMetric.CAPACITY,
    }
)
"""What can be seen from outside a service."""


def target_complaints(scenario: TargetsScenario) -> Iterator[Complaint]:
    """Everything unsound that types do not tell, the first thing first."""
    for position, target in enumerate(scenario.targets):
        yield from _url(f"targets[{position}].url", target.url)
    for key, names in (
        ("targets", [target.name for target in scenario.targets]),
        ("requests", [request.name for request in scenario.requests]),
    ):
        for name in dict.fromkeys(each for each in names if names.count(each) > 1):
            yield Complaint(key, f"{name!r} is there twice", "give each a name of its own")
    yield from _load(scenario.load)
    for threshold in scenario.load.thresholds:
        yield from _threshold(threshold, scenario)


def _url(key: str, url: str) -> Iterator[Complaint]:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not url.isascii() or not url.isprintable() or " " in url:
        yield Complaint(key, "no address of a service", "write http://127.0.0.1:PORT")
    elif "@" in parts.netloc:
        yield Complaint(key, "it holds a user or a password", "remove them, and use a header or the log-in")
    elif parts.query or parts.fragment:
        yield Complaint(key, "it goes on after its path", "write what follows ? into the paths of requests")


def _load(load: Load) -> Iterator[Complaint]:
    for name in ("traffic", "pace"):
        if name in load.model_fields_set:
            yield Complaint(
                f"load.{name}", "is of Claimbench's own service", "remove it: [[requests]] says it"
            )
    if "end_to_end_p95" in load.objective.model_fields_set:
        yield Complaint("load.objective.end_to_end_p95", "nobody can see that from outside", "remove it")


def _threshold(threshold: Threshold, scenario: TargetsScenario) -> Iterator[Complaint]:
    key, place = f"load.thresholds: {threshold.key}", threshold.place
    targets, requests = [each.name for each in scenario.targets], [each.name for each in scenario.requests]
    if place.metric not in OF_ANSWERS:
        known = ", ".join(sorted(OF_ANSWERS))
        yield Complaint(key, f"{place.metric} cannot be seen from outside", f"known are {known}")
    if threshold.subject == RATIO and len(targets) < 2:
        yield Complaint(key, "one target has no ratio", "name a second target, or remove it")
    if place.arm is not None and place.arm not in targets:
        yield Complaint(key, f"there is no target {place.arm!r}", suggestion(place.arm, targets))
    if place.operation is not None and place.operation not in requests:
        yield Complaint(
            key, f"there is no request {place.operation!r}", suggestion(place.operation, requests)
        )
    if place.metric == LoadMetric.CAPACITY and scenario.load.capacity is None:
        yield Complaint(key, "no capacity is looked for", "add [load.capacity], or remove it")


def held(scenario: TargetsScenario) -> TargetsScenario:
    """The scenario with a threshold on failures: the objective's, if its file sets none."""
    load = scenario.load
    if any(each.place.metric == LoadMetric.FAILED and each.subject != RATIO for each in load.thresholds):
        return scenario
    usual = parse_threshold("failed", f"rate<={number_text(load.objective.failed)}", OF_LOADS)
    thresholds = (*load.thresholds, usual)
    return scenario.model_copy(update={"load": load.model_copy(update={"thresholds": thresholds})})


def objective_text(objective: Objective) -> str:
    """The objective without what cannot be seen from outside."""
    return ", ".join(part for part in str(objective).split(", ") if "stored result" not in part)

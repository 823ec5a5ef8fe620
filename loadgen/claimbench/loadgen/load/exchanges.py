"""One request as it is sent, and how a plan's templates become one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlencode

from claimbench.scenarios.targets import HttpExchange
from claimbench.scenarios.templates import Arrival, json_drawn, json_template, template_of

_CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Header:
    """A name and a value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, ready to send. `is_remembered` says that its answer tells ids to read later."""

    name: str
    method: str
    path: str
    headers: tuple[Header, ...]
    body: str | None
    is_remembered: bool
    expected: tuple[int, ...] = ()

    def is_answered_by(self, status: int) -> bool:
        """Whether a status is one of those expected: any from 200 to 299, if none is named."""
        if self.expected:
            return status in self.expected
        return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


class DrawnExchange:
    """An exchange whose templates are read once; each arrival draws its own texts.

    common: headers of the whole plan, which the exchange's own replace.
    """

    def __init__(self, exchange: HttpExchange, common: Mapping[str, str]) -> None:
        own = {name.lower() for name in exchange.headers}
        texts = {name: text for name, text in common.items() if name.lower() not in own} | exchange.headers
        if exchange.bodies and "content-type" not in {name.lower() for name in texts}:
            texts["Content-Type"] = _CONTENT_TYPES[exchange.bodies[0]]
        self._exchange = exchange
        self._path = template_of(exchange.path.replace("{session}", "{{session}}"))
        self._headers = tuple((name, template_of(text)) for name, text in texts.items())
        self._json = json_template(exchange.json_)
        self._form = tuple((name, template_of(text)) for name, text in exchange.form.items())
        self._text = template_of(exchange.text)

    def path(self, arrival: Arrival) -> str:
        """What was drawn is quoted, so that it stays in its place."""
        return self._path.text(arrival, lambda drawn: quote(drawn, safe=""))

    def headers(self, arrival: Arrival) -> tuple[Header, ...]:
        """With the body's type, unless the plan says another."""
        return tuple(Header(name, template.text(arrival)) for name, template in self._headers)

    def body(self, arrival: Arrival) -> str | None:
        """None if there is none."""
        match self._exchange.bodies:
            case ("json",):
                return json.dumps(json_drawn(self._json, arrival))
            case ("form",):
                return urlencode([(name, template.text(arrival)) for name, template in self._form])
            case ("text",):
                return self._text.text(arrival)
            case _:
                return None

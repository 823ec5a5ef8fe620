"""What `claimbench serve --demo` starts beside the service: a database, a fake API, a company with a key."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Engine

from claimbench.impl.service.authentication import CompanyKeys
from claimbench.impl.service.companies import Companies
from claimbench.impl.service.hosting import Welcome
from claimbench.impl.service.worker_factory import ApiAccess
from claimbench.loadgen.bench.databases import open_server
from claimbench.loadgen.bench.databases.ownership import owned
from claimbench.loadgen.fake_openai.clocks import ClockKind
from claimbench.loadgen.fake_openai.server import running_server

COMPANY = "Demo"
SPEED = 300.0
"""Of the stages: the document's five minutes between two runs become one second."""
API_SPEED = 3_600.0
QUESTION = json.dumps(
    {
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
        "requests": [{"processing_type": "FULL_ANALYSIS"}],
    }
)


@dataclass(frozen=True, slots=True)
class DemoSite:
    """An empty database and a fake API, both gone when the demo ends."""

    url: URL
    api: ApiAccess


@contextmanager
def demo_site(database: str, announce: Callable[[str], None]) -> Iterator[DemoSite]:
    """Start what a demo needs, on an embedded server or the one that `database` names; stop it at the end."""
    announce("starting a database and a fake API for the demo; this takes some seconds")
    with (
        open_server(database, announce=announce) as server,
        owned(server.admin_url, disposable=server.disposable) as owner,
        running_server(clock=ClockKind.REAL, speed=API_SPEED) as fake,
    ):
        announce(f"fake OpenAI on {fake.base_url}")
        yield DemoSite(
            server.admin_url.set(database=owner.create("demo")), ApiAccess(fake.base_url, "any key will do")
        )


def let_a_company_in(engine: Engine) -> Welcome:
    """Make a company with a key, and say how it asks for something and sees the answer."""
    company = Companies(engine).create(COMPANY)
    key = CompanyKeys(engine).create_key(company.id).key

    def welcome(address: str) -> tuple[str, ...]:
        shows = 'curl -H "Authorization: Bearer $KEY"'
        return (
            f"company {company.id}, {company.name}, has a key, told this once. In another terminal:",
            f"  export KEY={key}",
            f"  {shows} -H 'Content-Type: application/json' -d '{QUESTION}' {address}/v1/sessions",
            f"  {shows} {address}/v1/sessions",
            f"the administrators' page is {address}/admin; Ctrl-C ends all of this",
        )

    return welcome

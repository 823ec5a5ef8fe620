"""The service and callers who know how to speak to it, for the tests of the service."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, Engine
from starlette.testclient import TestClient

from claimbench.impl.service.activity import Observer
from claimbench.impl.service.app import ServiceSetup, create_app
from claimbench.impl.service.database import check_schema, service_engine
from claimbench.impl.service.limits import ServiceLimits
from claimbench.impl.service.operations_log import OperationsLog
from claimbench.impl.service.telemetry import Telemetry
from claimbench.scenarios.model import BatchDataset

SMALL = BatchDataset(
    seed=7,
    companies=3,
    requests_per_company=12,
    messages_per_session="2..5",
    characters_per_message="20..60",
)
ADMIN_TOKEN = "a-token-for-tests-only"
LIMITS = ServiceLimits(in_flight_max=8, connections=4, connection_wait_s=0.5, statement_s=5, body_s=0.5)


@dataclass
class House:
    """A running service, and callers who know how to speak to it."""

    client: TestClient
    engine: Engine
    observer: Observer
    keys: dict[int, str] = field(default_factory=dict)

    @property
    def as_admin(self) -> dict[str, str]:
        """The headers of who has the admin token."""
        return {"authorization": f"Bearer {ADMIN_TOKEN}"}

    def admin(self, method: str, path: str, **options: Any) -> Any:
        return self.client.request(method, path, headers=self.as_admin, **options)

    def look_anew(self) -> None:
        """Let the next overview be of now, not one that the sampler took a moment ago."""
        self.client.app._app.state.parts.overviews.forget()

    def company(self, name: str = "Acme") -> int:
        """A new company with a key; its id."""
        company_id = self.admin("POST", "/admin/companies", json={"name": name}).json()["id"]
        self.keys[company_id] = self.admin("POST", f"/admin/companies/{company_id}/keys").json()["key"]
        return company_id

    def tenant(self, company_id: int, method: str, path: str, **options: Any) -> Any:
        headers = {"authorization": f"Bearer {self.keys[company_id]}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)


def session_form(content: str = "Hello", asks: int = 1) -> dict[str, Any]:
    kinds = ("SENTIMENT_ANALYSIS", "CATEGORIZATION", "SUMMARY", "FULL_ANALYSIS")
    return {
        "messages": [{"role": "user", "content": content}],
        "requests": [{"processing_type": kind} for kind in kinds[:asks]],
    }


def opened_house(url: URL) -> Iterator[House]:
    engine = service_engine(url, LIMITS)
    check_schema(engine)
    observer = Observer(OperationsLog(engine, "test"), Telemetry())
    app = create_app(ServiceSetup(engine, ADMIN_TOKEN, observer, LIMITS))
    try:
        with TestClient(app, raise_server_exceptions=False) as client:
            yield House(client, engine, observer)
    finally:
        engine.dispose()

"""What pages show while nobody looks, without a database, without the internet; and HEAD beside GET."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from service_house import LIMITS, House, session_form

from claimbench.impl.service.app_state import AppState


def state(house: House) -> AppState:
    return house.client.app._app.state.parts


def eventually(claim: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := claim()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return found


def test_what_happens_while_nobody_looks_is_in_the_charts(own_house: House) -> None:
    trend = state(own_house).trend
    company = own_house.company("Unwatched")
    before = trend.course(datetime.now(UTC)).charts[0].lines[0].latest or 0
    own_house.tenant(company, "POST", "/v1/sessions", json=session_form(asks=4))

    def waiting() -> float:
        return trend.course(datetime.now(UTC)).charts[0].lines[0].latest or 0

    assert eventually(lambda: waiting() == before + 4)


def test_figures_are_told_to_be_old_while_the_database_does_not_answer(own_house: House) -> None:
    taken = [own_house.engine.connect() for _ in range(LIMITS.connections)]
    try:
        page = own_house.client.get("/admin", headers=own_house.as_admin)
        live = own_house.client.get("/admin/live", headers=own_house.as_admin)
    finally:
        for connection in taken:
            connection.close()
    told = (
        r"The database does not answer\. These figures are not up to date: they are from \d\d:\d\d:\d\d UTC"
    )

    assert (page.status_code, live.status_code) == (200, 200)
    assert re.search(told, page.text)
    assert re.search(told, live.text)
    assert "✖ Not up to date" in live.text


def test_tiles_are_those_of_the_company_that_is_asked_for(own_house: House) -> None:
    company = own_house.company("Alone")
    own_house.tenant(company, "POST", "/v1/sessions", json=session_form(asks=2))
    own_house.look_anew()
    page = own_house.admin("GET", "/admin", params={"company": company}).text

    assert re.findall(r"<dt>Waiting</dt><dd>(\d+)</dd>", page) == ["2"]
    assert "Cache hits" not in page


def test_companies_are_searched_and_sorted(own_house: House) -> None:
    for name in ("zeta Ltd", "Ältere AG", "Alpha Ltd"):
        own_house.company(name)
    own_house.look_anew()

    def shown(**query: str) -> list[str]:
        page = own_house.admin("GET", "/admin/live", params=query).text
        return [name for name in re.findall(r"</span> ([^<]+)</a></th>", page) if name[-3:] in ("Ltd", " AG")]

    assert shown(search="ltd", sort="name-ascending") == ["Alpha Ltd", "zeta Ltd"]
    assert shown(search="LTD", sort="name-descending") == ["zeta Ltd", "Alpha Ltd"]
    assert shown(search="a\u0308ltere") == ["Ältere AG"]


def test_an_error_count_leads_to_the_errors_of_its_company(own_house: House) -> None:
    company, other = own_house.company("Failing"), own_house.company("Well")
    receipt = own_house.tenant(company, "POST", "/v1/sessions", json=session_form()).json()
    with own_house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE ai_processing_request SET status = 'PROCESSING_FAILED', error = 'the model said <no>'"
            f" WHERE session_id = {receipt['id']}"
        )
    own_house.look_anew()
    page = own_house.admin("GET", "/admin", params={"company": company}).text
    leads = f"/admin/errors?company={company}"

    assert f'<dd><a href="{leads}" aria-label="Failed 1: show them">1</a></dd>' in page
    assert "the model said &lt;no&gt;" in own_house.admin("GET", leads).text
    assert "the model said" not in own_house.admin("GET", f"/admin/errors?company={other}").text


def test_answers_with_5xx_are_told_in_the_log(own_house: House) -> None:
    own_house.observer.telemetry.request("POST", "/v1/sessions", 503, 0.1)

    def told() -> list[str]:
        log = own_house.admin("GET", "/admin/batch-monitoring/log", params={"operation": "http"}).json()
        return [line["detail"] for line in log["lines"]]

    assert eventually(told) == ["503 POST /v1/sessions, 1 times"]


PATHS = (
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/admin/sign-in",
    "/v1/sessions",
    "/nowhere",
)


@pytest.mark.parametrize("path", PATHS)
def test_head_says_what_get_says_without_the_body(house: House, path: str) -> None:
    got, headed = house.client.get(path), house.client.head(path)

    assert headed.status_code == got.status_code
    assert headed.content == b""
    assert headed.headers["content-type"] == got.headers["content-type"]


def test_the_docs_load_nothing_from_elsewhere(house: House) -> None:
    page = house.client.get("/docs")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page.text)
    assert {house.client.get(one).status_code for one in loaded if one.startswith("/")} == {200}
    assert [one for one in loaded if not one.startswith(("/", "data:"))] == []


def test_a_company_is_let_in_given_a_key_and_deleted_without_scripts(own_house: House) -> None:
    place = own_house.client.post("/admin/manage", data={"name": " Plain "}, headers=own_house.as_admin)
    path = place.url.path
    keyed = own_house.client.post(path, data={"deed": "create_key"}, headers=own_house.as_admin)
    (key,) = re.findall(r"<code>(cbk_[^<]+)</code>", keyed.text)
    question = own_house.admin("GET", f"{path}/ask", params={"deed": "delete_company"}).text
    again = own_house.client.post("/admin/manage", data={"name": "PLAIN"}, headers=own_house.as_admin)
    gone = own_house.client.post(path, data={"deed": "delete_company"}, headers=own_house.as_admin)

    assert "Delete Plain with its keys" in question
    assert (again.status_code, "has this name already" in again.text) == (409, True)
    assert gone.url.path == "/admin/manage"
    assert own_house.client.get("/v1/sessions", headers={"authorization": f"Bearer {key}"}).status_code == 401

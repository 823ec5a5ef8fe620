"""Administrators: the token opens everything, nothing else does; exports can be filtered and are harmless."""

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from service_house import ADMIN_TOKEN, House, opened_house, session_form
from sqlalchemy import URL

from claimbench.impl.service.admin_access import COOKIE, FAILURES_MAX
from claimbench.impl.service.operations_log import Level

ADMIN_PATHS = (
    ("GET", "/admin/batch-monitoring"),
    ("GET", "/admin/batch-monitoring/log"),
    ("GET", "/admin/live"),
    ("POST", "/admin/scheduler/pause"),
    ("POST", "/admin/scheduler/resume"),
    ("POST", "/admin/cache/invalidate"),
    ("POST", "/admin/pipeline"),
    ("GET", "/admin/companies"),
    ("POST", "/admin/companies"),
    ("DELETE", "/admin/companies/1"),
    ("GET", "/admin/companies/1/keys"),
    ("POST", "/admin/companies/1/keys"),
    ("DELETE", "/admin/keys/1"),
    ("DELETE", "/admin/workers/1"),
    ("POST", "/admin/order"),
    ("GET", "/admin/ask"),
    ("GET", "/admin/errors"),
    ("GET", "/admin/manage"),
    ("POST", "/admin/manage"),
    ("GET", "/admin/manage/1"),
    ("GET", "/admin/manage/1/ask"),
    ("POST", "/admin/manage/1"),
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(("method", "path"), ADMIN_PATHS)
def test_without_the_admin_token_nothing_opens(house: House, method: str, path: str) -> None:
    assert house.client.request(method, path).status_code == 401


def test_a_companys_key_is_no_admin_token(house: House) -> None:
    company = house.company("Curious")

    assert house.tenant(company, "GET", "/admin/batch-monitoring").status_code == 401


def test_the_admin_token_is_no_companys_key(house: House) -> None:
    assert house.admin("GET", "/v1/sessions").status_code == 401


def test_every_route_below_admin_is_guarded_or_listed_here(house: House) -> None:
    documented = house.client.get("/openapi.json").json()["paths"]
    below = {
        (method.upper(), re.sub(r"\{\w+\}", "1", path))
        for path, methods in documented.items()
        for method in methods
        if path.startswith("/admin")
    }

    assert below <= set(ADMIN_PATHS)


def test_after_twenty_wrong_tokens_a_minute_not_even_the_right_one_is_compared(own_house: House) -> None:
    sign_in(own_house)
    tries = [
        own_house.client.get("/admin/batch-monitoring", headers={"authorization": f"Bearer wrong-{number}"})
        for number in range(FAILURES_MAX + 1)
    ]

    assert tries[0].status_code == 401
    assert tries[-2].status_code == 401
    assert tries[-1].status_code == 429
    assert 50 < int(tries[-1].headers["retry-after"]) <= 60
    assert own_house.admin("GET", "/admin/batch-monitoring").status_code == 429
    assert sign_in(own_house).status_code == 429
    assert own_house.client.get("/admin/live").status_code == 200  # who is signed in shows no token


def test_the_queue_shows_each_company_and_operation(own_house: House) -> None:
    company = own_house.company("Counted")
    own_house.tenant(company, "POST", "/v1/sessions", json=session_form(asks=3))
    own_house.look_anew()
    query = {"company": company, "operation": "create_batches"}
    queue = own_house.admin("GET", "/admin/batch-monitoring", params=query).json()["queue"]

    assert [(row["company"], row["operation"], row["waiting"]) for row in queue] == [
        ("Counted", "create_batches", 3)
    ]


def test_the_csv_holds_the_same_rows_as_the_json(own_house: House) -> None:
    query = {"operation": "retry_failed"}
    as_json = own_house.admin("GET", "/admin/batch-monitoring", params=query).json()["queue"]
    as_csv = rows(own_house.admin("GET", "/admin/batch-monitoring", params={**query, "format": "csv"}).text)

    assert [(int(row["company_id"]), int(row["waiting"])) for row in as_csv] == [
        (row["company_id"], row["waiting"]) for row in as_json
    ]
    assert len(as_csv) > 0


def test_a_company_name_that_is_a_formula_is_exported_as_text(own_house: House) -> None:
    company = own_house.company('=HYPERLINK("http://evil")')
    query = {"company": company, "format": "csv"}
    names = {
        row["company"] for row in rows(own_house.admin("GET", "/admin/batch-monitoring", params=query).text)
    }

    assert names == {'\'=HYPERLINK("http://evil")'}


def test_html_in_a_company_name_is_shown_and_not_run(own_house: House) -> None:
    own_house.company("<img src=x onerror=alert(1)>")
    page = own_house.admin("GET", "/admin").text

    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page


def test_the_log_is_exported_by_date_range(own_house: House) -> None:
    own_house.admin("POST", "/admin/companies", json={"name": "Logged"})
    now = datetime.now(UTC)
    spans = [
        (now - timedelta(hours=1), now + timedelta(hours=1)),
        (now - timedelta(days=2), now - timedelta(days=1)),
    ]
    counts = [
        len(
            rows(
                own_house.admin(
                    "GET",
                    "/admin/batch-monitoring/log",
                    params={"since": since.isoformat(), "until": until.isoformat(), "format": "csv"},
                ).text
            )
        )
        for since, until in spans
    ]

    assert counts == [1, 0]


def test_a_log_longer_than_a_page_is_exported_whole_and_in_order(own_house: House) -> None:
    for number in range(2_500):
        own_house.observer.operations_log.note("stage", f"number {number}", level=Level.WARNING)
    query = {"format": "csv", "limit": 100_000, "level": "warning"}
    lines = rows(own_house.admin("GET", "/admin/batch-monitoring/log", params=query).text)

    assert [row["detail"] for row in lines] == [f"number {number}" for number in reversed(range(2_500))]


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9" * 40])
def test_a_date_that_is_none_is_refused(house: House, since: str) -> None:
    assert house.admin("GET", "/admin/batch-monitoring/log", params={"since": since}).status_code == 422


def test_orders_stand_in_the_database_until_they_are_changed(own_house: House) -> None:
    paused = own_house.admin("POST", "/admin/scheduler/pause").json()
    switched = own_house.admin("POST", "/admin/pipeline", json={"pipeline": "naive"}).json()
    resumed = own_house.admin("POST", "/admin/scheduler/resume").json()

    assert paused == {"paused": True, "pipeline": None, "cache_epoch": 0}
    assert switched == {"paused": True, "pipeline": "naive", "cache_epoch": 0}
    assert resumed == {"paused": False, "pipeline": "naive", "cache_epoch": 0}


def test_what_the_sampler_saw_before_the_worker_obeyed_is_not_shown_after(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = own_house.client.app._app.state.parts
    seen = []
    looks_then_obeys = SimpleNamespace(tick=lambda: seen.append(parts.overviews.renew()))
    monkeypatch.setattr(own_house.client.app._app.state, "parts", replace(parts, worker=looks_then_obeys))

    own_house.admin("POST", "/admin/pipeline", json={"pipeline": "naive"})

    assert parts.overviews.look() not in seen
    assert len(seen) == 1


def test_each_invalidation_is_an_order_of_its_own(own_house: House) -> None:
    epochs = [own_house.admin("POST", "/admin/cache/invalidate").json()["cache_epoch"] for _ in range(3)]

    assert epochs == [1, 2, 3]


@pytest.mark.parametrize("name", ["os:system", "claimbench.impl.naive:NaivePipeline", "none of these"])
def test_a_page_cannot_make_the_service_import_code(house: House, name: str) -> None:
    response = house.admin("POST", "/admin/pipeline", json={"pipeline": name})

    assert (response.status_code, response.json()["code"]) == (422, "unknown_pipeline")


def test_what_administrators_do_stands_in_the_log(own_house: House) -> None:
    own_house.admin("POST", "/admin/scheduler/pause")
    log = own_house.admin("GET", "/admin/batch-monitoring/log", params={"operation": "admin"}).json()

    by = "by a program with the token (testclient)"
    assert [line["detail"] for line in log["lines"]] == [f"paused the scheduler, {by}"]


def test_without_a_worker_the_health_says_stopped_and_what_to_do(own_house: House) -> None:
    seen = own_house.admin("GET", "/admin/batch-monitoring").json()

    assert seen["health"] == "stopped"
    assert "claimbench worker" in seen["reasons"][0]


def sign_in(house: House, token: str = ADMIN_TOKEN, name: str = "", **headers: str) -> Any:
    form = {"token": token, "operator": name}
    return house.client.post("/admin/sign-in", data=form, headers=headers, follow_redirects=False)


def test_the_log_and_the_page_say_who_paused(own_house: House) -> None:
    sign_in(own_house, name=" Ada  ")
    page = own_house.client.post("/admin/order", data={"order": "pause"}).text
    log = own_house.admin("GET", "/admin/batch-monitoring/log", params={"operation": "admin"}).json()

    assert log["lines"][0]["detail"] == "paused the scheduler, by Ada (testclient)"
    assert re.search(r"<li>by Ada \(testclient\), at \d\d:\d\d:\d\d UTC</li>", page)


def test_a_cookie_opens_nothing_after_its_sign_out_here_and_in_another_process(
    own_house: House, database: URL
) -> None:
    signed = sign_in(own_house)
    cookie = {"cookie": signed.headers["set-cookie"].partition(";")[0]}
    own_house.client.post("/admin/sign-out", headers=cookie)
    own_house.client.cookies.clear()
    here = own_house.client.get("/admin/live", headers=cookie).status_code
    for other in opened_house(database):
        elsewhere = other.client.get("/admin/live", headers=cookie).status_code

    assert (here, elsewhere) == (401, 401)


def test_signing_out_ends_no_session_but_the_own_one(own_house: House) -> None:
    first = sign_in(own_house).headers["set-cookie"].partition(";")[0]
    second = sign_in(own_house).headers["set-cookie"].partition(";")[0]
    own_house.client.cookies.clear()
    own_house.client.post("/admin/sign-out", headers={"cookie": first})

    assert own_house.client.get("/admin/live", headers={"cookie": second}).status_code == 200


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(own_house: House) -> None:
    cookie = sign_in(own_house).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert ADMIN_TOKEN not in cookie


def test_a_wrong_token_does_not_sign_in_and_is_not_repeated(own_house: House) -> None:
    response = sign_in(own_house, "wrong <b>token</b>")

    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert "wrong" not in response.text.split("alert")[1].split("</p>")[0].replace("missing or wrong", "")


def test_who_is_not_signed_in_is_led_to_the_door(own_house: House) -> None:
    response = own_house.client.get("/admin", follow_redirects=False)

    assert (response.status_code, response.headers["location"]) == (303, "/admin/sign-in")


def test_a_signed_in_page_can_give_orders_without_scripts(own_house: House) -> None:
    sign_in(own_house)
    page = own_house.client.post("/admin/order", data={"order": "pause"})

    assert page.status_code == 200
    assert 'data-paused="yes"' in page.text


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_an_order_from_another_sites_page_is_refused(own_house: House, headers: dict[str, str]) -> None:
    sign_in(own_house)
    response = own_house.client.post("/admin/order", data={"order": "pause"}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (403, "foreign_page")


@pytest.mark.parametrize("cookie", ["", "x", "1.2.3", "99999999999.a.b", "١.a.b"])
def test_a_made_up_cookie_opens_nothing(own_house: House, cookie: str) -> None:
    headers = {"cookie": f"{COOKIE}={cookie}".encode()}

    assert own_house.client.get("/admin/live", headers=headers).status_code == 401


def test_the_page_allows_no_inline_script_and_holds_no_secret(own_house: House) -> None:
    response = own_house.admin("GET", "/admin")

    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", response.text)
    assert ADMIN_TOKEN not in response.text


@pytest.mark.parametrize(
    "query",
    [
        *("company=x", "company=" + "9" * 19, "operation=<b>", "company=%00"),
        *("sort=cost", "sort=-", "sort=name-sideways", "search=%00%ff%25"),
    ],
)
def test_a_filter_that_cannot_be_read_restricts_nothing(own_house: House, query: str) -> None:
    assert own_house.admin("GET", f"/admin?{query}").status_code == 200


def test_the_metrics_name_no_tenant(own_house: House) -> None:
    company = own_house.company("Secretive Ltd")
    own_house.tenant(company, "POST", "/v1/sessions", json=session_form(asks=2))
    text = own_house.client.get("/metrics").text

    assert "claimbench_submitted_requests_total 2.0" in text
    assert 'route="/v1/sessions"' in text
    assert "Secretive" not in text


def test_readiness_needs_the_database_and_liveness_does_not(own_house: House) -> None:
    ready = own_house.client.get("/ready").status_code
    taken = [own_house.engine.connect() for _ in range(4)]
    try:
        without = own_house.client.get("/ready")
        alive = own_house.client.get("/health").status_code
    finally:
        for connection in taken:
            connection.close()

    assert (ready, without.status_code, alive) == (200, 503, 200)
    assert without.json()["checks"][0]["ok"] is False

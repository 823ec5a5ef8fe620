"""Companies as administrators see them: their names mislead nobody; listed, and deleted with all data."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from service_house import House, session_form
from sqlalchemy import insert

from claimbench.impl.schema import ServiceWorker
from claimbench.impl.service.figures import SchedulerFigures, WorkerReport, WorkerState


def created(house: House, name: str) -> tuple[int, str]:
    answer = house.admin("POST", "/admin/companies", json={"name": name})
    return answer.status_code, answer.json().get("code") or answer.json()["name"]


def test_a_name_is_kept_trimmed_and_given_once_however_it_is_written(house: House) -> None:
    told = [
        created(house, name) for name in ("  Straße & Söhne ", "STRASSE & SO\u0308HNE", "Straße  & Söhne")
    ]

    assert told == [(201, "Straße & Söhne"), (409, "name_taken"), (409, "name_taken")]


@pytest.mark.parametrize("name", ["", "  ", "a\u202eb", "a\x07b", "a\u200bb", "a\nb"])
def test_a_name_that_misleads_is_refused(house: House, name: str) -> None:
    assert created(house, name) == (422, "invalid_request")


def test_of_two_companies_with_one_name_at_once_one_is_let_in(house: House) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: created(house, "Twice at once")[0], range(4)))

    assert sorted(told) == [201, 409, 409, 409]


def test_companies_are_listed_found_by_name_or_id_and_paged(own_house: House) -> None:
    ids = [own_house.company(name) for name in ("Alpha 100%", "Alpha_B", "Beta")]

    def found(**query: object) -> list[int]:
        listed = own_house.admin("GET", "/admin/companies", params=query).json()
        return [one["id"] for one in listed["companies"]]

    everything = found()
    first = own_house.admin("GET", "/admin/companies", params={"limit": 2}).json()
    assert everything[-3:] == ids
    assert (found(search="ALPHA"), found(search="%"), found(search="_"), found(search=str(ids[2]))) == (
        ids[:2],
        ids[:1],
        [ids[1]],
        [ids[2]],
    )
    assert found(limit=1_000, after=first["next_after"]) == everything[2:]


def test_keys_are_listed_with_when_they_were_revoked_and_never_shown(own_house: House) -> None:
    company = own_house.company("Keyed")
    second = own_house.admin("POST", f"/admin/companies/{company}/keys").json()
    own_house.admin("DELETE", f"/admin/keys/{second['id']}")
    answer = own_house.admin("GET", f"/admin/companies/{company}/keys")
    revoked, active = answer.json()["keys"]
    entry = own_house.admin("GET", "/admin/companies", params={"search": "Keyed"}).json()["companies"][0]

    assert (revoked["id"], revoked["revoked_at"] is None, active["revoked_at"]) == (second["id"], False, None)
    assert entry["active_keys"] == 1
    assert own_house.keys[company] not in answer.text


def test_a_company_is_deleted_with_all_that_it_stored_and_with_nothing_else(own_house: House) -> None:
    gone, stays = own_house.company("Gone"), own_house.company("Stays")
    for company in (gone, stays):
        headers = {"idempotency-key": "one"}
        own_house.tenant(company, "POST", "/v1/sessions", json=session_form(asks=3), headers=headers)
    answers = [own_house.admin("DELETE", f"/admin/companies/{gone}").status_code for _ in range(2)]

    assert answers == [204, 404]
    assert own_house.tenant(gone, "POST", "/v1/sessions", json=session_form()).status_code == 401
    assert own_house.tenant(stays, "GET", "/v1/statistics").json()["requests"]["PENDING_BATCHING"] == 3
    assert created(own_house, "Gone")[0] == 201


def test_a_company_of_which_something_is_under_way_is_not_deleted(own_house: House) -> None:
    company = own_house.company("Busy")
    receipt = own_house.tenant(company, "POST", "/v1/sessions", json=session_form()).json()
    own = f"SELECT id FROM ai_processing_request WHERE session_id = {receipt['id']}"
    with own_house.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"{own} FOR UPDATE")
        held = own_house.admin("DELETE", f"/admin/companies/{company}")
    with own_house.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ai_batch_request (company_id, model, key, status, created_at)"
            f" VALUES ({company}, 'gpt-4o-mini', 'k', 'IN_PROGRESS', now())"
        )
    sent = own_house.admin("DELETE", f"/admin/companies/{company}")

    assert [(one.status_code, one.json()["code"]) for one in (held, sent)] == [(409, "company_busy")] * 2


def test_who_posts_with_a_key_of_a_company_that_was_deleted_elsewhere_is_told_so(own_house: House) -> None:
    company = own_house.company("Elsewhere")
    own_house.tenant(company, "GET", "/v1/statistics")  # so that the key is remembered here
    with own_house.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM company_api_key WHERE company_id = {company}")
        connection.exec_driver_sql(f"DELETE FROM company WHERE id = {company}")
    told = own_house.tenant(company, "POST", "/v1/sessions", json=session_form())

    assert (told.status_code, told.json()["code"]) == (401, "unknown_key")


def test_a_lost_worker_is_dismissed_and_a_living_one_is_not(own_house: House) -> None:
    now = datetime.now(UTC)
    for name, seen_at in (("lost one", now - timedelta(minutes=1)), ("living one", now)):
        report = WorkerReport(
            name=name,
            pipeline="optimized",
            speed=1,
            started_at=seen_at,
            seen_at=seen_at,
            scheduler=SchedulerFigures(state=WorkerState.RUNNING),
        )
        row = insert(ServiceWorker).values(name=name, seen_at=seen_at, report=report.model_dump_json())
        with own_house.engine.begin() as connection:
            connection.execute(row)
    own_house.company("Newest")  # who has just changed something is shown new figures
    page = own_house.admin("GET", "/admin").text
    order = (
        "Queue by company",
        "Latest in the log",
        "living one",
        "Workers that are no more",
        "Dismiss lost one",
    )
    places = [page.index(words) for words in order]
    names = ("lost one", "living one", "nobody")
    told = [own_house.admin("DELETE", f"/admin/workers/{name}").status_code for name in names]
    left = own_house.admin("GET", "/admin/batch-monitoring").json()["workers"]

    assert places == sorted(places)
    assert told == [204, 409, 404]
    assert [worker["name"] for worker in left] == ["living one"]

"""Companies: what they submit is stored once, and each sees only its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_house import House, session_form


@pytest.fixture(scope="module")
def acme(house: House) -> int:
    return house.company("Acme")


@pytest.fixture(scope="module")
def rival(house: House) -> int:
    return house.company("Rival")


def submitted(house: House, company_id: int, **options: object) -> dict[str, object]:
    return house.tenant(company_id, "POST", "/v1/sessions", json=session_form(**options)).json()


def test_a_submitted_session_can_be_read_at_its_location(house: House, acme: int) -> None:
    response = house.tenant(acme, "POST", "/v1/sessions", json=session_form(asks=2))
    seen = house.tenant(acme, "GET", response.headers["location"]).json()

    assert response.status_code == 201
    assert [one["status"] for one in seen["requests"]] == ["PENDING_BATCHING"] * 2


def test_a_bulk_submission_keeps_the_order_of_its_sessions(house: House, acme: int) -> None:
    forms = [session_form(f"number {number}", asks=1 + number % 3) for number in range(20)]
    receipt = house.tenant(acme, "POST", "/v1/sessions/bulk", json={"sessions": forms}).json()

    ids = [one["id"] for one in receipt["sessions"]]
    assert ids == sorted(ids)
    assert [len(one["requests"]) for one in receipt["sessions"]] == [1 + n % 3 for n in range(20)]


def test_a_bulk_submission_with_one_bad_session_stores_none(house: House) -> None:
    company = house.company("All or none")
    bad = {"sessions": [session_form(), {"messages": [], "requests": []}]}
    response = house.tenant(company, "POST", "/v1/sessions/bulk", json=bad)

    assert response.status_code == 422
    assert house.tenant(company, "GET", "/v1/sessions").json()["sessions"] == []


def test_the_same_key_and_content_store_once_and_give_the_same_receipt(house: House) -> None:
    company = house.company("Idempotent")
    tries = [
        house.tenant(
            company, "POST", "/v1/sessions", json=session_form(), headers={"idempotency-key": "order-1"}
        )
        for _ in range(3)
    ]

    assert len({response.text for response in tries}) == 1
    assert [response.headers.get("idempotency-replayed") for response in tries] == [None, "true", "true"]
    assert house.tenant(company, "GET", "/v1/statistics").json()["requests"]["PENDING_BATCHING"] == 1


def test_simultaneous_submissions_with_one_key_store_once(house: House) -> None:
    company = house.company("Racing")
    gate = threading.Barrier(4)

    def submit(_: int) -> str:
        gate.wait()
        headers = {"idempotency-key": "race"}
        return house.tenant(company, "POST", "/v1/sessions", json=session_form(), headers=headers).text

    with ThreadPoolExecutor(4) as pool:
        receipts = set(pool.map(submit, range(4)))

    assert len(receipts) == 1
    assert house.tenant(company, "GET", "/v1/statistics").json()["requests"]["PENDING_BATCHING"] == 1


def test_a_key_that_was_used_for_other_content_is_refused(house: House, acme: int) -> None:
    headers = {"idempotency-key": "changed"}
    house.tenant(acme, "POST", "/v1/sessions", json=session_form("one"), headers=headers)
    response = house.tenant(acme, "POST", "/v1/sessions", json=session_form("two"), headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


def test_an_idempotency_key_belongs_to_its_company_alone(house: House, acme: int, rival: int) -> None:
    headers = {"idempotency-key": "shared"}
    receipts = [
        house.tenant(company, "POST", "/v1/sessions", json=session_form(), headers=headers).json()["id"]
        for company in (acme, rival)
    ]

    assert receipts[0] != receipts[1]


def test_another_companys_session_is_not_found(house: House, acme: int, rival: int) -> None:
    session_id = submitted(house, acme)["id"]

    assert house.tenant(rival, "GET", f"/v1/sessions/{session_id}").status_code == 404


def test_another_companys_request_is_not_found(house: House, acme: int, rival: int) -> None:
    request_id = submitted(house, acme)["requests"][0]["id"]

    assert house.tenant(rival, "GET", f"/v1/requests/{request_id}").status_code == 404


def test_what_is_not_there_and_what_is_anothers_look_alike(house: House, acme: int, rival: int) -> None:
    anothers = house.tenant(rival, "GET", f"/v1/sessions/{submitted(house, acme)['id']}")
    nobodys = house.tenant(rival, "GET", "/v1/sessions/999999999")

    assert anothers.json() == nobodys.json()


def test_lists_and_statistics_hold_only_the_callers_own(house: House, acme: int) -> None:
    submitted(house, acme)
    newcomer = house.company("Newcomer")

    assert house.tenant(newcomer, "GET", "/v1/sessions").json()["sessions"] == []
    assert sum(house.tenant(newcomer, "GET", "/v1/statistics").json()["requests"].values()) == 0


def test_pages_together_hold_each_session_once(house: House) -> None:
    company = house.company("Paged")
    forms = {"sessions": [session_form() for _ in range(7)]}
    stored = house.tenant(company, "POST", "/v1/sessions/bulk", json=forms).json()["sessions"]
    seen, before = [], None
    while True:
        query = {"limit": 3, **({"before": before} if before else {})}
        page = house.tenant(company, "GET", "/v1/sessions", params=query).json()
        seen += [one["id"] for one in page["sessions"]]
        before = page["next_before"]
        if before is None:
            break

    assert seen == [one["id"] for one in reversed(stored)]


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic cbk_x", "Bearer \xff\xfe"])
def test_without_a_known_key_nothing_is_told(house: House, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    response = house.client.get("/v1/sessions", headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_opens_nothing_at_once(house: House) -> None:
    company = house.company("Leaving")
    key = house.admin("POST", f"/admin/companies/{company}/keys").json()
    house.keys[company] = key["key"]
    before = house.tenant(company, "GET", "/v1/sessions").status_code
    house.admin("DELETE", f"/admin/keys/{key['id']}")

    assert (before, house.tenant(company, "GET", "/v1/sessions").status_code) == (200, 401)


def test_the_database_does_not_hold_the_key_itself(house: House, acme: int) -> None:
    with house.engine.connect() as connection:
        dump = connection.exec_driver_sql("SELECT json_agg(company_api_key)::text FROM company_api_key")

        assert house.keys[acme] not in dump.scalar_one()


def test_an_inactive_company_cannot_submit_and_is_told_why(house: House) -> None:
    company = house.company("Dormant")
    with house.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE company SET status = 'INACTIVE' WHERE id = {company}")
    response = house.tenant(company, "POST", "/v1/sessions", json=session_form())

    assert (response.status_code, response.json()["code"]) == (403, "company_inactive")

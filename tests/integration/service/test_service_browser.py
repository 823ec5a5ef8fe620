"""The pages in a real browser: at rest, under load, dead; by keyboard, on a phone, in dark; with axe.

Pictures go to the folder in CLAIMBENCH_SCREENSHOTS, or to a temporary one.
"""

import itertools
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from service_house import ADMIN_TOKEN, session_form
from service_process import RunningService, running_service
from sqlalchemy import URL

sync_api = pytest.importorskip("playwright.sync_api")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
WIDE, NARROW, PHONE = (
    {"width": 1280, "height": 900},
    {"width": 400, "height": 812},
    {"width": 375, "height": 812},
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),  # one browser and one service for all
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("CLAIMBENCH_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def service(module_database: URL) -> Iterator[RunningService]:
    with running_service(module_database, "--speed", "60") as running:
        yield running


@pytest.fixture
def page(browser: sync_api.Browser, service: RunningService) -> Iterator[sync_api.Page]:
    context = browser.new_context(viewport=WIDE)
    opened = signed_in(context.new_page(), service)
    opened.problems = problems = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert not problems


def signed_in(page: sync_api.Page, service: RunningService) -> sync_api.Page:
    page.set_default_timeout(15_000)
    page.goto(f"{service.address}/admin")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin")
    return page


LOOKS = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))


def shots(browser: sync_api.Browser, service: RunningService, folder: Path, moment: str) -> list[Path]:
    taken = []
    for scheme, width in LOOKS:
        context = browser.new_context(viewport=width, color_scheme=scheme)
        opened = signed_in(context.new_page(), service)
        taken.append(folder / f"dashboard-{moment}-{scheme}-{width['width']}.png")
        opened.screenshot(path=taken[-1], full_page=True)
        context.close()
    return taken


def test_the_page_shows_the_service_at_rest(
    browser: sync_api.Browser, service: RunningService, page: sync_api.Page, pictures: Path
) -> None:
    page.wait_for_selector("text=Well", timeout=20_000)
    taken = shots(browser, service, pictures, "at-rest")

    assert page.get_by_role("heading", name="Queue by company").is_visible()
    assert all(path.stat().st_size > 10_000 for path in taken)


def test_the_page_shows_the_service_under_load_without_being_reloaded(
    browser: sync_api.Browser, service: RunningService, page: sync_api.Page, pictures: Path
) -> None:
    complete = page.locator(".tiles div", has_text="Complete").locator("dd").first
    before = complete.inner_text()
    with submitting(service):
        sync_api.expect(complete).not_to_have_text(before, timeout=30_000)
        taken = shots(browser, service, pictures, "under-load")

    assert complete.inner_text() != before
    assert all(path.stat().st_size > 10_000 for path in taken)


@contextmanager
def submitting(service: RunningService) -> Iterator[None]:
    """Companies submit in turn, from another thread, until the block ends."""
    ends = threading.Event()
    bulk = {"sessions": [session_form(f"question {number}", asks=4) for number in range(50)]}

    def submit() -> None:
        for company_id in itertools.cycle(service.companies):
            service.submit(company_id, bulk)
            if ends.wait(0.1):
                return

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def test_the_scheduler_is_paused_and_resumed_by_keyboard_alone(page: sync_api.Page) -> None:
    page.locator("#pause").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".health.paused")
    focused = page.evaluate("document.activeElement.id")
    page.keyboard.press("Enter")
    page.wait_for_selector(".health:not(.paused)")

    assert focused == "resume"


def test_the_pipeline_is_switched_from_the_page(page: sync_api.Page) -> None:
    page.get_by_label("Pipeline").select_option("naive")
    page.get_by_role("button", name="Switch").click()

    page.wait_for_selector(".worker p:has-text('runs naive')")


def test_the_live_figures_leave_the_focus_where_it_is(page: sync_api.Page) -> None:
    region = page.get_by_role("region", name="Queue by company")
    region.focus()
    refreshed(page)

    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Queue by company"


def refreshed(page: sync_api.Page) -> None:
    """Wait until the figures are newer ones."""
    first = page.locator("time").first.inner_text()
    page.wait_for_function("text => document.querySelector('time').innerText !== text", arg=first)


def test_a_selection_is_kept_while_newer_lines_come_into_the_log(
    service: RunningService, page: sync_api.Page
) -> None:
    ids = [service.create_company(f"Selected {secrets.token_hex(4)}")]
    line = page.locator(".log td.detail", has_text=f"created company {ids[0]},")
    line.select_text()
    selected = page.evaluate("getSelection().toString()").strip()
    ids.append(service.create_company(f"Selected {secrets.token_hex(4)}"))
    page.wait_for_selector(f".log td.detail:has-text('created company {ids[1]},')")
    refreshed(page)

    assert selected.startswith(f"created company {ids[0]}, by")
    assert page.evaluate("getSelection().toString()").strip() == selected


def test_companies_are_searched_sorted_and_looked_at_alone(
    page: sync_api.Page, service: RunningService
) -> None:
    page.get_by_role("link", name="Complete", exact=True).click()
    page.wait_for_selector("th[aria-sort=descending]:has-text('Complete')")
    refreshed(page)
    counts = [
        int(text.replace(",", "")) for text in page.locator(".queue tbody td:nth-child(4)").all_inner_texts()
    ]
    page.locator(".queue tbody th a").first.click()
    page.wait_for_url("**company=*")
    alone = page.locator(".queue tbody tr").count()
    tile = page.locator(".tiles div", has_text="Complete").locator("dd").first.inner_text()
    row = page.locator(".queue tbody td:nth-child(4)").inner_text()

    assert counts == sorted(counts, reverse=True)
    assert (alone, tile) == (1, row)


def test_an_error_count_leads_to_the_errors(page: sync_api.Page) -> None:
    page.locator(".tiles a").first.click()
    page.wait_for_url("**/admin/errors")

    assert page.get_by_role("heading", name="Requests without an answer").is_visible()
    assert page.get_by_role("region", name="Requests without an answer").locator("tbody tr").count() > 0


def test_a_company_gets_a_key_loses_it_and_is_deleted_each_after_a_question(
    page: sync_api.Page, service: RunningService
) -> None:
    name = f"Passing {secrets.token_hex(4)}"
    page.goto(f"{service.address}/admin/manage")
    page.get_by_label("New company").fill(name)
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Give a new key").click()
    key = page.locator(".fresh code").inner_text()
    headers = {"authorization": f"Bearer {key}"}
    opens = httpx.get(f"{service.address}/v1/statistics", headers=headers).status_code
    page.get_by_role("button", name="Revoke key").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Revoke key").click()
    page.locator("#yes").click()
    page.wait_for_selector("td.text:has-text('UTC'), button[aria-label^='Revoke']", state="detached")
    closed = httpx.get(f"{service.address}/v1/statistics", headers=headers).status_code
    page.get_by_role("button", name="Delete the company").click()
    page.locator("#yes").click()
    page.wait_for_url("**/admin/manage")

    assert (opens, closed) == (200, 401)
    assert page.get_by_text(name).count() == 0


PAGES = ("/admin", "/admin/errors", "/admin/manage", "/admin/manage/1", "/admin/ask")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_any_page(
    browser: sync_api.Browser, service: RunningService, scheme: str
) -> None:
    context = browser.new_context(viewport=WIDE, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{service.address}/admin/sign-in")
    found = barriers(page, "/admin/sign-in")
    signed_in(page, service)
    for path in PAGES:
        page.goto(service.address + path)
        found += barriers(page, path)
    page.goto(f"{service.address}/admin")
    page.locator("#pause").click()
    found += barriers(page, "/admin, asking")
    context.close()

    assert found == []


def barriers(page: sync_api.Page, path: str) -> list[str]:
    findings = Axe().run(page).response["violations"]
    return [f"{path}: {one['id']}: {[node['target'] for node in one['nodes']]}" for one in findings]


def test_the_docs_work_without_the_internet_under_a_strict_policy(
    browser: sync_api.Browser, service: RunningService, pictures: Path
) -> None:
    context = browser.new_context(viewport=WIDE)
    page, problems, asked = context.new_page(), [], []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(f"{service.address}/docs")
    page.locator("#operations-company-submit_session_v1_sessions_post").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.get_by_text("send a company's API key").first.wait_for()
    page.screenshot(path=pictures / "docs.png")
    context.close()
    policy = answer.headers["content-security-policy"]

    assert not [one for one in problems if "401" not in one]
    assert {url.startswith((service.address, "data:")) for url in asked} == {True}
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_page_whose_service_is_dead_says_so_loudly(
    browser: sync_api.Browser, database: URL, pictures: Path
) -> None:
    contexts = []
    with running_service(database, "--speed", "60") as service:
        for scheme, width in LOOKS:
            context = browser.new_context(viewport=width, color_scheme=scheme)
            contexts.append((signed_in(context.new_page(), service), scheme, width))
        refreshed(contexts[0][0])
        service.process.end()
        for page, scheme, width in contexts:
            page.wait_for_selector("#alarm:not([hidden])", timeout=30_000)
            page.screenshot(path=pictures / f"dashboard-dead-{scheme}-{width['width']}.png")
    said, title = contexts[0][0].locator("#alarm").inner_text(), contexts[0][0].title()
    for page, *_ in contexts:
        page.context.close()

    assert re.fullmatch(
        r"Not up to date: the service does not answer\. The figures below are from \d\d:\d\d:\d\d UTC\.", said
    )
    assert title == "✖ Not up to date · Claimbench"


def test_nothing_is_wider_than_a_phone(browser: sync_api.Browser, service: RunningService) -> None:
    context = browser.new_context(viewport=PHONE)
    page = signed_in(context.new_page(), service)
    widths = []
    for path in PAGES:
        page.goto(service.address + path)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()

    assert max(widths) <= PHONE["width"]


def test_a_name_with_html_runs_nothing(service: RunningService, page: sync_api.Page) -> None:
    company_id = service.create_company("<img src=x onerror='document.title=1'>")
    page.goto(f"{service.address}/admin?company={company_id}")

    assert page.locator("th[scope=row]", has_text="<img src=x").count() > 0
    assert page.title().endswith("· Claimbench")

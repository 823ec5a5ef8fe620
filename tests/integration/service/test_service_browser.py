"""The admin page in a real browser: screenshots at rest and under load, by keyboard, on a phone, in dark.

Pictures go to the folder in CLAIMBENCH_SCREENSHOTS, or to a temporary one.
"""

import itertools
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from service_house import ADMIN_TOKEN, session_form
from service_process import RunningService, running_service
from sqlalchemy import URL

sync_api = pytest.importorskip("playwright.sync_api")

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 812}

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


def shots(browser: sync_api.Browser, service: RunningService, folder: Path, moment: str) -> list[Path]:
    taken = []
    for scheme, width in (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)):
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
    first = page.locator("time").first.inner_text()
    page.wait_for_function("text => document.querySelector('time').innerText !== text", arg=first)

    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Queue by company"


def test_nothing_is_wider_than_a_phone(browser: sync_api.Browser, service: RunningService) -> None:
    context = browser.new_context(viewport=NARROW)
    page = signed_in(context.new_page(), service)
    width = page.evaluate("document.documentElement.scrollWidth")
    context.close()

    assert width <= NARROW["width"]


def test_a_name_with_html_runs_nothing(service: RunningService, page: sync_api.Page) -> None:
    company_id = service.create_company("<img src=x onerror='document.title=1'>")
    page.goto(f"{service.address}/admin?company={company_id}")

    assert page.locator("th[scope=row]", has_text="<img src=x").count() > 0
    assert page.title() == "Claimbench · monitoring"

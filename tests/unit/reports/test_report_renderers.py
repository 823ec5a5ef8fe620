import io
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_factory import made_up_facts
from rich.console import Console

from claimbench.reports import charts
from claimbench.reports.charts.parts import ticks
from claimbench.reports.judge.conclude import RunFacts, judge
from claimbench.reports.pages.page import LargeFigures, Page
from claimbench.reports.pages.run import run_page
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import RUN, read
from claimbench.reports.record.values import ArmRecord
from claimbench.reports.render import html, junit, markdown, terminal
from claimbench.reports.render.folder import draw_folder, write_folder
from claimbench.reports.wording import percent_text, value_text
from claimbench.scenarios.model import Scenario

EVIL = '<script>alert("x")</script> & $a_b$ | `c` \x1b[31m'


@pytest.fixture(scope="session")
def page(record: ResultRecord) -> str:
    return html.render(run_page(record, charts.draw(record)))


@pytest.fixture
def unequal_record(scenario: Scenario, unequal: RunFacts) -> ResultRecord:
    return judge(scenario, unequal)


@pytest.fixture
def evil(scenario: Scenario) -> ResultRecord:
    """A record whose every free text tries to break out."""
    facts = made_up_facts(scenario)
    arms = tuple(
        ArmRecord(name=EVIL, pipeline=EVIL, role=arm.role, indexes=arm.indexes)
        if arm.role == "candidate"
        else arm
        for arm in facts.arms
    )
    samples = tuple(
        each.model_copy(update={"arm": EVIL}) if each.arm == "optimized" else each for each in facts.samples
    )
    claims = tuple(
        claim.model_copy(update={"id": f"{EVIL}{claim.id}", "quote": EVIL, "source": EVIL})
        for claim in scenario.claims
    )
    asked = scenario.model_copy(update={"title": EVIL, "name": EVIL, "why": EVIL, "claims": claims})
    return judge(
        asked,
        replace(
            facts, arms=arms, samples=samples, environment={EVIL: EVIL}, command=EVIL, limitations=(EVIL,)
        ),
    )


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_report_is_one_folder_with_its_five_kinds_of_file(record: ResultRecord, tmp_path: Path) -> None:
    write_folder(record, tmp_path)

    assert set(everything(tmp_path)) == {
        "results.json",
        "report.html",
        "report.md",
        "junit.xml",
        "charts/claimed.svg",
        "charts/round-trips.svg",
        "charts/time-by-stage.svg",
        "charts/memory.svg",
        "charts/time-by-rtt.svg",
        "charts/scaling.svg",
    }


def test_drawing_again_from_the_results_alone_gives_the_same_bytes(
    record: ResultRecord, tmp_path: Path
) -> None:
    write_folder(record, tmp_path / "one")
    again = read(RUN, tmp_path / "one")
    write_folder(again, tmp_path / "two")
    draw_folder(again, tmp_path / "two")

    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_the_page_needs_nothing_from_anywhere_else(page: str) -> None:
    loaded = re.findall(r'(?:src|href|srcset|action)="(?!#)([^"]+)"', page)
    fetched = re.findall(r"@import|url\((?!#)", page)

    assert not loaded
    assert not fetched
    assert "<script" not in page


def test_the_page_tells_verdicts_then_limitations_then_numbers(page: str) -> None:
    places = [page.index(f'<h2 id="{name}"') for name in ("verdicts", "limitations", "charts", "metrics")]

    assert places == sorted(places)


def test_every_id_of_the_page_is_there_once_and_every_link_has_its_target(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)

    assert len(ids) == len(set(ids))
    assert {one or other for one, other in targets} <= set(ids)


def test_the_tags_of_the_page_are_closed(page: str) -> None:
    void = {"meta", "br", "hr", "img", "input", "link"}
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in void:
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Reader().feed(page)

    assert open_tags == []


def test_every_chart_has_a_title_and_its_numbers_in_words(record: ResultRecord) -> None:
    for chart in charts.draw(record):
        root = ET.fromstring(chart.svg)  # noqa: S314 (made a line above)
        words = [element.text for element in root if element.tag.endswith(("title", "desc"))]

        assert words == [chart.title, chart.description]
        assert "reduction" in chart.description


def test_claims_in_percent_are_drawn_with_what_was_claimed_and_their_verdict(record: ResultRecord) -> None:
    (chart,) = (each for each in charts.draw(record) if each.name == "claimed")
    in_percent = [claim for claim in record.claims if claim.claimed.endswith("%")]

    assert [claim.metric for claim in in_percent] == ["statements", "peak_memory", "time", "cache_hit_rate"]
    for claim in in_percent:
        assert (
            f"claimed {claim.claimed}, measured {claim.measured_text}, {claim.verdict}." in chart.description
        )
        assert claim.measured is not None
        assert f"{100 * claim.measured.value:.1f} %" in chart.svg
    assert [chart.svg.count(f" {verdict}<") for verdict in ("holds", "exceeded", "refuted")] == [
        sum(claim.verdict == verdict for claim in in_percent) for verdict in ("holds", "exceeded", "refuted")
    ]


def test_a_scenario_without_claims_in_percent_draws_none(record: ResultRecord) -> None:
    counts = tuple(claim for claim in record.claims if not claim.claimed.endswith("%"))

    drawn = charts.draw(record.model_copy(update={"claims": counts}))

    assert "claimed" not in {chart.name for chart in drawn}
    assert drawn


def test_a_chart_carries_no_date_and_no_colour_that_dark_readers_cannot_change(record: ResultRecord) -> None:
    for chart in charts.draw(record):
        drawn = re.sub(r"<style>.*?</style>|var\([^)]*\)", "", chart.svg, flags=re.DOTALL)

        assert "dc:date" not in chart.svg
        assert not re.findall(r"(?:fill|stroke): #\w+", drawn)


@given(st.floats(1e-6, 1e9), st.floats(1.05, 1e9))
def test_a_logarithmic_axis_has_a_few_ticks_however_narrow_or_wide(low: float, factor: float) -> None:
    found = ticks(low, low * factor)

    assert 2 <= len(found) <= 8
    assert all(low <= tick <= low * factor for tick in found)


def test_a_logarithmic_axis_of_bytes_has_round_numbers_of_what_it_is_labelled_in() -> None:
    assert ticks(1e6, 1e8, "B") == [step * 2.0**20 for step in (1, 3, 10, 30)]


def test_no_text_can_break_out_of_the_page(evil: ResultRecord) -> None:
    page = html.render(run_page(evil, charts.draw(evil)))

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_no_text_can_break_a_markdown_table_or_smuggle_html(evil: ResultRecord) -> None:
    text = markdown.render(run_page(evil))
    rows = [line for line in text.split("## Verdicts")[1].split("##")[0].splitlines() if line.startswith("|")]

    assert "<script" not in re.sub(r"`[^`]*`", "", text)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_no_text_can_move_the_cursor_of_a_terminal(evil: ResultRecord) -> None:
    assert "\x1b" not in terminal.render(run_page(evil))


def test_junit_stays_xml_whatever_the_texts(evil: ResultRecord) -> None:
    cases = ET.fromstring(junit.render(run_page(evil))).findall(".//testcase")  # noqa: S314 (made by us)

    assert len(cases) == 13


def test_junit_fails_refuted_claims_and_errs_on_inconclusive_ones(
    scenario: Scenario, facts: RunFacts
) -> None:
    low = [
        each.model_copy(update={"value": 0.5}) for each in facts.samples if each.metric == "cache_hit_rate"
    ]
    kept = [each for each in facts.samples if each.metric not in {"cache_hit_rate", "peak_memory"}]
    record = judge(scenario, replace(facts, samples=(*kept, *low)))

    (suite,) = ET.fromstring(junit.render(run_page(record)))  # noqa: S314 (made by us)

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("13", "1", "1")


def test_a_run_of_unequal_arms_says_so_and_shows_no_speed(
    unequal_record: ResultRecord, tmp_path: Path
) -> None:
    write_folder(unequal_record, tmp_path)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()

    assert not (tmp_path / "charts").exists()
    for each in (page, text):
        assert "do not do the same work" in each
        assert "session 7" in each
        assert "1,500" not in each
    assert "failure" in (tmp_path / "junit.xml").read_text()


def test_drawing_an_unequal_run_over_an_equal_one_leaves_no_old_chart(
    record: ResultRecord, unequal_record: ResultRecord, tmp_path: Path
) -> None:
    write_folder(record, tmp_path)
    write_folder(unequal_record, tmp_path)

    assert not list(tmp_path.rglob("*.svg"))


@pytest.mark.parametrize("metric", ["time", "peak_memory", "round_trips", "statements"])
def test_a_metric_that_is_absent_is_called_not_measured(
    scenario: Scenario, facts: RunFacts, metric: str, tmp_path: Path
) -> None:
    samples = tuple(each for each in facts.samples if each.metric != metric)

    write_folder(judge(scenario, replace(facts, samples=samples)), tmp_path)

    assert "Not measured: " in (tmp_path / "report.html").read_text()
    assert "Not measured: " in (tmp_path / "report.md").read_text()


def test_a_run_without_any_sample_still_has_a_page(
    scenario: Scenario, facts: RunFacts, tmp_path: Path
) -> None:
    page = write_folder(judge(scenario, replace(facts, samples=())), tmp_path)

    assert "inconclusive" in page.read_text()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_table_keeps_to_the_width(record: ResultRecord, width: int) -> None:
    assert max(len(line) for line in terminal.render(run_page(record), width).splitlines()) <= width


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_terminal_table_breaks_no_name_of_a_claim(record: ResultRecord, width: int) -> None:
    words = terminal.render(run_page(record), width).split()

    assert {claim.id for claim in record.claims} <= set(words)


def test_a_log_gets_lines_of_its_own_width_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    log = terminal.width_of(Console(file=io.StringIO()))
    monkeypatch.setenv("COLUMNS", "72")

    assert (log, terminal.width_of(Console(file=io.StringIO()))) == (terminal.WIDTH_OF_A_LOG, 72)


def test_the_terminal_is_coloured_only_when_asked(record: ResultRecord) -> None:
    assert "\x1b[" in terminal.render(run_page(record), paint=terminal.Paint.COLOURED)
    assert "\x1b[" not in terminal.render(run_page(record))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (0.9999, "s", "1 s"),
        (1234.5, "s", "1,234 s"),
        (0, "s", "0 µs"),
        (512, "B", "512 B"),
        (1_572_864, "B", "1.5 MiB"),
        (1234, "count", "1,234"),
        (12.5, "count", "12.50"),
        (0.967, "ratio", "96.7 %"),
        (1, "flag", "yes"),
        (0, "flag", "no"),
    ],
)
def test_a_value_is_written_with_the_unit_that_reads_best(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("fraction", "text"), [(1.0, "100.0 %"), (0.99999, "> 99.9 %"), (-0.2, "−20.0 %"), (-0.0001, "0.0 %")]
)
def test_a_share_is_never_rounded_up_to_all(fraction: float, text: str) -> None:
    assert percent_text(fraction) == text


@pytest.mark.parametrize("render", [html.render, markdown.render, lambda page: terminal.render(page, 200)])
def test_whoever_never_saw_the_document_reads_what_was_compared_and_what_came_out(
    render: Callable[[Page], str], record: ResultRecord
) -> None:
    said = words_of(render(run_page(record)))

    assert "optimized does the same work as naive with 69.1 % fewer statements" in said
    assert said.index("69.1 % fewer statements") < said.index("60 to 80 % less") < said.index("query-count")
    assert re.search("company ?: a customer whose chat sessions wait", said)
    assert re.search("naive ?: the document's “before”", said)
    assert "the total of 2 runs divided by 2, so that 181 in all is 90.50" in said


def words_of(text: str) -> str:
    """What a reader reads, without markup."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", text)).replace("\\", "").replace("`", " "))


def test_a_refuted_claim_is_told_as_said_of_the_publication_and_not_of_the_work(
    scenario: Scenario, facts: RunFacts
) -> None:
    low = [
        each.model_copy(update={"value": 0.5}) if each.metric == "cache_hit_rate" else each
        for each in facts.samples
    ]
    page = run_page(judge(scenario, replace(facts, samples=tuple(low))))

    assert page.banner
    assert page.banner.headline == "The work is the same, and 1 of 12 published claims is refuted"
    assert "said of the publication, not against optimized" in words_of(terminal.render(page, 200))


def test_the_first_figures_are_four_with_what_was_claimed_and_the_verdict(record: ResultRecord) -> None:
    (figures,) = (
        block
        for section in run_page(record).brief
        for block in section.blocks
        if isinstance(block, LargeFigures)
    )

    assert [each.claimed for each in figures.figures] == [
        "60 to 80 % less",
        "40 to 60 % less",
        "30 to 50 % less",
        "95 % or more",
    ]
    assert [each.verdict for each in figures.figures] == [claim.verdict for claim in record.claims[:4]]


def test_a_time_that_is_invalid_is_no_figure(scenario: Scenario, facts: RunFacts) -> None:
    page = run_page(judge(scenario, replace(facts, time_invalid="the relay was off")))

    assert "less time" not in terminal.render(page, 200).split("Claim")[0]


def test_a_candidate_that_needs_more_is_told_so(scenario: Scenario, facts: RunFacts) -> None:
    worse = tuple(
        each.model_copy(update={"value": each.value * 9}) if each.arm == "optimized" else each
        for each in facts.samples
        if each.metric in {"statements", "active_companies"}
    )
    more = judge(scenario, replace(facts, samples=(*worse, *(s for s in facts.samples if s.arm == "naive"))))

    assert "178.0 % more statements" in terminal.render(run_page(more), 200)

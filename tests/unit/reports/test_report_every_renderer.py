"""One suite for all renderers: each draws any page, says the same each time, and lets no text break out."""

import json
import re
from collections.abc import Callable
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from page_factory import KINDS, a_page, of_all_blocks

from claimbench.reports.pages.page import Findings, LargeFigures, Page, PageTable
from claimbench.reports.render import github, html, junit, markdown, sarif, terminal
from claimbench.reports.wording import log_line

Render = Callable[[Page], str]

RENDERERS: dict[str, Render] = {
    "terminal": terminal.render,
    "markdown": markdown.render,
    "html": html.render,
    "junit": junit.render,
    "annotations": github.annotations,
    "comment": github.comment,
    "sarif": sarif.render,
}
PAGES = ("html", "markdown")
EVIL = '</details><script>alert("x")</script>\x1b[31m\r\n::error::y ]]> & $a_b$ | `c`'

every_renderer = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
every_kind = pytest.mark.parametrize("kind", KINDS)


def words(text: str) -> str:
    """What a reader reads: without escapes, markup of emphasis and breaks of lines."""
    return re.sub(r"\s+", " ", unescape(text).replace("\\", ""))


@every_kind
@every_renderer
def test_every_renderer_draws_every_page_and_the_same_each_time(render: Render, kind: str) -> None:
    first = render(a_page(kind))

    assert first == render(a_page(kind))
    assert "Fold(" not in first
    assert "ShownFinding(" not in first


@every_kind
@pytest.mark.parametrize("name", [*PAGES, "terminal", "comment"])
def test_whoever_reads_the_verdict_reads_its_exit_code_and_its_reason(kind: str, name: str) -> None:
    page, shown = a_page(kind), words(RENDERERS[name](a_page(kind)))

    assert page.banner is None or f"(exit {page.banner.exit_code})" in shown
    assert page.banner is None or words(page.banner.reason) in shown


@every_kind
@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_every_section_every_cell_and_every_finding(kind: str, name: str) -> None:
    page, shown = a_page(kind), words(RENDERERS[name](a_page(kind)))
    blocks = [block for section in page.sections for block in section.blocks]
    tables = [block.table if isinstance(block, Findings | LargeFigures) else block for block in blocks]
    rows = [row for table in tables if isinstance(table, PageTable) for row in table.rows]

    assert [section.title for section in page.sections if section.title not in shown] == []
    assert [cell for row in rows for cell in row if words(cell) not in shown] == []


@every_kind
def test_a_terminal_and_a_comment_show_every_finding_of_the_brief_sections(kind: str) -> None:
    page = a_page(kind)
    checks = [
        check
        for section in page.brief
        for block in section.blocks
        if isinstance(block, Findings)
        for check in block.checks
    ]

    for shown in (words(terminal.render(page, 200)), words(github.comment(page))):
        assert [check.subject for check in checks if words(check.subject) not in shown] == []


@every_kind
@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_page_is_wider_than_its_terminal(kind: str, width: int) -> None:
    assert max(len(line) for line in terminal.render(a_page(kind), width).splitlines()) <= width


def test_a_column_of_numbers_stands_right_from_its_head_to_its_last_cell() -> None:
    table = html.render(a_page("soak")).split("Second</th>")[1].split("</table>")[0]
    cells = re.findall(r"<t[hd]( scope=\"row\")?( class=\"number\")?>", table)

    assert cells
    assert all(number for _, number in cells)


def test_a_terminal_does_not_repeat_a_rule_that_the_reason_names() -> None:
    assert terminal.render(a_page("load"), 200).count("p(50)<10") == 2  # in the finding, and in the verdict


@every_kind
def test_junit_has_a_case_for_every_check_and_a_result_for_each_that_is_not_good(kind: str) -> None:
    page = a_page(kind)
    suite = ET.fromstring(junit.render(page))  # noqa: S314 (made by us)
    bad = [case for case in page.cases if case.tone not in {"good", "better"}]

    assert len(suite.findall(".//testcase")) == len(page.cases)
    assert len(suite.findall(".//failure")) + len(suite.findall(".//error")) == len(bad)


@every_kind
def test_sarif_holds_what_points_at_a_line_of_code_and_nothing_else(kind: str) -> None:
    page = a_page(kind)
    (run,) = json.loads(sarif.render(page))["runs"]
    rules = [rule.id for rule in page.rules]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == rules
    assert len(run["results"]) == sum(case.source is not None and case.rule in rules for case in page.cases)


@every_kind
def test_every_id_of_a_page_is_there_once_and_every_link_has_its_target(kind: str) -> None:
    page = html.render(a_page(kind))
    ids = re.findall(r'\bid="([^"]+)"', page)
    targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)

    assert len(ids) == len(set(ids))
    assert {one or other for one, other in targets} <= set(ids)


@every_renderer
def test_no_text_breaks_out_of_where_it_is_drawn(render: Render) -> None:
    text = render(of_all_blocks(EVIL))

    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.startswith("::error::")]


@pytest.mark.parametrize("render", [html.render, junit.render])
def test_no_text_becomes_a_tag(render: Render) -> None:
    text = render(of_all_blocks(EVIL))

    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("name", ["markdown", "comment"])
def test_markdown_smuggles_no_html_outside_of_code(name: str) -> None:
    text = re.sub(r"`[^`]*`", "", RENDERERS[name](of_all_blocks(EVIL)))

    assert "<script" not in text
    assert text.count("<details>") == text.count("</details>")


def test_annotations_point_at_the_line_of_code() -> None:
    page = a_page("all blocks")
    first, *lines = github.annotations(page).splitlines()

    assert "file=" not in first
    assert all("file=a word,line=7," in line for line in lines)
    assert len(lines) == sum(check.tone in {"bad", "open", "invalid"} for check in page.cases)


@pytest.mark.parametrize("text", ["::stop-commands::x", "  ::error::x", "a ##[add-mask]x", "##vso[task]x"])
def test_no_name_begins_a_command_in_a_ci_log(text: str) -> None:
    line = log_line(text)

    assert not line.lstrip().startswith("::")
    assert "##[" not in line
    assert "##vso[" not in line
    assert log_line("a::b") == "a::b"

"""The page of loads is held to the file of its figures: none is written by hand."""

import json
from pathlib import Path

import load_figures
import soak_factory
from load_factory import facts, record

from claimbench.reports.pages.soak import soak_page
from claimbench.reports.render import markdown


def test_the_page_of_loads_shows_the_figures_of_its_file_and_no_others() -> None:
    page, figures = load_figures.PAGE.read_text(), json.loads(load_figures.FIGURES.read_text())

    assert load_figures.with_figures(page, figures) == page


def test_other_figures_change_the_page_and_only_between_the_marks() -> None:
    page, figures = load_figures.PAGE.read_text(), json.loads(load_figures.FIGURES.read_text())
    measured = {"exponential mean": 50.4, "exponential mean in theory": 50.0, "freeze p95 of 1": 2345.6}
    other = load_figures.with_figures(page, figures | measured)

    assert "| claimbench, 1 process | 2,346 ms |" in other
    assert "| M/M/1, 20 ms, 40 a second | 50.4 (50.0) |" in other
    assert load_figures.with_figures(other, figures) == page


def test_what_a_load_and_a_soak_found_can_be_drawn(tmp_path: Path) -> None:
    soak = soak_factory.record(soak_factory.GOOD)
    page = tmp_path / "soak.md"
    page.write_text(markdown.render(soak_page(soak)))
    found = {**load_figures.of_load(record(facts())), **load_figures.of_soak(soak, page)}
    figures = json.loads(load_figures.FIGURES.read_text()) | found
    drawn = load_figures.drawn(figures)

    assert (
        "20 arrivals per second for `naive` and 90 arrivals per second for `optimized`" in drawn["capacity"]
    )
    assert "a factor of 4.5" in drawn["capacity"]
    assert drawn["soak"].count("\n| ") > 5
    assert json.loads(json.dumps(figures)) == figures

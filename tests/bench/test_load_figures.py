"""The page of loads is held to the file of its figures: none is written by hand."""

import json

import load_figures


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

"""The page and the charts of a scale report."""

from scale_factory import CLAIM, SIZES, naive, scale_record

from claimbench.reports.charts import draw_scale
from claimbench.reports.pages.scale import scale_page
from claimbench.reports.render import html, markdown


def test_a_continued_point_is_told_as_such_and_an_exponent_has_its_interval_or_its_sizes() -> None:
    text = markdown.render(scale_page(scale_record()))

    assert "| 100,000 | 100 | naive | 200 s | 500 | 381.5 MiB | 400,000 | continued | outside |" in text
    assert "| Round trips | 1.00 (of 2 sizes) | 0.00 (of 3 sizes) |" in text
    assert "from 10,000 requests on" in text
    assert "| 100,000 | 100 | optimized | Whole run | 4 s | 5 s | 0.80 | 0.80 | 1 |" in text


def test_an_interrupted_report_says_so() -> None:
    record = scale_record(naive(SIZES[0])).model_copy(update={"interrupted": True})

    assert "Interrupted: this is what was measured until then." in markdown.render(scale_page(record))


def test_the_charts_tell_their_numbers_and_hold_the_claims_band() -> None:
    growing, memory = draw_scale(scale_record())

    assert "Round trips, naive: 4,000, 40,000, 400,000." in growing.description
    assert "naive, continued" in growing.svg
    assert "claimed for the candidate" in memory.svg


def test_a_claim_on_what_was_not_counted_at_a_size_has_a_dash_there() -> None:
    statements = CLAIM.model_copy(update={"id": "statements", "measure": "statements"})
    record = scale_record().model_copy(update={"claims": (CLAIM, statements)})
    text = markdown.render(scale_page(record))

    assert "| Statements: 40–60 % less | from 1,000 requests on | 99.0 % | 99.9 % | – |" in text
    assert html.render(scale_page(record))

"""The studies of a scale report: strategies, lines over round-trip times, indexes, waits."""

import pytest
from scale_factory import of_all_parts, scale_record

from claimbench.reports.charts import draw_scale
from claimbench.reports.judge.ablation import ablated, crossing_ms, time_lines, variants
from claimbench.reports.pages.scale import scale_page
from claimbench.reports.render import markdown

RECORD = scale_record(of_all_parts())


def test_each_strategy_is_taken_alone_and_left_out_between_none_and_all() -> None:
    assert [(each.name, each.off) for each in variants(("a", "b"))] == [
        ("none", ("a", "b")),
        ("only a", ("b",)),
        ("only b", ("a",)),
        ("without a", ("a",)),
        ("without b", ("b",)),
        ("all", ()),
    ]


def test_a_variant_has_the_round_trips_of_its_counted_turn_and_the_times_of_the_others() -> None:
    found = {each.name: each for each in ablated(RECORD)}

    assert (found["none"].round_trips, found["all"].round_trips) == (800, 40)
    assert found["all"].seconds == ((0.0, 0.5),)


def test_the_slope_over_round_trip_times_is_the_number_of_waits() -> None:
    naive, optimized = time_lines(RECORD)

    assert (naive.base_s, naive.trips) == (pytest.approx(1.0), pytest.approx(612))
    assert optimized.ratio == pytest.approx(1.02)
    assert crossing_ms((naive, optimized)) is None


def test_lines_cross_where_both_arms_take_equally_long() -> None:
    naive, optimized = time_lines(RECORD)
    at = crossing_ms((naive, type(optimized)("late", 3.0, 40, 40, optimized.turns)))

    assert at == pytest.approx(1000 * 2 / (612 - 40))


def test_the_page_has_every_study_and_its_charts() -> None:
    charts = draw_scale(RECORD)
    text = markdown.render(scale_page(RECORD, charts))

    assert [chart.name for chart in charts] == [
        "scale-points",
        "scale-memory",
        "scale-strategies",
        "scale-rtt",
    ]
    assert "| all | 40 | 15.6 KiB | 500 ms | 976.6 KiB |" in text
    assert "| naive | 1 s | 612.0 | 600 | 2.0 % |" in text
    assert "| none | 0 B | 250 ms | 250 ms | 1 s | 703.1 KiB | – | 8.6 % |" in text
    assert (
        "| optimized | Create batches | 1 s | 500 ms (50%) | 200 ms (20%) | 100 ms (10%) | 200 ms (20%) |"
        in text
    )
    assert "The lines cross at no positive round-trip time: the candidate is quicker at each." in text

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.errors import ExitCode, UsageError
from claimbench.scenarios.grammar import Operator
from claimbench.scenarios.loader import project_thresholds
from claimbench.scenarios.metrics import CATALOGUE, Tier
from claimbench.scenarios.thresholds import (
    GrowthExponent,
    Percentile,
    Selection,
    Threshold,
    merged,
    parse_threshold,
    parse_thresholds,
    usual_stage,
)

METRICS = st.sampled_from([metric for metric in CATALOGUE if "run" in metric.stages])
LIMITS = st.floats(0.001, 1e9, allow_nan=False).map(lambda value: float(f"{value:.6g}"))


@given(
    METRICS,
    LIMITS,
    st.sampled_from([each for each in Operator if each is not Operator.EQUAL]),
    st.none() | st.integers(1, 9999),
    st.sampled_from(["optimized", "naive", "ratio", "base"]),
)
def test_a_threshold_reads_back_from_its_own_text(metric, limit, operator, size, subject) -> None:
    text = "p(95)" if metric.tier is Tier.STATISTICAL else ""
    tags = f"{{size:{size}}}" if size else ""
    parsed = parse_threshold(f"{subject}.{metric.name}{tags}", f"{text}{operator}{limit!r}")

    assert parse_thresholds([str(parsed)]) == (parsed,)


def test_the_examples_of_the_language_mean_what_they_say() -> None:
    parsed = parse_thresholds(
        {
            "optimized.round_trips": ["<=40", "growth<=0.05"],
            "ratio.time_s": "p(50)<0.5",
            "base.time_s": ["<105%"],
        }
    )

    assert parsed == (
        parse_threshold("optimized.round_trips", "<=40"),
        Threshold("optimized", Selection("round_trips", "run"), GrowthExponent(), Operator.AT_MOST, 0.05),
        Threshold("ratio", Selection("time", "run"), Percentile(50), Operator.BELOW, 0.5),
        Threshold("base", Selection("time", "run"), Percentile(50), Operator.BELOW, 1.05),
    )


def test_a_number_of_companies_is_a_size() -> None:
    parsed = parse_threshold("optimized.statements{companies:50}", "<=8")

    assert parsed == parse_threshold("optimized.statements{size:50}", "<=8")
    assert parsed.key == "optimized.statements{size:50}"


def test_bare_toml_keys_nest_and_mean_the_same() -> None:
    nested = parse_thresholds({"optimized": {"round_trips": ["<=40"]}})

    assert nested == parse_thresholds({"optimized.round_trips": ["<=40"]})


def test_units_are_carried_into_the_metrics_own() -> None:
    assert parse_threshold("optimized.time_s", "<500ms").limit == 0.5
    assert parse_threshold("optimized.peak_memory_bytes", "<2MiB").limit == 2 * 1024**2


@pytest.mark.parametrize(
    ("key", "text", "complaint"),
    [
        ("round_trips", "<=40", "is no key"),
        ("optimized.round_tripz", "<=40", "did you mean 'round_trips'"),
        ("optimized.time_s", "avg<0.5", "no statistic that noise leaves alone"),
        ("optimized.time_s", "growth<0.5", "growth is for counters"),
        ("optimized.round_trips", "p(95)<40", "one exact count"),
        ("optimized.round_trips", "40", "is no threshold"),
        ("optimized.round_trips", "<=NaN", "is no threshold"),
        ("optimized.round_trips", "<=40ms", "does not fit"),
        ("optimized.round_trips{stag:run}", "<=40", "is no tag"),
        ("optimized.round_trips{stage:runn}", "<=40", "has no stage"),
        ("optimized.index_used", ">=1", "needs its stage"),
        ("base.time_s", "<-1", "a ratio is above 0"),
        ("ratio.time_s", "==0.5", "never equals"),
        ("base.round_trips", "growth<=0.05", "growth is of an arm"),
        ("optimized.time_s", "p(0)<1", "is no percentile"),
    ],
)
def test_a_mistake_in_a_threshold_is_named_with_its_way_out(key: str, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_threshold(key, text)

    assert complaint in str(caught.value)


def test_an_empty_list_of_rules_is_refused_because_it_would_hold_nothing() -> None:
    with pytest.raises(ValueError, match="nothing is held to it"):
        parse_thresholds({"optimized.round_trips": []})


def test_a_projects_own_thresholds_fill_in_for_keys_that_the_scenario_leaves_open(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.claimbench.thresholds]\n"a.rows" = ["<=1"]\n"a.commits" = "<=2"\n'
    )
    own = parse_thresholds({"a.rows": "<=5"})

    assert [str(each) for each in merged(own, project_thresholds(tmp_path))] == [
        "a.rows: <=5",
        "a.commits: <=2",
    ]


def test_a_folder_without_a_pyproject_declares_nothing(tmp_path: Path) -> None:
    assert project_thresholds(tmp_path) == ()


@pytest.mark.parametrize(
    "text",
    ["[tool.claimbench]\nthreshold = 1\n", "[tool.claimbench.thresholds]\nrows = '<=1'\n", "[tool\n"],
)
def test_a_mistake_in_pyproject_is_one_line_with_exit_code_2(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(UsageError, match=r"pyproject\.toml") as caught:
        project_thresholds(tmp_path)

    assert caught.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("operator", "worse"), [("<=", 41.0), ("<", 40.0), (">=", 39.0), (">", 40.0), ("==", 41)]
)
def test_an_operator_turns_at_its_limit(operator: str, worse: float) -> None:
    assert not Operator(operator).holds(worse, 40.0)
    assert Operator(operator).holds({"<": 39.9, ">": 40.1}.get(operator, 40.0), 40.0)


def test_a_metric_with_one_stage_needs_no_tag() -> None:
    lookups = next(metric for metric in CATALOGUE if metric.name == "pending_lookups")

    assert parse_threshold("optimized.pending_lookups", "<=1").place.stage == usual_stage(lookups)

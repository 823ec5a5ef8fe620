import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from load_factory import ARMS, EQUAL, block, facts, record

from claimbench.errors import ExitCode, NothingToCompareError, UsageError
from claimbench.loadgen.load.recorder import Totals
from claimbench.reports.charts import draw_load
from claimbench.reports.judge.load_values import ALL, Wanted, paired, ratio_of
from claimbench.reports.pages.load import load_page
from claimbench.reports.pages.load_tables import operations
from claimbench.reports.record.load import BlockRecord, LoadRecord, Served, TargetRecord
from claimbench.reports.record.store import LOAD, read
from claimbench.reports.render import html, junit, markdown, terminal
from claimbench.reports.render.folder import draw_folder, write_folder
from claimbench.scenarios.metrics import LoadMetric

GOOD = record(
    facts(), response_time="p(95)<1000", ratio__response_time="p(95)<0.5", ratio__capacity="value>=3"
)


def verdict(found: LoadRecord) -> str:
    return found.verdict.value


def test_thresholds_that_hold_end_with_exit_code_0() -> None:
    assert verdict(GOOD) == "pass"
    assert GOOD.verdict.exit_code is ExitCode.OK or GOOD.verdict.exit_code == 0


def test_a_broken_threshold_ends_with_exit_code_1_and_says_what_was_measured() -> None:
    found = record(facts(), response_time="p(50)<10")

    assert (verdict(found), found.verdict.exit_code) == ("fail", 1)
    assert "naive" in found.verdict.reason


def test_an_absolute_threshold_is_held_to_the_worst_arm_unless_it_names_one() -> None:
    both = record(facts(), response_time="p(50)<20")
    one = record(facts(), **{"response_time{arm:optimized}": "p(50)<20"})

    assert (verdict(both), verdict(one)) == ("fail", "pass")


def test_a_ratio_is_judged_on_its_interval_and_not_on_its_point() -> None:
    values = paired(facts().blocks, ARMS, Wanted(LoadMetric.RESPONSE_TIME, ALL, "p95"))
    ratio = ratio_of(values)
    assert ratio
    inside = (ratio.value + ratio.ci_high) / 2

    assert verdict(record(facts(), ratio__response_time=f"p(95)<{inside}")) == "inconclusive"
    assert verdict(record(facts(), ratio__response_time=f"p(95)<{ratio.ci_high * 1.01}")) == "pass"
    assert verdict(record(facts(), ratio__response_time=f"p(95)<{ratio.ci_low * 0.99}")) == "fail"


def test_a_ratio_is_not_judged_below_six_blocks() -> None:
    few = [
        block(arm, number, mean) for number in range(5) for arm, mean in (("naive", 80), ("optimized", 10))
    ]
    found = record(facts(few), ratio__response_time="p(95)<0.5")
    values = paired(few, ARMS, Wanted(LoadMetric.RESPONSE_TIME, ALL, "p95"))
    each = [mine / other for mine, other in zip(values.candidate, values.reference, strict=True)]
    ratio = ratio_of(values)
    assert ratio

    assert (ratio.ci_low, ratio.ci_high) == pytest.approx((min(each), max(each)))
    assert (verdict(found), found.thresholds[0].value) == ("inconclusive", "inconclusive")
    assert "an interval at 95 % needs 6: take 6 or more" in found.thresholds[0].reason


def test_the_page_tells_the_level_that_its_intervals_truly_have() -> None:
    def told(blocks: int) -> str:
        asked = GOOD.asked.model_copy(update={"blocks": blocks})
        return markdown.render(load_page(GOOD.model_copy(update={"asked": asked})))

    assert "in brackets the interval at 96.9 %" in told(6)
    assert "in brackets the interval at 96.1 %" in told(8)
    assert "in brackets the lowest and the highest block" in told(5)


def test_one_block_gives_no_interval_and_an_inconclusive_ratio_with_exit_code_3() -> None:
    found = record(
        facts([block("naive", 0, 80), block("optimized", 0, 10)]), ratio__response_time="p(95)<0.5"
    )

    assert (verdict(found), found.verdict.exit_code) == ("inconclusive", 3)
    assert all(each.ratio is None for each in found.ratios)


@pytest.mark.parametrize(
    "key",
    ["response_time{operation:nothing}", "response_time{arm:nobody}", "ratio__response_time{operation:x}"],
)
def test_a_threshold_on_what_was_not_measured_fails(key: str) -> None:
    found = record(facts(), **{key: "p(95)<1000000"})

    assert (found.thresholds[0].value, found.thresholds[0].measured) == ("fail", "not measured")


@pytest.mark.parametrize(("rule", "expected"), [("value>=3", "pass"), ("value>=5", "fail")])
def test_capacities_are_compared_by_their_ratio(rule: str, expected: str) -> None:
    assert verdict(record(facts(), ratio__capacity=rule)) == expected


def test_an_operation_that_nobody_asked_for_has_no_times() -> None:
    def without_reads(each: BlockRecord) -> BlockRecord:
        unasked = Totals(["read"], 1.0).operations()
        others = [one for one in each.generated.operations if one.name != "read"]
        generated = each.generated.model_copy(update={"operations": (*others, *unasked)})
        return each.model_copy(update={"generated": generated})

    found = record(facts([without_reads(block(arm.name, 0, 80)) for arm in ARMS]))
    rows = {row[0]: row[2:] for row in operations(found).rows}

    assert rows["read"] == (*("0",) * 3, *("–",) * 6)
    assert "–" not in rows["submit"]


def test_an_unfit_generator_makes_the_run_invalid_whatever_the_thresholds_say() -> None:
    unfit = [block("naive", 0, 80), block("optimized", 0, 10, problems=("it was late",))]
    found = record(facts(unfit), response_time="p(95)<1")

    assert (verdict(found), found.verdict.exit_code) == ("invalid", 3)
    assert "it was late" in found.verdict.reason


def test_arms_that_do_not_do_the_same_work_end_with_exit_code_5() -> None:
    unequal = EQUAL.model_copy(update={"equal": False, "differences": ("row 1 differs",)})

    assert record(facts(equivalence=unequal)).verdict.exit_code == 5


def test_the_ratio_of_an_arm_that_needs_an_eighth_is_about_an_eighth() -> None:
    found = next(each for each in GOOD.ratios if each.metric == "response_time p50" and each.operation == ALL)
    assert found.ratio

    assert found.ratio.ci_low < 0.125 < found.ratio.ci_high * 1.2


def test_the_folder_reads_back_as_the_record_that_was_written(tmp_path: Path) -> None:
    write_folder(GOOD, tmp_path)

    assert read(LOAD, tmp_path) == GOOD


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_folder(GOOD, tmp_path / "a")
    draw_folder(read(LOAD, tmp_path / "a"), tmp_path / "b")
    first = {file.relative_to(tmp_path / "a"): file.read_bytes() for file in (tmp_path / "a").rglob("*.*")}
    second = {file.relative_to(tmp_path / "b"): file.read_bytes() for file in (tmp_path / "b").rglob("*.*")}

    assert {name: first[name] for name in second} == second
    assert {name.name for name in first} - {name.name for name in second} == {"load.json"}


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        ("{", UsageError, "cut off"),
        ('{"schema": "claimbench.result/1"}', NothingToCompareError, "claimbench.result/1"),
        ('{"schema": "claimbench.load/2", "blocks": 3}', UsageError, "load.json: "),
    ],
)
def test_a_file_that_is_no_load_record_is_refused_by_name(
    tmp_path: Path, content: str, error: type[Exception], told: str
) -> None:
    (tmp_path / "load.json").write_text(content)

    with pytest.raises(error, match=re.escape(told)):
        read(LOAD, tmp_path)


def test_the_page_needs_nothing_from_elsewhere_and_shows_both_arms() -> None:
    page = html.render(load_page(GOOD, draw_load(GOOD)))

    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert len(re.findall(r"<svg\b", page)) == 3
    assert "naive (reference)" in page
    assert "optimized (candidate)" in page


def test_targets_are_shown_by_their_addresses_and_without_what_nobody_sees_from_outside() -> None:
    seen = [
        capacity.model_copy(
            update={
                "points": tuple(p.model_copy(update={"end_to_end_p95_ms": None}) for p in capacity.points)
            }
        )
        for capacity in GOOD.capacities
    ]
    targets = [TargetRecord(name=arm.name, url="http://127.0.0.1:1", role=arm.role) for arm in ARMS]
    blocks = [each.model_copy(update={"served": Served()}) for each in GOOD.blocks]
    changes = {"capacities": tuple(seen), "arms": tuple(targets), "blocks": tuple(blocks), "dataset": {}}
    record_of_targets = GOOD.model_copy(update=changes)
    page, text = load_page(record_of_targets, draw_load(record_of_targets)), load_page(record_of_targets)

    assert len(re.findall(r"<svg\b", html.render(page))) == 3
    assert "http://127.0.0.1:1" in markdown.render(text)
    assert "Unfinished" not in markdown.render(text)
    assert "Dataset" not in markdown.render(text)


def test_what_a_scenario_says_is_shown_as_text_and_never_run() -> None:
    asked = GOOD.asked.model_copy(update={"title": "<script>alert(1)</script>", "why": "<b>x</b>"})
    hostile = GOOD.model_copy(update={"asked": asked})
    page, text = html.render(load_page(hostile)), markdown.render(load_page(hostile))

    assert "<script>" not in page
    assert "<b>x" not in page
    assert "<script>" not in text


def test_a_broken_threshold_is_a_failure_for_junit_and_an_unfit_generator_an_error() -> None:
    broken = record(
        facts([block("naive", 0, 80, ("late",)), block("optimized", 0, 9)]), response_time="p(50)<1"
    )
    suite = ElementTree.fromstring(junit.render(load_page(broken)))  # noqa: S314 (our own text)

    assert len(suite.findall(".//failure")) == 1
    assert len(suite.findall(".//error")) == 1


def test_the_terminal_shows_times_capacities_thresholds_and_the_verdict() -> None:
    shown = terminal.render(load_page(GOOD))

    for expected in ("p99.9", "Capacity", "ratio.capacity", "Every threshold holds (exit 0)"):
        assert expected in shown


def test_a_run_without_any_numbers_still_makes_a_page() -> None:
    empty = record(facts(equivalence=EQUAL.model_copy(update={"equal": False, "differences": ("x",)})))
    bare = empty.model_copy(update={"blocks": (), "capacities": (), "ratios": ()})

    assert "do not do the same work" in html.render(load_page(bare, draw_load(bare)))

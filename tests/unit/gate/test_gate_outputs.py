import json
from pathlib import Path

import pytest
from gate_factory import a_baseline, a_duel, a_later_run, a_run, checked, multiplied, rules
from junitparser import JUnitXml
from report_factory import WORDS

from claimbench.errors import NothingToCompareError, UsageError
from claimbench.reports.charts import draw_trend
from claimbench.reports.judge.n_plus_one import RepeatedStatement, SizedCount, grows
from claimbench.reports.judge.recheck import recheck
from claimbench.reports.pages.gate import gate_page
from claimbench.reports.pages.n_plus_one import n_plus_one_page
from claimbench.reports.pages.trend import histories, trend_page
from claimbench.reports.record.gate import GateRecord
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import GATE, read, runs_below, to_json
from claimbench.reports.render import github, html, junit, sarif, terminal
from claimbench.reports.render.folder import write_folder


def a_red_gate() -> GateRecord:
    return checked(a_later_run(multiplied("round_trips", 2)))


def test_the_terminal_says_the_verdict_its_exit_code_and_the_first_reason() -> None:
    text = terminal.render(gate_page(a_red_gate()), 200)

    assert "The gate fails (exit 1)" in text
    assert "40 -> 80" in text


def test_junit_has_a_case_for_each_comparison_and_a_failure_for_each_red() -> None:
    gate = a_red_gate()
    parsed = JUnitXml.fromstring(junit.render(gate_page(gate)).encode())

    assert (parsed.tests, parsed.failures) == (len(gate.findings), 2)


def test_junit_shows_what_could_not_be_compared_as_an_error() -> None:
    other = a_baseline().model_copy(update={"dataset_hash": "0"})
    parsed = JUnitXml.fromstring(junit.render(gate_page(checked(a_later_run(), baseline=other))).encode())

    assert parsed.errors >= 1


def test_a_red_is_annotated_and_a_green_is_not() -> None:
    assert github.annotations(gate_page(a_red_gate())).startswith("::error title=The gate fails::")
    assert github.annotations(gate_page(checked(a_later_run()))) == ""


def test_an_annotation_cannot_start_another_command() -> None:
    gate = a_red_gate()
    finding = gate.findings[0].model_copy(update={"value": "fail", "reason": "a\n::error::b 100%"})
    lines = github.annotations(gate_page(gate.model_copy(update={"findings": (finding,)}))).splitlines()

    assert len(lines) == 2
    assert "%0A::error::b 100%25" in lines[1]


def test_the_comment_begins_with_the_mark_by_which_it_is_replaced() -> None:
    text = github.comment(gate_page(a_red_gate()))

    assert text.startswith("<!-- claimbench-gate: smoke -->\n")
    assert "**fail** (exit 1)" in text


def test_a_comment_stays_below_what_github_takes() -> None:
    gate = a_red_gate()
    notes = tuple("a very long note " * 50 for _ in range(200))

    assert len(github.comment(gate_page(gate.model_copy(update={"notes": notes})))) < 65_536


def test_a_gate_reads_back_as_it_was_written(tmp_path: Path) -> None:
    gate = checked(a_later_run(), thresholds=rules(base__time_s="<1.05"), duel=a_duel())
    write_folder(gate, tmp_path)

    assert read(GATE, tmp_path) == gate
    assert {each.name for each in tmp_path.iterdir()} == {
        "gate.json",
        "junit.xml",
        "comment.md",
        "annotations.txt",
    }


def test_a_gate_of_another_schema_or_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gate.json").write_text('{"schema": "other/1"}')
    with pytest.raises(NothingToCompareError):
        read(GATE, tmp_path)

    (tmp_path / "gate.json").write_text(to_json(a_red_gate())[:500])
    with pytest.raises(UsageError, match=r"gate\.json"):
        read(GATE, tmp_path)


def test_every_verdict_follows_again_from_the_raw_samples() -> None:
    run = a_later_run()
    gate = checked(run, thresholds=rules(base__time_s="<1.05", ratio__time_s="<0.5"), duel=a_duel(1.2))
    found = recheck(run, gate)

    assert found.differences == ()
    assert found.compared > len(gate.findings)


def test_a_verdict_that_was_edited_is_found() -> None:
    run = a_later_run(multiplied("round_trips", 2))
    gate = checked(run)
    green = gate.verdict.model_copy(update={"value": "pass", "exit_code": 0})

    (difference,) = recheck(run, gate.model_copy(update={"verdict": green})).differences
    assert "the file says pass (exit 0), its samples say fail (exit 1)" in difference


def test_a_claim_that_was_edited_is_found() -> None:
    run = a_later_run()
    edited = run.claims[0].model_copy(update={"verdict": "inconclusive"})
    claims = (edited, *run.claims[1:])

    assert recheck(run.model_copy(update={"claims": claims}), None).differences


def test_a_sample_that_was_edited_is_found() -> None:
    run = a_later_run()
    samples = (run.samples[0].model_copy(update={"value": 1e6}), *run.samples[1:])

    assert recheck(run.model_copy(update={"samples": samples}), checked(run)).differences


def n_plus_one(count: int) -> RepeatedStatement:
    sizes = (SizedCount(3, 3), SizedCount(9, count))
    return RepeatedStatement("shop/orders.py", 41, "load", "SELECT 1\n FROM x", sizes)


def test_sarif_names_file_and_line_of_the_statement() -> None:
    (result,) = json.loads(sarif.render(n_plus_one_page([n_plus_one(9)], "smoke", "0.1.0", WORDS)))["runs"][
        0
    ]["results"]

    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop/orders.py"
    assert place["region"]["startLine"] == 41
    assert "9 times at 9 companies" in result["message"]["text"]


def test_sarif_without_findings_is_an_empty_list_which_closes_older_alerts() -> None:
    assert json.loads(sarif.render(n_plus_one_page([], "smoke", "0.1.0", WORDS)))["runs"][0]["results"] == []


@pytest.mark.parametrize(("count", "found"), [(9, True), (27, True), (3, False), (4, False)])
def test_only_what_grows_with_the_data_is_n_plus_one(count: int, found: bool) -> None:
    assert grows(n_plus_one(count).counts) is found


def written(folder: Path, record: ResultRecord) -> None:
    folder.mkdir()
    (folder / "results.json").write_text(to_json(record))


def test_the_trend_shows_every_run_of_a_folder_oldest_first(tmp_path: Path) -> None:
    written(tmp_path / "b", a_run())
    written(tmp_path / "a", a_later_run())
    runs = runs_below(tmp_path)
    page = html.render(trend_page(runs, draw_trend(histories(runs)), "0.1.0"))

    assert [each.started_at[:10] for each in runs] == ["2026-01-02", "2026-01-03"]
    assert page.count("<svg ") == 4
    assert "http" not in page


def test_a_trend_of_nothing_ends_with_exit_code_4(tmp_path: Path) -> None:
    with pytest.raises(NothingToCompareError) as caught:
        runs_below(tmp_path)

    assert caught.value.exit_code == 4

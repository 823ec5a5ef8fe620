"""`claimbench run` and `claimbench report`: what a newcomer sees."""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from command_line import SmokeRun, claimbench

FILES = ("results.json", "report.html", "report.md", "junit.xml")
CHARTS = ("memory", "round-trips", "time")


@pytest.fixture(scope="session")
def results(smoke: SmokeRun) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((smoke.folder / "results.json").read_text())
    return loaded


def test_a_run_ends_with_the_verdict_table_and_the_path_of_the_report(smoke: SmokeRun) -> None:
    assert smoke.ended.code in (0, 1, 3), smoke.ended.err
    assert "Verdict" in smoke.ended.out
    assert smoke.ended.out.splitlines()[-1] == f"report: {smoke.folder / 'report.html'}"


def test_a_run_writes_every_file_of_the_folder(smoke: SmokeRun) -> None:
    assert [name for name in FILES if not (smoke.folder / name).is_file()] == []
    assert len(list((smoke.folder / "charts").glob("*.svg"))) >= len(CHARTS)


def test_the_results_hold_what_anyone_needs_to_recompute_them(results: dict[str, Any]) -> None:
    keys = {"schema", "scenario", "environment", "dataset", "arms", "equivalence", "samples", "metrics"}

    assert keys | {"claims", "verdict"} <= results.keys()
    assert results["schema"] == "claimbench.result/2"


def test_at_least_nine_claims_have_verdicts_and_reasons(results: dict[str, Any]) -> None:
    judged = [claim for claim in results["claims"] if claim["verdict"] and claim["reason"]]

    assert len(judged) >= 9
    assert {claim["verdict"] for claim in judged} <= {"holds", "exceeded", "refuted", "inconclusive"}


def test_time_is_measured_in_more_than_one_block(results: dict[str, Any]) -> None:
    blocks = {sample["block"] for sample in results["samples"] if sample["metric"] == "time"}

    assert len(blocks) > 1


def test_the_arms_did_the_same_work(results: dict[str, Any]) -> None:
    assert results["equivalence"]["equal"]
    assert results["equivalence"]["api_requests_compared"] > 0


def counts(results: dict[str, Any], metric: str) -> dict[tuple[str, int, str], float]:
    return {
        (sample["arm"], sample["size"], sample["stage"]): sample["value"]
        for sample in results["samples"]
        if sample["metric"] == metric
    }


def test_the_client_and_the_server_counted_the_same_executions(results: dict[str, Any]) -> None:
    client, server = counts(results, "logical_executions"), counts(results, "server_executions")

    assert client
    assert client == server


def test_the_naive_arm_grows_with_companies_and_the_optimized_arm_does_not(results: dict[str, Any]) -> None:
    by_arm = defaultdict(list)
    for (arm, companies, stage), value in counts(results, "pending_lookups").items():
        if stage == "create_batches":
            by_arm[arm].append((companies, value))

    assert [value for _, value in sorted(by_arm["naive"])] == [2, 6]
    assert [value for _, value in sorted(by_arm["optimized"])] == [1, 1]


def test_the_report_names_the_server_that_it_used(smoke: SmokeRun, results: dict[str, Any]) -> None:
    server = results["environment"]["server"]

    assert re.match(r"PostgreSQL \d+", server)
    assert server in (smoke.folder / "report.md").read_text()


def test_the_folder_holds_no_password(smoke: SmokeRun) -> None:
    texts = [(smoke.folder / name).read_text() for name in FILES]

    assert not [text for text in texts if re.search(r"://[^/\s:]+:(?!\*\*\*)[^@\s]+@", text)]


def test_the_pages_are_drawn_again_from_the_results_byte_for_byte(smoke: SmokeRun, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes((smoke.folder / "results.json").read_bytes())

    ended = claimbench("report", str(tmp_path), cwd=tmp_path)

    assert ended.code == 0
    drawn = [path.relative_to(smoke.folder) for path in smoke.folder.rglob("*") if path.is_file()]
    assert [
        name for name in drawn if (tmp_path / name).read_bytes() != (smoke.folder / name).read_bytes()
    ] == []


def test_a_folder_with_results_is_not_overwritten(smoke: SmokeRun) -> None:
    before = (smoke.folder / "results.json").read_bytes()

    ended = claimbench("run", "smoke", "--out", str(smoke.folder), cwd=smoke.folder)

    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "already holds a results.json" in ended.err
    assert (smoke.folder / "results.json").read_bytes() == before


@pytest.mark.whole
@pytest.mark.parametrize(
    ("arm", "difference"),
    [
        ("wrong_arms:EmptyPrompts", r"batch request \w+-\d+: the body of \d+ characters with naive"),
        ("wrong_arms:SkipsErrorFile", r"request \d+: status=.*BATCHING_IN_PROGRESS with SkipsErrorFile"),
    ],
)
def test_an_arm_that_does_other_work_ends_with_exit_5_and_its_first_difference(
    arm: str, difference: str, tmp_path: Path
) -> None:
    arguments = ("--arms", f"naive,{arm}", "--database", "embedded", "--out", "report")

    ended = claimbench("run", "smoke", *arguments, cwd=tmp_path)

    assert ended.code == 5, ended.err
    assert re.search(difference, ended.out.replace("\n", " "))
    record = json.loads((tmp_path / "report" / "results.json").read_text())
    assert record["samples"] == []
    assert any(re.search(difference, line) for line in record["equivalence"]["differences"][:5])


@pytest.mark.whole
def test_an_arm_that_raises_is_named_with_its_stage_and_its_own_traceback(tmp_path: Path) -> None:
    arguments = ("--arms", "naive,wrong_arms:Raises", "--database", "embedded", "--out", "report")

    ended = claimbench("run", "smoke", *arguments, cwd=tmp_path)

    assert ended.code == 3
    told = "claimbench: arm Raises, check_statuses: raised LookupError: no status at 12:00 ("
    assert ended.err.splitlines()[-1].startswith(told)
    assert re.findall(r'File ".*?([^/]+)", line', ended.err) == ["wrong_arms.py"]
    assert not (tmp_path / "report").exists()


@pytest.mark.whole
def test_a_terminal_that_is_not_utf_8_gets_plainer_signs(tmp_path: Path) -> None:
    arguments = ("--arms", "naive,wrong_arms:EmptyPrompts", "--database", "embedded", "--out", "report")

    ended = claimbench(
        "run", "smoke", *arguments, cwd=tmp_path, environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )

    assert (ended.code, ended.err) == (5, "")
    assert ended.out.isascii()
    assert ended.out.splitlines()[-1] == "report: report/report.html"

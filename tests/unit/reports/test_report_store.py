import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claimbench.errors import ClaimbenchError, ExitCode, UsageError
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import RUN, read, to_json, write_text

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def results(record: ResultRecord, tmp_path: Path) -> Path:
    write_text(tmp_path / "results.json", to_json(record))
    return tmp_path / "results.json"


def refusal(path: Path) -> ClaimbenchError:
    with pytest.raises(ClaimbenchError) as caught:
        read(RUN, path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def edited(results: Path, edit: Edit) -> Path:
    content = json.loads(results.read_text())
    edit(content)
    results.write_text(json.dumps(content))
    return results


def test_a_record_reads_back_as_it_was_written(record: ResultRecord, results: Path) -> None:
    assert read(RUN, results) == record


@pytest.mark.parametrize(("note", "key"), [("a sort", True), ("", False)])
def test_a_note_is_in_the_file_only_where_there_is_one(record: ResultRecord, note: str, key: bool) -> None:
    first = record.samples[0].model_copy(update={"note": note})
    written = json.loads(to_json(record.model_copy(update={"samples": (first,)})))

    assert ("note" in written["samples"][0]) is key


def test_a_folder_stands_for_the_results_in_it(record: ResultRecord, results: Path) -> None:
    assert read(RUN, results.parent) == record


def test_the_file_names_its_schema_and_every_key_that_others_rely_on(results: Path) -> None:
    content = json.loads(results.read_text())

    assert content["schema"] == "claimbench.result/2"
    assert set(content) >= {
        "scenario",
        "environment",
        "dataset",
        "arms",
        "equivalence",
        "samples",
        "metrics",
        "claims",
        "verdict",
    }
    assert set(content["samples"][0]) == {
        "arm",
        "block",
        "stage",
        "metric",
        "unit",
        "value",
        "rtt_ms",
        "size",
    }
    assert set(content["claims"][0]) >= {"id", "source", "metric", "claimed", "measured", "verdict", "reason"}
    assert set(content["metrics"][0]["reduction"]) == {"value", "ci_low", "ci_high"}


def test_a_file_that_was_cut_off_is_refused_with_exit_code_2(results: Path) -> None:
    results.write_bytes(results.read_bytes()[:-300])

    assert refusal(results).exit_code == ExitCode.USAGE


def test_a_write_that_is_interrupted_leaves_the_old_file_and_no_other(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    before = results.read_bytes()
    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(results, "{}")

    assert [*results.parent.iterdir()] == [results]
    assert results.read_bytes() == before


def test_a_missing_file_is_refused_with_exit_code_2(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.json").exit_code == ExitCode.USAGE


@pytest.mark.parametrize("content", ["[]", "{}", "3", '{"schema": "claimbench.result/1"}', '{"schema": 1}'])
def test_a_file_of_another_schema_or_program_is_refused_with_exit_code_4(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)

    assert refusal(path).exit_code == ExitCode.NOTHING_TO_COMPARE


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        (lambda content: content["samples"][2].update(value=float("nan")), "samples[2].value"),
        (lambda content: content["samples"][0].update(value="many"), "samples[0].value"),
        (lambda content: content["samples"][0].pop("arm"), "samples[0].arm"),
        (lambda content: content.update(surprise=1), "surprise"),
        (lambda content: content["claims"][1].update(verdict="maybe"), "claims[1].verdict"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_exit_code_2(results: Path, edit: Edit, key: str) -> None:
    error = refusal(edited(results, edit))

    assert error.exit_code == ExitCode.USAGE
    assert key in str(error)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_scrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.md"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="no space left on device") as caught:
        write_text(path, "new")

    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.md"]


def test_a_folder_that_is_a_file_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        write_text(tmp_path / "file" / "results.json", "{}")

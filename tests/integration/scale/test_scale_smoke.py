"""`claimbench scale` at its smallest: both arms and the limit do the same work, and a dead arm is told."""

import json
import signal
from itertools import islice
from pathlib import Path

import pytest
from command_line import begun, claimbench, told_to_end

pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("files_in_memory")]


def test_a_scale_report_holds_every_point_and_proves_the_same_work_of_the_limit(tmp_path: Path) -> None:
    points = ("--points", "3x12,6x6")
    ended = claimbench("scale", "smoke", *points, "--out", "out", "--database", "embedded", cwd=tmp_path)
    record = json.loads((tmp_path / "out" / "scale.json").read_text())
    naive, optimized = (point for point in record["points"] if point["size"] == 3)
    free = [turn for turn in record["turns"] if turn["service"] == "none"]

    assert ended.code == 0, ended.err
    assert (naive["arm"], naive["size"], naive["requests"]) == ("naive", 3, 36)
    assert 0 < optimized["round_trips"] < naive["round_trips"]
    assert min(optimized["seconds"], optimized["peak_memory_bytes"]) > 0
    assert {turn["arm"] for turn in record["turns"]} == {"naive", "optimized", "limit"}
    assert {turn["size"] for turn in free if turn["arm"] == "limit"} == {3, 6}
    assert [len({turn["left"] for turn in free if turn["size"] == size}) for size in (3, 6)] == [1, 1]
    assert (tmp_path / "out" / "report.html").is_file()


def test_an_arm_that_fails_leaves_the_others(tmp_path: Path) -> None:
    arms = ("--arms", "optimized,loud_arms:Failing")
    ended = claimbench(
        "scale", "smoke", "--points", "3x12", "--parts", "points", *arms, "--out", "out", cwd=tmp_path
    )
    record = json.loads((tmp_path / "out" / "scale.json").read_text())

    assert ended.code == 3, ended.err
    assert [point["arm"] for point in record["points"]] == ["optimized"]
    assert "Failing" in record["failures"][0]["what"]
    assert record["failures"][0]["reason"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_is_told_to_end_writes_what_was_measured(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    words = ("scale", "smoke", "--points", "2x5,2x6", "--parts", "points", "--database", "embedded")
    arms = ("--arms", "optimized,optimized", "--out", "out")
    with begun(*words, *arms, cwd=tmp_path, environment={"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout
        begun_points = [*islice((line for line in process.stdout if ", points" in line), 2)]
        ended, _ = told_to_end(process, number)
    record = json.loads((tmp_path / "out" / "scale.json").read_text())

    assert len(begun_points) == 2
    assert (ended.code, record["interrupted"]) == (code, True)
    assert record["points"]

import json
from pathlib import Path

import pytest
from command_line import claimbench


@pytest.mark.whole
def test_an_arm_that_dies_after_the_oracle_looked_ends_with_exit_5_and_the_round_named(
    tmp_path: Path,
) -> None:
    arguments = ("--arms", "naive,wrong_arms:DiesLater", "--database", "embedded", "--out", "report")

    counted = {"COUNTED_IN": str(tmp_path / "counted")}
    ended = claimbench("run", "smoke", *arguments, cwd=tmp_path, environment=counted)

    assert ended.code == 5, ended.err
    record = json.loads((tmp_path / "report" / "results.json").read_text())
    assert record["samples"] == []
    assert "timing, block 0: DiesLater at" in " ".join(record["equivalence"]["differences"])

"""`claimbench verify`: what the author of a pipeline is told."""

from pathlib import Path

import pytest
from command_line import claimbench

pytestmark = pytest.mark.whole


def test_what_a_pipeline_raises_is_told_beside_what_is_violated(tmp_path: Path) -> None:
    arguments = ("--seeds", "1", "--jobs", "1", "--database", "embedded")

    ended = claimbench("verify", "wrong_arms:Raises", *arguments, cwd=tmp_path)

    assert ended.code == 5
    assert "violated: a request that got its answer is complete" in ended.out
    assert "raised: check_statuses of scheduler 99: LookupError: no status at " in ended.out


def test_a_pipeline_beside_the_command_is_found(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("from claimbench.impl.optimized import OptimizedPipeline as Mine\n")
    arguments = ("--seeds", "2", "--jobs", "2", "--database", "embedded")

    ended = claimbench("verify", "beside:Mine", *arguments, cwd=tmp_path)

    assert ended.code == 0, ended.err + ended.out

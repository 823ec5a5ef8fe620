"""A whole run on a Postgres in a container."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import claimbench


def engine_is_missing() -> str:
    if shutil.which("docker") is None:
        return "there is no docker command here"
    asked = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    return "" if asked.returncode == 0 else "no container engine answers"


MISSING = engine_is_missing()


@pytest.mark.whole
@pytest.mark.docker
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_the_smoke_scenario_runs_in_a_container_and_the_report_names_its_server(tmp_path: Path) -> None:
    words = ("run", "smoke", "--database", "container", "--out", "report")
    ended = claimbench(*words, cwd=tmp_path, environment={"DOCKER_HOST": os.environ.get("DOCKER_HOST", "")})

    if "pulled" in ended.err:
        pytest.skip(ended.err.strip())
    assert ended.code in (0, 1, 3), ended.err
    record = json.loads((tmp_path / "report" / "results.json").read_text())
    assert record["environment"]["database_kind"] == "container"
    assert record["environment"]["server"] in (tmp_path / "report" / "report.md").read_text()

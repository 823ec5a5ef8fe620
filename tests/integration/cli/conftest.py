"""One smoke run for all tests that look at its folder."""

import pytest
from command_line import SmokeRun, claimbench


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    folder = tmp_path_factory.mktemp("smoke")
    ended = claimbench(
        *("run", "smoke", "--database", "embedded", "--out", str(folder / "report")),
        cwd=folder,
        environment={"PYTEST_ADDOPTS": "--meant-for-the-users-own-tests"},
    )
    return SmokeRun(ended, folder / "report")

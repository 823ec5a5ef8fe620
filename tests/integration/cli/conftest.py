"""One smoke run for all tests that look at its folder."""

import pytest
from command_line import SmokeRun, claimbench

BEHIND_A_PROXY = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
}
"""No proxy answers there."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who looks at the smoke run looks at one, in one process; it calibrates a network."""
    for item in items:
        if "smoke" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alone)
            item.add_marker(pytest.mark.xdist_group("smoke run"))


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> SmokeRun:
    """Run as people do: behind a proxy, which is not needed here, and with options for their own tests."""
    folder = tmp_path_factory.mktemp("smoke")
    ended = claimbench(
        *("run", "smoke", "--database", "embedded", "--out", str(folder / "report")),
        cwd=folder,
        environment={**BEHIND_A_PROXY, "PYTEST_ADDOPTS": "--meant-for-the-users-own-tests"},
    )
    return SmokeRun(ended, folder / "report")

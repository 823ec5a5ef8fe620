"""What runs before a commit is what runs in CI: the same tools, at the same versions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()
LOCK = (ROOT / ".ci/constraints.txt").read_text().splitlines()


def test_every_hook_has_its_tool_at_the_version_of_the_lock() -> None:
    pins = set(re.findall(r"additional_dependencies: \[(.*)\]", HOOKS))

    assert pins
    assert pins <= set(LOCK)


def test_every_hook_is_our_own_so_nothing_is_fetched_but_packages() -> None:
    assert re.findall(r"- repo: (.*)", HOOKS) == ["local"]

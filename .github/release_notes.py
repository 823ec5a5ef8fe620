"""Prints the changelog's section of a version: python .github/release_notes.py v0.1.0"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def notes(changelog: str, version: str) -> str:
    """What stands under `## VERSION`, whatever follows the number. `ValueError` if nothing does."""
    found = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE
    )
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md: has no section ## {version}; rename ## Unreleased before you tag")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(notes(CHANGELOG.read_text(), sys.argv[1].removeprefix("v")))
    except ValueError as error:
        sys.exit(str(error))

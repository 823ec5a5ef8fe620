"""A suite of a user's, in a pytest of its own."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

DOUBLES = Path(__file__).parent
WORDS = ("-q", "-p", "no:cacheprovider", "-o", "filterwarnings=ignore")


def suite(file: Path, folder: Path, *words: str) -> dict[str, str]:
    """The failure of each test, empty for those that passed."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", str(file), "--rootdir", str(folder), *WORDS]
    command += [f"--junitxml={report}", *words]
    subprocess.run(command, check=False, capture_output=True, cwd=folder, timeout=300)
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 (pytest wrote it)
    return {case.get("name", ""): "".join(each.text or "" for each in case.iter("failure")) for case in cases}

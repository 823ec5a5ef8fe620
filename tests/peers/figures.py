"""What was measured, as values; and the two files that tell it."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

WORDS = {
    "claim and complete": "rows that are claimed and completed in a second; more is better",
    "counting probe": "what counting adds to a small statement, in microseconds; less is better",
    "seeding": "rows that are written in a second; more is better",
}


@dataclass(frozen=True)
class Figure:
    """One number of one program."""

    group: str
    name: str
    value: float
    unit: str


def write(figures: Sequence[Figure], folder: Path) -> None:
    """`peers.json` for programs and `peers.md` for people."""
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    cores, load = os.cpu_count() or 1, round(os.getloadavg()[2], 1)
    told = {
        "version": 1,
        "taken_at": taken_at,
        "python": platform.python_version(),
        "cores": cores,
        "load": load,
        "figures": [asdict(one) for one in figures],
    }
    (folder / "peers.json").write_text(json.dumps(told, indent=1) + "\n")
    lines = [
        "# Beside others",
        "",
        "Written by `nox -s peers`, which installs each program from its registry and measures all on",
        f"one server, three times; these are the medians. Taken on {taken_at[:10]}, with Python",
        f"{platform.python_version()}.",
    ]
    if load > cores:
        busy = f"The machine was busy (load {load} on {cores} cores)"
        lines += ["", f"**{busy}: measure again before you conclude anything.**"]
    for group, words in WORDS.items():
        rows = [one for one in figures if one.group == group]
        lines += ["", f"## {group.capitalize()}", "", f"{words.capitalize()}.", ""]
        lines += [f"| program | {rows[0].unit if rows else ''} |", "|---|---|"]
        lines += [f"| {one.name} | {one.value:,.1f} |" for one in rows]
    (folder / "peers.md").write_text("\n".join(lines) + "\n")

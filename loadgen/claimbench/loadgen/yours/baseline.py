"""What is known to grow or to repeat: a file that is committed, each entry with a reason and an expiry."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

LIFE = timedelta(days=180)
REASON = "found when collected; say why it may stay, or mend it"


@dataclass(slots=True)
class KnownFindings:
    """The findings of a session, beside those of the baseline."""

    file: Path
    collects: bool
    known: dict[tuple[str, str], dict[str, str]]
    found: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, config: pytest.Config) -> "KnownFindings":
        """As the command line says; `pytest.UsageError` for a baseline that cannot be read."""
        file = config.rootpath / str(config.getoption("claimbench_baseline"))
        try:
            rows = json.loads(file.read_text()) if file.exists() else []
            known = {(row["test"], row["finding"]): row for row in rows}
            for row in rows:
                date.fromisoformat(row["expires"])
        except (ValueError, TypeError, KeyError) as error:
            raise pytest.UsageError(f"{file.name}: is no baseline ({error}); collect it anew") from None
        return cls(file, bool(config.getoption("claimbench_collect")), known)

    def accept(self, test: str, keys: tuple[str, ...]) -> bool:
        """Note what a test has; whether all of it may be there: it is collected, or known and not expired."""
        numbered = [(test, key) for key in keys]
        self.found.update(numbered)
        today = datetime.now(UTC).date()
        return self.collects or all(
            each in self.known and date.fromisoformat(self.known[each]["expires"]) >= today
            for each in numbered
        )

    def rows(self) -> list[list[str]]:
        """What was found, for the controller of xdist."""
        return [list(each) for each in self.found]

    def take_over(self, rows: list[list[str]]) -> None:
        """What a worker found."""
        self.found.update((test, key) for test, key in rows)

    def close(self) -> None:
        """Write the baseline, if it is to be collected; reasons and expiries of what stays are kept."""
        if not self.collects:
            return
        expires = (datetime.now(UTC).date() + LIFE).isoformat()
        rows: list[Any] = [
            self.known.get(each, {"test": each[0], "finding": each[1], "reason": REASON, "expires": expires})
            for each in sorted(self.found)
        ]
        self.file.write_text(json.dumps(rows, indent=1) + "\n")

    def summary(self) -> list[str]:
        """What was written, or what is fixed by now."""
        if self.collects:
            return [f"{len(self.found)} findings written to {self.file.name}"]
        fixed = [each for each in self.known if each not in self.found]
        return [f"fixed, take it out of {self.file.name}: {test}: {key[:120]}" for test, key in fixed]

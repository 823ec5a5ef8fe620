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
    ran: set[str] = field(default_factory=set)
    """Tests of this session; of the others nothing is known, so their entries stay."""

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

    def refuse(self, test: str, keys: tuple[str, ...]) -> list[str] | None:
        """Note what a test has. None if all of it may be there; else what there is to say of its entries."""
        numbered = [(test, key) for key in keys]
        self.found.update(numbered)
        if self.collects:
            return None
        today = datetime.now(UTC).date()
        expired = [
            f"known, but that expired on {self.known[each]['expires']} ({self.known[each]['reason']})"
            for each in numbered
            if each in self.known and date.fromisoformat(self.known[each]["expires"]) < today
        ]
        return expired if expired or any(each not in self.known for each in numbered) else None

    def rows(self) -> list[list[str]]:
        """The tests that ran, and what was found in them, for the controller of xdist."""
        return [*([test] for test in self.ran), *(list(each) for each in self.found)]

    def take_over(self, rows: list[list[str]]) -> None:
        """What a worker found."""
        self.ran.update(row[0] for row in rows if len(row) == 1)
        self.found.update((row[0], row[1]) for row in rows if len(row) == 2)

    def close(self) -> None:
        """Write the baseline, if it is to be collected; reasons and expiries of what stays are kept."""
        if not self.collects:
            return
        expires = (datetime.now(UTC).date() + LIFE).isoformat()
        rows: list[Any] = [
            self.known.get(each, {"test": each[0], "finding": each[1], "reason": REASON, "expires": expires})
            for each in sorted({*self.found, *(each for each in self.known if each[0] not in self.ran)})
        ]
        self.file.write_text(json.dumps(rows, indent=1) + "\n")

    def summary(self) -> list[str]:
        """What was written, or what is fixed by now."""
        if self.collects:
            return [f"{len(self.found)} findings written to {self.file.name}"]
        fixed = [each for each in self.known if each[0] in self.ran and each not in self.found]
        return [f"fixed, take it out of {self.file.name}: {test}: {key[:120]}" for test, key in fixed]

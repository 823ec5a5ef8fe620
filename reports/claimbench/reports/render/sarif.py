"""N+1 findings as SARIF 2.1.0, with the file and line that sent the statement, for code scanning."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RULE = "claimbench/n-plus-one"
MOST_RESULTS = 100


@dataclass(frozen=True, slots=True)
class SizedCount:
    """How often a line sent a statement in one run of the workload, with this many companies."""

    companies: int
    count: int


@dataclass(frozen=True, slots=True)
class RepeatedStatement:
    """A statement whose number grows with the data, and the line that it comes from.

    file: relative to the repository's root, with forward slashes. counts: at two sizes or more, ascending.
    """

    file: str
    line: int
    function: str
    statement: str
    counts: tuple[SizedCount, ...]

    @property
    def message(self) -> str:
        """What happened and what to do, in a sentence."""
        told = ", ".join(f"{each.count} times at {each.companies} companies" for each in self.counts)
        return (
            f"This statement is sent {told}: it grows with the data. Fetch or write all rows in one "
            f"statement. SQL: {' '.join(self.statement.split())[:300]}"
        )


def grows(counts: Sequence[SizedCount]) -> bool:
    """Whether there are more at the largest size than at the smallest, by half of their ratio at least."""
    if len(counts) < 2 or counts[0].count == 0:
        return False
    by_size = counts[-1].companies / counts[0].companies
    return counts[-1].count / counts[0].count >= 1 + (by_size - 1) / 2 and counts[-1].count > 2


def render(found: Sequence[RepeatedStatement], version: str) -> str:
    """The SARIF file; without findings an empty list of results, which closes earlier alerts."""
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "claimbench", "version": version, "rules": [_RULE]}},
                "columnKind": "unicodeCodePoints",
                "results": list(_results(found[:MOST_RESULTS])),
            }
        ],
    }
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


_RULE = {
    "id": RULE,
    "name": "NPlusOne",
    "shortDescription": {"text": "A statement is sent once for each row or tenant"},
    "fullDescription": {
        "text": "The number of executions of one statement from one line grows with the data."
    },
    "help": {"text": "Read with a join or IN, write with one set-based statement, or stream once."},
    "defaultConfiguration": {"level": "warning"},
}


def _results(found: Sequence[RepeatedStatement]) -> Iterator[dict[str, object]]:
    for each in found:
        yield {
            "ruleId": RULE,
            "ruleIndex": 0,
            "level": "warning",
            "message": {"text": each.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": each.file, "uriBaseId": "%SRCROOT%"},
                        "region": {"startLine": each.line},
                    },
                    "logicalLocations": [{"name": each.function, "kind": "function"}],
                }
            ],
            # The line moves with every edit above it; the place and the words of the SQL do not.
            "partialFingerprints": {"claimbench/v1": _fingerprint(each)},
        }


def _fingerprint(each: RepeatedStatement) -> str:
    return f"{each.file}:{each.function}:{' '.join(each.statement.split())[:120]}"

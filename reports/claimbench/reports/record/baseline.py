"""The committed baseline: small, readable in a diff, changed on purpose only."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from claimbench.errors import ClaimbenchError, NotEquivalentError, NothingToCompareError, UsageError
from claimbench.reports.judge.counters import NOT_PORTABLE, Reading, counters_of
from claimbench.reports.record.gate import BASELINE_SCHEMA, Baseline, CounterEntry
from claimbench.reports.record.run import ResultRecord
from claimbench.reports.record.store import write_text


def run_digest(record: ResultRecord) -> str:
    """Which run this is: a digest of its start and of all its samples."""
    samples = "".join(sample.model_dump_json() for sample in record.samples)
    return hashlib.sha256(f"{record.started_at}{samples}".encode()).hexdigest()


def baseline_of(record: ResultRecord, reason: str) -> Baseline:
    """The counters of a run whose arms did the same work.

    Raises `NotEquivalentError` (exit 5) if they did not, `NothingToCompareError` (exit 4) without counters.
    """
    if not record.equivalence.equal:
        raise NotEquivalentError(
            "the arms do not do the same work", where=record.scenario.name, remedy="save a run whose arms do"
        )
    counters = entries_of(counters_of(record))
    if not any(entry.high for entry in counters):
        raise NothingToCompareError(
            "the run counted nothing", where=record.scenario.name, remedy="run with the counting pass"
        )
    return Baseline(
        claimbench=record.claimbench,
        scenario=record.scenario.name,
        scenario_sha256=record.scenario.sha256,
        dataset_hash=dataset_hash(record),
        run=run_digest(record),
        saved_at=record.started_at,
        reason=reason,
        counters=counters,
    )


def entries_of(readings: Sequence[Reading]) -> tuple[CounterEntry, ...]:
    """What a baseline keeps of counters: those that are the same on every machine."""
    return tuple(each.entry for each in readings if each.metric not in NOT_PORTABLE)


def dataset_hash(record: ResultRecord) -> str:
    """What the data were made of."""
    return str(record.dataset.get("hash", ""))


def to_text(baseline: Baseline) -> str:
    """JSON with a line for each counter, so that a diff shows which ones changed."""
    table = baseline.model_dump(by_alias=True, mode="json")
    counters = table.pop("counters")
    head = json.dumps(table, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in counters)
    return f'{head},\n "counters": [\n  {lines}\n ]\n}}\n'


def write_baseline(baseline: Baseline, file: Path) -> None:
    """Write the whole file or nothing; `UsageError` (exit 2) if it cannot be written."""
    write_text(file, to_text(baseline))


def read_baseline(file: Path) -> Baseline:
    """The baseline in a file.

    Raises `NothingToCompareError` (exit 4) if there is none, if it is empty, or of another schema, and
    `UsageError` (exit 2) if it is cut off or a value was edited into something impossible.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NothingToCompareError(
            f"there is no baseline to read ({reason})",
            where=str(file),
            remedy="save one with: claimbench baseline save RESULTS",
        ) from None
    _refuse_foreign(content, file)
    try:
        baseline = Baseline.model_validate_json(content)
    except ValidationError as error:
        raise _explained(error, file) from None
    return _sound(baseline, file)


def _refuse_foreign(content: bytes, file: Path) -> None:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise UsageError(
            f"is no JSON, or cut off: {error}", where=str(file), remedy="restore it from version control"
        ) from None
    schema = parsed.get("schema") if isinstance(parsed, dict) else None
    if schema != BASELINE_SCHEMA:
        raise NothingToCompareError(
            f"is of schema {schema!r}, not {BASELINE_SCHEMA!r}",
            where=f"{file}: schema",
            remedy="save it anew with: claimbench baseline save RESULTS",
        )


def _sound(baseline: Baseline, file: Path) -> Baseline:
    for position, entry in enumerate(baseline.counters):
        if not 0 <= entry.low <= entry.high:
            raise UsageError(
                f"{entry.low:g} to {entry.high:g} is no count",
                where=f"{file}: counters[{position}]",
                remedy="restore it from version control, or promote a run",
            )
    if not any(entry.high for entry in baseline.counters):
        raise NothingToCompareError(
            "holds no counter, or zeros only",
            where=str(file),
            remedy="save a real one with: claimbench baseline save RESULTS",
        )
    return baseline


def _explained(error: ValidationError, file: Path) -> ClaimbenchError:
    first = error.errors()[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    what = first["msg"][:1].lower() + first["msg"][1:]
    return UsageError(what, where=f"{file}: {key}", remedy="restore it from version control")

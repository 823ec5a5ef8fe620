"""A folder that outlives the server: a log of what came to be, and the uploads beside it.

Each record is one line, written in one call before the client hears of it, so that a killed server has lost
nothing that it told anybody. Results are not stored: they are made again from the uploads, byte for byte.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.batches import Batch, BatchOrder, Status, Step, Timeline
from claimbench.loadgen.fake_openai.blobs import Blob
from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.fault_injection import ActiveFaults
from claimbench.loadgen.fake_openai.faults import Fault
from claimbench.loadgen.fake_openai.file_store import StoredFile
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.line_index import LineIndexer
from claimbench.loadgen.fake_openai.validation import LineProblem
from claimbench.loadgen.fake_openai.wire import JsonObject
from claimbench.loadgen.fake_openai.work import BatchLines, Rest

VERSION = 1


@dataclass(frozen=True, slots=True)
class StateOf:
    """What the answers of a state folder depend on: a server with other ones cannot go on with it."""

    seed: int
    fixtures: str


class StateFolder:
    """The log and the uploads of one server, which holds its lock as long as it runs."""

    def __init__(self, path: Path, owner: StateOf) -> None:
        self.path, self.salt, self.last_at = path, secrets.token_hex(8), 0.0
        self.records: list[JsonObject] = []
        try:
            (path / "files").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(
                f"cannot be used ({error.strerror})", where=str(path), remedy="name a folder"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise UsageError(
                "another server uses this state", where=str(path), remedy="end it, or name another folder"
            ) from error
        self._log = os.open(path / "state.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._open: tuple[int, ...] = (self._log, self._lock)
        self._read(owner)

    @property
    def uploads(self) -> Path:
        """Where uploads are stored."""
        return self.path / "files"

    def _read(self, owner: StateOf) -> None:
        """Read the log; a last line that was cut off, which nobody was told of, is taken away."""
        raw = (self.path / "state.jsonl").read_bytes()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            os.ftruncate(self._log, whole)
        if not whole:
            head = {"version": VERSION, "seed": owner.seed, "fixtures": owner.fixtures, "salt": self.salt}
            self.note(head, 0.0)
            return
        try:
            head, *records = [orjson.loads(line) for line in raw[:whole].split(b"\n") if line]
            found, self.salt = head["version"], str(head["salt"])
            made_by = StateOf(head["seed"], head["fixtures"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._refused("this is no state folder of the fake OpenAI") from error
        if found != VERSION:
            raise self._refused(f"its state has version {found!r}, and this program writes {VERSION}")
        if made_by != owner:
            what = "seed" if made_by.seed != owner.seed else "fixtures"
            raise self._refused(f"its state was made with another {what}")
        self.records = records
        self.last_at = max((record.get("at", 0.0) for record in records), default=0.0)

    def _refused(self, what: str) -> UsageError:
        self.close()
        return UsageError(what, where=str(self.path), remedy="use the same again, or name another folder")

    def note(self, record: JsonObject, now: float) -> None:
        """Add a record."""
        os.write(self._log, orjson.dumps({**record, "at": now}) + b"\n")

    def close(self) -> None:
        """Let go of the folder; once more does nothing."""
        open_files, self._open = self._open, ()
        for descriptor in open_files:
            os.close(descriptor)

    def stray(self, used: set[str]) -> Iterator[Path]:
        """Uploads that no record names: what came in when the server was killed."""
        return (path for path in self.uploads.iterdir() if path.name not in used)


def file_record(file: StoredFile) -> JsonObject:
    """An upload, for the log."""
    content = file.blob()
    return {
        "file": file.id,
        "number": file.number,
        "filename": file.filename,
        "purpose": file.purpose,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "content": content.path.name,
        "size": content.size,
        "processed_at": file.processed_at,
        "dialect": file.dialect,
    }


def file_of(record: JsonObject, uploads: Path, limits: Limits) -> StoredFile | None:
    """The upload of a record; None when its content is gone, since it was deleted later."""
    path = uploads / record["content"]
    if not path.exists():
        return None
    content, lines = Blob(path, record["size"]), None
    dialect = Dialect(record.get("dialect", limits.dialect))
    content.keep()
    if record["purpose"] == "batch":
        lines = BatchLines(content, LineIndexer(replace(limits, dialect=dialect)).index(content.chunks()))
    return StoredFile(
        record["file"],
        record["number"],
        record["filename"],
        record["purpose"],
        record["created_at"],
        record["expires_at"],
        content,
        lines,
        processed_at=record["processed_at"],
        dialect=dialect,
    )


def batch_record(batch: Batch, files_upto: int) -> JsonObject:
    """A batch, for the log; `files_upto` is the last number that a file has got by now."""
    work = batch.work
    return {
        "batch": batch.id,
        "number": batch.number,
        "files_upto": files_upto,
        "order": asdict(batch.order),
        "created_at": batch.created_at,
        "steps": [[step.at, step.status] for step in batch.timeline.steps],
        "work_s": batch.timeline.work_s if batch.timeline.work_s < float("inf") else None,
        "problems": [asdict(problem) for problem in batch.problems],
        "faults": _shown_faults(batch.faults),
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "work": None
        if work is None
        else {
            "rest": asdict(work.rest) if work.rest else None,
            "failed_line_rate": work.model.failed_line_rate,
            "line_faults": {str(place): _shown_faults(one) for place, one in work.active_faults.items()},
        },
    }


def batch_of(record: JsonObject) -> Batch:
    """The batch of a record, still without its work."""
    work_s = record["work_s"]
    steps = tuple(Step(at, Status(status)) for at, status in record["steps"])
    return Batch(
        record["batch"],
        record["number"],
        BatchOrder(**record["order"]),
        record["created_at"],
        Timeline(steps, float("inf") if work_s is None else work_s),
        tuple(LineProblem(**problem) for problem in record["problems"]),
        output_file_id=record["output_file_id"],
        error_file_id=record["error_file_id"],
        faults=_active_faults(record["faults"]),
    )


def rest_of(work: JsonObject) -> Rest | None:
    """Why the lines of a batch were left unfinished."""
    return Rest(**work["rest"]) if work["rest"] else None


def line_faults_of(work: JsonObject) -> dict[int, ActiveFaults]:
    """The faults that befell the lines of a batch."""
    return {int(place): _active_faults(shown) for place, shown in work["line_faults"].items()}


def _shown_faults(active: ActiveFaults) -> list[JsonObject]:
    return [fault.model_dump(mode="json") for fault in active.faults]


def _active_faults(shown: list[Any]) -> ActiveFaults:
    return ActiveFaults(tuple(Fault.model_validate(one) for one in shown))

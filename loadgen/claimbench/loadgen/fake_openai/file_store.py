"""Files: upload, list, retrieve, content, delete, and the day on which they expire."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from threading import Lock, RLock

from claimbench.loadgen.fake_openai.blobs import Blob, BlobFolder
from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.fault_injection import NOT_HIDDEN, Hidden
from claimbench.loadgen.fake_openai.limits import Limits
from claimbench.loadgen.fake_openai.line_index import LineIndexer
from claimbench.loadgen.fake_openai.multipart import FormFile, UploadForm
from claimbench.loadgen.fake_openai.parameters import one_of, page_of, page_size, read_expiry
from claimbench.loadgen.fake_openai.validation import NotUtf8Error
from claimbench.loadgen.fake_openai.wire import JsonObject, refuse
from claimbench.loadgen.fake_openai.work import BatchLines

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
_LIST_MAX = 10_000


class Produced:
    """A file that is written when somebody first wants to see it, and again if it was forgotten since."""

    def __init__(self, folder: BlobFolder, lines: Callable[[], Iterable[bytes]]) -> None:
        self._folder, self._lines = folder, lines
        self._lock = Lock()
        self._blob: Blob | None = None
        self._size: int | None = None

    @property
    def stored_bytes(self) -> int:
        """What it takes on disk now."""
        return self._blob.size if self._blob else 0

    def forget(self) -> None:
        """Take the file from disk as soon as nobody reads it any more."""
        with self._lock:
            self._blob = None

    def size(self) -> int:
        """How long the content is."""
        return self.blob().size if self._size is None else self._size

    def blob(self) -> Blob:
        """The content."""
        with self._lock:
            if self._blob is None:
                writer = self._folder.writer()
                for line in self._lines():
                    writer.write(line)
                self._blob = writer.finish()
                self._size = self._blob.size
            return self._blob


@dataclass(frozen=True)
class StoredFile:
    """One file. It exists from `created_at` to `expires_at`; while it is hidden it cannot be found yet."""

    id: str
    number: int
    filename: str
    purpose: str
    created_at: int
    expires_at: int | None
    content: Blob | Produced
    lines: BatchLines | None = None
    hidden: Hidden = NOT_HIDDEN
    processed_at: float = 0.0
    dialect: Dialect = Dialect.OPENAI

    def blob(self) -> Blob:
        """The content, written now if nobody asked before."""
        return self.content if isinstance(self.content, Blob) else self.content.blob()

    def exists(self, now: float) -> bool:
        """Whether it can be found."""
        born = max(self.created_at, self.hidden.from_callers)
        return born <= now and (self.expires_at is None or now < self.expires_at)

    def status(self, now: float) -> str:
        """Whether a batch can be made of it."""
        return "processed" if self.processed_at <= now else "pending"

    def shown(self, now: float) -> JsonObject:
        """The object of the API."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.content.size if isinstance(self.content, Blob) else self.content.size(),
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": self.status(now),
            "status_details": None,
        }


@dataclass(frozen=True, slots=True)
class ReadUpload:
    """An upload that was found good: its lines are None unless it is for a batch; and its dialect."""

    file: FormFile
    purpose: str
    expires_after_s: int | None
    lines: BatchLines | None
    dialect: Dialect


def check_upload(form: UploadForm, limits: Limits) -> ReadUpload:
    """All that the API finds out at upload. Refused (400) with the reason. Holds no lock: it takes long."""
    purpose = form.fields.get("purpose")
    for name, value in (("file", form.file), ("purpose", purpose)):
        if not value:
            raise refuse(400, f"'{name}' is a required property", param=name)
    file = form.file
    if file is None or purpose is None:
        raise AssertionError("checked above")
    one_of(purpose, PURPOSES, "purpose")
    if file.content.size > (limits.bytes_per_batch_file if purpose == "batch" else limits.bytes_per_file):
        raise refuse(400, "File is too large.")
    lines = _batch_lines(file, limits) if purpose == "batch" else None
    return ReadUpload(file, purpose, _expiry(form.fields), lines, limits.dialect)


def _batch_lines(file: FormFile, limits: Limits) -> BatchLines:
    extension = PurePosixPath(file.filename).suffix.lower()  # clients that upload bytes send a bare name
    if extension not in ("", ".jsonl"):
        raise refuse(400, "Invalid file format for Batch API. Must be .jsonl")
    try:
        index = file.lines.finish() if file.lines else LineIndexer(limits).index(file.content.chunks())
    except NotUtf8Error as error:
        raise refuse(400, "Invalid file for Batch API. Must be utf-8 encoded") from error
    if not index.parsed_lines:
        raise refuse(400, "Invalid file format for Batch API. No line of the file is valid JSONL.")
    return BatchLines(file.content, index)


def _expiry(fields: dict[str, str]) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    number = (
        int(seconds) if seconds and seconds.isascii() and seconds.isdigit() and len(seconds) < 12 else seconds
    )
    return read_expiry({"anchor": anchor, "seconds": number}, "expires_after")


class FileStore:
    """All files by id. Safe in threads; contents are written and read outside the lock.

    `fetched` are those whose content was asked for, `used` those that batches were made of.
    """

    def __init__(self, folder: BlobFolder, chance: Chance, limits: Limits) -> None:
        self._folder, self._chance = folder, chance
        self._batch_files_expire_s = limits.batch_files_expire_s
        self._model_speed = limits.model_speed
        self._files: dict[str, StoredFile] = {}
        self._numbers = count(1)
        self.last_number = 0
        self.fetched: set[str] = set()
        self.used: set[str] = set()
        self._lock = RLock()

    def _next_number(self) -> int:
        self.last_number = next(self._numbers)
        return self.last_number

    def restore(self, file: StoredFile) -> None:
        """Take an upload that was stored by a server before this one."""
        with self._lock:
            self._files[file.id] = file
            self.count_from(file.number)

    def count_from(self, number: int) -> None:
        """Let the next file have a higher number than this one."""
        with self._lock:
            if number > self.last_number:
                self.last_number, self._numbers = number, count(number + 1)

    def stored_bytes(self) -> int:
        """What all files take on disk."""
        with self._lock:
            contents = [file.content for file in self._files.values()]
        return sum(one.size if isinstance(one, Blob) else one.stored_bytes for one in contents)

    def forget_produced(self, stored_max: int) -> None:
        """Take results from disk, the oldest first, until not more is stored; they can be written again."""
        with self._lock:
            produced = [file.content for file in self._files.values() if isinstance(file.content, Produced)]
        excess = self.stored_bytes() - stored_max
        for one in produced:
            if excess <= 0:
                return
            excess -= one.stored_bytes
            one.forget()

    def keep(self, upload: ReadUpload, now: float, hidden: Hidden) -> StoredFile:
        """Store an upload. Batch files expire after a while unless told otherwise."""
        created_at, after = int(now), upload.expires_after_s
        processing_s = upload.dialect.processing_s / self._model_speed
        if after is None and upload.purpose == "batch":
            after = self._batch_files_expire_s
        with self._lock:
            number = self._next_number()
            file = StoredFile(
                self._new_id(number),
                number,
                upload.file.filename,
                upload.purpose,
                created_at,
                None if after is None else created_at + after,
                upload.file.content,
                upload.lines,
                hidden,
                now + processing_s if processing_s else 0.0,
                upload.dialect,
            )
            self._files[file.id] = file
        return file

    def new_id(self) -> str:
        """An id for a file that will be written later."""
        with self._lock:
            return self._new_id(self._next_number())

    def _new_id(self, number: int) -> str:
        return "file-" + self._chance.letters(21, "file", number)

    def promise(
        self,
        file_id: str,
        filename: str,
        created_at: int,
        expires_after_s: int | None,
        lines: Callable[[], Iterator[bytes]],
    ) -> None:
        """Store a batch's output or error file, which comes to exist at `created_at`."""
        expires_at = None if expires_after_s is None else created_at + expires_after_s
        with self._lock:
            self._files[file_id] = StoredFile(
                file_id,
                self._next_number(),
                filename,
                "batch_output",
                created_at,
                expires_at,
                Produced(self._folder, lines),
            )

    def forget(self, *file_ids: str | None) -> None:
        """Take back promises."""
        with self._lock:
            for file_id in file_ids:
                gone = self._files.pop(file_id or "", None)
                if gone is not None and isinstance(gone.content, Blob) and file_id not in self.used:
                    gone.content.let_go()

    def find(self, file_id: str, now: float) -> StoredFile | None:
        """The file, if it exists now."""
        with self._lock:
            file = self._files.get(file_id)
            if file is None or file.exists(now):
                return file
            if file.expires_at is not None and file.expires_at <= now:
                self.forget(file_id)
            return None

    def lines_of(self, file_id: str) -> BatchLines:
        """The lines of a file that a batch was made of."""
        self.used.add(file_id)
        with self._lock:
            lines = self._files[file_id].lines
        if lines is None:
            raise AssertionError(f"{file_id} is no file for batches")
        return lines

    def get(self, file_id: str, now: float) -> StoredFile:
        """The file. Refused (404) when there is none."""
        file = self.find(file_id, now)
        if file is None:
            raise refuse(404, f"No such File object: {file_id[:100]}", param="id")
        return file

    def delete(self, file_id: str, now: float) -> JsonObject:
        """Delete a file. Refused (404) when there is none."""
        self.get(file_id, now)
        self.forget(file_id)
        return {"id": file_id, "object": "file", "deleted": True}

    def page(self, values: dict[str, str], now: float) -> JsonObject:
        """A page of the list, newest first unless `order` says `asc`."""
        limit = page_size(values, _LIST_MAX, _LIST_MAX)
        ascending = one_of(values.get("order", "desc"), ("asc", "desc"), "order") == "asc"
        purpose = values.get("purpose")
        with self._lock:
            files = [
                one for one in self._files.values() if one.exists(now) and purpose in (None, one.purpose)
            ]
        files.sort(key=lambda one: (one.created_at, one.number), reverse=not ascending)
        return page_of(files, values.get("after"), limit, lambda file: file.shown(now))

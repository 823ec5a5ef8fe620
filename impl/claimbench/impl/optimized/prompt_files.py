"""Input files: finished lines come from the server by COPY and go to disk, cut where a batch is too large."""

import io
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from psycopg import sql
from sqlalchemy import Connection

from claimbench.impl.batching import batch_key
from claimbench.impl.jsonl import CustomId, request_line
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import TOO_LARGE
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.sessions import driver_of
from claimbench.impl.optimized.strategies import Fetching
from claimbench.impl.optimized.writing import rows_of, write
from claimbench.impl.ports import PipelineContext
from claimbench.impl.prompts import TRANSCRIPT_SQL, Prompt
from claimbench.impl.statuses import ProcessingType

_SEPARATOR = b"\x02"
"""Between the columns of a row; JSON text cannot hold it, nor the quote (\\x01)."""

_LINES = """
    COPY (SELECT request.batch_id, batch.key, batch.company_id, request.id, request.attempts, {unused}
                 '{{"custom_id":"' || lower(request.processing_type) || '-' || request.id || {middle}
                 || to_json(request.model)::text || CASE request.processing_type {systems} END
                 || coalesce(to_json(transcript.content)::text, '""') || {tail}
          FROM (SELECT id, batch_id, model, processing_type, session_id, attempts
                FROM ai_processing_request
                WHERE batch_id = ANY ({ids}) ORDER BY batch_id, requested_at, id OFFSET 0) AS request
          JOIN (SELECT id, key, company_id FROM ai_batch_request
                WHERE id = ANY ({ids}) AND status = 'UPLOADING' AND claimed_by = {token} OFFSET 0) AS batch
          ON batch.id = request.batch_id
          {transcript}
    ) TO STDOUT (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01')
"""
"""Each request of some batches as its finished line, batch after batch, of those that we hold still.

Narrow rows are sorted, and prompts are made after that. CSV with bytes for quote and delimiter that JSON
never holds leaves a line as it is; the text format would double its backslashes.
"""


_WHOLE_ROWS = """
                 (SELECT concat(to_json(whole), to_json(session),
                                (SELECT json_agg(message) FROM message WHERE session_id = session.id))
                  FROM ai_processing_request AS whole JOIN session ON session.id = whole.session_id
                  WHERE whole.id = request.id),
"""
"""What an ORM that loads whole objects would bring beside the lines, for `Fetching.WHOLE_ROWS`."""


Member = tuple[int, int]
"""A request of a batch by its id, and the attempt that it is at."""


@dataclass(frozen=True, slots=True)
class WholeBatch:
    """A claimed batch before it is known whether it fits into one file."""

    id: int
    key: str
    company_id: int


class FileSlice(io.RawIOBase):
    """A part of a file on disk, read from wherever the others stand; closing it leaves the file open."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        super().__init__()
        self._descriptor, self._start, self._size, self._at = descriptor, start, size, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        """Read from the present position."""
        data = os.pread(self._descriptor, min(len(buffer), self._size - self._at), self._start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, from the start, the present one, or the end."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """The present position."""
        return self._at


@dataclass(frozen=True, slots=True)
class BatchFile:
    """The input file of one claimed batch, ready to be read."""

    batch_id: int
    key: str
    company_id: int
    requests: int
    descriptor: int
    start: int
    size: int

    def opened(self) -> BinaryIO:
        """Its lines. Only a file that is being sent has a buffer: a chunk may have thousands."""
        lines = io.BufferedReader(FileSlice(self.descriptor, self.start, self.size))
        return cast("BinaryIO", lines)


@dataclass(slots=True)
class Draft:
    """Where in the chunk's file one input file stands, and whose requests it asks."""

    start: int
    size: int = 0
    _ids: "array[int]" = field(default_factory=partial(array, "q"))
    _attempts: "array[int]" = field(default_factory=partial(array, "q"))

    def add(self, member: Member, size: int) -> None:
        """A line of so many bytes more. Ids are kept as numbers: only a batch that is cut asks for them."""
        self._ids.append(member[0])
        self._attempts.append(member[1])
        self.size += size

    @property
    def members(self) -> Sequence[Member]:
        """Whose lines they are, in their order."""
        return list(zip(self._ids, self._attempts, strict=True))

    @property
    def requests(self) -> int:
        """How many lines there are."""
        return len(self._ids)


@dataclass(frozen=True, slots=True)
class PromptFiles:
    """The input files of a chunk of batches, and what could not become one."""

    files: tuple[BatchFile, ...]
    unsent: int
    """Requests that no file can hold."""
    empty: tuple[int, ...]
    """Batches of which nothing was left."""


class PromptFileWriter:
    """Writes the lines of a chunk of batches one after the other into one file on disk.

    So a thousand small batches take one descriptor, and memory holds a line at a time.
    """

    def __init__(
        self, context: PipelineContext, lease: Lease, fetching: Fetching = Fetching.SELECTED
    ) -> None:
        self._engine, self._lease = context.engine, lease
        self._fetching = fetching
        self._bytes_max = context.policy.bytes_per_batch_max

    @contextmanager
    def written(self, connection: Connection, batches: Sequence[int]) -> Iterator[PromptFiles]:
        """The files of these batches; they are gone afterwards."""
        with TemporaryFile() as chunk:
            files, empty, unsent = list[BatchFile](), list[int](), 0
            driver = driver_of(connection)
            drafted: list[tuple[WholeBatch, list[Draft]]] = []
            too_large: list[int] = []
            with driver.cursor() as cursor, cursor.copy(self._lines_of(batches)) as rows:
                for whole, lines in _by_batch(bytes(row) for row in rows):
                    drafted.append((whole, self._drafts(lines, chunk, too_large)))
            chunk.flush()
            unsent = self._give_up(too_large)
            for whole, drafts in drafted:
                if drafts:
                    files += self._split(whole, drafts, chunk.fileno())
                else:
                    empty.append(whole.id)
            yield PromptFiles(tuple(files), unsent, tuple(empty))

    def _drafts(
        self, lines: Iterable[tuple[Member, bytes]], chunk: BinaryIO, too_large: list[int]
    ) -> list[Draft]:
        drafts: list[Draft] = []
        for member, line in lines:
            if len(line) > self._bytes_max:
                too_large.append(member[0])
                continue
            if not drafts or drafts[-1].size + len(line) > self._bytes_max:
                drafts.append(Draft(chunk.tell()))
            chunk.write(line)
            drafts[-1].add(member, len(line))
        return drafts

    def _give_up(self, requests: Sequence[int]) -> int:
        if not requests:
            return 0
        parameters = {"requests": requests, "error": TOO_LARGE, "now": self._lease.at}
        return write(self._engine, statements.ABANDON_UNSENT_REQUESTS, parameters)

    def _split(self, whole: WholeBatch, drafts: Sequence[Draft], descriptor: int) -> Iterator[BatchFile]:
        """The first draft stays the batch's own; the others' batches are stored before anything is sent."""
        keys = [whole.key, *(self._key(draft) for draft in drafts[1:])]
        ids = {whole.key: whole.id, **self._stored(whole.id, keys[1:], drafts[1:])}
        for key, draft in zip(keys, drafts, strict=True):
            at = (descriptor, draft.start, draft.size)
            yield BatchFile(ids[key], key, whole.company_id, draft.requests, *at)

    def _lines_of(self, batches: Sequence[int]) -> sql.Composed:
        return lines_statement(
            _LINES,
            ids=sql.SQL("'{{{}}}'::bigint[]".format(",".join(map(str, batches)))),
            token=sql.Literal(self._lease.by),
            unused=sql.SQL("NULL," if self._fetching is Fetching.SELECTED else _WHOLE_ROWS),
        )

    def _key(self, draft: Draft) -> str:
        return batch_key(draft.members, self._lease.at)

    def _stored(self, parent: int, keys: Sequence[str], drafts: Sequence[Draft]) -> dict[str, int]:
        if not keys:
            return {}
        pairs = zip(keys, drafts, strict=True)
        members = [(request_id, key) for key, draft in pairs for request_id, _ in draft.members]
        parameters = {
            "parents": [parent] * len(keys),
            "keys": list(keys),
            "requests": [request_id for request_id, _ in members],
            "request_keys": [key for _, key in members],
            "now": self._lease.at,
            "token": self._lease.by,
        }
        return {row.key: row.id for row in rows_of(self._engine, statements.SPLIT_BATCHES, parameters)}


def lines_statement(template: str, **parts: sql.Composable) -> sql.Composed:
    """A statement that makes lines of requests, with its {middle}, {systems}, {tail} and {transcript}.

    What is around a line's texts is cut out of what `request_line` makes.
    """
    systems, middle, tail = sql.Composed([]), "", ""
    for kind in ProcessingType:
        line = request_line(CustomId(7, kind), Prompt("MODEL", kind, "WORDS")).decode().rstrip("\n")
        middle, rest = line.partition("-7")[2].split('"MODEL"')
        system, tail = rest.split('"WORDS"')
        systems += sql.SQL(" WHEN {} THEN {}").format(kind.value, system)
    transcript = sql.SQL(TRANSCRIPT_SQL)
    return sql.SQL(template).format(systems=systems, middle=middle, tail=tail, transcript=transcript, **parts)


def _by_batch(rows: Iterable[bytes]) -> Iterator[tuple[WholeBatch, Iterator[tuple[Member, bytes]]]]:
    """Rows of the statement, batch after batch."""
    parted = (row.split(_SEPARATOR, 6) for row in rows)
    for (batch_id, key, company_id), members in groupby(parted, key=lambda parts: tuple(parts[:3])):
        lines = (((int(parts[3]), int(parts[4])), parts[6]) for parts in members)
        yield WholeBatch(int(batch_id), key.decode(), int(company_id)), lines

"""Input files, written while the prompts stream in, and cut where a batch would become too large."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from claimbench.impl.batching import batch_key
from claimbench.impl.jsonl import CustomId, request_line
from claimbench.impl.lease import Lease
from claimbench.impl.lifecycle import TOO_LARGE
from claimbench.impl.optimized import statements
from claimbench.impl.optimized.writing import rows_of, write
from claimbench.impl.ports import PipelineContext
from claimbench.impl.prompts import Prompt
from claimbench.impl.statuses import ProcessingType

IN_MEMORY_BYTES = 256 * 1024
"""A batch's file up to this size stays in memory; a larger one goes to the disk."""


@dataclass(frozen=True, slots=True)
class Member:
    """A request of a batch, at its attempt."""

    request_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class WholeBatch:
    """A claimed batch before it is known whether it fits into one file."""

    id: int
    key: str
    company_id: int


@dataclass(frozen=True, slots=True)
class BatchFile:
    """The input file of one claimed batch, ready to be read."""

    batch_id: int
    key: str
    company_id: int
    requests: int
    lines: BinaryIO


@dataclass(slots=True)
class Draft:
    """A file that is being written, and whose requests it asks."""

    lines: BinaryIO
    members: list[Member] = field(default_factory=list)
    size: int = 0

    def add(self, member: Member, line: bytes) -> None:
        """Write one request's line."""
        self.lines.write(line)
        self.size += len(line)
        self.members.append(member)


class BatchFileWriter:
    """Turns rows of prompts into files; counts the requests that no file can hold."""

    def __init__(self, context: PipelineContext, lease: Lease) -> None:
        self._context, self._lease = context, lease
        self._bytes_max = context.policy.bytes_per_batch_max
        self.unsent = 0
        self.empty: list[int] = []
        """Batches of which nothing was left."""

    def files(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[BatchFile]:
        """A file for each batch, or several where one would be too large; the caller closes them."""
        for (batch_id, key, company_id), members in groupby(rows, key=itemgetter(0, 1, 2)):
            drafts = self._drafts(members)
            if drafts:
                yield from self._split(WholeBatch(batch_id, key, company_id), drafts)
            else:
                self.empty.append(batch_id)

    def _drafts(self, members: Iterable[tuple[Any, ...]]) -> Sequence[Draft]:
        drafts: list[Draft] = []
        too_large: list[int] = []
        for _, _, _, request_id, attempts, model, processing_type, transcript in members:
            kind = ProcessingType(processing_type)
            line = request_line(CustomId(request_id, kind), Prompt(model, kind, transcript or ""))
            if len(line) > self._bytes_max:
                too_large.append(request_id)
                continue
            if not drafts or drafts[-1].size + len(line) > self._bytes_max:
                # The submission closes it; SpooledTemporaryFile is a BinaryIO in all but name.
                drafts.append(Draft(cast("BinaryIO", SpooledTemporaryFile(max_size=IN_MEMORY_BYTES))))  # noqa: SIM115 (see above)
            drafts[-1].add(Member(request_id, attempts), line)
        self._give_up(too_large)
        return drafts

    def _give_up(self, requests: Sequence[int]) -> None:
        if requests:
            parameters = {"requests": requests, "error": TOO_LARGE, "now": self._lease.at}
            self.unsent += write(self._context.engine, statements.ABANDON_UNSENT_REQUESTS, parameters)

    def _split(self, whole: WholeBatch, drafts: Sequence[Draft]) -> Iterator[BatchFile]:
        """The first draft stays the batch's own; the others' batches are stored before anything is sent."""
        keys = [whole.key, *(self._key(draft) for draft in drafts[1:])]
        ids = {whole.key: whole.id, **self._stored(whole.id, keys[1:], drafts[1:])}
        for key, draft in zip(keys, drafts, strict=True):
            draft.lines.seek(0)
            yield BatchFile(ids[key], key, whole.company_id, len(draft.members), draft.lines)

    def _key(self, draft: Draft) -> str:
        return batch_key(((member.request_id, member.attempts) for member in draft.members), self._lease.at)

    def _stored(self, parent: int, keys: Sequence[str], drafts: Sequence[Draft]) -> dict[str, int]:
        if not keys:
            return {}
        pairs = zip(keys, drafts, strict=True)
        members = [(member.request_id, key) for key, draft in pairs for member in draft.members]
        parameters = {
            "parents": [parent] * len(keys),
            "keys": list(keys),
            "requests": [request_id for request_id, _ in members],
            "request_keys": [key for _, key in members],
            "now": self._lease.at,
            "token": self._lease.by,
        }
        return {
            row.key: row.id for row in rows_of(self._context.engine, statements.SPLIT_BATCHES, parameters)
        }

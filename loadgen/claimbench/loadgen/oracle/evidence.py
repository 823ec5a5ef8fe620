"""What the oracle judges by: the rows before and after, the trail between them, and what the API did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import orjson

from claimbench.impl.errors import AnswerError, LineError, is_transient
from claimbench.impl.jsonl import CustomId
from claimbench.impl.ports import Policy
from claimbench.impl.prices import PriceFactor
from claimbench.impl.prompts import AnswerFields, read_answer
from claimbench.impl.statuses import ProcessingType
from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.oracle.api_record import ApiBatchRecord, ApiRecord, RecordedResult
from claimbench.loadgen.oracle.recorder import Chat, ChatReply
from claimbench.loadgen.oracle.rows import BatchRow, RequestRow, Rows
from claimbench.loadgen.oracle.trail import Trail

_UNDER_WAY = frozenset({"BATCHING_IN_PROGRESS", "RETRY_IN_PROGRESS"})
_CALLERS_STATUSES = frozenset({401, 429})
"""Refusals that say nothing about the request: asked like that, it was not asked."""


@dataclass(frozen=True, slots=True)
class ModelAttempt:
    """One attempt at a request: the model was asked, and this is what the pipeline could know of the answer.

    status: 0 where the result had none, None where nothing came back. is_excused: the scheduler was killed
    or cut off in that turn, so that it may have known the answer and lost it.
    """

    channel: PriceFactor
    status: int | None
    reply: ChatReply | None
    answer: AnswerFields | None
    is_excused: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is an attempt beyond doubt."""
        return self.channel is PriceFactor.BATCH or self.status not in (None, *_CALLERS_STATUSES)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Somebody who is no pipeline suspended, closed or opened a company."""

    at: datetime
    company_id: int
    is_active: bool


@dataclass(frozen=True)
class Evidence:
    """All of it. `interrupted` are the turns in which the scheduler was killed or cut off."""

    before: Rows
    after: Rows
    trail: Trail
    api: ApiRecord
    policy: Policy
    interrupted: frozenset[int] = frozenset()
    changes: tuple[StatusChange, ...] = ()
    """In the order in which they were made."""

    @cached_property
    def ever_active(self) -> frozenset[int]:
        """The companies that were active at any time."""
        begun = {company.id for company in self.before.companies.values() if company.is_active}
        return frozenset(begun | {change.company_id for change in self.changes if change.is_active})

    @cached_property
    def active_at_last(self) -> Mapping[int, bool]:
        """Whether each company should be active in the end."""
        begun = {company.id: company.is_active for company in self.before.companies.values()}
        return begun | {change.company_id: change.is_active for change in self.changes}

    @cached_property
    def worked_on(self) -> tuple[RequestRow, ...]:
        """The requests of companies that were active, as they ended, but for those that were done before."""
        return tuple(
            row
            for row in self.after.requests.values()
            if row.id in self.before.requests
            and self.company_of(row.id) in self.ever_active
            and self.before.requests[row.id].status not in ("PROCESSING_COMPLETE", "PROCESSING_ABANDONED")
        )

    def company_of(self, request_id: int) -> int:
        """Whose request it was when all began."""
        return self.before.company_of(self.before.requests[request_id]).id

    def is_left_uploading(self, row: BatchRow) -> bool:
        """Whether the company is closed, so that what the API has of the batch may be left to be found."""
        return row.status == "UPLOADING" and not self.active_at_last.get(row.company_id, True)

    def is_left(self, row: RequestRow) -> bool:
        """Whether the company is closed, so that what is under way for it may be left where it is."""
        return not self.active_at_last[self.company_of(row.id)] and row.status in _UNDER_WAY

    @cached_property
    def requests_by_body(self) -> Mapping[bytes, tuple[int, ...]]:
        """The requests that each canonical body asks; more than one where nothing tells them apart."""
        found: dict[bytes, tuple[int, ...]] = {}
        for row in self.before.requests.values():
            body = canonical(self.before.body_of(row))
            found[body] = (*found.get(body, ()), row.id)
        return found

    @cached_property
    def attempts(self) -> Mapping[int, tuple[ModelAttempt, ...]]:
        """The attempts at each request; requests whose bodies are alike are left out."""
        found: dict[int, list[ModelAttempt]] = {request_id: [] for request_id in self.before.requests}
        for batch in self.api.batches:
            for request_id, attempt in _batch_attempts(batch, self.before):
                found[request_id].append(attempt)
        for chat in _last_tries(self.api.chats):
            for request_id in self.requests_by_body.get(chat.body, ()):
                found[request_id].append(self._chat_attempt(chat, self.before.requests[request_id]))
        alike = {one for ids in self.requests_by_body.values() if len(ids) > 1 for one in ids}
        return {
            request_id: tuple(attempts) for request_id, attempts in found.items() if request_id not in alike
        }

    def _chat_attempt(self, chat: Chat, row: RequestRow) -> ModelAttempt:
        answer = _answer(row.processing_type, chat.reply)
        return ModelAttempt(PriceFactor.ALONE, chat.status, chat.reply, answer, chat.turn in self.interrupted)


def _last_tries(chats: Sequence[Chat]) -> list[Chat]:
    """Without those that failed for the moment and were tried again in the same turn: still one attempt."""
    last: dict[tuple[int, bytes], Chat] = {}
    kept: list[Chat] = []
    for chat in chats:
        earlier = last.get((chat.turn, chat.body))
        if earlier is not None and is_transient(earlier.status):
            kept.remove(earlier)
        last[chat.turn, chat.body] = chat
        kept.append(chat)
    return kept


def request_id_of(line: bytes) -> int | None:
    """The request that an input line asks, by its custom id; None when it has no such id."""
    try:
        return CustomId.parse(orjson.loads(line).get("custom_id")).request_id
    except (ValueError, AttributeError, LineError):
        return None


def _batch_attempts(batch: ApiBatchRecord, before: Rows) -> list[tuple[int, ModelAttempt]]:
    if not batch.was_asked:
        return []
    results: dict[int | None, RecordedResult] = {}
    for result in batch.results:
        results[request_id_of(orjson.dumps({"custom_id": result.custom_id}))] = result
    found = []
    for line in batch.lines:
        request_id = request_id_of(line)
        if request_id in before.requests and request_id is not None:
            kind = before.requests[request_id].processing_type
            found.append((request_id, _batch_attempt(kind, results.get(request_id))))
    return found


def _batch_attempt(processing_type: str, result: RecordedResult | None) -> ModelAttempt:
    if result is None:
        return ModelAttempt(PriceFactor.BATCH, None, None, None)
    return ModelAttempt(
        PriceFactor.BATCH, result.status, result.reply, _answer(processing_type, result.reply)
    )


def _answer(processing_type: str, reply: ChatReply | None) -> AnswerFields | None:
    if reply is None:
        return None
    try:
        return read_answer(ProcessingType(processing_type), reply.content)
    except AnswerError:
        return None

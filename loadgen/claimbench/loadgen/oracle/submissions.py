"""What was sent: each batch once, with the requests that were claimed for it, complete, for one tenant."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import orjson

from claimbench.impl.statuses import RequestStatus
from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.oracle.api_record import ApiBatchRecord
from claimbench.loadgen.oracle.evidence import Evidence, request_id_of
from claimbench.loadgen.oracle.invariants import Invariant, Violation
from claimbench.loadgen.oracle.rows import BatchRow, RequestRow, SessionRow

Row = TypeVar("Row")

_LINE_KEYS = {"custom_id", "method", "url", "body"}


def one_batch_one_row(evidence: Evidence) -> Iterator[Violation]:
    """Batches at the API and rows that name them belong together one to one, by id and by key."""
    rows = {row.openai_batch_id: row for row in evidence.after.batches.values() if row.openai_batch_id}
    known = {row.openai_batch_id for row in evidence.before.batches.values()}
    left = {row.key for row in evidence.after.batches.values() if evidence.is_left_uploading(row)}
    for batch in evidence.api.batches:
        row = rows.get(batch.id)
        if row is None and batch.key in left:
            left.remove(batch.key)  # whoever opens the company again will find one
        elif row is None:
            yield Violation(
                Invariant.ONE_BATCH_ONE_ROW, f"{batch.id} (key {batch.key}) at the API has no row"
            )
        elif batch.key != row.key:
            told = f"{batch.id} carries the key {batch.key}, its row {row.id} has {row.key}"
            yield Violation(Invariant.ONE_BATCH_ONE_ROW, told)
    there = {batch.id for batch in evidence.api.batches}
    for batch_id, row in rows.items():
        if batch_id not in there and batch_id not in known:
            yield Violation(
                Invariant.ONE_BATCH_ONE_ROW, f"row {row.id} names {batch_id}, which the API has not"
            )


def lines_as_claimed(evidence: Evidence) -> Iterator[Violation]:
    """A batch asks those requests that left it by its result, and no others."""
    for batch, row in _pairs(evidence):
        asked = Counter(request_id_of(line) for line in batch.lines)
        claimed = _members(evidence, row.id)
        for request_id, times in asked.items():
            if request_id not in claimed:
                told = f"{batch.id} asks request {request_id}, which was not claimed for it"
                yield Violation(Invariant.LINES_AS_CLAIMED, told)
            elif times > 1:
                yield Violation(
                    Invariant.LINES_AS_CLAIMED, f"{batch.id} asks request {request_id} {times} times"
                )
        for request_id in sorted(claimed - set(asked)):
            told = f"{batch.id} does not ask request {request_id}, which was claimed for it"
            yield Violation(Invariant.LINES_AS_CLAIMED, told)


def _pairs(evidence: Evidence) -> Iterator[tuple[ApiBatchRecord, BatchRow]]:
    rows = {row.openai_batch_id: row for row in evidence.after.batches.values()}
    return ((batch, rows[batch.id]) for batch in evidence.api.batches if batch.id in rows)


def _members(evidence: Evidence, batch_id: int) -> set[int]:
    """The requests that were in this batch when it was sent: those that were not split off before."""
    members: set[int] = set()
    for step in evidence.trail.requests:
        if step.new_status == RequestStatus.BATCHING_IN_PROGRESS:
            if step.new_batch_id == batch_id:
                members.add(step.request_id)
            elif step.old_batch_id == batch_id:
                members.discard(step.request_id)
        elif (
            step.old_batch_id == batch_id
            and step.new_batch_id is None
            and step.new_status == RequestStatus.PROCESSING_ABANDONED
        ):
            members.discard(step.request_id)  # its line was too large for any batch
    return members


def complete_prompts(evidence: Evidence) -> Iterator[Violation]:
    """Each line and each chat completion has the body that its request should have."""
    expected = {ids: body for body, all_ids in evidence.requests_by_body.items() for ids in all_ids}
    for batch in evidence.api.batches:
        for line in batch.lines:
            request_id, body = request_id_of(line), _body(line)
            if request_id in expected and body is not None and body != expected[request_id]:
                told = f"{batch.id} asks request {request_id}: {_beside(expected[request_id], body)}"
                yield Violation(Invariant.COMPLETE_PROMPT, told)
    silent = {
        row.id: row
        for row in evidence.before.requests.values()
        if evidence.before.sessions[row.session_id].transcript is None
    }
    for batch in evidence.api.batches:
        for request_id in {request_id_of(line) for line in batch.lines} & set(silent):
            yield Violation(
                Invariant.COMPLETE_PROMPT, f"{batch.id} asks request {request_id}, whose session is silent"
            )
    for chat in evidence.api.chats:
        asks = evidence.requests_by_body.get(chat.body, ())
        if asks and all(request_id in silent for request_id in asks):
            told = f"request {asks[0]}, whose session is silent, is asked alone"
            yield Violation(Invariant.COMPLETE_PROMPT, told)
        if chat.body not in evidence.requests_by_body:
            nearest = max(expected.values(), key=lambda one: _alike(one, chat.body), default=b"")
            told = f"no request is asked like this; the nearest: {_beside(nearest, chat.body)}"
            yield Violation(Invariant.COMPLETE_PROMPT, told)


def _body(line: bytes) -> bytes | None:
    try:
        return canonical(orjson.loads(line)["body"])
    except (ValueError, KeyError, TypeError):
        return None


def _alike(expected: bytes, found: bytes) -> int:
    """How many bytes agree from the beginning on."""
    return next((n for n, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), len(found))


def _beside(expected: bytes, found: bytes) -> str:
    """Both, around the first byte that differs."""
    place = min(_alike(expected, found), len(expected))
    shown = (one[max(0, place - 20) : place + 40].decode(errors="replace") for one in (expected, found))
    wanted, came = shown
    return (
        f"{len(found)} bytes instead of {len(expected)}; around byte {place} "
        f"{wanted!r} was expected, {came!r} was found"
    )


def valid_files(evidence: Evidence) -> Iterator[Violation]:
    """Each uploaded line is a JSON object with the four keys, and asks a request that there is."""
    for lines in evidence.api.files:
        for number, line in enumerate(lines, start=1):
            try:
                keys = set(orjson.loads(line))
            except (ValueError, TypeError):
                yield Violation(Invariant.VALID_FILES, f"line {number} is not a JSON object: {line[:60]!r}")
                continue
            if keys != _LINE_KEYS:
                yield Violation(Invariant.VALID_FILES, f"line {number} has the keys {sorted(keys)}")
            elif request_id_of(line) not in evidence.before.requests:
                yield Violation(Invariant.VALID_FILES, f"line {number} asks a request that there is not")


def one_tenant_one_model(evidence: Evidence) -> Iterator[Violation]:
    """All requests of a batch are of the company and model that the batch and its row name."""
    rows = {row.openai_batch_id: row for row in evidence.after.batches.values()}
    for batch in evidence.api.batches:
        companies, models = set(), set()
        for line in batch.lines:
            request = evidence.before.requests.get(request_id_of(line) or 0)
            if request is not None:
                companies.add(evidence.before.company_of(request).id)
                models.add(request.model)
        row = rows.get(batch.id)
        if row is not None:
            companies.add(row.company_id)
            models.add(row.model)
        if batch.company is not None and batch.company.isdigit():
            companies.add(int(batch.company))
        if len(companies) > 1 or len(models) > 1:
            told = f"{batch.id} has companies {sorted(companies)} and models {sorted(models)}"
            yield Violation(Invariant.ONE_TENANT_ONE_MODEL, told)


def within_limits(evidence: Evidence) -> Iterator[Violation]:
    """Batches are small enough, and no stage retries more of a company than it may."""
    policy = evidence.policy
    for batch in evidence.api.batches:
        size = sum(len(line) + 1 for line in batch.lines)
        if len(batch.lines) > policy.requests_per_batch_max:
            told = f"{batch.id} has {len(batch.lines)} requests of {policy.requests_per_batch_max}"
            yield Violation(Invariant.WITHIN_LIMITS, told)
        if size > policy.bytes_per_batch_max:
            told = f"{batch.id} has {size} bytes of {policy.bytes_per_batch_max}"
            yield Violation(Invariant.WITHIN_LIMITS, told)
    yield from _too_many_retries(evidence)


def _too_many_retries(evidence: Evidence) -> Iterator[Violation]:
    limit = evidence.policy.retries_per_company
    alone: Counter[tuple[int, int]] = Counter()
    for turn, body in {(chat.turn, chat.body): chat for chat in evidence.api.chats}:
        for request_id in evidence.requests_by_body.get(body, ())[:1]:
            alone[turn, evidence.before.company_of(evidence.before.requests[request_id]).id] += 1
    for (turn, company_id), times in alone.items():
        if times > limit:
            told = f"in turn {turn} company {company_id} had {times} retries of {limit}"
            yield Violation(Invariant.WITHIN_LIMITS, told)


def hands_off(evidence: Evidence) -> Iterator[Violation]:
    """What no pipeline works on is as it was: companies, sessions but for their answers, messages, what a
    request asks and when it was asked for, the requests of inactive companies, and those that were done.
    """
    ours = {row.id for row in evidence.worked_on}
    companies = {
        row.id: replace(row, is_active=evidence.active_at_last[row.id])
        for row in evidence.before.companies.values()
    }
    yield from _changed("company", companies, evidence.after.companies, lambda row: row)
    yield from _changed("session", evidence.before.sessions, evidence.after.sessions, _asked_about)
    yield from _changed(
        "the question of request", evidence.before.requests, evidence.after.requests, _question
    )
    for row in evidence.before.requests.values():
        if row.id not in evidence.after.requests:
            yield Violation(Invariant.HANDS_OFF, f"request {row.id} is gone")
        elif row.id not in ours and evidence.after.requests[row.id] != row:
            yield Violation(Invariant.HANDS_OFF, f"request {row.id} was {row.status} and has changed")
    for company in evidence.before.companies.values():
        made = [
            row.id
            for row in evidence.after.batches.values()
            if row.company_id == company.id and row.id not in evidence.before.batches
        ]
        if made and company.id not in evidence.ever_active:
            yield Violation(Invariant.HANDS_OFF, f"batch {made[0]} is of an inactive company")
    yield from _begun_while_suspended(evidence)


_BEGUN = (
    (RequestStatus.PENDING_BATCHING, RequestStatus.BATCHING_IN_PROGRESS),
    (RequestStatus.PROCESSING_FAILED, RequestStatus.RETRY_IN_PROGRESS),
)


def _begun_while_suspended(evidence: Evidence) -> Iterator[Violation]:
    """A cache may show a company for as long as an entry lives, and no longer. What was begun may end."""
    for step in evidence.trail.requests:
        if (step.old_status, step.new_status) not in _BEGUN or step.at is None:
            continue
        company_id = evidence.company_of(step.request_id)
        last = [one for one in evidence.changes if one.company_id == company_id and one.at <= step.at][-1:]
        for change in last:
            if not change.is_active and step.at - change.at >= evidence.policy.company_cache_ttl:
                told = f"request {step.request_id} of company {company_id} was taken up {step.at - change.at}"
                yield Violation(Invariant.HANDS_OFF, f"{told} after the company was suspended")


def _changed(
    what: str, before: Mapping[int, Row], after: Mapping[int, Row], part: Callable[[Row], object]
) -> Iterator[Violation]:
    for row_id in sorted({*before, *after}):
        was, now = before.get(row_id), after.get(row_id)
        if was is None or now is None:
            told = "is gone" if now is None else "was not there before"
            yield Violation(Invariant.HANDS_OFF, f"{what} {row_id} {told}")
        elif part(was) != part(now):
            yield Violation(Invariant.HANDS_OFF, f"{what} {row_id} was changed")


def _asked_about(row: SessionRow) -> object:
    return row.company_id, row.started_at, row.transcript, row.messages


def _question(row: RequestRow) -> object:
    return row.session_id, row.model, row.processing_type, row.requested_at


def no_stray_files(evidence: Evidence) -> Iterator[Violation]:
    """In calm weather, where no upload need be repeated, each uploaded file is the input of a batch.

    It stands apart from `judge`: where calls fail, a right pipeline uploads again.
    """
    named = Counter(tuple(batch.lines) for batch in evidence.api.batches)
    for lines, times in Counter(evidence.api.files).items():
        if times > named[lines]:
            told = f"{times} files of {len(lines)} equal lines were uploaded for {named[lines]} batches"
            yield Violation(Invariant.ONE_BATCH_ONE_ROW, told)

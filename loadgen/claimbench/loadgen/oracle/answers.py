"""What came back: each answer stored once, paid for once, and nothing given up that could be had."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from claimbench.impl.errors import is_transient
from claimbench.impl.jsonl import CustomId, request_line
from claimbench.impl.prices import cost_usd
from claimbench.impl.prompts import Prompt
from claimbench.impl.statuses import ProcessingType, RequestStatus
from claimbench.loadgen.oracle.evidence import Evidence, ModelAttempt, request_id_of
from claimbench.loadgen.oracle.invariants import Invariant, Violation
from claimbench.loadgen.oracle.rows import ANSWER_FIELDS, RequestRow

_EXCUSED_MAX = 8
"""More answers than that, of one request, lost with killed schedulers are not told apart."""


def answered_once(evidence: Evidence) -> Iterator[Violation]:
    """Once a request has a good answer, there is no second one."""
    for row in evidence.worked_on:
        good = [
            attempt
            for attempt in evidence.attempts.get(row.id, ())
            if attempt.answer and not attempt.is_excused
        ]
        if len(good) > 1:
            yield Violation(Invariant.ANSWERED_ONCE, f"request {row.id} got {len(good)} good answers")


def attempts_end(evidence: Evidence) -> Iterator[Violation]:
    """A request is asked as often as it has attempts, at most."""
    for row in evidence.worked_on:
        left = max(0, evidence.policy.attempts_max - evidence.before.requests[row.id].attempts)
        asked = sum(attempt.counts for attempt in evidence.attempts.get(row.id, ()))
        if asked > left:
            told = f"request {row.id} was asked {asked} times and had {left} attempts left"
            yield Violation(Invariant.ATTEMPTS_END, told)


def attempts_counted(evidence: Evidence) -> Iterator[Violation]:
    """Being asked raises the number of attempts."""
    for row in evidence.worked_on:
        counted = row.attempts - evidence.before.requests[row.id].attempts
        asked = sum(attempt.counts for attempt in evidence.attempts.get(row.id, ()))
        if asked > counted:
            told = f"request {row.id} was asked {asked} times, which counted as {counted}"
            yield Violation(Invariant.ATTEMPTS_COUNTED, told)


def answers_kept(evidence: Evidence) -> Iterator[Violation]:
    """A good answer makes its request complete, and nothing else does."""
    for row in evidence.worked_on:
        if row.id not in evidence.attempts or evidence.is_left(row):
            continue
        good = [attempt for attempt in evidence.attempts[row.id] if attempt.answer]
        is_complete = row.status == RequestStatus.PROCESSING_COMPLETE
        if is_complete and not good:
            yield Violation(Invariant.ANSWER_KEPT, f"request {row.id} is complete, but was never answered")
        if not is_complete and any(not attempt.is_excused for attempt in good):
            yield Violation(Invariant.ANSWER_KEPT, f"request {row.id} was answered, but is {row.status}")


def answers_stored(evidence: Evidence) -> Iterator[Violation]:
    """Each field of a session is of an answer to one of its own complete requests, or as it was."""
    candidates: dict[tuple[int, str], set[str]] = {}
    untold = set()
    for row in evidence.worked_on:
        if row.id not in evidence.attempts:
            untold.add(row.session_id)
        elif row.status == RequestStatus.PROCESSING_COMPLETE:
            for field, value in _given(evidence.attempts[row.id]):
                candidates.setdefault((row.session_id, field), set()).add(value)
    for session in evidence.after.sessions.values():
        if session.id in untold:
            continue
        for field in ANSWER_FIELDS:
            stored = getattr(session, field)
            was = getattr(evidence.before.sessions[session.id], field)
            right = candidates.get((session.id, field), {was})
            if stored not in right:
                said = " or ".join(sorted(map(str, right)))
                told = f"session {session.id} has the {field} {stored!r}, its answers say {said}"
                yield Violation(Invariant.ANSWER_STORED, told)


def _given(attempts: tuple[ModelAttempt, ...]) -> Iterator[tuple[str, str]]:
    for attempt in attempts:
        for field in ANSWER_FIELDS if attempt.answer else ():
            value = getattr(attempt.answer, field)
            if value is not None:
                yield field, value


def tokens_and_cost(evidence: Evidence) -> Iterator[Violation]:
    """The tokens and the cost of a request are the sums over the answers that it got, good or not."""
    for row in evidence.worked_on:
        if row.id not in evidence.attempts or evidence.is_left(row):
            continue
        known = _bill(evidence.before.requests[row.id], ())
        bills = _possible_bills(evidence.before.requests[row.id], evidence.attempts[row.id])
        found = _bill(row, ())
        if found not in bills and not (found == known and not evidence.attempts[row.id]):
            told = f"request {row.id} has {found}, its answers make {' or '.join(bills)}"
            yield Violation(Invariant.TOKENS_AND_COST, told)


def _possible_bills(row: RequestRow, attempts: tuple[ModelAttempt, ...]) -> list[str]:
    """With all the answers that it surely knew, and any of those that it may have lost."""
    sure = tuple(attempt for attempt in attempts if attempt.reply and not attempt.is_excused)
    lost = tuple(attempt for attempt in attempts if attempt.reply and attempt.is_excused)[:_EXCUSED_MAX]
    return [_bill(row, (*sure, *some)) for size in range(len(lost) + 1) for some in combinations(lost, size)]


def _bill(row: RequestRow, attempts: tuple[ModelAttempt, ...]) -> str:
    prompt, completion, cost = row.prompt_tokens, row.completion_tokens, row.cost_usd
    for attempt in attempts:
        if attempt.reply:
            tokens = (attempt.reply.prompt_tokens, attempt.reply.completion_tokens)
            price = cost_usd(row.model, attempt.channel, *tokens)
            prompt, completion = (prompt or 0) + tokens[0], (completion or 0) + tokens[1]
            cost = cost if price is None else (cost or Decimal(0)) + price
    shown = "no cost" if cost is None else f"{cost:.6f} USD"
    return f"{prompt} + {completion} tokens for {shown}"


def reasons_to_give_up(evidence: Evidence) -> Iterator[Violation]:
    """Who is given up has nothing to ask, no batch to fit in, no attempt left, or was refused for good."""
    refused = set(_refused(evidence))
    for row in evidence.worked_on:
        if row.status != RequestStatus.PROCESSING_ABANDONED or row.attempts >= evidence.policy.attempts_max:
            continue
        session = evidence.before.sessions[row.session_id]
        if session.transcript is not None and row.id not in refused and not _is_too_large(row, evidence):
            yield Violation(Invariant.REASON_TO_GIVE_UP, f"request {row.id} was given up: {row.error}")


def _refused(evidence: Evidence) -> Iterator[int]:
    for request_id, attempts in evidence.attempts.items():
        if any(
            attempt.status and attempt.status >= 400 and not is_transient(attempt.status)
            for attempt in attempts
        ):
            yield request_id
    for batch in evidence.api.batches:
        for number in batch.bad_lines:
            if number <= len(batch.lines):
                yield request_id_of(batch.lines[number - 1]) or 0


def _is_too_large(row: RequestRow, evidence: Evidence) -> bool:
    kind = ProcessingType(row.processing_type)
    said = evidence.before.sessions[row.session_id].transcript or ""
    line = request_line(CustomId(row.id, kind), Prompt(row.model, kind, said))
    return len(line) > evidence.policy.bytes_per_batch_max

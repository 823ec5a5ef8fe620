"""Each checker on evidence made by hand: right as it is, and wrong after one change."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from claimbench.impl.ports import Policy
from claimbench.impl.statuses import BatchStatus
from claimbench.loadgen.oracle import Evidence, Invariant, judge
from claimbench.loadgen.oracle.api_record import ApiBatchRecord, ApiRecord, RecordedResult
from claimbench.loadgen.oracle.recorder import Chat, ChatReply
from claimbench.loadgen.oracle.rows import BatchRow, CompanyRow, RequestRow, Rows, SessionRow
from claimbench.loadgen.oracle.sameness import same_end
from claimbench.loadgen.oracle.trail import BatchStep, RequestStep, Trail

NOW = datetime(2026, 1, 15, tzinfo=UTC)
ANSWER = json.dumps({"sentiment": "POSITIVE"})

ASKED = RequestRow(
    id=1,
    session_id=1,
    model="gpt-4o-mini",
    processing_type="SENTIMENT_ANALYSIS",
    status="PENDING_BATCHING",
    batch_id=None,
    attempts=0,
    prompt_tokens=None,
    completion_tokens=None,
    cost_usd=None,
    error=None,
    requested_at=NOW,
    claimed_at=None,
    completed_at=None,
)
DONE = replace(
    ASKED,
    status="PROCESSING_COMPLETE",
    batch_id=1,
    attempts=1,
    prompt_tokens=100,
    completion_tokens=10,
    cost_usd=Decimal("0.000010"),
    completed_at=NOW,
)
SESSION = SessionRow(1, 1, "user: hello", None, None, None, None)
BATCH = BatchRow(
    1, 1, "gpt-4o-mini", "key", "PROCESSED", "COMPLETED", "batch_a", None, completed_at=NOW, processed_at=NOW
)
BEFORE = Rows({1: CompanyRow(1, is_active=True)}, {1: SESSION}, {1: ASKED}, {})
AFTER = Rows(BEFORE.companies, {1: replace(SESSION, sentiment="POSITIVE")}, {1: DONE}, {1: BATCH})
BODY = BEFORE.body_of(ASKED)
LINE = json.dumps(
    {"custom_id": "sentiment_analysis-1", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
).encode()
RESULT = RecordedResult("sentiment_analysis-1", 200, None, ChatReply(ANSWER, 100, 10))
SENT = ApiBatchRecord("batch_a", BatchStatus.COMPLETED, "key", "1", (LINE,), (RESULT,), ())
CLAIM = RequestStep(1, "PENDING_BATCHING", "BATCHING_IN_PROGRESS", None, 1)
FINISH = RequestStep(1, "BATCHING_IN_PROGRESS", "PROCESSING_COMPLETE", 1, 1)
RIGHT = Evidence(
    BEFORE, AFTER, Trail((CLAIM, FINISH), ()), ApiRecord((SENT,), (), ((LINE,),)), Policy(attempts_max=2)
)

Change = Callable[[Evidence], Evidence]


def request(**changes: object) -> Change:
    """The request ends otherwise."""
    changed = replace(DONE, **changes)  # type: ignore[arg-type]  # its own fields
    return lambda right: replace(right, after=replace(right.after, requests={1: changed}))


def batch(**changes: object) -> Change:
    """The batch ends otherwise."""
    changed = replace(BATCH, **changes)  # type: ignore[arg-type]  # its own fields
    return lambda right: replace(right, after=replace(right.after, batches={1: changed}))


def sent(**changes: object) -> Change:
    """The API has seen another batch."""
    changed = replace(SENT, **changes)  # type: ignore[arg-type]  # its own fields
    return lambda right: replace(right, api=replace(right.api, batches=(changed,)))


def also_alone(right: Evidence) -> Evidence:
    body = next(iter(right.requests_by_body))
    return replace(right, api=replace(right.api, chats=(Chat(1, body, 200, RESULT.reply),)))


def line_of(**changes: object) -> bytes:
    return json.dumps({**json.loads(LINE), **changes}).encode()


def inactive(right: Evidence) -> Evidence:
    return replace(right, before=replace(right.before, companies={1: CompanyRow(1, is_active=False)}))


def session(**changes: object) -> Change:
    changed = replace(SESSION, **changes)  # type: ignore[arg-type]  # its own fields
    return lambda right: replace(right, after=replace(right.after, sessions={1: changed}))


WRONG: list[tuple[Invariant, Change]] = [
    (Invariant.LEGAL_STATE, request(completed_at=None)),
    (Invariant.LEGAL_STATE, request(error="why")),
    (Invariant.LEGAL_STATE, batch(processed_at=None)),
    (Invariant.LEGAL_PATH, lambda right: replace(right, trail=Trail((replace(CLAIM, old_status="X"),), ()))),
    (Invariant.LEGAL_PATH, lambda right: replace(right, trail=Trail((), (BatchStep(1, "FAILED", None),)))),
    (Invariant.TRUE_OUTCOME, batch(outcome="FAILED")),
    (Invariant.ONE_BATCH_ONE_ROW, batch(openai_batch_id="batch_b")),
    (Invariant.ONE_BATCH_ONE_ROW, sent(key=None)),
    (Invariant.LINES_AS_CLAIMED, sent(lines=())),
    (Invariant.LINES_AS_CLAIMED, sent(lines=(LINE, LINE))),
    (Invariant.ANSWERED_ONCE, also_alone),
    (Invariant.ATTEMPTS_END, lambda right: replace(right, policy=Policy(attempts_max=0))),
    (Invariant.ATTEMPTS_COUNTED, request(attempts=0)),
    (Invariant.COMPLETE_PROMPT, sent(lines=(line_of(body={**BODY, "messages": []}),))),
    (Invariant.VALID_FILES, lambda right: replace(right, api=replace(right.api, files=((LINE[:30],),)))),
    (Invariant.ONE_TENANT_ONE_MODEL, sent(company="2")),
    (Invariant.ONE_TENANT_ONE_MODEL, batch(model="gpt-4o")),
    (Invariant.WITHIN_LIMITS, lambda right: replace(right, policy=Policy(bytes_per_batch_max=len(LINE)))),
    (Invariant.HANDS_OFF, inactive),
    (Invariant.ANSWER_KEPT, request(status="PROCESSING_ABANDONED", error="x", attempts=2)),
    (Invariant.ANSWER_KEPT, sent(results=())),
    (Invariant.ANSWER_STORED, session(sentiment="NEGATIVE")),
    (Invariant.ANSWER_STORED, session(sentiment="POSITIVE", language="en")),
    (Invariant.TOKENS_AND_COST, request(prompt_tokens=99)),
    (Invariant.TOKENS_AND_COST, request(cost_usd=Decimal("0.000022"))),
    (Invariant.REASON_TO_GIVE_UP, request(status="PROCESSING_ABANDONED", error="x")),
    (Invariant.NOTHING_STUCK, request(status="BATCHING_IN_PROGRESS", completed_at=None)),
]


def test_a_pipeline_that_did_all_right_violates_nothing() -> None:
    assert judge(RIGHT) == ()


@pytest.mark.parametrize(("invariant", "change"), WRONG)
def test_one_thing_wrong_violates_its_invariant(invariant: Invariant, change: Change) -> None:
    assert invariant in {violation.invariant for violation in judge(change(RIGHT))}


def test_an_answer_that_a_killed_scheduler_lost_may_be_asked_for_again() -> None:
    twice = replace(also_alone(RIGHT), interrupted=frozenset({1}))

    assert Invariant.ANSWERED_ONCE not in {violation.invariant for violation in judge(twice)}


def test_a_call_that_was_tried_again_in_its_turn_is_one_attempt() -> None:
    body = next(iter(RIGHT.requests_by_body))
    tries = (Chat(1, body, 503, None), Chat(1, body, None, None), Chat(1, body, 400, None))
    evidence = replace(RIGHT, api=replace(RIGHT.api, batches=(), chats=tries))

    assert [ask.status for ask in evidence.attempts[1]] == [400]


def test_two_ends_that_differ_name_the_request_and_the_session() -> None:
    told = [violation.detail for violation in same_end(AFTER, BEFORE)]

    assert [detail.split(" ")[0:2] for detail in told] == [["request", "1"], ["session", "1"]]


def test_every_invariant_says_itself_in_words() -> None:
    assert all(invariant.words for invariant in Invariant)

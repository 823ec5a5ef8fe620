"""Each checker on evidence made by hand: right as it is, and wrong after one change."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from claimbench.impl.ports import PipelineStats, Policy
from claimbench.impl.statuses import BatchStatus, RequestStatus
from claimbench.loadgen.fake_openai.canonical import canonical
from claimbench.loadgen.oracle import Evidence, Invariant, SelfReport, judge, judge_calm
from claimbench.loadgen.oracle.api_record import ApiBatchRecord, ApiRecord, RecordedResult
from claimbench.loadgen.oracle.evidence import StatusChange
from claimbench.loadgen.oracle.recorder import Chat, ChatReply
from claimbench.loadgen.oracle.rows import BatchRow, CompanyRow, RequestRow, Rows, SessionRow
from claimbench.loadgen.oracle.sameness import same_end
from claimbench.loadgen.oracle.trail import BatchStep, RequestStep, Trail
from claimbench.loadgen.workloads.batch_pipeline.session import left_in

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

IDLE = PipelineStats({}, {}, None, 0, 0.0)
TRUE = SelfReport(1, {1: replace(IDLE, requests={RequestStatus.PROCESSING_COMPLETE: 1})})

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


def asked_alone(body: dict[str, object]) -> Change:
    chat = Chat(1, canonical(body), 200, None)
    return lambda right: replace(right, api=replace(right.api, chats=(chat,)))


def asked_in_a_batch(body: dict[str, object]) -> Change:
    return sent(lines=(line_of(body=body),))


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


def test_ends_of_another_order_are_the_same_where_two_requests_ask_about_one_session() -> None:
    twice = {1: DONE, 2: replace(DONE, id=2)}
    last = replace(AFTER, requests=twice, sessions={1: replace(SESSION, summary="of the first")})
    first = replace(last, sessions={1: replace(SESSION, summary="of the second")})
    neither = replace(last, sessions={1: SESSION})

    assert [*same_end(last, first)] == []
    assert [one.detail.split(" ")[0] for one in same_end(last, neither)] == ["session"]


def test_batches_of_another_grouping_are_the_same_work() -> None:
    both = {1: DONE, 2: replace(DONE, id=2)}
    together = replace(AFTER, requests=both)
    apart = replace(
        together,
        requests={1: DONE, 2: replace(DONE, id=2, batch_id=2)},
        batches={1: BATCH, 2: replace(BATCH, id=2, key="other", openai_batch_id="batch_b")},
    )
    failed = replace(apart, batches={1: BATCH, 2: replace(BATCH, id=2, outcome="FAILED")})

    assert left_in(together) == left_in(apart)
    assert left_in(together) != left_in(failed)


@pytest.mark.parametrize("how", [asked_alone, asked_in_a_batch])
def test_a_wrong_prompt_is_shown_beside_the_right_one_around_the_first_difference(
    how: Callable[[dict[str, object]], Change],
) -> None:
    said = [{"role": "system", "content": "x"}, {"role": "user", "content": "user: hollow"}]
    found = judge(how({**BODY, "messages": [BODY["messages"][0], said[1]]})(RIGHT))  # type: ignore[index]
    (told,) = (one.detail for one in found if one.invariant is Invariant.COMPLETE_PROMPT)

    assert "user: hello" in told
    assert "user: hollow" in told


def test_a_request_about_a_silent_session_is_not_to_be_asked() -> None:
    silent = replace(BEFORE, sessions={1: replace(SESSION, transcript=None)})
    body = silent.body_of(ASKED)
    alone = replace(RIGHT, before=silent, api=ApiRecord((), (Chat(1, canonical(body), 200, None),), ()))

    assert "request 1, whose session is silent, is asked alone" in [one.detail for one in judge(alone)]


@pytest.mark.parametrize("files", [((LINE,), (LINE,)), ((LINE,), (LINE[:-1] + b" }",))])
def test_a_file_that_no_batch_reads_is_stray_in_calm_weather(files: tuple[tuple[bytes, ...], ...]) -> None:
    twice = replace(RIGHT, api=replace(RIGHT.api, files=files))

    assert judge_calm(RIGHT, TRUE) == ()
    assert Invariant.ONE_BATCH_ONE_ROW in {one.invariant for one in judge_calm(twice, TRUE)}


@pytest.mark.parametrize("lie", [replace(TRUE, completed=2), replace(TRUE, stats={1: IDLE})])
def test_reports_and_stats_that_lie_are_told(lie: SelfReport) -> None:
    assert {one.invariant for one in judge_calm(RIGHT, lie)} == {Invariant.TRUE_ACCOUNT}


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: replace(rows, companies={1: CompanyRow(1, is_active=True, columns="other")}),
        lambda rows: replace(rows, sessions={1: replace(rows.sessions[1], messages=("gone",))}),
        lambda rows: replace(
            rows, requests={1: replace(DONE, requested_at=datetime(2026, 2, 1, tzinfo=UTC))}
        ),
    ],
)
def test_what_is_not_the_pipeline_s_to_change_is_told(change: Callable[[Rows], Rows]) -> None:
    changed = judge(replace(RIGHT, after=change(AFTER)))

    assert {one.invariant for one in changed} == {Invariant.HANDS_OFF}


def suspended(minutes: int) -> Evidence:
    """The company was suspended so many minutes before its request was taken up, and opened again later."""
    changes = (
        StatusChange(NOW - timedelta(minutes=minutes), 1, is_active=False),
        StatusChange(NOW + timedelta(hours=1), 1, is_active=True),
    )
    return replace(RIGHT, trail=Trail((replace(CLAIM, at=NOW), FINISH), ()), changes=changes)


def test_what_is_begun_for_a_suspended_company_is_told_once_no_cache_can_show_it() -> None:
    minutes = RIGHT.policy.company_cache_ttl // timedelta(minutes=1)

    assert judge(suspended(minutes - 1)) == ()
    assert [one.invariant for one in judge(suspended(minutes))] == [Invariant.HANDS_OFF]
    assert judge(suspended(-30)) == ()


def test_what_is_under_way_for_a_closed_company_may_be_left_there() -> None:
    changes = (StatusChange(NOW, 1, is_active=False),)
    left = request(status="BATCHING_IN_PROGRESS", completed_at=None, prompt_tokens=None)(RIGHT)
    closed = replace(left, changes=changes)
    rows = replace(left.after, companies={1: CompanyRow(1, is_active=False)}, sessions=left.before.sessions)

    lost = replace(
        BATCH, status="UPLOADING", openai_batch_id=None, outcome=None, completed_at=None, processed_at=None
    )

    assert judge(replace(closed, after=rows)) == ()
    assert judge(replace(closed, after=replace(rows, batches={1: lost}))) == ()


def test_a_company_that_a_pipeline_opened_is_told() -> None:
    shut = replace(RIGHT, changes=(StatusChange(NOW, 1, is_active=False),))

    assert "company 1 was changed" in [one.detail for one in judge(shut)]


def test_every_invariant_says_itself_in_words() -> None:
    assert all(invariant.words for invariant in Invariant)

"""The equivalence oracle: what it calls a difference, and how it says so."""

from claimbench.loadgen.passes.same_work import ApiWork, Comparison, WorkDone, compare_work
from claimbench.loadgen.workloads.batch_pipeline.final_state import FinalRow, FinalState

REQUEST = FinalRow("request 1", ("status=PROCESSING_COMPLETE", "attempts=1"))
SESSION = FinalRow("session 1", ("summary=Fine.",))
BATCH = FinalRow("batch of company 1", ("status=PROCESSED",))
SENT = ApiWork("batch", "summary-1", '{"messages":[{"content":"user: Hello"}]}')


def work(
    arm: str,
    *,
    requests: tuple[FinalRow, ...] = (REQUEST,),
    sessions: tuple[FinalRow, ...] = (SESSION,),
    batches: tuple[FinalRow, ...] = (BATCH,),
    api: tuple[ApiWork, ...] = (SENT,),
) -> WorkDone:
    return WorkDone(arm, FinalState(requests, sessions, batches), api)


def compared(other: WorkDone) -> Comparison:
    return compare_work(work("naive"), other)


def test_the_same_work_is_equal_and_says_how_much_was_compared() -> None:
    comparison = compared(work("other"))

    assert comparison.equal
    assert (comparison.rows_compared, comparison.api_requests_compared) == (3, 1)


def test_the_order_in_which_requests_were_sent_does_not_matter() -> None:
    another = ApiWork("batch", "summary-2", "{}")

    comparison = compare_work(work("a", api=(SENT, another)), work("b", api=(another, SENT)))

    assert comparison.equal


def test_an_empty_prompt_is_the_first_difference_and_shows_both_texts() -> None:
    empty = ApiWork("batch", "summary-1", '{"messages":[{"content":""}]}')

    first = compared(work("other", api=(empty,))).differences[0]

    assert first.startswith("batch request summary-1: the body of 40 characters with naive has 29 with other")
    assert "user: Hello" in first


def test_a_request_that_was_never_sent_is_named() -> None:
    assert compared(work("other", api=())).differences[0] == (
        "batch request summary-1: naive sent it, other did not"
    )


def test_a_request_that_was_sent_twice_is_a_difference() -> None:
    assert compared(work("other", api=(SENT, SENT))).differences == (
        "batch request summary-1: other sent it, naive did not",
    )


def test_a_row_with_another_status_is_named_with_both_values() -> None:
    stuck = FinalRow("request 1", ("status=BATCHING_IN_PROGRESS", "attempts=1"))

    assert compared(work("other", requests=(stuck,))).differences == (
        "request 1: status=PROCESSING_COMPLETE with naive, status=BATCHING_IN_PROGRESS with other",
    )


def test_a_session_that_lost_its_summary_is_a_difference() -> None:
    assert not compared(work("other", sessions=(FinalRow("session 1", ("summary=None",)),))).equal


def test_a_batch_that_only_one_arm_made_is_a_difference() -> None:
    assert compared(work("other", batches=())).differences == (
        "batch of company 1: naive has it, other does not",
    )


def test_many_differences_are_counted_and_not_all_told() -> None:
    rows = tuple(FinalRow(f"request {i}", ("status=A",)) for i in range(50))
    other = tuple(FinalRow(f"request {i}", ("status=B",)) for i in range(50))

    comparison = compare_work(work("a", requests=rows), work("b", requests=other))

    assert len(comparison.differences) == 21
    assert comparison.differences[-1] == "and 30 more differences"

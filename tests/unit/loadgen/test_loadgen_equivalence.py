"""The equivalence oracle: what it calls a difference, and how it says so."""

from claimbench.loadgen.workloads.work import Piece, Work, WorkComparison, WorkDone, compare_work

REQUEST = Piece("request 1", ("status=PROCESSING_COMPLETE", "attempts=1"))
SESSION = Piece("session 1", ("summary=Fine.",))
BATCH = Piece("batch of company 1", ("status=PROCESSED",))
SENT = Piece("batch request summary-1", ('{"messages":[{"content":"user: Hello"}]}',))


def work(
    arm: str,
    *,
    requests: tuple[Piece, ...] = (REQUEST,),
    sessions: tuple[Piece, ...] = (SESSION,),
    batches: tuple[Piece, ...] = (BATCH,),
    api: tuple[Piece, ...] = (SENT,),
) -> WorkDone:
    return WorkDone(arm, Work(api, (*requests, *sessions, *batches)))


def compared(other: WorkDone) -> WorkComparison:
    return compare_work(work("naive"), other)


def test_the_same_work_is_equal_and_says_how_much_was_compared() -> None:
    comparison = compared(work("other"))

    assert comparison.equal
    assert (comparison.rows_compared, comparison.api_requests_compared) == (3, 1)


def test_the_order_in_which_requests_were_sent_does_not_matter() -> None:
    another = Piece("batch request summary-2", ("{}",))

    comparison = compare_work(work("a", api=(SENT, another)), work("b", api=(another, SENT)))

    assert comparison.equal


def test_an_empty_prompt_is_the_first_difference_and_shows_both_texts() -> None:
    empty = Piece("batch request summary-1", ('{"messages":[{"content":""}]}',))

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
    stuck = Piece("request 1", ("status=BATCHING_IN_PROGRESS", "attempts=1"))

    assert compared(work("other", requests=(stuck,))).differences == (
        "request 1: status=PROCESSING_COMPLETE with naive, status=BATCHING_IN_PROGRESS with other",
    )


def test_a_session_that_lost_its_summary_is_a_difference() -> None:
    assert not compared(work("other", sessions=(Piece("session 1", ("summary=None",)),))).equal


def test_a_batch_that_only_one_arm_made_is_a_difference() -> None:
    assert compared(work("other", batches=())).differences == (
        "batch of company 1: naive has it, other does not",
    )


def test_many_differences_are_counted_and_not_all_told() -> None:
    rows = tuple(Piece(f"request {i}", ("status=A",)) for i in range(50))
    other = tuple(Piece(f"request {i}", ("status=B",)) for i in range(50))

    comparison = compare_work(work("a", requests=rows), work("b", requests=other))

    assert len(comparison.differences) == 21
    assert comparison.differences[-1] == "and 30 more differences"


def test_the_digest_knows_no_order_and_tells_every_change() -> None:
    two = Piece("batch request summary-2", ("{}",))
    reordered = (work("a", api=(SENT, two)).work.digest(), work("a", api=(two, SENT)).work.digest())
    changed = {
        work("a", api=(SENT, SENT)).work.digest(),
        work("a", api=()).work.digest(),
        work("a", sessions=(Piece("session 1", ("summary=None",)),)).work.digest(),
        work("a").work.digest(),
    }

    assert reordered[0] == reordered[1]
    assert len(changed) == 4

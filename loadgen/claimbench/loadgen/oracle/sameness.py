"""Whether two pipelines ended in the same state, after the same calm history."""

from collections import Counter
from collections.abc import Iterator

from claimbench.loadgen.oracle.invariants import Invariant, Violation
from claimbench.loadgen.oracle.rows import ANSWER_FIELDS, RequestRow, Rows, SessionRow


def same_end(reference: Rows, other: Rows) -> Iterator[Violation]:
    """Requests and sessions agree, but for the words of errors and for times.

    Which requests went together may differ, so the order of answers may: where several requests ask about one
    session, each field holds the answer of any of them (`answer_stored` says whose it may be).
    """
    asked = Counter(row.session_id for row in reference.requests.values())
    for request_id, row in reference.requests.items():
        theirs = other.requests.get(request_id)
        if theirs is None or _request(row) != _request(theirs):
            found = _request(theirs) if theirs else "gone"
            told = f"request {request_id} is {found}, it should be {_request(row)}"
            yield Violation(Invariant.SAME_END, told)
    for session_id, session in reference.sessions.items():
        there = other.sessions.get(session_id)
        shown = _answers if asked[session_id] < 2 else _answered_fields
        if there is None or shown(session) != shown(there):
            holds = shown(there) if there else "nothing"
            told = f"session {session_id} holds {holds}, it should hold {shown(session)}"
            yield Violation(Invariant.SAME_END, told)


def _request(row: RequestRow) -> str:
    tokens = f"{row.prompt_tokens} + {row.completion_tokens} tokens for {row.cost_usd}"
    failed = "with an error" if row.error else "without an error"
    return f"{row.status} after {row.attempts} attempts, {tokens}, {failed}"


def _answers(session: SessionRow) -> str:
    return f"{session.sentiment}, {session.category}, {session.summary!r}, {session.language}"


def _answered_fields(session: SessionRow) -> str:
    held = ((name, getattr(session, name)) for name in ANSWER_FIELDS)
    return ", ".join(f"{name}: {'nothing' if value is None else 'an answer'}" for name, value in held)

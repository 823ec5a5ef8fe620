"""The oracle: whether a pipeline did its work right, one checker for each invariant.

It judges any pipeline by what it left and what the API saw, not by how it works: `judge` takes the rows
before and after, the trail that the database kept, and the API's own record.
"""

from collections.abc import Callable, Iterator, Mapping

from claimbench.loadgen.oracle.accounts import SelfReport, completed_requests, true_account
from claimbench.loadgen.oracle.answers import (
    answered_once,
    answers_kept,
    answers_stored,
    attempts_counted,
    attempts_end,
    reasons_to_give_up,
    tokens_and_cost,
)
from claimbench.loadgen.oracle.evidence import Evidence
from claimbench.loadgen.oracle.invariants import Invariant, Violation
from claimbench.loadgen.oracle.states import legal_paths, legal_states, nothing_stuck, true_outcomes
from claimbench.loadgen.oracle.submissions import (
    complete_prompts,
    hands_off,
    lines_as_claimed,
    no_stray_files,
    one_batch_one_row,
    one_tenant_one_model,
    valid_files,
    within_limits,
)

__all__ = [
    "CHECKERS",
    "Evidence",
    "Invariant",
    "SelfReport",
    "Violation",
    "completed_requests",
    "judge",
    "judge_calm",
]

Checker = Callable[[Evidence], Iterator[Violation]]

CHECKERS: Mapping[Invariant, Checker] = {
    Invariant.LEGAL_STATE: legal_states,
    Invariant.LEGAL_PATH: legal_paths,
    Invariant.TRUE_OUTCOME: true_outcomes,
    Invariant.ONE_BATCH_ONE_ROW: one_batch_one_row,
    Invariant.LINES_AS_CLAIMED: lines_as_claimed,
    Invariant.ANSWERED_ONCE: answered_once,
    Invariant.ATTEMPTS_END: attempts_end,
    Invariant.ATTEMPTS_COUNTED: attempts_counted,
    Invariant.COMPLETE_PROMPT: complete_prompts,
    Invariant.VALID_FILES: valid_files,
    Invariant.ONE_TENANT_ONE_MODEL: one_tenant_one_model,
    Invariant.WITHIN_LIMITS: within_limits,
    Invariant.HANDS_OFF: hands_off,
    Invariant.ANSWER_KEPT: answers_kept,
    Invariant.ANSWER_STORED: answers_stored,
    Invariant.TOKENS_AND_COST: tokens_and_cost,
    Invariant.REASON_TO_GIVE_UP: reasons_to_give_up,
    Invariant.NOTHING_STUCK: nothing_stuck,
}
"""Each invariant's checker; `same_end` needs a second pipeline and stands apart (see `sameness`)."""


def judge(evidence: Evidence) -> tuple[Violation, ...]:
    """All violations, invariant by invariant."""
    return tuple(violation for check in CHECKERS.values() for violation in check(evidence))


def judge_calm(evidence: Evidence, account: SelfReport) -> tuple[Violation, ...]:
    """What holds beside `judge` where no call failed and nobody was killed."""
    return (*judge(evidence), *no_stray_files(evidence), *true_account(evidence, account))

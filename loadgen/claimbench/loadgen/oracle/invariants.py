"""The invariants of a batch pipeline, each in words, and what it looks like when one is violated."""

from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    """What holds of every correct pipeline, whatever fails around it. `docs/oracle.md` explains each."""

    LEGAL_STATE = "legal_state"
    LEGAL_PATH = "legal_path"
    TRUE_OUTCOME = "true_outcome"
    ONE_BATCH_ONE_ROW = "one_batch_one_row"
    LINES_AS_CLAIMED = "lines_as_claimed"
    ANSWERED_ONCE = "answered_once"
    ATTEMPTS_END = "attempts_end"
    ATTEMPTS_COUNTED = "attempts_counted"
    COMPLETE_PROMPT = "complete_prompt"
    VALID_FILES = "valid_files"
    ONE_TENANT_ONE_MODEL = "one_tenant_one_model"
    WITHIN_LIMITS = "within_limits"
    HANDS_OFF = "hands_off"
    ANSWER_KEPT = "answer_kept"
    ANSWER_STORED = "answer_stored"
    TOKENS_AND_COST = "tokens_and_cost"
    REASON_TO_GIVE_UP = "reason_to_give_up"
    NOTHING_STUCK = "nothing_stuck"
    TRUE_ACCOUNT = "true_account"
    SAME_END = "same_end"

    @property
    def words(self) -> str:
        """The invariant as a sentence."""
        return WORDS[self]


WORDS = {
    Invariant.LEGAL_STATE: (
        "every request and batch is in exactly one legal state, with that state's columns"
    ),
    Invariant.LEGAL_PATH: "every state was reached over the edges of the state diagram",
    Invariant.TRUE_OUTCOME: "a processed batch says of its end what the API says of it",
    Invariant.ONE_BATCH_ONE_ROW: (
        "every batch at the API belongs to exactly one row, and carries that row's key"
    ),
    Invariant.LINES_AS_CLAIMED: "a batch asks exactly the requests that were claimed for it, each once",
    Invariant.ANSWERED_ONCE: "a request that got its answer is not asked again",
    Invariant.ATTEMPTS_END: "no request is asked more often than the policy allows",
    Invariant.ATTEMPTS_COUNTED: "every time that a request is asked counts as an attempt",
    Invariant.COMPLETE_PROMPT: "every request is asked with its complete prompt and its model",
    Invariant.VALID_FILES: "every uploaded line is valid JSON of the API's form",
    Invariant.ONE_TENANT_ONE_MODEL: "no batch mixes companies or models",
    Invariant.WITHIN_LIMITS: "batches and retries keep within the policy's limits",
    Invariant.HANDS_OFF: "what is not the pipeline's to work on stays as it was",
    Invariant.ANSWER_KEPT: "a request that got its answer is complete",
    Invariant.ANSWER_STORED: "a session holds the answers of its own requests, and nothing else",
    Invariant.TOKENS_AND_COST: "a request's tokens and cost are those of the answers that it got",
    Invariant.REASON_TO_GIVE_UP: "a request is given up for a reason only",
    Invariant.NOTHING_STUCK: "nothing is stuck after the faults stop",
    Invariant.TRUE_ACCOUNT: "reports and stats say what was done",
    Invariant.SAME_END: "in calm weather the pipeline ends in the same state as the naive one",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and of what."""

    invariant: Invariant
    detail: str

    def __str__(self) -> str:
        return f"violated: {self.invariant.words} ({self.invariant.value}); {self.detail}"

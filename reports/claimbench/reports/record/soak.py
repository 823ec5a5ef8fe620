"""The soak record, version `claimbench.soak/2`: `soak.json` holds exactly this, all else is drawn from it."""

from typing import Final, Literal

from pydantic import Field

from claimbench.reports.record.load import Generated, Latency
from claimbench.reports.record.values import Finding, Scalar, Verdict
from claimbench.scenarios.grammar import Frozen

SOAK_SCHEMA: Final = "claimbench.soak/2"


class SoakSample(Frozen):
    """One look, `at_s` seconds after the load began; None where the database did not answer.

    `memory_bytes` is the service's resident memory, `pending` the requests that wait for a batch,
    `unfinished` all that have no result yet. Connections and locks are the database's, ours left out.
    """

    at_s: float
    memory_bytes: int
    connections: int | None
    locks: int | None
    pending: int | None
    unfinished: int | None


class Restart(Frozen):
    """Of the database: when it was told to, when it answered again, and when the pipeline stored a result."""

    at_s: float
    answered_at_s: float
    stored_at_s: float | None


class Accounting(Frozen):
    """The books of what was submitted, in sessions: acknowledged by the service, unsure, and in the database.

    Unsure ones failed on their way back, so that they may have been stored. `requests` were judged by the
    oracle; `violated` counts its sentences, `violations` are the first of them.
    """

    acknowledged: int
    unsure: int
    stored: int
    requests: int
    completed: int
    given_up: int
    batches: int
    violated: int
    drained_after_s: float | None
    """How long after the load the last request was done; None when it never was."""
    violations: tuple[str, ...]


class SoakAsked(Frozen):
    """What was asked for. `capacity_per_s` is None where the rate was given."""

    name: str
    sha256: str
    pipeline: str
    rate_per_s: float
    capacity_per_s: float | None
    share: float
    duration_s: float
    faults: tuple[str, ...]
    rtt_ms: float
    failed_share_max: float


class Soaked(Frozen):
    """What was seen, not judged yet. `problems` make the run invalid."""

    asked: SoakAsked
    generated: Generated
    samples: tuple[SoakSample, ...]
    restart: Restart
    kept: Accounting
    end_to_end: Latency
    problems: tuple[str, ...]


class SoakRecord(Frozen):
    """One soak: `soak.json` holds exactly this."""

    schema_: Literal["claimbench.soak/2"] = Field(default=SOAK_SCHEMA, alias="schema")
    claimbench: str
    started_at: str
    command: str
    environment: dict[str, Scalar]
    soaked: Soaked
    findings: tuple[Finding, ...]
    verdict: Verdict

"""A scenario: what to run, and what was claimed about it. Frozen; unknown keys are refused."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny

from claimbench.scenarios.grammar import (
    AnyCount,
    ClaimedRange,
    Count,
    Duration,
    Frozen,
    Range,
    Replicates,
    Seed,
    Share,
)
from claimbench.scenarios.load import Load
from claimbench.scenarios.thresholds import Thresholds

BATCH_PIPELINE = "batch_pipeline"
"""The workload of a scenario that names none."""


class Dataset(Frozen):
    """What a database holds: the workload makes as much of it as `size` says."""

    seed: Seed = 1
    size: Count


class BatchDataset(Dataset):
    """What Faker seeds. `requests` wait, `history` is done; both are spread over all companies."""

    seed: Seed
    size: Count = Field(alias="companies")
    requests_per_company: Count
    history_per_company: AnyCount = 0
    messages_per_session: Range
    characters_per_message: Range
    skew: Annotated[float, Field(ge=0, le=3)] = 1.0
    """Zipf exponent of the companies' sizes: 0 makes them equal, 1 is usual for tenants."""

    @property
    def companies(self) -> int:
        """The size, in the batch pipeline's own word."""
        return self.size


class WorkloadSettings(Frozen):
    """What is run, how often, and on which sizes: `runs` runs, `step` apart on a simulated clock, if any.

    A load and a soak read `runs` and `step` alone; a scenario without `[load]` must say `blocks`,
    `memory_blocks` and the sizes, too, since a run depends on them.
    """

    kind: str = BATCH_PIPELINE
    """A registered workload, or `module:attribute` of the user's own."""
    runs: Count = 1
    step: Duration = timedelta(minutes=1)
    repeats: Count = 3
    """How often the dataset's own size is counted: three times, to see that a counter is exact, without which
    no gate can be red. The other sizes are counted once."""
    blocks: Replicates = 6
    memory_blocks: Replicates = 6
    sizes: tuple[Count, ...] = ()
    """The sizes for the counting pass; the dataset's own is always among them."""
    shown_blocks: Replicates | None = None
    """For what is shown beside what is judged: time at other round trips, memory at other sizes. As many as
    for what is judged, unless it is given."""
    memory_sizes: tuple[Count, ...] = ()
    """Further sizes for the memory pass; the dataset's own is always among them."""
    seed: Seed = 1

    def shown_among(self, blocks: int) -> frozenset[int]:
        """Which of so many blocks take what is shown only: spread over all, to see the same drift."""
        shown = min(self.shown_blocks or blocks, blocks)
        return frozenset(number * blocks // shown for number in range(shown))


class BatchWorkloadSettings(WorkloadSettings):
    """The batch pipeline's: its runs are scheduler runs, its sizes numbers of companies."""

    kind: Literal["batch_pipeline"] = "batch_pipeline"
    runs: Count
    step: Duration
    sizes: tuple[Count, ...] = Field(default=(), alias="companies")
    memory_sizes: tuple[Count, ...] = Field(default=(), alias="memory_companies")
    timetable: Duration = timedelta(hours=1)
    """How long the document's own timetable is simulated for the cache claim."""


class Api(Frozen):
    """How the fake OpenAI answers."""

    seed: Seed
    failed_line_rate: Share = 0.0


class Network(Frozen):
    """Round-trip times added on the way to Postgres, in milliseconds; time claims are judged at one."""

    rtt_ms: tuple[Annotated[float, Field(ge=0, le=100)], ...]
    judged_rtt_ms: Annotated[float, Field(ge=0, le=100)]


class EmbeddedServer(Frozen):
    """How a server of ours is to be started, where `--database` leads to one."""

    storage: Literal["disk", "memory"] = "disk"
    """In memory, commits wait for no disk: quicker, steadier, and no measure of what a commit costs."""

    @property
    def in_memory(self) -> bool:
        """Whether its files are kept in memory."""
        return self.storage == "memory"


class ArmRole(StrEnum):
    """The reference is what claims compare with; the candidate is what they are about."""

    REFERENCE = "reference"
    CANDIDATE = "candidate"


class Arm(Frozen):
    """A pipeline under measurement, and the state of the document's indexes that it runs with."""

    name: str
    pipeline: str
    """A registry name, or `module:attribute` of the user's own factory."""
    role: ArmRole
    indexes: Literal["before", "after"] = "after"


class Claim(Frozen):
    """What a document published: where, in which words, and as which metric and range."""

    id: str
    source: str
    quote: str
    metric: str
    stage: str = "run"
    claimed: ClaimedRange


class Scenario(Frozen):
    """Everything that one run needs to know, of whatever workload."""

    name: str
    title: str
    why: str
    dataset: SerializeAsAny[Dataset]
    workload: SerializeAsAny[WorkloadSettings]
    network: Network
    server: EmbeddedServer = EmbeddedServer()
    arms: Annotated[tuple[Arm, ...], Field(min_length=2)]
    claims: tuple[Claim, ...] = ()
    thresholds: Thresholds = ()
    """What the gate holds a run to, in `[thresholds]`; see `claimbench.scenarios.thresholds`."""
    load: Load | None = None
    """What `claimbench load` does, in `[load]`."""
    sha256: str
    """Of the file's bytes, so that a result can be traced to the text that asked for it."""
    source: str = ""
    """The name or path by which it was loaded."""


class BatchScenario(Scenario):
    """A scenario of the batch pipeline, which also needs a fake OpenAI."""

    dataset: BatchDataset
    workload: BatchWorkloadSettings
    api: Api


def scenario_model(kind: str) -> type[Scenario]:
    """What a scenario of this workload is read as."""
    return BatchScenario if kind == BATCH_PIPELINE else Scenario

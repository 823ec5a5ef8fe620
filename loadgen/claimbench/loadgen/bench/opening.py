"""Opens a bench: a server, the workshop of its databases, their templates, and the ways to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from claimbench.loadgen.bench.databases import Server, Template, Workshop, open_server
from claimbench.loadgen.bench.databases.settings import Setting
from claimbench.loadgen.bench.relay import Relayed, relayed
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.workloads.port import Workload
from claimbench.scenarios.model import Arm, Scenario

WARM_UP_SIZE = 2
"""The size of the database that a process is warmed up on: mappers and caches are not what is measured."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where measurements are made."""

    server: Server
    workshop: Workshop
    progress: Progress

    def templates(self, workload: Workload, arms: Iterable[Arm], size: int) -> Mapping[str, Template]:
        """Each arm's sealed database of this size, by the arm's name; equal ones are made once."""
        self.progress.step(f"seeding {size} {workload.words.size}")
        return {arm.name: self.workshop.template(workload.recipe(arm, size)) for arm in arms}

    @contextmanager
    def way(self, rtt_ms: float) -> Iterator[Relayed]:
        """The way to the server that takes `rtt_ms` longer per round trip; its noise is told."""
        with relayed(self.server.admin_url, rtt_ms) as way:
            if rtt_ms:
                told = f"{way.achieved_ms:.2f} ms achieved, noise {way.noise_ms:.2f} ms"
                self.progress.note(f"relay: {rtt_ms:g} ms asked, {told}")
            if way.doubt:
                self.progress.note(f"time will be invalid: {way.doubt}")
            yield way


def nothing(_: Server) -> None:
    """What most have to do with a server before anything holds a connection to it."""


@contextmanager
def open_bench(
    scenario: Scenario,
    database: str,
    progress: Progress,
    settings: tuple[Setting, ...] = (),
    first: Callable[[Server], None] = nothing,
) -> Iterator[Bench]:
    """Open the server that `--database` names, as the scenario wants it; what is made there is dropped.

    first: called with the server before anything holds a connection to it.
    """
    in_memory = scenario.server.in_memory
    with open_server(database, announce=progress.note, settings=settings, in_memory=in_memory) as server:
        first(server)
        with Workshop(server, disposable=server.disposable) as workshop:
            yield Bench(server, workshop, progress)

"""What the merging process keeps of a run: who takes part, who is done, who was lost, and the sums."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from claimbench.loadgen.load.packets import Packet
from claimbench.loadgen.load.plan import LoadPlan
from claimbench.loadgen.load.recorder import Totals
from claimbench.reports.judge.littles_law import littles_law
from claimbench.reports.record.load import Generated, Latency, WorkerRecord

GRACE_S = 10.0
"""How much longer than the plan allows a process may take before it is given up."""


@dataclass(frozen=True, slots=True)
class GeneratorProcess:
    """A generator process, as its runner calls it."""

    client: str


class Collector:
    """Adds packets up until every process is done, lost or late. Times are seconds of one monotonic clock."""

    def __init__(self, plan: LoadPlan, processes: Sequence[GeneratorProcess], now_s: float) -> None:
        self._plan = plan
        self._waited_for = {each.client for each in processes}
        self._expected = len(processes)
        self._totals = Totals([each.name for each in plan.operations], plan.window_s)
        self._workers: list[WorkerRecord] = []
        self._missing: set[str] = set()
        self._heartbeats_lost = 0
        self._deadline_s = now_s + plan.duration_s + plan.timeout_s + GRACE_S

    @property
    def is_over(self) -> bool:
        """Whether nobody is waited for any more."""
        return not self._waited_for

    def add(self, packet: Packet) -> None:
        """Take up what a process tells."""
        self._totals.add(packet)

    def finish(self, client: str, record: WorkerRecord) -> None:
        """A process has sent its last packet."""
        self._workers.append(record)
        self._waited_for.discard(client)

    def lose(self, client: str) -> None:
        """A process has failed; nothing more comes of it."""
        self._waited_for.discard(client)

    def give_up(self) -> None:
        """Wait for nobody any more: the run is ended from outside."""
        self._waited_for = set()

    def look(self, alive: Set[str], now_s: float) -> None:
        """Note who stopped answering; a process that comes back in time is waited for again."""
        silent = self._waited_for - alive
        self._heartbeats_lost += len(silent - self._missing)
        self._missing = silent
        if now_s > self._deadline_s or (silent and silent == self._waited_for):
            self._waited_for = set()

    def generated(self) -> Generated:
        """The merged record."""
        return Generated(
            planned=len(self._plan.times()),
            duration_s=self._plan.duration_s,
            window_s=self._plan.window_s,
            workers_expected=self._expected,
            workers_lost=self._expected - len(self._workers),
            heartbeats_lost=self._heartbeats_lost,
            workers=tuple(sorted(self._workers, key=lambda worker: worker.index)),
            total=self._totals.total(),
            operations=self._totals.operations(),
            series=self._totals.series(),
            failures=self._totals.failures(),
        )

    def summary(self, generated: Generated) -> str:
        """What a person wants to see at once, in a few lines."""
        total = generated.total
        lost = f", {generated.workers_lost} generators lost" if generated.workers_lost else ""
        noted = "".join(
            f", {count:,} {word}"
            for word, count in (("resent", total.resent), ("replayed", total.replayed))
            if count
        )
        done = (
            f"{total.completed:,} completed, {total.failed:,} failed, {total.dropped:,} dropped{noted}{lost}"
        )
        lines = [
            f"open arrivals: {generated.planned:,} planned, {done}",
            f"  from the intended start  {_line(total.response)}",
            f"  from the real start      {_line(total.service)}",
            f"  schedule lag             {_line(total.lag)}",
            f"  {littles_law(generated)}",
        ]
        return "\n".join(lines) + "\n"


def _line(latency: Latency) -> str:
    return (
        f"p50 {latency.p50_ms:,.2f}  p90 {latency.p90_ms:,.2f}  p95 {latency.p95_ms:,.2f}  "
        f"p99 {latency.p99_ms:,.2f}  p99.9 {latency.p99_9_ms:,.2f}  max {latency.max_ms:,.2f} ms"
    )

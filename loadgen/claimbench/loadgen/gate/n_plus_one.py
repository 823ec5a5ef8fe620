"""N+1 findings of one arm: its statements by origin at two sizes, and those whose number grows."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path

from claimbench.loadgen.bench.opening import Bench, open_bench
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.probes.origins import OriginProbe
from claimbench.loadgen.workloads.port import Database, Workload, drive, unobserved
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.judge.n_plus_one import RepeatedStatement, SizedCount, grows
from claimbench.reports.pages.n_plus_one import n_plus_one_page
from claimbench.reports.record.store import write_text
from claimbench.reports.render import sarif
from claimbench.scenarios.model import Arm, Scenario

SMALLEST, FACTOR = 3, 3
"""The first size, and how many times larger the second one is."""


def write_sarif(scenario: Scenario, arm: Arm, database: str, out: Path, progress: Progress) -> int:
    """Measure, write, and return the number of findings."""
    found = repeated_statements(scenario, arm, database, progress)
    page = n_plus_one_page(found, scenario.name, version("claimbench"), workload_of(scenario).words)
    write_text(out, sarif.render(page))
    return len(found)


def repeated_statements(
    scenario: Scenario, arm: Arm, database: str, progress: Progress
) -> tuple[RepeatedStatement, ...]:
    """The statements that one line sends more often at the larger size, the busiest first."""
    sizes = (SMALLEST, SMALLEST * FACTOR)
    workload = workload_of(scenario)
    with open_bench(scenario, database, progress) as bench:
        counted = [_counted(scenario, workload, arm, bench, size) for size in sizes]
    found = []
    for place, _ in counted[-1].most_common():
        counts = tuple(SizedCount(size, each[place]) for size, each in zip(sizes, counted, strict=True))
        if grows(counts):
            found.append(RepeatedStatement(*place, counts=counts))
    return tuple(found)


def _counted(
    scenario: Scenario, workload: Workload, arm: Arm, bench: Bench, size: int
) -> Counter[tuple[str, int, str, str]]:
    template = bench.workshop.template(workload.recipe(arm, size))
    counts: Counter[tuple[str, int, str, str]] = Counter()
    with (
        bench.workshop.clone(template) as url,
        workload.open(arm, Database(url)) as session,
        OriginProbe(session.connections) as probe,
    ):
        drive(session, workload.steps, scenario.workload.runs, unobserved)
        for each in probe.counts():
            origin = each.origin
            counts[_relative(origin.file), origin.line, origin.function, origin.statement] += each.count
    return counts


def _relative(file: str) -> str:
    """From the folder of the call, as code scanning wants it; absolute where it lies elsewhere."""
    path = Path(file).resolve()
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.as_posix()

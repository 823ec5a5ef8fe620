"""N+1 findings of one arm: its statements by origin at two sizes, and those whose number grows."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Workshop, open_server
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.probes.origins import OriginProbe
from claimbench.loadgen.workloads.batch_pipeline.session import open_stand
from claimbench.loadgen.workloads.batch_pipeline.timetable import drive, unobserved
from claimbench.reports.judge.n_plus_one import RepeatedStatement, SizedCount, grows
from claimbench.reports.pages.n_plus_one import n_plus_one_page
from claimbench.reports.record.store import write_text
from claimbench.reports.render import sarif
from claimbench.scenarios.model import Arm, Scenario

SMALLEST, FACTOR = 3, 3
"""Companies at the first size, and how many times more at the second."""


def write_sarif(scenario: Scenario, arm: Arm, database: str, out: Path, progress: Progress) -> int:
    """Measure, write, and return the number of findings."""
    found = repeated_statements(scenario, arm, database, progress)
    write_text(out, sarif.render(n_plus_one_page(found, scenario.name, version("claimbench"))))
    return len(found)


def repeated_statements(
    scenario: Scenario, arm: Arm, database: str, progress: Progress
) -> tuple[RepeatedStatement, ...]:
    """The statements that one line sends more often when there are more companies, the busiest first."""
    sizes = (SMALLEST, SMALLEST * FACTOR)
    with (
        open_server(database, announce=progress.note, in_memory=scenario.server.in_memory) as server,
        Workshop(server) as workshop,
    ):
        counted = [_counted(scenario, arm, workshop, size) for size in sizes]
    found = []
    for place, _ in counted[-1].most_common():
        counts = tuple(SizedCount(size, each[place]) for size, each in zip(sizes, counted, strict=True))
        if grows(counts):
            found.append(RepeatedStatement(*place, counts=counts))
    return tuple(found)


def _counted(
    scenario: Scenario, arm: Arm, workshop: Workshop, companies: int
) -> Counter[tuple[str, int, str, str]]:
    template = workshop.template(scenario.dataset, companies=companies, indexes=IndexSet(arm.indexes))
    counts: Counter[tuple[str, int, str, str]] = Counter()
    with (
        workshop.clone(template) as url,
        open_stand(arm.pipeline, url, scenario.api) as stand,
        OriginProbe(stand.engine) as probe,
    ):
        drive(stand.pipeline, stand.clock, scenario.workload.runs, scenario.workload.step, unobserved)
        for each in probe.counts():
            origin = each.origin
            counts[_relative(origin.file), origin.line, origin.function, origin.statement] += each.count
    return counts


def _relative(file: str) -> str:
    """From the folder of the call, as code scanning wants it; absolute where it lies elsewhere."""
    path = Path(file).resolve()
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.as_posix()

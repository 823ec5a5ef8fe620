import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from claimbench.errors import InvalidMeasurementError
from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.bench.opening import Bench
from claimbench.loadgen.commands.progress import Progress
from claimbench.loadgen.passes.memory import MemoryPass
from claimbench.loadgen.processes.forks import Forks
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.loadgen.workloads.registry import workload_of
from claimbench.reports.record.values import Sample
from claimbench.scenarios.loader import load
from claimbench.scenarios.model import BatchDataset
from doubles.loud_arms import HELD_BYTES

DOUBLES = Path(__file__).parents[2] / "doubles"


def measured(workshop: Workshop, template: Template, pipeline: str) -> list[Sample]:
    """All samples of the pass, with the pipeline as its candidate."""
    smoke = load("smoke")
    arms = tuple(arm.model_copy(update={"pipeline": pipeline, "indexes": "after"}) for arm in smoke.arms[1:])
    scenario = smoke.model_copy(update={"arms": arms})
    templates: Mapping[str, Template] = {arm.name: template for arm in arms}
    bench = Bench(workshop.server, workshop, Progress(Console(file=io.StringIO())))
    sizes = {2: templates, 3: templates}
    with Forks(smoke) as forks:
        memory = MemoryPass(scenario, workload_of(scenario), bench, sizes, templates, forks)
        return [sample for block in memory.run() for sample in memory.samples(block)]


@pytest.fixture
def small(workshop: Workshop, dataset: BatchDataset) -> Template:
    return workshop.template(recipe(dataset, companies=2, indexes=IndexSet.AFTER))


@pytest.fixture(autouse=True)
def importable_in_child_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(DOUBLES))


@pytest.mark.whole
def test_an_arm_that_says_much_is_measured_at_every_size_in_every_block(
    workshop: Workshop, small: Template
) -> None:
    samples = measured(workshop, small, "loud_arms:Chatty")

    places = [(sample.size, sample.block) for sample in samples]
    assert places == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert all(sample.value > 0 for sample in samples)


@pytest.mark.whole
def test_what_an_arm_holds_is_seen_where_there_was_no_bytecode(
    workshop: Workshop, small: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")

    samples = measured(workshop, small, "loud_arms:Growing")

    assert min(sample.value for sample in samples) > HELD_BYTES
    assert max(sample.value for sample in samples) < 2 * HELD_BYTES


def test_an_arm_that_fails_is_told_with_its_error(workshop: Workshop, small: Template) -> None:
    with pytest.raises(InvalidMeasurementError) as raised:
        measured(workshop, small, "loud_arms:Failing")

    assert "RuntimeError: no batch at" in str(raised.value)

"""Three of the eight mistakes of the source lose no work but the gain: each is caught, the right is not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from mortal_process import POLICY, trial
from mutants.costly import Looks, TurnsItselfOff, still_n_plus_1, with_blind_cache
from mutants.making import Twist
from sqlalchemy import event

from claimbench.impl.events import ignore
from claimbench.impl.integration.tracker import PathRun, Tracker, Tracking
from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.ports import Pipeline, PipelineContext, Stage
from claimbench.impl.stage_events import Path
from claimbench.loadgen.verify.datasets import HistoryCompany, HistoryDataset
from claimbench.loadgen.verify.world import World
from claimbench.loadgen.workloads.batch_pipeline.seeding import EPOCH

Make = Callable[[PipelineContext], Pipeline]


@contextmanager
def idle_companies(world: World, companies: int) -> Iterator[PipelineContext]:
    plans = tuple(HistoryCompany(number, is_active=True, sessions=()) for number in range(1, companies + 1))
    with trial(world, HistoryDataset(plans)):
        api = Twist(None)  # type: ignore[arg-type]  # there is nothing to call it for
        yield PipelineContext(world.mortal_engine(1).engine, api, POLICY, ignore)


def statements_of_a_run(world: World, make: Make, companies: int) -> int:
    counted = []
    with idle_companies(world, companies) as context:
        pipeline = make(context)
        event.listen(context.engine, "before_cursor_execute", seen := lambda *_: counted.append(1))
        pipeline.run(EPOCH)
        event.remove(context.engine, "before_cursor_execute", seen)
    return len(counted)


@pytest.mark.parametrize(("make", "grows"), [(still_n_plus_1, True), (OptimizedPipeline, False)])
def test_queries_for_each_company_show_when_there_are_more_companies(
    world: World, make: Make, grows: bool
) -> None:
    few, many = (statements_of_a_run(world, make, companies) for companies in (2, 9))

    assert (many > few) is grows


@pytest.mark.parametrize(("make", "path"), [(TurnsItselfOff, Path.ORIGINAL), (Tracker, Path.OPTIMIZED)])
def test_a_tracker_that_turns_itself_off_shows_when_the_original_never_ran(
    make: type[Tracker], path: Path
) -> None:
    tracker = make(Tracking(measure_every=100))
    for number in range(6):
        at = EPOCH + timedelta(minutes=number)
        tracker.record(Stage.CHECK_STATUSES, Path.OPTIMIZED, PathRun(at, 0.1, 1, ended_well=True))

    assert tracker.choose(Stage.CHECK_STATUSES, EPOCH + timedelta(minutes=6)).path is path


@pytest.mark.parametrize(("make", "told"), [(with_blind_cache, 0), (OptimizedPipeline, 2)])
def test_a_cache_that_counts_nothing_shows_when_it_is_asked(world: World, make: Make, told: int) -> None:
    with idle_companies(world, 2) as context:
        assert Looks.of(make, context).told == told

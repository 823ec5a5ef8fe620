"""Scenes for the pipelines, as fixtures; a conftest imports them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import pytest
from pipeline_stand import Scene, scene_on

from claimbench.impl.indexes import IndexSet
from claimbench.loadgen.bench.databases import Template, Workshop
from claimbench.loadgen.workloads.batch_pipeline.recipe import recipe
from claimbench.scenarios.model import BatchDataset

SMALL = BatchDataset(
    seed=7,
    companies=3,
    requests_per_company=14,
    history_per_company=3,
    messages_per_session="2..4",
    characters_per_message="20..60",
)


@pytest.fixture(scope="session")
def small(workshop: Workshop) -> Template:
    return workshop.template(recipe(SMALL, companies=3, indexes=IndexSet.AFTER))


class OpenScene(Protocol):
    def __call__(self, **how: object) -> Scene: ...


@pytest.fixture
def open_scene(workshop: Workshop, small: Template) -> Iterator[OpenScene]:
    """Opens a scene on a fresh clone; all are closed at the end of the test."""
    with ExitStack() as stack:

        def entered(opened: AbstractContextManager[object]) -> object:
            return stack.enter_context(opened)

        def opener(**how: object) -> Scene:
            url = entered(workshop.clone(small))
            return entered(scene_on(url, **how))  # type: ignore[arg-type, return-value]  # as scene_on takes them

        yield opener

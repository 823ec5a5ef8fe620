"""How a wrong pipeline is made of a right one: calls twisted, limits changed, SQL run around a stage."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO, ClassVar

from sqlalchemy import Engine, event, text

from claimbench.impl.naive import NaivePipeline
from claimbench.impl.ports import (
    ApiBatch,
    BatchApi,
    ByStage,
    Completion,
    Pipeline,
    PipelineContext,
    PipelineFactory,
    PipelineStats,
    Stage,
    StageReport,
    take_stage,
)


def at(stage: Stage, *statements: str) -> dict[Stage, tuple[str, ...]]:
    """SQL to be run around a stage, each statement committed by itself."""
    return {stage: statements}


def limited(**changes: object) -> Mapping[str, object]:
    """Other limits than the policy's."""
    return changes


class Twist:
    """A `BatchApi` that passes every call on; a mutant's twist changes one of them."""

    def __init__(self, api: BatchApi) -> None:
        self._api = api

    def upload(self, filename: str, lines: BinaryIO) -> str:
        return self._api.upload(filename, lines)

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        return self._api.create_batch(input_file_id, metadata)

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        return self._api.find_batches(keys, since)

    def retrieve(self, batch_id: str) -> ApiBatch:
        return self._api.retrieve(batch_id)

    def download(self, file_id: str) -> Iterator[bytes]:
        return self._api.download(file_id)

    def file_size(self, file_id: str) -> int | None:
        return self._api.file_size(file_id)

    def complete(self, body: Mapping[str, object]) -> Completion:
        return self._api.complete(body)


def rewriting(parts: Mapping[str, str]) -> Mapping[str, str]:
    """Parts of statements, as they are sent, and what is sent instead."""
    return parts


def rewritten(engine: Engine, parts: Mapping[str, str]) -> Engine:
    """The same engine, but that these parts of statements are sent otherwise."""

    def rewrite(_: object, __: object, statement: str, parameters: Any, *___: object) -> tuple[str, Any]:
        for part, other in parts.items():
            statement = statement.replace(part, other)
        return statement, parameters

    changed = engine.execution_options()
    event.listen(changed, "before_cursor_execute", rewrite, retval=True)
    return changed


class Mutant(ByStage):
    """A pipeline with one mistake. A subclass says which in its docstring, and makes it in its attributes."""

    made_of: ClassVar[PipelineFactory] = NaivePipeline
    twist: ClassVar[type[Twist]] = Twist
    limits: ClassVar[Mapping[str, object]] = {}
    sql_before: ClassVar[Mapping[Stage, tuple[str, ...]]] = {}
    sql_after: ClassVar[Mapping[Stage, tuple[str, ...]]] = {}
    skipped: ClassVar[frozenset[Stage]] = frozenset()
    rewritten: ClassVar[Mapping[str, str]] = {}

    def __init__(self, context: PipelineContext) -> None:
        self._engine = context.engine
        policy = replace(context.policy, **self.limits)  # type: ignore[arg-type]  # the fields of a policy
        engine = rewritten(context.engine, self.rewritten) if self.rewritten else context.engine
        twisted = replace(context, engine=engine, api=self.twist(context.api), policy=policy)
        self._right: Pipeline = type(self).made_of(twisted)

    def stats(self, company_id: int | None = None) -> PipelineStats:
        return self._right.stats(company_id)

    def take(self, stage: Stage, now: datetime) -> StageReport:
        if stage in self.skipped:
            return StageReport(stage)
        self._execute(self.sql_before.get(stage, ()), now)
        report = take_stage(self._right, stage, now)
        self._execute(self.sql_after.get(stage, ()), now)
        return report

    def _execute(self, statements: tuple[str, ...], now: datetime) -> None:
        for statement in statements:
            with self._engine.begin() as connection:
                connection.execute(text(statement), {"now": now} if ":now" in statement else {})

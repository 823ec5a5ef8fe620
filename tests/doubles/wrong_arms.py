"""Pipelines that do the wrong work, each with one of the mistakes of the original system."""

import io
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import text

from claimbench.impl.lifecycle import NO_LINE
from claimbench.impl.naive import NaivePipeline
from claimbench.impl.ports import ApiBatch, BatchApi, PipelineContext, Stage, StageReport


class ApiProxy:
    """Passes every call on to the real API."""

    def __init__(self, api: BatchApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> object:
        return getattr(self._api, name)


class BlankingApi(ApiProxy):
    """Sends each request without its prompt."""

    def upload(self, filename: str, lines: BinaryIO) -> str:
        blanked = (json.dumps(_blank(json.loads(line))) for line in lines)
        return self._api.upload(filename, io.BytesIO("\n".join(blanked).encode()))


class ErrorFileHidingApi(ApiProxy):
    """Never tells of an error file."""

    def retrieve(self, batch_id: str) -> ApiBatch:
        return replace(self._api.retrieve(batch_id), error_file_id=None)


class EmptyPrompts(NaivePipeline):
    """Loads counts instead of messages, and formats what it did not load."""

    def __init__(self, context: PipelineContext) -> None:
        super().__init__(replace(context, api=BlankingApi(context.api)))


class SkipsErrorFile(NaivePipeline):
    """Reads output files only: a request that failed inside a completed batch stays in progress for ever."""

    def __init__(self, context: PipelineContext) -> None:
        super().__init__(replace(context, api=ErrorFileHidingApi(context.api)))
        self._database = context.engine

    def process_results(self, now: datetime) -> StageReport:
        report = super().process_results(now)
        with self._database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE ai_processing_request SET status = 'BATCHING_IN_PROGRESS', error = NULL, "
                    "completed_at = NULL WHERE error = :error"
                ),
                {"error": NO_LINE},
            )
        return report


def _blank(line: Mapping[str, object]) -> dict[str, object]:
    body = dict(line["body"])  # type: ignore[call-overload]  # JSON of our own making
    system, user = body["messages"]
    return {**line, "body": {**body, "messages": [system, {**user, "content": ""}]}}


class Raises(NaivePipeline):
    """Has a mistake that Python finds."""

    def check_statuses(self, now: datetime) -> StageReport:
        raise LookupError(f"no status at {now:%H:%M}")


class DiesLater(NaivePipeline):
    """Works the first two times that it is built, then does nothing: COUNTED_IN is where that is counted."""

    def __init__(self, context: PipelineContext) -> None:
        super().__init__(context)
        counted = Path(os.environ["COUNTED_IN"])
        before = len(counted.read_text()) if counted.exists() else 0
        counted.write_text("x" * (before + 1))
        self._is_dead = before >= 2

    def create_batches(self, now: datetime) -> StageReport:
        return StageReport(Stage.CREATE_BATCHES) if self._is_dead else super().create_batches(now)

    def check_statuses(self, now: datetime) -> StageReport:
        return StageReport(Stage.CHECK_STATUSES) if self._is_dead else super().check_statuses(now)

    def process_results(self, now: datetime) -> StageReport:
        return StageReport(Stage.PROCESS_RESULTS) if self._is_dead else super().process_results(now)

    def retry_failed(self, now: datetime) -> StageReport:
        return StageReport(Stage.RETRY_FAILED) if self._is_dead else super().retry_failed(now)


class HangsInTheTimingPass(NaivePipeline):
    """Waits for ever in its second stage, where pytest-benchmark times it."""

    def check_statuses(self, now: datetime) -> StageReport:
        if "timed_turns" in os.environ.get("PYTEST_CURRENT_TEST", ""):
            threading.Event().wait()
        return super().check_statuses(now)


class HangsInTheMemoryPass(NaivePipeline):
    """Waits for ever in its second stage, in a fork that is not timed."""

    def check_statuses(self, now: datetime) -> StageReport:
        if sys.argv[0] == "-c" and "PYTEST_CURRENT_TEST" not in os.environ:
            threading.Event().wait()
        return super().check_statuses(now)

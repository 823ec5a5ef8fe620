"""Batches: create, retrieve, list, cancel."""

from dataclasses import replace
from itertools import count

from claimbench.loadgen.fake_openai.batches import (
    Batch,
    BatchOrder,
    Status,
    completing,
    expiring,
    failing,
    work_seconds,
)
from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.fault_injection import NONE_ACTIVE, ActiveFaults, Triggers
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.file_store import FileStore
from claimbench.loadgen.fake_openai.limits import Hold, Limits, RateWindow, TokenQueue
from claimbench.loadgen.fake_openai.meters import MeterBook
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint
from claimbench.loadgen.fake_openai.parameters import (
    one_of,
    page_of,
    page_size,
    read_expiry,
    read_metadata,
    required_text,
)
from claimbench.loadgen.fake_openai.validation import (
    LineProblem,
    cannot_find_file,
    problem_of,
    token_limit,
    too_many_inputs,
    wrong_purpose,
)
from claimbench.loadgen.fake_openai.wire import JsonObject, refuse
from claimbench.loadgen.fake_openai.work import BatchLines, BatchWork, Planner, cancelled, expired

_PARAMETERS = frozenset(
    {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
)
_WIND_DOWN_MAX_S = 60


def read_order(body: JsonObject) -> BatchOrder:
    """The creating request. Refused (400) with the parameter that is wrong."""
    for name in body:
        if name not in _PARAMETERS:
            raise refuse(400, f"Unknown parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter")
    file_id = required_text(body, "input_file_id")
    endpoint = one_of(required_text(body, "endpoint"), list(ModelEndpoint), "endpoint")
    one_of(required_text(body, "completion_window"), ("24h",), "completion_window")
    metadata = read_metadata(body.get("metadata"))
    return BatchOrder(
        endpoint, file_id, metadata, read_expiry(body.get("output_expires_after"), "output_expires_after")
    )


class BatchStore:
    """All batches by id. Callers hold the core's lock."""

    def __init__(
        self,
        files: FileStore,
        planner: Planner,
        triggers: Triggers,
        chance: Chance,
        limits: Limits,
        book: MeterBook,
    ) -> None:
        self._files, self._planner, self._triggers = files, planner, triggers
        self._chance, self._limits, self._book = chance, limits, book
        self._batches: dict[str, Batch] = {}
        self._queue = TokenQueue()
        self._numbers = count(1)
        self._creations = RateWindow(limits.batches_per_hour, 3_600, limits.clock_speed)

    def create(self, raw: bytes, body: JsonObject, now: float) -> JsonObject:
        """Create a batch. What is wrong with its file shows later, when the batch has failed."""
        order = read_order(body)
        self._creations.take(now, "batch creation per hour")
        number = next(self._numbers)
        blank = Batch(
            f"batch_{self._chance.hexadecimal('batch', number)}",
            number,
            order,
            int(now),
            failing(now),
            faults=self._triggers.batch(raw),
        )
        batch = self._started(blank, now)
        self._keep(batch)
        return batch.shown(now)

    def _started(self, blank: Batch, now: float) -> Batch:
        file = self._files.find(blank.order.input_file_id, now)
        if file is None:
            return replace(blank, problems=(cannot_find_file(blank.order.input_file_id),))
        if file.lines is None:
            return replace(blank, problems=(wrong_purpose(file.id, file.purpose),))
        problems = self._problems(blank, file.lines, now)
        if problems:
            return replace(blank, problems=problems)
        failing_all = blank.faults.of(FaultKind.ALL_LINES_FAILED)
        line_faults = ActiveFaults((failing_all,)) if failing_all else NONE_ACTIVE
        work = self._planner.plan(blank.number, file.lines, line_faults, int(now))
        self._book.batch(file.lines)
        return self._with_files(self._scheduled(blank, work))

    def _problems(self, blank: Batch, lines: BatchLines, now: float) -> tuple[LineProblem, ...]:
        if fault := blank.faults.of(FaultKind.VALIDATION_FAILURE):
            return (problem_of(fault.code or "invalid_request", blank.order.input_file_id),)
        if problems := lines.index.problems_for(blank.order.endpoint):
            return problems
        inputs, inputs_max = lines.index.embedding_inputs, self._limits.embedding_inputs_per_batch
        if inputs > inputs_max:
            return (too_many_inputs(inputs, inputs_max),)
        model = lines.index.model or ""
        held, limit = self._queue.held(model, now), self._limits.enqueued_tokens
        too_many = held + lines.index.total_prompt_tokens > limit
        if too_many or blank.faults.of(FaultKind.TOKEN_LIMIT):
            return (token_limit(model, limit),)
        return ()

    def _keep(self, batch: Batch) -> None:
        self._batches[batch.id] = batch
        if batch.work is not None and batch.model is not None:
            tokens = batch.work.lines.index.total_prompt_tokens
            self._queue.hold(batch.number, Hold(batch.model, tokens, batch.timeline.ends_at))

    def _scheduled(self, blank: Batch, work: BatchWork) -> Batch:
        created_at, faults = blank.created_at, blank.faults
        if fault := faults.of(FaultKind.EXPIRE):
            rest = expired(int(len(work) * fault.share))
            return replace(blank, timeline=expiring(created_at, fault.share), work=work.stopped(rest))
        work_s = work_seconds(len(work), self._chance.share("work", created_at, len(work)))
        if fault := faults.of(FaultKind.SLOW_BATCH):
            work_s += fault.seconds
        timeline = completing(created_at, work_s)
        if fault := faults.of(FaultKind.CANCEL):
            stopped_at = created_at + 3 + fault.share * work_s
            timeline = timeline.cancelled(stopped_at, self._wind_down_s(blank))
            work = work.stopped(cancelled(int(len(work) * fault.share)))
        return replace(blank, timeline=timeline, work=work)

    def _with_files(self, batch: Batch) -> Batch:
        work = batch.work
        if work is None:
            return batch
        tally, ends_at = work.tally(), int(batch.timeline.ends_at)
        output_id = self._files.new_id() if tally.answered else None
        error_id = self._files.new_id() if tally.answered < len(work) else None
        after = batch.order.output_expires_after_s
        if output_id:
            self._files.promise(output_id, f"{batch.id}_output.jsonl", ends_at, after, work.output_lines)
        if error_id:
            self._files.promise(error_id, f"{batch.id}_error.jsonl", ends_at, after, work.error_lines)
        return replace(batch, tally=tally, output_file_id=output_id, error_file_id=error_id)

    def retrieve(self, batch_id: str, now: float) -> JsonObject:
        """A batch as it is now."""
        return self._get(batch_id).shown(now)

    def _get(self, batch_id: str) -> Batch:
        batch = self._batches.get(batch_id)
        if batch is None:
            raise refuse(404, f"No batch found with id '{batch_id[:100]}'.")
        return batch

    def page(self, values: dict[str, str], now: float) -> JsonObject:
        """A page of the list, newest first."""
        limit = page_size(values, 20, 100)
        newest_first = list(self._batches.values())[::-1]
        return page_of(newest_first, values.get("after"), limit, lambda batch: batch.shown(now))

    def cancel(self, batch_id: str, now: float) -> JsonObject:
        """Stop a batch; what is done by now stays done. Refused (409) when it has ended otherwise."""
        batch = self._get(batch_id)
        status = batch.timeline.status(now)
        if status in (Status.CANCELLING, Status.CANCELLED):
            return batch.shown(now)
        if batch.ended(now):
            raise refuse(409, f"Cannot cancel a batch with status '{status}'.")
        self._files.forget(batch.output_file_id, batch.error_file_id)
        stopped = self._with_files(self._stopped(batch, now))
        self._keep(stopped)
        return stopped.shown(now)

    def _stopped(self, batch: Batch, now: float) -> Batch:
        timeline = batch.timeline.cancelled(now, self._wind_down_s(batch))
        if batch.work is None:
            return replace(batch, timeline=timeline)
        total, already = len(batch.work), batch.work.rest
        done = min(int(total * batch.timeline.progress(now)), already.done if already else total)
        return replace(batch, timeline=timeline, work=batch.work.stopped(cancelled(done)))

    def _wind_down_s(self, batch: Batch) -> float:
        return 1 + self._chance.share("wind down", batch.number) * (_WIND_DOWN_MAX_S - 1)

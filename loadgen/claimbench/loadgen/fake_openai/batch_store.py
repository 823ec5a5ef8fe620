"""Batches: create, retrieve, list, cancel."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from claimbench.loadgen.fake_openai.batches import (
    VALIDATION_S,
    WINDOW_S,
    Batch,
    BatchOrder,
    Status,
    completing,
    expiring,
    failing,
    work_seconds,
)
from claimbench.loadgen.fake_openai.blobs import Blob
from claimbench.loadgen.fake_openai.chance import Chance
from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.fault_injection import NONE_ACTIVE, ActiveFaults, Triggers
from claimbench.loadgen.fake_openai.faults import FaultKind
from claimbench.loadgen.fake_openai.file_store import FileStore
from claimbench.loadgen.fake_openai.fixtures import Recording
from claimbench.loadgen.fake_openai.limits import DOCUMENTED, BatchQueue, Hold, Limits, RateWindow
from claimbench.loadgen.fake_openai.line_index import LineIndex
from claimbench.loadgen.fake_openai.meters import MeterBook
from claimbench.loadgen.fake_openai.model_requests import ModelEndpoint
from claimbench.loadgen.fake_openai.outcomes import Model
from claimbench.loadgen.fake_openai.parameters import (
    one_of,
    page_of,
    page_size,
    read_expiry,
    read_metadata,
    required_text,
)
from claimbench.loadgen.fake_openai.planning import Planner
from claimbench.loadgen.fake_openai.state import batch_of, batch_record, line_faults_of, rest_of
from claimbench.loadgen.fake_openai.validation import (
    LineProblem,
    cannot_find_file,
    problem_of,
    request_limit,
    token_limit,
    too_many_inputs,
    wrong_purpose,
)
from claimbench.loadgen.fake_openai.wire import JsonObject, refuse
from claimbench.loadgen.fake_openai.work import BatchLines, BatchWork, cancelled, expired

_PARAMETERS = frozenset(
    {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
)
_WIND_DOWN_MAX_S = 60


def read_order(body: JsonObject, dialect: Dialect) -> BatchOrder:
    """The creating request. Refused (400) with the parameter that is wrong."""
    for name in body:
        if name not in _PARAMETERS:
            raise refuse(400, f"Unknown parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter")
    file_id = required_text(body, "input_file_id")
    named = required_text(body, "endpoint")
    endpoint = one_of(dialect.endpoint_of(named), list(ModelEndpoint), "endpoint")
    one_of(required_text(body, "completion_window"), ("24h",), "completion_window")
    metadata = read_metadata(body.get("metadata"))
    return BatchOrder(
        endpoint,
        file_id,
        metadata,
        read_expiry(body.get("output_expires_after"), "output_expires_after"),
        named,
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
        note: Callable[[JsonObject, float], None] | None,
    ) -> None:
        self._note, self._removes_uploads = note or _note_nothing, note is None
        self._files, self._planner, self._triggers = files, planner, triggers
        self._chance, self._limits, self._book = chance, limits, book
        self._batches: dict[str, Batch] = {}
        self._queue = BatchQueue()
        self._numbers, self._last = count(1), 0
        self._speed = limits.model_speed
        self._creations = RateWindow(limits.batches_per_hour, 3_600 / self._speed, limits.clock_speed)

    def create(self, raw: bytes, body: JsonObject, dialect: Dialect, now: float) -> JsonObject:
        """Create a batch. What is wrong with its file shows later, when the batch has failed."""
        order = read_order(body, dialect)
        file = self._files.find(order.input_file_id, now)
        if file is not None and file.status(now) != "processed":
            message = f"The file {file.id} is not processed yet. Its status is '{file.status(now)}'."
            raise refuse(400, message, param="input_file_id")
        self._creations.take(now, "batch creation per hour")
        number = self._last = next(self._numbers)
        blank = Batch(
            f"batch_{self._chance.hexadecimal('batch', number)}",
            number,
            order,
            int(now),
            failing(now, self._speed),
            faults=self._triggers.batch(raw),
        )
        batch = self._started(blank, dialect, now)
        self._keep(batch)
        self._note(batch_record(batch, self._files.last_number), now)
        return batch.shown(now)

    def _started(self, blank: Batch, dialect: Dialect, now: float) -> Batch:
        file = self._files.find(blank.order.input_file_id, now)
        spent = blank.faults.of(FaultKind.SPEND_CAP)
        if file is None or now < file.hidden.from_batches or spent:
            found = cannot_find_file(blank.order.input_file_id)
            own = spent.message if spent else None
            return replace(blank, problems=(replace(found, message=own or found.message),))
        if file.lines is None:
            return replace(blank, problems=(wrong_purpose(file.id, file.purpose),))
        problems = self._problems(blank, file.lines, dialect, now)
        if problems:
            return replace(blank, problems=problems)
        failing_all = blank.faults.of(FaultKind.ALL_LINES_FAILED)
        line_faults = ActiveFaults((failing_all,)) if failing_all else NONE_ACTIVE
        work = self._planner.plan(blank.number, file.lines, line_faults, int(now))
        self._book.batch(file.lines)
        self._files.used.add(file.id)
        return self._with_files(self._named(self._scheduled(blank, work)))

    def _problems(
        self, blank: Batch, lines: BatchLines, dialect: Dialect, now: float
    ) -> tuple[LineProblem, ...]:
        if fault := blank.faults.of(FaultKind.VALIDATION_FAILURE):
            found = problem_of(fault.code or "invalid_request", blank.order.input_file_id)
            return (replace(found, message=fault.message or found.message),)
        if problems := lines.index.problems_for(blank.order.endpoint):
            return tuple(replace(one, code=dialect.code(one.code)) for one in problems)
        inputs, inputs_max = lines.index.embedding_inputs, self._limits.embedding_inputs_per_batch
        if inputs > inputs_max:
            return (too_many_inputs(inputs, inputs_max),)
        return self._queue_problems(blank, lines.index, now)

    def _queue_problems(self, blank: Batch, index: LineIndex, now: float) -> tuple[LineProblem, ...]:
        """Whether the open batches of the model leave room for another one."""
        model = index.model or ""
        held, limit = self._queue.held(model, now), self._limits.enqueued_tokens
        if held.tokens + index.total_prompt_tokens > limit:
            return (token_limit(model, limit),)
        if held.requests + len(index) > self._limits.enqueued_requests:
            return (request_limit(model, self._limits.enqueued_requests),)
        if fault := blank.faults.of(FaultKind.TOKEN_LIMIT):
            found = token_limit(model, limit)
            return (replace(found, message=fault.message or found.message),)
        return ()

    def _keep(self, batch: Batch) -> None:
        self._batches[batch.id] = batch
        if batch.work is not None and batch.model is not None:
            index = batch.work.lines.index
            hold = Hold(batch.model, index.total_prompt_tokens, len(index), batch.timeline.ends_at)
            self._queue.hold(batch.number, hold)

    def _scheduled(self, blank: Batch, work: BatchWork) -> Batch:
        began, faults, speed = blank.timeline.steps[0].at, blank.faults, self._speed
        work_s = work_seconds(len(work), self._chance.share("work", blank.created_at, len(work)))
        if fault := faults.of(FaultKind.SLOW_BATCH):
            work_s += fault.seconds
        timeline, window_s = completing(began, work_s, speed), WINDOW_S / speed
        if fault := faults.of(FaultKind.EXPIRE):
            return _expired(blank, work, fault.share, speed)
        if fault := faults.of(FaultKind.CANCEL):
            stopped_at = began + VALIDATION_S / speed + fault.share * timeline.work_s
            if stopped_at < began + window_s:
                timeline = timeline.cancelled(stopped_at, self._wind_down_s(blank), window_s)
                return replace(
                    blank, timeline=timeline, work=work.stopped(cancelled(int(len(work) * fault.share)))
                )
        if timeline.ends_at > began + window_s:
            return _expired(blank, work, min(1.0, (WINDOW_S - VALIDATION_S) / work_s), speed)
        return replace(blank, timeline=timeline, work=work)

    def _named(self, batch: Batch) -> Batch:
        """The batch with ids for those result files that will come to be."""
        if batch.work is None:
            return batch
        tally = batch.work.tally()
        output_id = self._files.new_id() if tally.answered else None
        error_id = self._files.new_id() if tally.answered < len(batch.work) else None
        return replace(batch, tally=tally, output_file_id=output_id, error_file_id=error_id)

    def _with_files(self, batch: Batch) -> Batch:
        """Promise the result files of a batch."""
        work, ends_at, after = batch.work, int(batch.timeline.ends_at), batch.order.output_expires_after_s
        if work is not None and batch.output_file_id:
            name = f"{batch.id}_output.jsonl"
            self._files.promise(batch.output_file_id, name, ends_at, after, work.output_lines)
        if work is not None and batch.error_file_id:
            name = f"{batch.id}_error.jsonl"
            self._files.promise(batch.error_file_id, name, ends_at, after, work.error_lines)
        return batch

    def restore(self, record: JsonObject) -> None:
        """Take a batch, as a server before this one left it: its answers are decided again, the same."""
        batch, told = batch_of(record), record["work"]
        before = self._batches.get(batch.id)
        if told is not None:
            if before is not None and before.work is not None:
                self._files.forget(before.output_file_id, before.error_file_id)
                work = before.work
            else:
                lines = self._files.lines_of(batch.order.input_file_id)
                model, faults = Model(told["failed_line_rate"]), line_faults_of(told)
                work = self._planner.again(batch.number, lines, faults, model, batch.created_at)
            work = replace(work, rest=rest_of(told))
            batch = replace(batch, work=work, tally=work.tally())
        self._files.count_from(record["files_upto"])
        self._numbers = count(max(batch.number, self._last) + 1)
        self._last = max(batch.number, self._last)
        self._triggers.begin_batches_at(self._last)
        self._keep(self._with_files(batch))

    def record(self, file_id: str, content: Blob, recording: Recording) -> None:
        """Record the results of a batch, if this is one of its files."""
        for batch in self._batches.values():
            if batch.work is not None and file_id in (batch.output_file_id, batch.error_file_id):
                bodies = {one["custom_id"]: one["body"] for one in batch.work.lines.requests()}
                with content.open() as lines:
                    recording.results(file_id, lines, bodies)

    def make_room(self, now: float) -> None:
        """Keep to the limit of what is stored: forget results, then files of batches that were fetched."""
        limit, files = self._limits.stored_bytes, self._files
        if limit >= DOCUMENTED.stored_bytes:
            return
        files.forget_produced(limit)
        for batch in self._batches.values() if self._removes_uploads else ():
            if files.stored_bytes() <= limit:
                return
            results = {one for one in (batch.output_file_id, batch.error_file_id) if one}
            if batch.work is not None and batch.ended(now) and results <= files.fetched:
                batch.work.lines.content.discard()
                files.forget(batch.order.input_file_id, *results)

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
        stopped = self._with_files(self._named(self._stopped(batch, now)))
        self._keep(stopped)
        self._note(batch_record(stopped, self._files.last_number), now)
        return stopped.shown(now)

    def _stopped(self, batch: Batch, now: float) -> Batch:
        timeline = batch.timeline.cancelled(now, self._wind_down_s(batch), WINDOW_S / self._speed)
        if batch.work is None:
            return replace(batch, timeline=timeline)
        total, already = len(batch.work), batch.work.rest
        done = min(int(total * batch.timeline.progress(now)), already.done if already else total)
        return replace(batch, timeline=timeline, work=batch.work.stopped(cancelled(done)))

    def _wind_down_s(self, batch: Batch) -> float:
        wind_down_s = 1 + self._chance.share("wind down", batch.number) * (_WIND_DOWN_MAX_S - 1)
        return wind_down_s / self._speed


def _note_nothing(_: JsonObject, __: float) -> None:
    """Where there is no state folder."""


def _expired(blank: Batch, work: BatchWork, share: float, speed: float) -> Batch:
    """The batch whose window ends when this share of its lines is done."""
    timeline = expiring(blank.timeline.steps[0].at, share, speed)
    return replace(blank, timeline=timeline, work=work.stopped(expired(int(len(work) * share))))

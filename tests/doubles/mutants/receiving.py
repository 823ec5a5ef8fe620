"""Mutants that read what comes back wrongly."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from claimbench.impl.errors import ApiError
from claimbench.impl.lifecycle import NO_LINE
from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.ports import ApiBatch, BatchApi, Completion, Stage
from claimbench.impl.statuses import BatchStatus
from mutants.making import Mutant, Twist, at

ANSWER = json.dumps({"sentiment": "NEUTRAL", "category": "OTHER", "summary": "none", "language": "en"})


def seeing(change: Callable[[ApiBatch], ApiBatch]) -> type[Twist]:
    """A twist that changes what is seen of each batch."""

    class Changed(Twist):
        def retrieve(self, batch_id: str) -> ApiBatch:
            return change(self._api.retrieve(batch_id))

    return Changed


def reading(change: Callable[[list[bytes]], list[bytes]]) -> type[Twist]:
    """A twist that changes the lines of each result file."""

    class Changed(Twist):
        def download(self, file_id: str) -> Iterator[bytes]:
            yield from change(list(self._api.download(file_id)))

    return Changed


def each_line(change: Callable[[Any], Any]) -> type[Twist]:
    """A twist that changes each line that is JSON."""

    def changed(raw: bytes) -> bytes:
        try:
            return json.dumps(change(json.loads(raw))).encode()
        except ValueError:
            return raw

    return reading(lambda lines: [changed(line) for line in lines])


def answered(line: Any) -> bool:
    return (line["response"] or {}).get("status_code") == 200


class ErrorFileUnread(Mutant):
    """Reads output files only, and asks nobody about the rest (the source's fifth mistake)."""

    twist = seeing(lambda batch: replace(batch, error_file_id=None))
    sql_after = at(
        Stage.PROCESS_RESULTS,
        "UPDATE ai_processing_request SET status = 'BATCHING_IN_PROGRESS', error = NULL, completed_at = NULL "
        f"WHERE error = '{NO_LINE}'",
    )


class ExpiredThrownAway(Mutant):
    """Takes an expired batch for a failed one and throws its answers away (the source's seventh mistake)."""

    twist = seeing(
        lambda batch: (
            replace(batch, status=BatchStatus.FAILED, output_file_id=None, error_file_id=None)
            if batch.status is BatchStatus.EXPIRED
            else batch
        )
    )


class CancelledThrownAway(Mutant):
    """Throws the answers of a cancelled batch away."""

    made_of = OptimizedPipeline
    twist = seeing(
        lambda batch: (
            replace(batch, output_file_id=None, error_file_id=None)
            if batch.status is BatchStatus.CANCELLED
            else batch
        )
    )


class FinalizingTakenForDone(Mutant):
    """Processes a batch before its files are there."""

    twist = seeing(
        lambda batch: (
            replace(batch, status=BatchStatus.EXPIRED, answered=0)
            if batch.status in (BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING)
            else batch
        )
    )


class ValidationFailureUnseen(Mutant):
    """Waits for ever for a batch whose file the API refused."""

    twist = seeing(
        lambda batch: (
            replace(batch, status=BatchStatus.IN_PROGRESS) if batch.status is BatchStatus.FAILED else batch
        )
    )


class FirstResultOnly(Mutant):
    """Reads the first line of each result file."""

    twist = reading(lambda lines: lines[:1])


class StopsAtBadLine(Mutant):
    """Stops reading at the first line that is not JSON."""

    class Stopping(Twist):
        def download(self, file_id: str) -> Iterator[bytes]:
            for line in self._api.download(file_id):
                try:
                    json.loads(line)
                except ValueError:
                    return
                yield line

    twist = Stopping


class BrokenDownloadTrusted(Mutant):
    """Takes the part of a file that arrived for the whole, and reads no count that says otherwise."""

    class Trusting(Twist):
        def retrieve(self, batch_id: str) -> ApiBatch:
            return replace(self._api.retrieve(batch_id), answered=0)

        def download(self, file_id: str) -> Iterator[bytes]:
            try:
                yield from self._api.download(file_id)
            except ApiError:
                return

    made_of = OptimizedPipeline
    twist = Trusting


class ShortFileTakenForWhole(Mutant):
    """Asks nobody whether more of a file is to come when lines are missing."""

    class Contented(Twist):
        def __init__(self, api: BatchApi) -> None:
            super().__init__(api)
            self._came: dict[str, int] = {}

        def download(self, file_id: str) -> Iterator[bytes]:
            self._came[file_id] = 0
            for line in self._api.download(file_id):
                self._came[file_id] += len(line) + 1
                yield line

        def file_size(self, file_id: str) -> int | None:
            return self._came[file_id]

    twist = Contented


class ByPosition(Mutant):
    """Matches results to requests by their order in the file, which is the API's own."""

    @staticmethod
    def rotated(lines: list[bytes]) -> list[bytes]:
        read = [json.loads(line) for line in lines if line.endswith(b"}")]
        ids = sorted(line["custom_id"] for line in read)
        return [
            json.dumps({**line, "custom_id": custom_id}).encode()
            for line, custom_id in zip(read, ids, strict=True)
        ]

    twist = reading(rotated)


class LastAnswerForAll(Mutant):
    """Stores the last answer of a file for all of its requests."""

    @staticmethod
    def spread(lines: list[bytes]) -> list[bytes]:
        read = [json.loads(line) for line in lines if line.endswith(b"}")]
        good = [line["response"] for line in read if answered(line)]
        return [
            json.dumps({**line, "response": good[-1]} if answered(line) else line).encode() for line in read
        ]

    twist = reading(spread)


class AnswerMadeUp(Mutant):
    """Fills in a neutral answer where the model gave none that parses."""

    @staticmethod
    def filled(line: Any) -> Any:
        if answered(line):
            said = line["response"]["body"]["choices"][0]["message"]
            said["content"] = said["content"] if said["content"].startswith("{") else ANSWER
        return line

    twist = each_line(filled)


class AnswerMadeUpAlone(Mutant):
    """Fills in a neutral answer where a retry gave none that parses."""

    class Filling(Twist):
        def complete(self, body: Mapping[str, object]) -> Completion:
            given = self._api.complete(body)
            return given if given.content.startswith("{") else replace(given, content=ANSWER)

    twist = Filling


class StatusCodeUnread(Mutant):
    """Takes every line with a response for an answer."""

    @staticmethod
    def trusted(line: Any) -> Any:
        if line["response"] and not answered(line):
            message = {"choices": [{"message": {"content": ANSWER}}], "usage": {}}
            line["response"] = {"status_code": 200, "body": message}
        return line

    twist = each_line(trusted)


class PromptTokensForgotten(Mutant):
    """Counts the tokens of the answer only."""

    @staticmethod
    def forgetful(line: Any) -> Any:
        if answered(line):
            line["response"]["body"]["usage"]["prompt_tokens"] = 0
        return line

    made_of = OptimizedPipeline
    twist = each_line(forgetful)


class RefusalTakenForGood(Mutant):
    """Gives a request up for an error that another try would have cured."""

    @staticmethod
    def hardened(line: Any) -> Any:
        if line["response"] and not answered(line):
            line["response"]["status_code"] = 400
        return line

    twist = each_line(hardened)

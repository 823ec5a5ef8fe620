"""Mutants that send the wrong thing."""

import io
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, BinaryIO

from claimbench.impl.errors import ApiError
from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.ports import BATCH_KEY, ApiBatch
from mutants.making import Mutant, Twist

Body = dict[str, Any]


def uploading(change: Callable[[list[Any]], list[Any]]) -> type[Twist]:
    """A twist that changes the lines of each upload."""

    class Changed(Twist):
        def upload(self, filename: str, lines: BinaryIO) -> str:
            given = [json.loads(line) for line in lines]
            changed = (json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in change(given))
            return self._api.upload(filename, io.BytesIO(b"".join(changed)))

    return Changed


def saying(change: Callable[[str], str]) -> type[Twist]:
    """A twist that changes what the user says in each line of each upload."""

    def all_lines(lines: list[Any]) -> list[Any]:
        for line in lines:
            said = line["body"]["messages"][-1]
            said["content"] = change(said["content"])
        return lines

    return uploading(all_lines)


def with_body(change: Callable[[Body], Body]) -> type[Twist]:
    """A twist that changes the body of each line of each upload."""
    return uploading(lambda lines: [{**line, "body": change(line["body"])} for line in lines])


class EmptyPrompts(Mutant):
    """Loads counts instead of messages and formats what it did not load (the source's first mistake)."""

    made_of = OptimizedPipeline
    twist = saying(lambda _: "")


class CutPrompts(Mutant):
    """Keeps the first 20 characters of each prompt."""

    twist = saying(lambda said: said[:20])


class FirstMessageOnly(Mutant):
    """Sends the first message of each session."""

    twist = saying(lambda said: said.split("\n")[0])


class FirstTenMessages(Mutant):
    """Sends the first ten messages of each session."""

    twist = saying(lambda said: "\n".join(said.split("\n")[:10]))


class MessagesOutOfOrder(Mutant):
    """Sends the messages as the database happened to give them: here, backwards."""

    made_of = OptimizedPipeline
    twist = saying(lambda said: "\n".join(reversed(said.split("\n"))))


class NoRoles(Mutant):
    """Leaves out who said what."""

    twist = saying(lambda said: said.replace("user: ", "").replace("assistant: ", ""))


class NoSystemPrompt(Mutant):
    """Sends the transcript without its instruction."""

    twist = with_body(lambda body: {**body, "messages": body["messages"][1:]})


class OneModelForAll(Mutant):
    """Sends every request to the cheapest model."""

    twist = with_body(lambda body: {**body, "model": "gpt-4.1-nano"})


class LastLineLost(Mutant):
    """Leaves the last line of a file in its buffer."""

    made_of = OptimizedPipeline
    twist = uploading(lambda lines: lines[:-1] or lines)


class LineTwice(Mutant):
    """Writes a line again after a hiccup."""

    twist = uploading(lambda lines: [*lines, lines[0]])


class WrongIds(Mutant):
    """Numbers the lines by their place in the file instead of by request."""

    twist = uploading(
        lambda lines: [
            {**line, "custom_id": f"{line['custom_id'].rpartition('-')[0]}-{place}"}
            for place, line in enumerate(lines, start=1)
        ]
    )


class LinesCutAtSeparators(Mutant):
    """Splits its own file at every end of line that Unicode knows."""

    class Cutting(Twist):
        def upload(self, filename: str, lines: BinaryIO) -> str:
            cut = lines.read().decode().splitlines()
            return self._api.upload(filename, io.BytesIO("".join(f"{line}\n" for line in cut).encode()))

    twist = Cutting


class KeyForgotten(Mutant):
    """Creates batches without their key."""

    class Keyless(Twist):
        def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
            return self._api.create_batch(
                input_file_id, {name: value for name, value in metadata.items() if name != BATCH_KEY}
            )

    twist = Keyless


class WrongTenantNamed(Mutant):
    """Names the first company in every batch."""

    class Misnamed(Twist):
        def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
            return self._api.create_batch(input_file_id, {**metadata, "company_id": "1"})

    twist = Misnamed


class CreatedAgainAfterSilence(Mutant):
    """Creates a batch again when the answer is lost, without a look (the source's fourth mistake)."""

    class Again(Twist):
        def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
            try:
                return self._api.create_batch(input_file_id, metadata)
            except ApiError:
                return self._api.create_batch(input_file_id, metadata)

    made_of = OptimizedPipeline
    twist = Again


class NeverLooksUp(Mutant):
    """Submits an interrupted batch again without asking the API whether it has it."""

    class Blind(Twist):
        def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
            return {}

    twist = Blind


class FindsAnyBatch(Mutant):
    """Adopts the newest batch that there is, whosever it is."""

    class Careless(Twist):
        def __init__(self, api: Any) -> None:
            super().__init__(api)
            self._last: ApiBatch | None = None

        def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
            self._last = self._api.create_batch(input_file_id, metadata)
            return self._last

        def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
            return dict.fromkeys(keys, self._last) if self._last else self._api.find_batches(keys, since)

    twist = Careless


class SentTwice(Mutant):
    """Uploads and creates each batch twice, to be sure."""

    class Doubled(Twist):
        def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
            self._api.create_batch(input_file_id, metadata)
            return self._api.create_batch(input_file_id, metadata)

    twist = Doubled


class AskedTwiceAlone(Mutant):
    """Asks each failed request twice in a row."""

    class Doubled(Twist):
        def complete(self, body: Mapping[str, object]) -> Any:
            self._api.complete(body)
            return self._api.complete(body)

    twist = Doubled


class RetriedWithoutPrompt(Mutant):
    """Sends complete prompts in batches, and empty ones alone."""

    class Emptied(Twist):
        def complete(self, body: Mapping[str, object]) -> Any:
            messages: Any = body["messages"]
            return self._api.complete({**body, "messages": [messages[0], {**messages[1], "content": ""}]})

    twist = Emptied


class _UploadsTwice(Twist):
    def upload(self, filename: str, lines: BinaryIO) -> str:
        content = lines.read()
        super().upload(filename, io.BytesIO(content))
        return super().upload(filename, io.BytesIO(content))


class UploadsTwice(Mutant):
    """Uploads each file twice and uses the second one."""

    twist = _UploadsTwice

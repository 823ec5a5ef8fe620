"""The real openai client behind the `BatchApi` port: the only importer of openai."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, BinaryIO, cast

import httpx2
import openai
from openai.types import Batch

from claimbench.impl.errors import ApiError, is_transient
from claimbench.impl.ports import BATCH_KEY, ApiBatch, BadLine, Completion
from claimbench.impl.statuses import ENDED_BATCHES, OPEN_BATCHES, BatchStatus

_LIST_PAGE = 100
CLOCKS_APART_S = 600
"""How far the clocks of the API's own servers may be apart."""
_ITS_STATES = frozenset({*OPEN_BATCHES, *ENDED_BATCHES})


class OpenAIBatchApi:
    """`BatchApi` over one shared client: making a client costs 20–40 ms, so nobody makes one per call."""

    def __init__(self, client: openai.OpenAI) -> None:
        # Its own retries sleep inside a stage, and carry no idempotency key: they can leave two batches.
        self._client = client.with_options(max_retries=0)

    def upload(self, filename: str, lines: BinaryIO) -> str:
        """Upload a JSONL file for batching; return its id."""
        with _translated():
            return self._client.files.create(file=(filename, lines), purpose="batch").id

    def create_batch(self, input_file_id: str, metadata: Mapping[str, str]) -> ApiBatch:
        """Create a batch; a lost response is reported, never repeated."""
        with _translated():
            return _api_batch(
                self._client.batches.create(
                    completion_window="24h",
                    endpoint="/v1/chat/completions",
                    input_file_id=input_file_id,
                    metadata=dict(metadata),
                )
            )

    def find_batches(self, keys: Collection[str], since: int | None = None) -> Mapping[str, ApiBatch]:
        """Look through the API's batches, newest first, until all are found or the others are too old."""
        sought, found = set(keys), dict[str, ApiBatch]()
        if not sought:
            return found
        with _translated():
            for batch in self._client.batches.list(limit=_LIST_PAGE):
                if since is not None and batch.created_at < since - CLOCKS_APART_S:
                    break
                key = (batch.metadata or {}).get(BATCH_KEY)
                if key in sought:
                    sought.remove(key)
                    found[key] = _api_batch(batch)
                if not sought:
                    break
        return found

    def retrieve(self, batch_id: str) -> ApiBatch:
        """The present state of a batch."""
        with _translated():
            response = self._client.batches.with_raw_response.retrieve(batch_id)
            return _api_batch(response.parse(), _told_at(response.headers.get("date")))

    def download(self, file_id: str) -> Iterator[bytes]:
        """The file's lines, as they arrive."""
        with _translated(), self._client.files.with_streaming_response.content(file_id) as response:
            yield from split_lines(response.iter_bytes())

    def file_size(self, file_id: str) -> int | None:
        """What the API says of a file's bytes."""
        with _translated():
            return self._client.files.retrieve(file_id).bytes or None

    def complete(self, body: Mapping[str, object]) -> Completion:
        """One chat completion."""
        with _translated():
            # The body is the one that a batch line carries, so its keys are the method's own.
            answer = self._client.chat.completions.create(**cast("dict[str, Any]", dict(body)))
        if not answer.choices or answer.choices[0].message.content is None:
            raise ApiError("the answer has no content", retryable=True)
        usage = answer.usage
        return Completion(
            content=answer.choices[0].message.content,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Split at b"\n" only: JSON text may hold U+2028 and other ends that `splitlines` would cut at."""
    rest: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for line in others:
            yield b"".join(rest)
            rest = [line]
    if last := b"".join(rest):
        yield last


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's exceptions into ours; an authentication error's text may hold the key, so drop it."""
    try:
        yield
    except openai.AuthenticationError as error:
        message = "the API key was refused; check OPENAI_API_KEY"
        raise ApiError(message, status_code=401, code="invalid_api_key", retryable=False) from error
    except openai.APIStatusError as error:
        message = f"{error.code or error.status_code}: {error.message}"
        raise ApiError(
            message,
            status_code=error.status_code,
            code=error.code,
            retry_after_s=_retry_after_s(error.response.headers),
            retryable=is_transient(error.status_code),
        ) from error
    except openai.APIError as error:
        raise ApiError(f"{type(error).__name__}: {error.message}", retryable=True) from error
    except httpx2.HTTPError as error:  # the client lets those of a streamed body through
        raise ApiError(f"{type(error).__name__}: {error}", retryable=True) from error
    except json.JSONDecodeError as error:  # and those of a body that came short
        raise ApiError(f"the answer is not JSON: {error}", retryable=True) from error


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that the API asks for, in seconds; a date, which it does not send, is not understood."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            return max(0.0, float(headers[name]) * factor)
    return None


@lru_cache(maxsize=16)  # it is the same for a second
def _told_at(date: str | None) -> int | None:
    """What a header `Date` says, in Unix seconds; None where it says nothing."""
    try:
        return int(parsedate_to_datetime(date).timestamp()) if date else None
    except (ValueError, OverflowError):
        return None


def _api_batch(batch: Batch, told_at: int | None = None) -> ApiBatch:
    errors = batch.errors.data if batch.errors and batch.errors.data else ()
    return ApiBatch(
        id=batch.id,
        status=_status(batch),
        input_file_id=batch.input_file_id,
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        metadata=batch.metadata,
        errors=tuple(f"{error.code}: {error.message}" for error in errors),
        bad_lines=tuple(
            BadLine(error.line, f"{error.code}: {error.message}") for error in errors if error.line
        ),
        answered=batch.request_counts.completed if batch.request_counts else 0,
        created_at=batch.created_at,
        told_at=told_at,
    )


def _status(batch: Batch) -> BatchStatus:
    """A state that this version does not know is no end: the next look will tell."""
    name = batch.status.upper()
    return BatchStatus(name) if name in _ITS_STATES else BatchStatus.IN_PROGRESS

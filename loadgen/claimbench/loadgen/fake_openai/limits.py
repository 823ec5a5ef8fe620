"""The documented limits of the API, each of which can be set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, lives in clock seconds, rates per clock minute or hour.

    Sources: the API reference and the Batch guide.

    `enqueued_tokens` is the prompt tokens that open batches of one model may hold; the real figure depends
    on the account's tier (the default is that of a high one). `clock_speed` says how many seconds of the
    clock pass in one of the caller's, so that Retry-After is told in the caller's.
    """

    requests_per_batch: int = 50_000
    bytes_per_batch_file: int = 200_000_000
    bytes_per_file: int = 512_000_000
    batch_files_expire_s: int = 2_592_000
    batches_per_hour: int = 2_000
    uploads_per_minute: int = 1_000
    enqueued_tokens: int = 15_000_000_000
    chat_per_minute: int = 30_000
    context_tokens: int = 1_047_576
    embedding_inputs_per_batch: int = 50_000
    clock_speed: float = 1.0


DOCUMENTED = Limits()

ROOMY = Limits(batches_per_hour=10**12, uploads_per_minute=10**12, chat_per_minute=10**12)
"""No rate limits: for benchmarks whose clock does not move while they work."""

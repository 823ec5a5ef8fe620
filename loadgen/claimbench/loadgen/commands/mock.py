"""The verb `claimbench mock`: the fake as a server, for any program that honours OPENAI_BASE_URL."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from claimbench.errors import UsageError
from claimbench.loadgen.fake_openai.clocks import ClockKind
from claimbench.loadgen.fake_openai.dialects import Dialect
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, load_faults
from claimbench.loadgen.fake_openai.fixtures import load_fixtures
from claimbench.loadgen.fake_openai.limits import load_limits
from claimbench.loadgen.fake_openai.server import STORED_BYTES, Address, FakeSettings, StopSwitch, serve

LIMIT_OPTIONS = (
    *("enqueued_tokens", "enqueued_requests"),
    *("uploads_per_minute", "batches_per_hour", "requests_per_minute"),
)


class Lifetime(StrEnum):
    """What ends the server besides Ctrl-C: nothing, or the end of its standard input."""

    OWN = "own"
    STDIN = "stdin"


Host = Annotated[str, typer.Option(help="Where to listen; beyond loopback only if you mean it.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
Speed = Annotated[
    float, typer.Option(min=0.001, max=1e6, help="How many times as fast as the real API batches are done.")
]
Seed = Annotated[int, typer.Option(help="Decides all answers and failures.")]
FaultsFile = Annotated[Path | None, typer.Option(help="A TOML file with faults; docs/faults.md shows each.")]
FailedLineRate = Annotated[
    float, typer.Option(min=0, max=1, help="The share of requests that fail with a 4xx or 5xx.")
]
Clock = Annotated[
    ClockKind, typer.Option(help="real: true dates; wall: dates run --speed times as fast; manual: by POST.")
]
FixtureFiles = Annotated[
    list[Path] | None, typer.Option(help="Answers of your own, or a batch's input and output file to replay.")
]
RecordFile = Annotated[Path | None, typer.Option(help="Write every answered request there, as a fixture.")]
LimitsFile = Annotated[Path | None, typer.Option(help="A TOML file with limits, by the options' names.")]
EnqueuedTokens = Annotated[int | None, typer.Option(help="Prompt tokens in open batches of a model.")]
EnqueuedRequests = Annotated[int | None, typer.Option(help="Requests in open batches of a model.")]
UploadsPerMinute = Annotated[int | None, typer.Option(help="File uploads in a minute.")]
BatchesPerHour = Annotated[int | None, typer.Option(help="Batches created in an hour.")]
RequestsPerMinute = Annotated[int | None, typer.Option(help="Requests outside of batches in a minute.")]
DialectOption = Annotated[
    Dialect, typer.Option(help="openai, azure, or auto: Azure's below the path /openai.")
]
StateFolder = Annotated[Path | None, typer.Option(help="Keeps files and batches over a restart.")]
LifetimeOption = Annotated[Lifetime, typer.Option(hidden=True)]


def mock(  # noqa: PLR0913 (a command's parameters are its options)
    *,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    speed: Speed = 3600.0,
    seed: Seed = 1,
    faults: FaultsFile = None,
    failed_line_rate: FailedLineRate = 0.0,
    clock: Clock = ClockKind.REAL,
    fixtures: FixtureFiles = None,
    record: RecordFile = None,
    limits: LimitsFile = None,
    enqueued_tokens: EnqueuedTokens = None,
    enqueued_requests: EnqueuedRequests = None,
    uploads_per_minute: UploadsPerMinute = None,
    batches_per_hour: BatchesPerHour = None,
    requests_per_minute: RequestsPerMinute = None,
    dialect: DialectOption = Dialect.AUTO,
    state: StateFolder = None,
    lifetime: LifetimeOption = Lifetime.OWN,
) -> None:
    """Serve a fake OpenAI: files, batches and chat completions, at high speed, until Ctrl-C.

    Example: claimbench mock --port 8080 --speed 3600, then in another terminal:
    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=any python your_script.py
    """
    rates = (uploads_per_minute, batches_per_hour, requests_per_minute)
    given = (enqueued_tokens, enqueued_requests, *rates)
    chosen = load_limits(limits, dict(zip(LIMIT_OPTIONS, given, strict=True)))
    own, broken = load_fixtures(fixtures or ()), load_faults(faults) if faults else NO_FAULTS
    chosen = replace(chosen, dialect=dialect, stored_bytes=STORED_BYTES)
    settings = FakeSettings(seed, failed_line_rate, broken, clock, speed, chosen, own, record, state)
    _serve_to_the_end(Address(host, port), settings, lifetime)


def _serve_to_the_end(address: Address, settings: FakeSettings, lifetime: Lifetime) -> None:
    """Serve; at the end tell of fixtures that no request has met, which is a mistake (UsageError)."""
    switch = StopSwitch()
    if lifetime is Lifetime.STDIN:
        switch.on_end_of_input()
    try:
        serve(address, settings, switch)
    except KeyboardInterrupt:
        typer.echo("the fake OpenAI has ended")
    unused = settings.fixtures.unused()
    if unused:
        where = f"{unused[0]} and {len(unused) - 1} more" if len(unused) > 1 else unused[0]
        raise UsageError("this fixture matched nothing", where=where, remedy="mend its custom_id or body")

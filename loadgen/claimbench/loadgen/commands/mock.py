"""The verb `claimbench mock`: the fake as a server, for any program that honours OPENAI_BASE_URL."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from claimbench.loadgen.fake_openai.clocks import ClockKind
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, load_faults
from claimbench.loadgen.fake_openai.server import Address, FakeSettings, StopSwitch, serve


class Lifetime(StrEnum):
    """What ends the server besides Ctrl-C: nothing, or the end of its standard input."""

    OWN = "own"
    STDIN = "stdin"


def mock(  # noqa: PLR0913 (a command's parameters are its options)
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond loopback only if you mean it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    speed: Annotated[
        float, typer.Option(min=0.001, max=1e6, help="How many times as fast as the real API time goes.")
    ] = 3600.0,
    seed: Annotated[int, typer.Option(help="Decides all answers and failures.")] = 1,
    faults: Annotated[
        Path | None, typer.Option(help="A TOML file with faults; docs/faults.md shows each.")
    ] = None,
    failed_line_rate: Annotated[
        float, typer.Option(min=0, max=1, help="The share of requests that fail with a 4xx or 5xx.")
    ] = 0.0,
    clock: Annotated[
        ClockKind, typer.Option(help="wall goes by itself; manual only by POST /_fake/clock.")
    ] = ClockKind.WALL,
    *,
    lifetime: Annotated[Lifetime, typer.Option(hidden=True)] = Lifetime.OWN,
) -> None:
    """Serve a fake OpenAI: files, batches and chat completions, at high speed, until Ctrl-C.

    Example: claimbench mock --port 8080 --speed 3600, then in another terminal:
    OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=any python your_script.py
    """
    settings = FakeSettings(
        seed, failed_line_rate, load_faults(faults) if faults else NO_FAULTS, clock, speed
    )
    switch = StopSwitch()
    if lifetime is Lifetime.STDIN:
        switch.on_end_of_input()
    try:
        serve(Address(host, port), settings, switch)
    except KeyboardInterrupt:
        typer.echo("the fake OpenAI has ended")

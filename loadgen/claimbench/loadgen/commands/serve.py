"""The verbs `serve` and `worker`: the service under load, and processes that run its stages."""

import os
from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy import URL

from claimbench.errors import UsageError
from claimbench.impl.service.hosting import SchedulerPlace, SchemaCare, ServeOptions, listen, serve, work
from claimbench.impl.service.worker_factory import LEASE, ApiAccess, WorkerOptions
from claimbench.loadgen.bench.databases.choice import parse_url
from claimbench.loadgen.commands.demo import SPEED as DEMO_SPEED
from claimbench.loadgen.commands.demo import demo_site, let_a_company_in
from claimbench.loadgen.commands.surroundings import VARIABLE
from claimbench.scenarios.grammar import duration_text, parse_duration

LEASE_TEXT = duration_text(LEASE)
PipelineOption = Annotated[
    str, typer.Option(help="The pipeline that runs the stages, by name or as module:attribute.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(help=f"postgresql://user@host/database with the schema; by default ${VARIABLE}."),
]
SPEED_HELP = "How many times as fast as the document's timetable the stages run."
SpeedOption = Annotated[float, typer.Option(help=SPEED_HELP)]
LeaseOption = Annotated[
    str,
    typer.Option(help="How long what a worker claimed stays its own, should it die: longer than any stage."),
]
SchemaOption = Annotated[
    bool, typer.Option("--create-schema", help="Make the tables first, in a database that has none.")
]


def serve_verb(  # noqa: PLR0913, PLR0917 (a parameter for each option)
    pipeline: PipelineOption = "optimized",
    host: Annotated[str, typer.Option(help="Where to listen; only this machine can reach 127.0.0.1.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    database: DatabaseOption = None,
    scheduler: Annotated[
        SchedulerPlace, typer.Option(help="Run the stages inside, or leave them to workers.")
    ] = SchedulerPlace.INSIDE,
    speed: Annotated[
        float | None, typer.Option(help=f"{SPEED_HELP} Without it 1, and {DEMO_SPEED:g} with --demo.")
    ] = None,
    lease: LeaseOption = LEASE_TEXT,
    create_schema: SchemaOption = False,  # noqa: FBT002 (a flag of the command line)
    demo: Annotated[  # noqa: FBT002 (a flag of the command line)
        bool,
        typer.Option("--demo", help="Bring a database, a fake API and a company with a key; all go again."),
    ] = False,
) -> None:
    """Serve the pipeline over HTTP, with an admin page at /admin and API docs at /docs."""
    leased = duration_of(lease, where="--lease")
    schema = SchemaCare.CREATE if demo else _schema(create_schema=create_schema)

    def options(url: URL, pace: float, api: ApiAccess | None = None) -> ServeOptions:
        worker = WorkerOptions(pipeline, url, pace if speed is None else speed, leased, api)
        return ServeOptions(worker, host=host, port=port, scheduler=scheduler, schema=schema)

    if not demo:
        serve(options(parse_url(_database(database), where="--database"), 1.0), _announce)
        return
    listen(host, port).close()  # a port that is taken is told before a database is started
    with demo_site(database or "embedded", _announce) as site:
        serve(options(site.url, DEMO_SPEED, site.api), _announce, let_a_company_in)


def worker_verb(
    pipeline: PipelineOption = "optimized",
    database: DatabaseOption = None,
    speed: SpeedOption = 1.0,
    lease: LeaseOption = LEASE_TEXT,
    create_schema: SchemaOption = False,  # noqa: FBT002 (a flag of the command line)
) -> None:
    """Run the stages for a service that runs elsewhere; any number of workers may share a database."""
    url = parse_url(_database(database), where="--database")
    options = WorkerOptions(pipeline, url, speed, duration_of(lease, where="--lease"))
    work(options, _schema(create_schema=create_schema), _announce)


def duration_of(text: str, *, where: str) -> timedelta:
    """What an option says: 15min, 90s. Raises `UsageError` naming it."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where=where, remedy="write 15min, 1h30m or 90s") from None


def _database(given: str | None) -> str:
    found = given or os.environ.get(VARIABLE)
    if not found:
        raise UsageError(
            "the service needs a database that stays",
            where="--database",
            remedy=f"give postgresql://user@host/database there or in {VARIABLE}",
        )
    return found


def _schema(*, create_schema: bool) -> SchemaCare:
    return SchemaCare.CREATE if create_schema else SchemaCare.EXPECT


def _announce(line: str) -> None:
    is_to_be_copied = line.startswith("  ")
    typer.echo(line if is_to_be_copied else f"claimbench: {line}", err=True)

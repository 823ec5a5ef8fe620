"""Options and arguments that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

COMPARED = "compare"
"""The source of a scenario that no file holds: `claimbench compare` made it."""

ResultsArgument = Annotated[Path, typer.Argument(help="A results.json, or the folder that holds it.")]
ScenarioArgument = Annotated[str, typer.Argument(help="A scenario's name, or the path of a TOML file.")]
DatabaseOption = Annotated[
    str, typer.Option(help="auto, container, embedded, or a URL: postgresql://user@host/database")
]
ScenarioOption = Annotated[
    str | None, typer.Option("--scenario", help="The scenario's file, if it moved since the run.")
]

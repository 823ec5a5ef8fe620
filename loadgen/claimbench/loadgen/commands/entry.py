"""Where the command begins: an installation without extras is told in one line which one a command needs."""

from importlib import import_module

from claimbench.loadgen.commands.surroundings import leave_without


def main() -> None:
    """Run the command line, if what it needs is installed."""
    try:
        command = import_module("claimbench.loadgen.commands.cli")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("claimbench"):
            raise
        leave_without(error.name or "")
    command.main()

"""Where the command begins: an installation without extras is told in one line which one a command needs."""

import sys
from importlib import import_module

from claimbench.errors import ExitCode


def main() -> None:
    """Run the command line, if what it needs is installed."""
    try:
        command = import_module("claimbench.loadgen.commands.cli")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("claimbench"):
            raise
        leave_without(error.name or "")
    command.main()


def leave_without(module: str) -> None:
    """Say which package is missing, and how all are installed."""
    sys.stderr.write(f"claimbench: {module} is not installed; pip install 'claimbench[all]' (or [report])\n")
    sys.exit(ExitCode.USAGE)

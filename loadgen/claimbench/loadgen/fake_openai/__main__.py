"""`python -m claimbench.loadgen.fake_openai`: the server without the rest of the harness."""

import sys

import typer

from claimbench.errors import ClaimbenchError
from claimbench.loadgen.commands.mock import mock


def main() -> None:
    """Serve; a user's mistake ends in one line."""
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    application.command()(mock)
    try:
        application()
    except ClaimbenchError as error:
        sys.stderr.write(f"claimbench: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

"""Measures ours and the programs of others side by side: `nox -s peers`. Writes peers.json and peers.md."""

import sys
import tempfile
from pathlib import Path

import figures
from probes import probe_figures
from queues import queue_figures
from seeding import seeding_figures

from claimbench.loadgen.bench.databases import open_server


def tell(line: str) -> None:
    """Which server it is."""
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Measure, tell each figure at once, and write all into the folder that is named."""
    out, found = Path(sys.argv[1]), list[figures.Figure]()
    with open_server("embedded", announce=tell) as server, tempfile.TemporaryDirectory() as scratch:
        url = server.admin_url.set(drivername="postgresql").render_as_string(hide_password=False)
        for taken in (
            probe_figures(url),
            seeding_figures(url, Path(scratch)),
            queue_figures(url, Path(scratch)),
        ):
            for figure in taken:
                tell(f"{figure.group}: {figure.name}: {figure.value:,.1f} {figure.unit}")
                found.append(figure)
    figures.write(found, out)


if __name__ == "__main__":
    main()

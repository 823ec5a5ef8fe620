"""Measures ours and the programs of others side by side: `nox -s peers`. Writes peers.json and peers.md."""

import sys
import tempfile
from itertools import chain
from pathlib import Path

import figures
from probes import probe_figures
from queues import queue_figures
from seeding import seeding_figures

from claimbench.loadgen.bench.databases import open_server


def tell(line: str) -> None:
    """Which server it is."""
    sys.stderr.write(f"{line}\n")


ROUNDS = 3
"""Everything is measured so often, and the median is told: single turns differ by a fifth."""


def main() -> None:
    """Measure, tell each figure at once, and write the medians into the folder that is named."""
    out, found = Path(sys.argv[1]), dict[tuple[str, str], list[figures.Figure]]()
    with open_server("embedded", announce=tell) as server, tempfile.TemporaryDirectory() as scratch:
        url = server.admin_url.set(drivername="postgresql").render_as_string(hide_password=False)
        for place in range(ROUNDS):
            folder = Path(scratch, str(place))
            folder.mkdir()
            for figure in chain(probe_figures(url), seeding_figures(url, folder), queue_figures(url, folder)):
                tell(f"{figure.group}: {figure.name}: {figure.value:,.1f} {figure.unit}")
                found.setdefault((figure.group, figure.name), []).append(figure)
    figures.write([sorted(each, key=lambda one: one.value)[len(each) // 2] for each in found.values()], out)


if __name__ == "__main__":
    main()

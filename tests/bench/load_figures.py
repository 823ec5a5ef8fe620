"""Takes every load figure that is published again, and writes them where docs/load.md reads them:

    python tests/bench/load_figures.py           # some 35 minutes, on a machine that does nothing else
    python tests/bench/load_figures.py --draw    # takes nothing, draws docs/load.md again

The figures are docs/load-figures.json; no one is written by hand, and a test holds the page to the file.
"""

import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from claimbench.loadgen.probes.machine import environment
from claimbench.reports.record.load import CapacityRecord, LoadRecord
from claimbench.reports.record.soak import SoakRecord
from claimbench.reports.record.store import LOAD, SOAK, read

ROOT = Path(__file__).parents[2]
PAGE, FIGURES = ROOT / "docs/load.md", ROOT / "docs/load-figures.json"
GOALS = ("tests/bench/test_load_goals.py", "tests/bench/test_load_theory.py")
KEPT_IN, UNDER = "CLAIMBENCH_FIGURES", "CLAIMBENCH_FIGURES_UNDER"
HOGS = 4

Figures = Mapping[str, Any]


def keep(name: str, value: float) -> None:
    """Keep a figure that a test has measured, if this command asked for it."""
    if file := os.environ.get(KEPT_IN):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({f"{os.environ.get(UNDER, '')}{name}": value}) + "\n")


def take(folder: Path) -> Figures:
    """Everything anew: the goals alone and beside busy processes, capacities, and the soak."""
    kept = folder / "kept.jsonl"
    wanted = {**os.environ, "CLAIMBENCH_LOAD_GOALS": "full", KEPT_IN: str(kept)}
    _run("pytest", "-q", "-s", *GOALS, env=wanted, accepted=(0,))
    with busy_processes():
        busy = {**wanted, UNDER: "busy "}
        _run("pytest", "-q", "-s", GOALS[0], "-k", "freeze_of_the_service", env=busy, accepted=(0, 1))
    _run("claimbench.loadgen", "load", "load", "--out", str(folder / "load"))
    _run("claimbench.loadgen", "soak", "--out", str(folder / "soak"))
    figures: dict[str, Any] = {}
    for line in kept.read_text(encoding="utf-8").splitlines():
        figures |= json.loads(line)
    load, soak = read(LOAD, folder / "load"), read(SOAK, folder / "soak")
    return figures | {**_machine(), **of_load(load), **of_soak(soak, folder / "soak" / "soak.md")}


def _run(
    module: str, *words: str, env: Mapping[str, str] | None = None, accepted: tuple[int, ...] = (0, 1)
) -> None:
    done = subprocess.run([sys.executable, "-m", module, *words], cwd=ROOT, env=env, check=False)
    if done.returncode not in accepted:  # a threshold that breaks is a figure, too
        sys.exit(f"{module} {words[0]} ended with {done.returncode}: nothing was written")


@contextmanager
def busy_processes() -> Iterator[None]:
    """Others that take all the processor time that they can get."""
    hogs = [multiprocessing.Process(target=_never_rest, daemon=True) for _ in range(HOGS)]
    for hog in hogs:
        hog.start()
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()


def _never_rest() -> None:
    while True:
        pass


def _machine() -> Figures:
    found = environment()
    return {
        "taken": datetime.now(UTC).strftime("%-d %B %Y"),
        "machine": f"{found['cores_usable']} cores of {found['cpu']}",
        "revision": found["git_revision"],
    }


def of_load(record: LoadRecord) -> Figures:
    """The capacities of a load, and the round trip that they are at."""
    return {
        "capacity rtt_ms": record.asked.rtt_ms,
        **{f"capacity {each.arm}": _capacity(each) for each in record.capacities},
    }


def _capacity(found: CapacityRecord) -> Mapping[str, Any]:
    return {"per_s": found.rate_per_s, "is_ceiling": found.is_ceiling}


def of_soak(record: SoakRecord, page: Path) -> Figures:
    """What a soak was asked for, and the table of its findings as its own page draws it."""
    asked = record.soaked.asked
    table = re.search(r"^\| What .*?\n\n", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return {
        "soak": {
            "rate_per_s": asked.rate_per_s,
            "capacity_per_s": asked.capacity_per_s,
            "share": asked.share,
            "minutes": asked.duration_s / 60,
            "faults": len(asked.faults),
            "restarted_at_s": record.soaked.restart.at_s,
            "table": table[0].strip() if table else "",
        }
    }


def drawn(figures: Figures) -> Mapping[str, str]:
    """What stands between the marks of the page, by the name of the mark."""
    return {
        "freeze": _freeze(figures),
        "generator": _generator(figures),
        "theory": _theory(figures),
        "capacity": _capacities(figures),
        "soak": _soak(figures),
    }


def _ms(figures: Figures, name: str) -> str:
    return f"{figures[name]:,.0f} ms" if name in figures else ""


def _freeze(figures: Figures) -> str:
    rows = [
        f"| claimbench, {count} {'process' if count == 1 else 'processes'} "
        f"| {_ms(figures, f'freeze p95 of {count}')} | {_ms(figures, f'busy freeze p95 of {count}')} "
        f"| {figures[f'freeze counted by {count}']:,} |"
        for count in (1, 2, 4)
    ]
    stock = f"| {_ms(figures, 'stock p95')} | | {figures['stock counted']:,} |"
    head = (
        f"| generator | p95 | p95, while {HOGS} other processes took all they could get | requests counted |"
    )
    rows = [head, "|---|---:|---:|---:|", *rows, f"| Locust's own users, `constant_throughput` {stock}"]
    return "\n".join(rows)


def _generator(figures: Figures) -> str:
    largest = max(value for name, value in figures.items() if name.startswith("report bytes"))
    return (
        f"Taken on {figures['machine']}, {figures['taken']}. The same command shows that one process sends "
        f"{figures['sustained per s']:,.0f} requests a second on time with {figures['sustained cpu']:.0%} of "
        f"a core, that percentiles are within {figures['percentile error']:.2%} of the exact ones, and that "
        f"no report of a worker is larger than {largest / 1000:.1f} kB."
    )


def _theory(figures: Figures) -> str:
    names = {
        "exponential": "M/M/1, 20 ms, 40 a second",
        "constant": "M/D/1, 20 ms, 40 a second",
        "freeze": "the example, frozen for 3 s of 12 s",
    }
    rows = []
    for key, title in names.items():
        cells = [
            f"{figures[f'{key} {name}']:,.1f} ({figures[f'{key} {name} in theory']:,.1f})"
            if f"{key} {name}" in figures
            else "–"
            for name in ("mean", "p50", "p90", "p95", "p99")
        ]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    if all("–" in row and "(" not in row for row in rows):
        return "Not taken yet: `python tests/bench/load_figures.py`."
    head = "| service, measured (in theory), ms | mean | p50 | p90 | p95 | p99 |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *rows])


def _capacities(figures: Figures) -> str:
    naive, optimized = figures["capacity naive"], figures["capacity optimized"]
    factor = ""
    if naive["per_s"] and optimized["per_s"]:
        least = "at least " if optimized["is_ceiling"] else ""
        factor = f": a factor of {least}{optimized['per_s'] / naive['per_s']:.2g}"
    return (
        f"On {figures['machine']}, {figures['taken']}, `claimbench load` found {_told(naive)} "
        f"for `naive` and {_told(optimized)} for `optimized`, at an added round trip of "
        f"{figures['capacity rtt_ms']:g} ms{factor}."
    )


def _told(capacity: Mapping[str, Any]) -> str:
    if not capacity["per_s"]:
        return "less than the lowest rate tried"
    return f"{'at least ' if capacity['is_ceiling'] else ''}{capacity['per_s']:.3g} arrivals per second"


def _soak(figures: Figures) -> str:
    soak = figures["soak"]
    share = f"{soak['share']:.0%} of the capacity of {soak['capacity_per_s']:.3g}"
    return (
        f"The whole of it on {figures['machine']} ({figures['taken']}, the `soak.md` of `claimbench soak`): "
        f"{soak['rate_per_s']:.3g} arrivals a second for\n{soak['minutes']:.3g} min, {share}; "
        f"{soak['faults']} kinds of faults; the database restarted after {soak['restarted_at_s']:.0f} s."
        f"\n\n{soak['table']}"
    )


def with_figures(page: str, figures: Figures) -> str:
    """The page with every block between marks drawn from the figures."""
    for name, text in drawn(figures).items():
        begin, end = f"<!-- figures: {name} -->\n", f"\n<!-- figures: end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{text}{end}{rest.partition(end)[2]}"
    return page


def main() -> None:
    """Take, unless only the page is to be drawn; then draw."""
    if "--draw" not in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            figures = take(Path(folder))
        FIGURES.write_text(
            json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")


if __name__ == "__main__":
    main()

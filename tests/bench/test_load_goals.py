"""The goals of open arrivals, in smoke size with the tests and in real size on request:

CLAIMBENCH_LOAD_GOALS=full python -m pytest tests/bench/test_load_goals.py -s
"""

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import idle_endpoint
import pytest
from load_figures import keep

from claimbench.loadgen.load.arrivals import Stretch
from claimbench.loadgen.load.driver import generate
from claimbench.loadgen.load.histogram import Latencies
from claimbench.loadgen.load.packets import BYTES_MAX
from claimbench.loadgen.load.plan import LoadPlan, Operation

# Looked for, not imported: Locust patches the process that imports it.
pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(find_spec("locust") is None, reason="the extra `load` is not installed"),
]

STOCK = Path(__file__).with_name("stock_locustfile.py")


@dataclass(frozen=True)
class Size:
    """The freeze: `rate` arrivals a second for `seconds`, a service that stops for 15 % of them."""

    seconds: float
    rate: int
    workers: tuple[int, ...]
    sustained: int
    sustained_s: float
    tolerance: float

    @property
    def freeze_s(self) -> float:
        return 0.15 * self.seconds

    @property
    def p95_ms(self) -> float:
        """A twentieth of all arrivals wait longer: the first two thirds of the freeze are over by then."""
        return 1000 * self.freeze_s * 2 / 3


FULL = Size(seconds=20, rate=100, workers=(1, 2, 4), sustained=1_000, sustained_s=10, tolerance=0.05)
SMOKE = Size(seconds=4, rate=100, workers=(1, 2), sustained=300, sustained_s=2, tolerance=0.5)
SIZE = FULL if os.environ.get("CLAIMBENCH_LOAD_GOALS") == "full" else SMOKE


@contextmanager
def endpoint(freeze_s: float = 0.0) -> Iterator[str]:
    command = [sys.executable, idle_endpoint.__file__]
    freezing = [f"--freeze-after={0.3 * SIZE.seconds}", f"--freeze-for={freeze_s}"]
    with subprocess.Popen(command + freezing, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def plan(host: str, rate: float, seconds: float) -> LoadPlan:
    return LoadPlan(
        host=host, profile=(Stretch(seconds, rate, rate),), operations=(Operation(name="idle", path="/"),)
    )


def told(*words: object) -> None:
    sys.stdout.write("\n    " + " ".join(str(word) for word in words))


@pytest.mark.parametrize("workers", SIZE.workers)
def test_a_freeze_of_the_service_is_seen_by_the_arrivals_that_wait_for_it(workers: int) -> None:
    with endpoint(SIZE.freeze_s) as host:
        generated = generate(plan(host, SIZE.rate, SIZE.seconds), workers)
    response = generated.total.response
    told(f"{workers} processes: p95 {response.p95_ms:,.1f} ms, merged {response.count:,},")
    told(f"reports of at most {max(each.report_bytes_max for each in generated.workers):,} bytes")
    keep(f"freeze p95 of {workers}", response.p95_ms)
    keep(f"freeze counted by {workers}", response.count)
    keep(f"report bytes of {workers}", max(each.report_bytes_max for each in generated.workers))

    assert response.count == SIZE.rate * SIZE.seconds
    assert SIZE.p95_ms * (1 - SIZE.tolerance) <= response.p95_ms <= SIZE.p95_ms * (1 + SIZE.tolerance)
    assert [each.index for each in generated.workers] == list(range(workers))
    assert all(each.report_bytes_max <= BYTES_MAX for each in generated.workers)


def test_stock_locust_does_not_see_the_freeze(tmp_path: Path) -> None:
    outcome = tmp_path / "stock.json"
    with endpoint(SIZE.freeze_s) as host:
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(STOCK),
            "--headless",
            "--only-summary",
            "-u",
            "20",
        ]
        subprocess.run(
            [*command, "-r", "100", "-t", f"{SIZE.seconds:g}s", "--host", host, "-L", "ERROR"],
            env={**os.environ, "STOCK_OUTCOME": str(outcome)},
            check=False,
            capture_output=True,
        )
    stock = json.loads(outcome.read_text())
    told(f"stock Locust: p95 {stock['p95_ms']} ms, {stock['count']} requests")
    keep("stock p95", stock["p95_ms"])
    keep("stock counted", stock["count"])

    # A tenth of all arrivals waits for a third of the freeze or longer. In the small size the 20 users, each
    # of whom waits once, are about a twentieth of all requests: there p95 is decided by chance.
    assert stock["p90_ms"] < 1000 * SIZE.freeze_s / 3 / 4
    assert stock["count"] < SIZE.rate * SIZE.seconds


def test_one_process_sustains_its_rate_against_an_idle_endpoint() -> None:
    with endpoint() as host:
        generated = generate(plan(host, SIZE.sustained, SIZE.sustained_s))
    total, worker = generated.total, generated.workers[0]
    told(f"one process: {total.completed / SIZE.sustained_s:,.0f}/s, CPU {worker.cpu_share:.0%},")
    told(f"lag p99 {total.lag.p99_ms:.1f} ms, reports of at most {worker.report_bytes_max:,} bytes")
    keep("sustained per s", total.completed / SIZE.sustained_s)
    keep("sustained cpu", worker.cpu_share)
    keep("report bytes of a sustained rate", worker.report_bytes_max)

    assert total.completed == SIZE.sustained * SIZE.sustained_s
    assert (total.failed, total.dropped) == (0, 0)
    assert worker.cpu_share < 0.9


def test_a_percentile_is_within_a_thousandth_of_the_exact_one() -> None:
    chance = random.Random(3)  # noqa: S311 (no secret)
    values = sorted(math.exp(chance.gauss(-5, 2)) for _ in range(50_000))
    latencies = Latencies()
    for value in values:
        latencies.record(value)
    percentiles = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)
    exact = [1000 * values[math.ceil(each / 100 * len(values)) - 1] for each in percentiles]
    found = latencies.percentiles_ms(percentiles)
    errors = [abs(mine - theirs) / theirs for mine, theirs in zip(found, exact, strict=True)]
    told(f"percentiles: largest error {max(errors):.4%}, blob {len(latencies.encode()):,} bytes")
    keep("percentile error", max(errors))

    assert max(errors) <= 0.001

"""Runs Locust as a process of its own, because it patches whoever imports it, and reads what it saw."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from claimbench.errors import ClaimbenchError, ExitCode, InvalidMeasurementError, UsageError
from claimbench.loadgen.load.collector import GRACE_S
from claimbench.loadgen.load.loopback import require_loopback
from claimbench.loadgen.load.plan import LoadPlan
from claimbench.loadgen.processes.free_port import HOST, free_port
from claimbench.loadgen.processes.scratch import scratch_folder
from claimbench.reports.record.load import Generated

LOCUSTFILE = Path(__file__).with_name("swarm.py")
START_S = 60.0
PLAN_S = 300.0
"""How long a generator that was started waits for its plan."""
STOP_S = 10.0
_TAIL_BYTES = 8_000
SAYS = "claimbench: "
"""How a line begins that tells a mistake."""


def generate(plan: LoadPlan, processes: int = 1, allowed: tuple[str, ...] = ()) -> Generated:
    """Make the load of the plan from so many processes; return what they saw, merged.

    Raises `UsageError` for a host that is neither this machine nor allowed and for a plan that cannot be
    made, `InvalidMeasurementError` when the generator did not come to its end.
    """
    require_loopback(plan.host, allowed)
    with ready_generator(processes, allowed) as generator:
        return generator.generate(plan)


@contextmanager
def ready_generator(processes: int = 1, allowed: tuple[str, ...] = ()) -> Iterator["ReadyGenerator"]:
    """Start so many processes that wait for a plan: they can come up while a service does."""
    with scratch_folder("load") as folder:
        plan, outcome, log = folder / "plan.json", folder / "outcome.json", folder / "locust.log"
        command = (*locust_command(plan, outcome, processes), "--await-plan", f"{PLAN_S:g}")
        command += tuple(word for host in allowed for word in ("--allow-host", host))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdout=stream,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        try:
            yield ReadyGenerator(process, plan, outcome, log)
        except (KeyboardInterrupt, SystemExit):
            os.killpg(process.pid, signal.SIGKILL)  # whoever interrupts does not wait
            raise
        finally:
            _stop(process)


@dataclass(frozen=True, slots=True)
class ReadyGenerator:
    """A generator that waits for its plan; it makes one load."""

    process: "subprocess.Popen[bytes]"
    plan_file: Path
    outcome: Path
    log: Path

    def generate(self, plan: LoadPlan) -> Generated:
        """Make the load of the plan; errors are those of `generate` above."""
        draft = self.plan_file.with_suffix(".draft")
        draft.touch(mode=0o600)  # it holds the tenants' keys
        draft.write_text(plan.model_dump_json())
        draft.rename(self.plan_file)
        try:
            code = self.process.wait(plan.duration_s + plan.timeout_s + GRACE_S + START_S)
        except subprocess.TimeoutExpired:
            raise _failed("it did not end in time", self.log) from None
        return _outcome(self, code)


def locust_command(plan: Path, outcome: Path, processes: int) -> tuple[str, ...]:
    """The words that make a load without claimbench's own driver."""
    return (
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--loglevel", "WARNING", "--plan", str(plan), "--outcome", str(outcome)),
        *(_distributed(processes) if processes > 1 else ()),
    )


def _distributed(processes: int) -> tuple[str, ...]:
    """A port of its own for each load: two of them can run on one machine."""
    port = str(free_port())
    return (
        *("--processes", str(processes), "--master-bind-host", HOST),
        *("--master-bind-port", port, "--master-port", port),
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Locust ends its workers when it is asked; what does not listen is killed."""
    if process.poll() is not None:
        return
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
        return
    process.kill()
    process.wait()


def _outcome(generator: ReadyGenerator, code: int) -> Generated:
    try:
        return Generated.model_validate_json(generator.outcome.read_bytes())
    except OSError:
        failed = _failed(f"it left no outcome (exit {code})", generator.log)
        raise _refused(generator, code) or failed from None
    except ValidationError as error:
        told = error.errors()[0]["msg"].lower()
        raise _failed(f"its outcome cannot be read ({told})", generator.log) from None


def _refused(generator: ReadyGenerator, code: int) -> ClaimbenchError | None:
    """What the generator said of a plan that it could not make, as it would have been raised here."""
    kinds: dict[int, type[ClaimbenchError]] = {
        ExitCode.USAGE: UsageError,
        ExitCode.INCONCLUSIVE: InvalidMeasurementError,
    }
    said = [line for line in _last_lines(generator.log) if line.startswith(SAYS)]
    if code not in kinds or not said:
        return None
    line = said[-1].removeprefix(SAYS).removeprefix(f"{generator.plan_file}: ")
    where, _, told = line.partition(": ")
    what, _, remedy = told.rpartition("; ")
    return kinds[code](what, where=where, remedy=remedy)


def _failed(what: str, log: Path) -> InvalidMeasurementError:
    last = (_last_lines(log) or ["it said nothing"])[-1]
    return InvalidMeasurementError(
        what, where="load generator", remedy=f"see its last words, and try a lower rate: {last}"
    )


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as stream:
        stream.seek(max(log.stat().st_size - _TAIL_BYTES, 0))
        return [line.strip() for line in stream.read().decode(errors="replace").splitlines() if line.strip()]

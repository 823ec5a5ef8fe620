"""What the numbers were taken on, without saying whose machine it is: no host, no user, no path."""

import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

LIBRARIES = (
    *("claimbench", "sqlalchemy", "psycopg", "psycopg-binary", "openai", "numpy", "scipy", "faker"),
    "pytest-benchmark",
)

Scalar = str | int | float | bool | None

_CPU_INFO = Path("/proc/cpuinfo")
_CONTAINER_FILES = (Path("/.dockerenv"), Path("/run/.containerenv"))


def environment() -> dict[str, Scalar]:
    """The record's environment: flat pairs of a name and a scalar, None where the system does not tell."""
    memory = psutil.virtual_memory()
    return {
        "os": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "cores_usable": _usable_cores(),
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "load_average_1min": round(os.getloadavg()[0], 2),
        "virtual_machine": _is_virtual(),
        "container": any(path.exists() for path in _CONTAINER_FILES),
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "timer": time.get_clock_info("perf_counter").implementation,
        "timer_resolution_s": time.get_clock_info("perf_counter").resolution,
        "git_revision": _git("rev-parse", "HEAD"),
        "git_is_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        **{f"version_{name.replace('-', '_')}": _version(name) for name in LIBRARIES},
    }


class StealProbe:
    """How much of the processors' time the hypervisor gave to others since the probe was made."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def share(self) -> float | None:
        """From 0 to 1; None where the system does not count it."""
        now, before = psutil.cpu_times(), self._before
        if not hasattr(now, "steal"):
            return None
        passed = sum(now) - sum(before)
        return float((now.steal - before.steal) / passed) if passed > 0 else 0.0


BUSY_ELSEWHERE_MOST = 0.55
"""Above this share of all cores, times are those of the programs beside as much as of the arms. One busy core
of two is below it.
"""


class ElsewhereProbe:
    """How much of the processors' time went to programs that are none of ours since the probe was made."""

    def __init__(self) -> None:
        self._before = _busy_elsewhere_s()
        self._since = time.monotonic()

    def share(self) -> float:
        """Of all cores, from 0 to 1."""
        passed = max(time.monotonic() - self._since, 1e-3) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, (_busy_elsewhere_s() - self._before) / passed))


def _busy_elsewhere_s() -> float:
    """Of all processors since the machine's start, less what this process and all that it started used."""
    now = psutil.cpu_times()
    busy = now.user + now.system + getattr(now, "nice", 0.0)
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            busy -= sum(process.cpu_times()[:4])  # its own, and those of its children that have ended
        except psutil.Error:
            continue
    return float(busy)


def _cpu() -> str:
    if _CPU_INFO.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", _CPU_INFO.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _is_virtual() -> bool | None:
    if not _CPU_INFO.exists():
        return None
    return bool(re.search(r"^flags\s*:.*\bhypervisor\b", _CPU_INFO.read_text(), re.MULTILINE))


def _git(*arguments: str) -> str | None:
    """What git says about the present folder; None outside a repository or without git."""
    try:
        found = subprocess.run(("git", *arguments), capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None

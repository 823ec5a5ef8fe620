"""A CPU hog beside the measurement: a process that we start and end ourselves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPIN = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""


@contextmanager
def cpu_hog() -> Iterator[int]:
    """One core kept busy; yields the process id. It ends with us even if we are killed: its input closes."""
    process = subprocess.Popen((sys.executable, "-c", _SPIN), stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()

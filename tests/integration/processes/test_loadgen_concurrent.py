"""Two passes at once: whoever is told to end waits for neither.

In a process of its own: a server that is open in that of the tests would remember the signal.
"""

import subprocess
import sys

TOLD_TO_END = """
import signal, threading
from claimbench.loadgen.passes.concurrent import concurrent

signal.signal(signal.SIGINT, signal.default_int_handler)
stopped, block_ended = threading.Event(), threading.Event()

def work():
    block_ended.wait()
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    print("stopped", stopped.wait(timeout=10))

try:
    with concurrent(work, stopped.set):
        block_ended.set()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupted_wait_stops_the_thread_that_is_waited_for() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", TOLD_TO_END], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ended.stdout, ended.stderr) == ("stopped True\ninterrupted\n", "")

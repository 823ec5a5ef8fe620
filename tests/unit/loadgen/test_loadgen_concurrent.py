"""Two passes at once: whoever is told to end waits for neither."""

import signal
import threading

import pytest

from claimbench.loadgen.passes.concurrent import concurrent


def test_an_interrupted_wait_stops_the_thread_that_is_waited_for() -> None:
    stopped, block_ended, waited = threading.Event(), threading.Event(), []

    def work() -> None:
        block_ended.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        waited.append(stopped.wait(timeout=10))

    with pytest.raises(KeyboardInterrupt), concurrent(work, stopped.set):
        block_ended.set()

    assert waited == [True]

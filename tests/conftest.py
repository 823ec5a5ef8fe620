"""Shared by all tests: a server, how long Hypothesis waits, and how the tests end when they are told to."""

import signal
import threading
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

from claimbench.loadgen.commands.surroundings import reach_loopback_directly

pytest_plugins = ("server_fixtures",)

# A busy machine is not a slow test.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_configure() -> None:
    """No proxy is asked for what is tested here, and SIGTERM ends the whole run, in order.

    What the servers under test make of it (SystemExit) is to pytest one failed test, after which it went on
    with the next, deaf to a second SIGTERM. SIGINT is heard even by a run in the background, which a shell
    starts deaf to it: the programs under test inherit that.
    """
    reach_loopback_directly()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    pytest.exit(f"told to end by {signal.Signals(number).name}", returncode=128 + number)

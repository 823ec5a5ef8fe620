"""A plugin of the benchmark process, given to it by `claimbench.loadgen.benchmark_process`: it saves time.

What pytest-benchmark is told of the machine is nothing, for the result's environment names it already. Left
to itself it asks `cpuinfo`, which starts a dozen programs in every block.
"""

import gc


def pytest_benchmark_generate_machine_info() -> dict[str, str]:
    """In place of pytest-benchmark's own question to the machine."""
    return {}


def pytest_unconfigure() -> None:
    """Spare the interpreter a last look through all that was imported: the next block waits for its end."""
    gc.freeze()

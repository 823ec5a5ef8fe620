"""What pytest-benchmark is told of the machine: nothing, for the result's environment names it already.

Left to itself it asks `cpuinfo`, which starts a dozen programs in every block. A plugin of the benchmark
process, given to it by `claimbench.loadgen.benchmark_process`.
"""


def pytest_benchmark_generate_machine_info() -> dict[str, str]:
    """In place of pytest-benchmark's own question to the machine."""
    return {}

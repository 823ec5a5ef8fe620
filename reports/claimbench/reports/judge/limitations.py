"""What no run of this harness can say, told before its numbers."""

from collections.abc import Iterator

from claimbench.reports.judge.statistics import FEW_BLOCKS_BELOW
from claimbench.scenarios.model import Scenario


def standard_limitations(scenario: Scenario) -> tuple[str, ...]:
    """One sentence each, the one that changes most conclusions first."""
    return tuple(_limitations(scenario))


def _limitations(scenario: Scenario) -> Iterator[str]:
    network, workload = scenario.network, scenario.workload
    yield (
        f"Time is judged at a round trip of {network.judged_rtt_ms:g} ms. A slower network helps the arm "
        "with fewer round trips, a faster one hurts it; read the chart of time against round trip before you "
        "carry a percentage elsewhere."
    )
    yield (
        "Intervals say how sure this run is of itself. Another machine, another server or another dataset is "
        "not in them."
    )
    yield "The data are made, not recorded: shapes and sizes follow the scenario, not a customer."
    yield (
        "The batch API is a fake that answers at once, the same to both arms. The hours that a real batch "
        "waits are in neither."
    )
    if scenario.server.in_memory:
        yield (
            "An embedded server keeps its files in memory here, where there is room: commits wait for no "
            "disk, which helps the arm that commits more often."
        )
    yield "Memory is that of the client process; what the database server uses is not in it."
    indexes = {arm.indexes for arm in scenario.arms}
    if len(indexes) > 1:
        yield (
            "The arms run with different indexes, as the document describes before and after: an effect is "
            "that of code and indexes together."
        )
    if min(workload.blocks, workload.memory_blocks) < FEW_BLOCKS_BELOW:
        yield (
            f"With {workload.blocks} blocks for time and {workload.memory_blocks} for memory, an interval of "
            f"fewer than {FEW_BLOCKS_BELOW} blocks rests on the assumption that the logarithms vary normally."
        )
    yield (
        "Each claim is judged by itself at 95 %; with several claims that rest on time or memory, the chance "
        "that one of the intervals misses is larger than 5 %."
    )

"""What the databases hold before a measurement: the same rows from the same dataset, on every machine."""

from claimbench.loadgen.workloads.batch_pipeline.clock import EPOCH
from claimbench.loadgen.workloads.batch_pipeline.seeding.seeder import SeededCounts, seed, version

__all__ = ["EPOCH", "SeededCounts", "seed", "version"]

"""What is read while an arm works: an instrument a file, all with `lap()`."""

from claimbench.loadgen.probes.reading import Probe, Reading, Unit

__all__ = ["Probe", "Reading", "Unit"]

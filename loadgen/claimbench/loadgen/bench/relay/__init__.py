"""A network of a chosen round-trip time in front of a server, without root: a relay process, calibrated."""

from claimbench.loadgen.bench.relay.calibration import Relayed, relayed

__all__ = ["Relayed", "relayed"]

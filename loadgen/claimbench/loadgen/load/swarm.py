"""The locustfile that ships with the package; `loadgen/locustfile.py` is the same for a checkout."""

from claimbench.loadgen.load.user import OpenArrivals, register

__all__ = ["OpenArrivals"]

register()

"""The gate: what a run is held to, and how sure a red or a green is.

Exact counters are compared with a committed baseline at zero tolerance; times and memory are judged on
blocks, with an error budget that is declared before the first look. Everything here is pure.
"""

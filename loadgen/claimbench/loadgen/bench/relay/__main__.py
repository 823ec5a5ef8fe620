"""`python -m claimbench.loadgen.bench.relay HOST PORT DELAY_MS`: see `forward`."""

import sys

from claimbench.loadgen.bench.relay.forward import main

main(*sys.argv[1:4])

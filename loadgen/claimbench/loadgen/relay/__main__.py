"""`python -m claimbench.loadgen.relay HOST PORT DELAY_MS`: see `forward`."""

import sys

from claimbench.loadgen.relay.forward import main

main(*sys.argv[1:4])

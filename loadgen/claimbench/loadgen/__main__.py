"""`python -m claimbench.loadgen` is the `claimbench` command."""

from claimbench.loadgen.cli import main

main()

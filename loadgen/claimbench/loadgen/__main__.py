"""`python -m claimbench.loadgen` is the `claimbench` command."""

from claimbench.loadgen.commands.cli import main

main()

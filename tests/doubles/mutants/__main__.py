"""Run every mutant and write the kill matrix: PYTHONPATH=tests/doubles python -m mutants"""

import sys
from pathlib import Path

from claimbench.loadgen.verify.verification import open_laboratory
from claimbench.loadgen.verify.world import open_world
from mutants import MUTANTS
from mutants.killing import Kill, kills
from mutants.matrix import PAGE, with_matrix


def main() -> int:
    found: list[Kill] = []
    with open_laboratory("embedded", 1, print) as laboratory, open_world(laboratory.bench) as world:
        for kill in kills(MUTANTS, world):
            sys.stdout.write(f"{kill.mutant} {kill.seed} {' '.join(kill.invariants)}\n")
            sys.stdout.flush()
            found.append(kill)
    page = Path(PAGE)
    page.write_text(with_matrix(page.read_text(), found))
    return sum(kill.seed is None for kill in found)


if __name__ == "__main__":
    sys.exit(main())

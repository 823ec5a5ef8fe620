"""Run all mutants, or those named, and write the kill matrix: PYTHONPATH=tests/doubles python -m mutants"""

import sys
from pathlib import Path

from claimbench.loadgen.verify.verification import open_laboratory
from claimbench.loadgen.verify.world import open_world
from mutants import MUTANTS
from mutants.killing import kills
from mutants.matrix import PAGE, read_matrix, with_matrix


def main(names: list[str]) -> int:
    page = Path(PAGE)
    found = {kill.mutant: kill for kill in read_matrix(page.read_text())}
    chosen = tuple(mutant for mutant in MUTANTS if not names or mutant.__name__ in names)
    with open_laboratory("embedded", 1, print) as laboratory, open_world(laboratory.bench) as world:
        for kill in kills(chosen, world):
            sys.stdout.write(f"{kill.mutant} {kill.seed} {' '.join(kill.invariants)}\n")
            sys.stdout.flush()
            found[kill.mutant] = kill
    rows = [found[mutant.__name__] for mutant in MUTANTS if mutant.__name__ in found]
    page.write_text(with_matrix(page.read_text(), rows))
    return sum(kill.seed is None for kill in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

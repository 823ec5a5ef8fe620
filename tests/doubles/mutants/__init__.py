"""The planted defects: wrong pipelines, each with one mistake, told in one line by its docstring.

`claimbench verify mutants:EmptyPrompts` shows how the oracle finds one; `python -m mutants` writes the kill
matrix into docs/oracle.md. Both need `tests/doubles` on the path.
"""

import inspect

from mutants import keeping, racing, receiving, sending
from mutants.making import Mutant

MUTANTS: tuple[type[Mutant], ...] = tuple(
    found
    for module in (sending, receiving, keeping, racing)
    for found in vars(module).values()
    if inspect.isclass(found) and issubclass(found, Mutant) and found is not Mutant
)


def __getattr__(name: str) -> type[Mutant]:
    for mutant in MUTANTS:
        if mutant.__name__ == name:
            return mutant
    raise AttributeError(name)

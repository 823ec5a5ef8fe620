"""The shortest history that still shows a violation: things are taken out until none can go."""

from collections.abc import Callable
from itertools import islice

from claimbench.loadgen.verify.histories import History

TRIES_MAX = 400
"""A history of a few dozen parts needs about eighty."""


def shortest(history: History, still_fails: Callable[[History], bool]) -> History:
    """Greedily shorter histories for which `still_fails` says yes, until none is shorter or patience ends.

    After a part has gone, the search goes on with the one that took its place; a round in which none went
    is the last.
    """
    place, went = 0, False
    for _ in range(TRIES_MAX):
        candidate = next(islice(history.smaller(), place, None), None)
        if candidate is None:
            if not went:
                break
            place, went = 0, False
        elif still_fails(candidate):
            history, went = candidate, True
        else:
            place += 1
    return history

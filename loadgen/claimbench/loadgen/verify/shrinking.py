"""The shortest history that still shows a violation: things are taken out until none can go."""

from collections.abc import Callable

from claimbench.loadgen.verify.histories import History

TRIES_MAX = 400
"""A history of a few dozen parts needs about two hundred."""


def shortest(history: History, still_fails: Callable[[History], bool]) -> History:
    """Greedily shorter histories for which `still_fails` says yes, until none is shorter or patience ends."""
    tries = 0
    found = True
    while found:
        found = False
        for candidate in history.smaller():
            tries += 1
            if tries > TRIES_MAX:
                return history
            if still_fails(candidate):
                history, found = candidate, True
                break
    return history

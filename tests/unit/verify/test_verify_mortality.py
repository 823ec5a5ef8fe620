import io
from collections.abc import Iterator

import pytest
from mutants.making import Twist

from claimbench.loadgen.verify.histories import Break, BreakPlace, Harm, Moment
from claimbench.loadgen.verify.mortality import Danger, Killed, Life, MortalApi


class Counting(Twist):
    def __init__(self) -> None:
        self.calls = 0

    def upload(self, filename: str, lines: object) -> str:
        self.calls += 1
        return "file"

    def download(self, file_id: str) -> Iterator[bytes]:
        self.calls += 1
        yield b"line"


def mortal(counting: Counting, number: int, moment: Moment) -> MortalApi:
    return MortalApi(counting, Life(Danger((Break(BreakPlace.CALL, number, moment, Harm.KILL),))))


@pytest.mark.parametrize(("moment", "effects"), [(Moment.BEFORE, 1), (Moment.AFTER, 2)])
def test_a_kill_at_a_call_happens_before_or_after_its_effect(moment: Moment, effects: int) -> None:
    counting = Counting()
    api = mortal(counting, 2, moment)
    api.upload("a", io.BytesIO())
    with pytest.raises(Killed):
        api.upload("b", io.BytesIO())

    assert counting.calls == effects


def test_who_is_dead_calls_nothing_any_more() -> None:
    counting = Counting()
    api = mortal(counting, 1, Moment.BEFORE)
    for _ in range(3):
        with pytest.raises(Killed):
            list(api.download("x"))

    assert counting.calls == 0


def test_nobody_who_catches_errors_survives_a_kill() -> None:
    assert not issubclass(Killed, Exception)


def test_breaks_are_counted_over_all_schedulers_of_a_history() -> None:
    danger = Danger((Break(BreakPlace.CALL, 2, Moment.BEFORE, Harm.KILL),))
    first, second = MortalApi(Counting(), Life(danger)), MortalApi(Counting(), Life(danger))
    first.upload("a", io.BytesIO())

    with pytest.raises(Killed):
        second.upload("b", io.BytesIO())

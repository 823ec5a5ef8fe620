"""Who may steer, and how names are kept: guesses are bounded before they are compared, names are visible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimbench.impl.service.admin_access import (
    FAILURES_MAX,
    FAILURES_OF_ALL_MAX,
    AdminAuthentication,
    SignInThrottle,
)
from claimbench.impl.service.display_names import clean_name, name_key
from claimbench.impl.service.problems import Problem


class Guesses:
    """A throttle, a clock that is set by hand, and how many tokens were compared."""

    def __init__(self) -> None:
        self.now, self.compared = 0.0, 0
        self.throttle = SignInThrottle(lambda: self.now)

    def guess(self, address: str, *, right: bool = False) -> str:
        def compare() -> bool:
            self.compared += 1
            return right

        try:
            return "right" if self.throttle.passes(address, compare) else "wrong"
        except Problem as problem:
            return str(problem.status)


def test_no_more_than_twenty_wrong_tokens_of_an_address_are_compared_in_a_minute() -> None:
    guesses = Guesses()
    told = [guesses.guess("192.0.2.1") for _ in range(300)]

    assert (told.count("wrong"), told.count("429"), guesses.compared) == (FAILURES_MAX, 280, FAILURES_MAX)
    assert guesses.guess("192.0.2.1", right=True) == "429"
    assert guesses.guess("192.0.2.2", right=True) == "right"


def test_what_was_refused_does_not_prolong_the_wait() -> None:
    guesses = Guesses()
    for second in range(59):
        guesses.now = second
        guesses.guess("192.0.2.1")
    guesses.now = 60.5

    assert guesses.guess("192.0.2.1", right=True) == "right"


def test_many_addresses_together_have_a_limit_too() -> None:
    guesses = Guesses()
    told = [guesses.guess(f"192.0.2.{number}") for number in range(256)]

    assert told.count("wrong") == FAILURES_OF_ALL_MAX


def test_addresses_of_one_network_of_the_sixth_version_are_one_caller() -> None:
    guesses = Guesses()
    told = [guesses.guess(f"2001:db8::{number:x}") for number in range(FAILURES_MAX + 1)]

    assert told[-1] == "429"
    assert guesses.guess("2001:db8:0:1::1") == "wrong"


def test_right_tokens_are_not_counted() -> None:
    guesses = Guesses()

    assert {guesses.guess("192.0.2.1", right=True) for _ in range(100)} == {"right"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_session_keeps_the_name_that_was_given(name: str) -> None:
    guard = AdminAuthentication("a token of twenty signs")
    session = guard.read_session(guard.new_session(name))

    assert session is not None
    assert session.name == name


def test_a_session_that_was_ended_is_none() -> None:
    ended: set[str] = set()
    guard = AdminAuthentication("a token of twenty signs", ended.__contains__)
    cookie = guard.new_session()
    before = guard.is_session(cookie)
    ended.add(guard.session_number(cookie) or "")

    assert (before, guard.is_session(cookie)) == (True, False)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("  Acme \t", "Acme"),
        ("\u00a0Acme\u2003", "Acme"),
        ("Cafe\u0301", "Caf\u00e9"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\U0001f469\u200d\U0001f4bb & Co", "\U0001f469\u200d\U0001f4bb & Co"),
    ],
)
def test_a_name_is_trimmed_and_composed(given_name: str, kept: str) -> None:
    assert clean_name(given_name) == kept


@pytest.mark.parametrize(
    "name",
    [
        *("", "   ", "\u200d", "a\x00b", "a\nb", "a\x1bb", "a\x85b", "a\u2028b", "\u3164", "\u2800"),
        *(
            f"a{sign}b"
            for sign in "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
        ),
    ],
)
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name"):
        clean_name(name)


@pytest.mark.parametrize(
    "other",
    ["ACME STRASSE", "acme straße", "Acme  Stra\u00dfe", "Acme\u00a0Strasse", "Acme Stras\u200dse"],
)
def test_names_that_people_take_for_one_have_one_key(other: str) -> None:
    assert name_key(other) == name_key("Acme Strasse")


@given(st.text())
def test_the_key_of_a_key_is_itself(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)

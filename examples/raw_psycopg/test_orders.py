"""The same two sentences without an ORM."""

import pytest
from orders import add_orders, at_once, at_once_but_five, one_by_one


@pytest.fixture
def url(claimbench_database):
    return claimbench_database.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.mark.parametrize("listing", [one_by_one, at_once])
def test_growth(claimbench, url, listing):
    claimbench.assert_growth(populate=lambda n: add_orders(url, n), run=lambda: listing(url), round_trips=0)


@pytest.mark.parametrize("listing", [at_once, at_once_but_five])
def test_same_work(claimbench, url, listing):
    add_orders(url, 10)
    claimbench.assert_same_work(lambda: one_by_one(url), lambda: listing(url))

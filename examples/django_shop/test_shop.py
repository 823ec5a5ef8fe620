"""The same two sentences with Django, on a database of claimbench's; pytest-django's own works as well."""

import pytest
from shop import add_orders, connect, connections, orders, orders_fixed, orders_wrong


@pytest.fixture(autouse=True)
def database(claimbench_database):
    connect(claimbench_database)
    yield
    connections["default"].close()
    del connections["default"]


@pytest.mark.parametrize("listing", [orders, orders_fixed])
def test_growth(claimbench, listing):
    claimbench.assert_growth(populate=add_orders, run=listing, round_trips=0)


@pytest.mark.parametrize("listing", [orders_fixed, orders_wrong])
def test_same_work(claimbench, listing):
    add_orders(10)
    claimbench.assert_same_work(orders, listing)

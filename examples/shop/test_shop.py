"""Two sentences about the shop's listing: it does not grow with N, and the new one does the same work."""

import pytest
from fastapi.testclient import TestClient
from shop import Model, add_orders, make_app
from sqlalchemy import create_engine


@pytest.fixture
def engine(claimbench_database):
    engine = create_engine(claimbench_database)
    Model.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def get(engine):
    client = TestClient(make_app(engine))
    return lambda path: client.get(path).json()


@pytest.mark.parametrize("path", ["/orders", "/orders-fixed"])
def test_growth(claimbench, engine, get, path):
    claimbench.assert_growth(populate=lambda n: add_orders(engine, n), run=lambda: get(path), round_trips=0)


@pytest.mark.parametrize("path", ["/orders-fixed", "/orders-wrong"])
def test_same_work(claimbench, engine, get, path):
    add_orders(engine, 10)
    claimbench.assert_same_work(lambda: get("/orders"), lambda: get(path))

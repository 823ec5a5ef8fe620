"""The shop's listings compared: claimbench compare examples/shop/shop_bench.py"""

from fastapi.testclient import TestClient
from shop import Model, add_orders, make_app

from claimbench import yours as claimbench


def seed(case, n):
    Model.metadata.create_all(case.engine)
    add_orders(case.engine, n)


@claimbench.compare(sizes=(10, 30, 100), populate=seed)
def orders(case):
    client = TestClient(make_app(case.engine))
    case.reference(lambda: client.get("/orders").json())
    case.candidate(lambda: client.get("/orders-fixed").json())
    case.claims("statements: reduction 80..100 %", "rows_received: no more")

"""The nine cases in which tools for N+1 were compared: each with the sentence that tells it here."""

import pytest
from sqlalchemy import ForeignKey, create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Model(DeclarativeBase): ...


class Customer(Model):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="x")
    notes: Mapped[str] = mapped_column(default="y" * 1000)


class Order(Model):
    __tablename__ = "customer_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship()


@pytest.fixture
def engine(claimbench_database):
    engine = create_engine(claimbench_database)
    Model.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def make(engine):
    def make_orders(n: int) -> None:
        with Session(engine) as session, session.begin():
            session.add_all(Order(customer=Customer()) for _ in range(n))

    return make_orders


def keys(session: Session) -> list[int]:
    return list(session.scalars(select(Customer.id)))


def got_one_by_one(session: Session) -> None:
    for key in keys(session):
        session.get(Customer, key)


def loaded_lazily(session: Session) -> None:
    for order in session.scalars(select(Order)):
        assert order.customer.name


def committed_in_a_loop(session: Session) -> None:
    orders = session.scalars(select(Order)).all()
    for order in orders:
        order.id += 0
        session.commit()


def flushed_in_a_loop(session: Session) -> None:
    for customer in session.scalars(select(Customer)).all():
        customer.name += "z"
        session.flush()


def updated_in_a_loop(session: Session) -> None:
    for key in keys(session):
        session.execute(update(Customer).where(Customer.id == key).values(name="z"))


def sent_round_the_session(session: Session) -> None:
    driver = session.connection().connection.driver_connection
    for key in keys(session):
        driver.execute("SELECT name FROM customer WHERE id = %s", [key]).fetchone()


LOOPS = (got_one_by_one, loaded_lazily, committed_in_a_loop, flushed_in_a_loop, updated_in_a_loop)


@pytest.mark.parametrize("loop", [*LOOPS, sent_round_the_session])
def test_loop(claimbench, engine, make, loop):
    def run() -> None:
        with Session(engine) as session:
            loop(session)

    claimbench.assert_growth(populate=make, run=run, sizes=(2, 10))


@pytest.fixture
def filled(make):
    make(200)


@pytest.mark.max_executions(50)
def test_executemany(engine, filled):
    with Session(engine) as session, session.begin():
        session.execute(update(Customer), [{"id": number, "name": "z"} for number in range(1, 201)])


def test_overfetch(claimbench, engine, make):
    def run() -> list[str]:
        with Session(engine) as session:
            return [customer.name for customer in session.scalars(select(Customer))]

    claimbench.assert_growth(populate=make, run=run, sizes=(2, 10), row_bytes=100)


@pytest.mark.max_statements(5)
def test_chunks(engine, filled):
    with Session(engine) as session:
        found = keys(session)
        for start in range(0, 200, 50):
            session.scalars(select(Customer).where(Customer.id.in_(found[start : start + 50]))).all()

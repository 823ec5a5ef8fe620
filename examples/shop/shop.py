"""A small shop: FastAPI and SQLAlchemy, as a team writes it first."""

from fastapi import FastAPI
from sqlalchemy import Engine, ForeignKey, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload


class Model(DeclarativeBase):
    """All tables of the shop."""


class Customer(Model):
    """Who orders."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Model):
    """What a customer ordered."""

    __tablename__ = "customer_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship()


def add_orders(engine: Engine, n: int) -> None:
    """Add n orders, each of a customer of its own."""
    with Session(engine) as session:
        session.add_all(Order(customer=Customer(name=f"customer {number}")) for number in range(n))
        session.commit()


def make_app(engine: Engine) -> FastAPI:
    """The shop's service."""
    app = FastAPI()
    in_order = select(Order).order_by(Order.id)

    @app.get("/orders")
    def orders() -> list[str]:
        with Session(engine) as session:
            return [order.customer.name for order in session.scalars(in_order)]

    @app.get("/orders-fixed")
    def orders_fixed() -> list[str]:
        with Session(engine) as session:
            found = session.scalars(in_order.options(selectinload(Order.customer)))
            return [order.customer.name for order in found]

    @app.get("/orders-wrong")
    def orders_wrong() -> list[str]:
        with Session(engine) as session:
            found = session.scalars(in_order.options(selectinload(Order.customer)).limit(5))
            return [order.customer.name for order in found]

    return app

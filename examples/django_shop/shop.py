"""The shop with Django's ORM, in one module."""

from contextlib import suppress

import django
from django.conf import settings

if not settings.configured:
    settings.configure(INSTALLED_APPS=[], DATABASES={}, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    django.setup()

from django.db import connection, connections, models


class Customer(models.Model):
    """Who orders."""

    name = models.TextField()

    class Meta:
        app_label = "shop"


class Order(models.Model):
    """What a customer ordered."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)

    class Meta:
        app_label = "shop"


def connect(url) -> None:
    """Use this database (an URL of SQLAlchemy) and make the tables there."""
    default = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.host,
        "PORT": url.port,
    }
    connections.settings = connections.configure_settings({"default": default})
    with suppress(AttributeError):  # the connection of before, if there is one
        del connections["default"]
    with connection.schema_editor() as editor:
        editor.create_model(Customer)
        editor.create_model(Order)


def add_orders(n: int) -> None:
    """Add n orders, each of a customer of its own."""
    for number in range(n):
        Order.objects.create(customer=Customer.objects.create(name=f"customer {number}"))


def orders() -> list[str]:
    """A query for each order's customer."""
    return [order.customer.name for order in Order.objects.order_by("id")]


def orders_fixed() -> list[str]:
    """One query for all."""
    return [order.customer.name for order in Order.objects.select_related("customer").order_by("id")]


def orders_wrong() -> list[str]:
    """One query, and a limit that does not belong there."""
    return [order.customer.name for order in Order.objects.select_related("customer").order_by("id")[:5]]

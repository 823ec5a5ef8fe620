"""A connection string that can be used, and whose representation can be shown."""

from typing import Self

from sqlalchemy import URL


class Dsn(str):
    """A text for a driver; tracebacks, which print representations, do not show its password."""

    __slots__ = ("_shown",)
    _shown: str

    @classmethod
    def of(cls, url: URL) -> Self:
        """The URL without the driver's name."""
        plain = url.set(drivername="postgresql")
        made = cls(plain.render_as_string(hide_password=False))
        made._shown = plain.render_as_string(hide_password=True)
        return made

    def __repr__(self) -> str:
        return repr(self._shown)

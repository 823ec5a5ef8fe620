"""Templates with what they are filled with: every number as people read it, every text escaped."""

from datetime import datetime, timedelta
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from claimbench.impl.service.trend import HEIGHT, WIDTH


def render(template: str, **values: object) -> str:
    """The template with these values; everything is escaped."""
    return _environment.get_template(template).render(values)


def _source(name: str) -> str:
    return (files("claimbench.impl.service") / "templates" / name).read_text(encoding="utf-8")


def number(value: float | None) -> str:
    """With thousands apart; a dash for nothing."""
    return "—" if value is None else f"{value:,.0f}"


def dollars(value: float) -> str:
    """Cents from one dollar on, and what matters of less."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def milliseconds(value: float) -> str:
    """Three digits that matter, and the unit."""
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


def share(value: float | None) -> str:
    """Percent; a dash for nothing."""
    return "—" if value is None else f"{value:.1%}"


def measured(value: float | None) -> str:
    """A number of a chart: three digits that matter; a dash for nothing."""
    if value is None:
        return "—"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def age(span: timedelta) -> str:
    """The largest two units, such as `3 min 20 s`."""
    return seconds(max(0, int(span.total_seconds())))


def seconds(whole: int) -> str:
    """The largest two units, such as `3 min 20 s`."""
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def words(identifier: str) -> str:
    """`create_batches` as people say it."""
    return identifier.replace("_", " ").lower()


def clock(moment: datetime | None) -> str:
    """The time of day in UTC; a dash for nothing."""
    return "—" if moment is None else f"{moment:%H:%M:%S}"


def day(moment: datetime | None) -> str:
    """Date and time of day in UTC; a dash for nothing."""
    return "—" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


_environment = Environment(
    loader=FunctionLoader(_source),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    number=number,
    dollars=dollars,
    milliseconds=milliseconds,
    measured=measured,
    share=share,
    age=age,
    seconds=seconds,
    words=words,
    clock=clock,
    day=day,
)
_environment.globals.update(chart_width=WIDTH, chart_height=HEIGHT)

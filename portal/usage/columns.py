"""What the page says of each column of the chart: its names, its address, its amounts.

Here and not in the template: a month has some thirty columns of eight values each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import url_for

from portal.domain.period import start_of_hour
from portal.ledger.usage_sums import Step
from portal.usage.chart import COLUMN_WIDTH
from portal.usage.page import Usage
from portal.web import filters


@dataclass(frozen=True, slots=True)
class ColumnText:
    """A column in words. `x` is its place in the drawing; hours lead nowhere: `href` is None."""

    x: int
    title: str
    tick: str
    href: str | None
    amounts: Sequence[str]
    total: str


def column_texts(page: Usage) -> Sequence[ColumnText]:
    """Describe the columns of a page's chart; a month keeps no filter, for it has other lines."""
    chart = page.chart
    query = {"by": page.by.value, **({} if chart.step is Step.MONTH else page.only.query)}
    address = f"{url_for('usage.index', organization_id=page.organization.uid)}&%s&{urlencode(query)}"
    currency = chart.currency
    texts = []
    for index, column in enumerate(chart.columns):
        title, tick = _names(column.hour, chart.step, is_one_day=page.requested.day is not None)
        texts.append(
            ColumnText(
                x=index * COLUMN_WIDTH,
                title=title,
                tick=tick,
                href=_href(address, column.hour, chart.step),
                amounts=[filters.amount_text(each.cents, currency) for each in column.amounts],
                total=filters.amount_text(column.total.cents, currency),
            )
        )
    return texts


def _names(hour: int, step: Step, *, is_one_day: bool) -> tuple[str, str]:
    """Return how a column is called, and the few letters below it."""
    if step is Step.HOUR:
        clock = filters.clock(hour)
        return (clock, clock[:2]) if is_one_day else (filters.hour_label(hour), "")
    date = start_of_hour(hour).date()
    if step is Step.DAY:
        return filters.date_text(date, "EEE d MMM"), str(date.day)
    return filters.date_text(date, "MMMM yyyy"), filters.date_text(date, "MMM")


def _href(address: str, hour: int, step: Step) -> str | None:
    if step is Step.HOUR:
        return None
    day = start_of_hour(hour).date().isoformat()
    return address % (f"day={day}" if step is Step.DAY else f"month={day[:7]}")

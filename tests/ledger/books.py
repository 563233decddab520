"""An independent account of a customer's usage in plain Python and fractions: what every bill has to say."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from sqlalchemy import select

from portal.closing.review import approve, months_in_review
from portal.domain.period import HOURS_A_DAY, Month, Window
from portal.ledger.open_months import open_months
from portal.ledger.rating import rated_usage
from portal.ledger.upcoming import UpcomingInvoice, upcoming_invoice
from portal.models import LINE_COLUMNS, Invoice, InvoiceItem, Organization, Subscription
from portal.storage import db
from tests.months import close

UNIT = 10**9
_CENTS = Fraction(100, UNIT)


class BookLine(NamedTuple):
    """A line in words of its own."""

    month: str
    project_id: int | None
    product_id: int
    price: Fraction


Bill = dict[BookLine, tuple[int, int]]  # line -> (nano-units, cents)


def half_up(value: Fraction) -> int:
    """The nearest whole number, a half away from zero."""
    magnitude = (abs(value) + Fraction(1, 2)).__floor__()
    return magnitude if value >= 0 else -magnitude


def truth_of(metered: dict[tuple[Subscription, int], int], prices: dict[int, list[tuple[int, str]]]) -> Bill:
    """Price {(subscription, hour): nano-units}; `prices` are (first day, price) by product, ascending."""
    sums: dict[BookLine, int] = defaultdict(int)
    for (subscription, hour), nano in metered.items():
        day = hour // HOURS_A_DAY
        price = [price for since, price in prices[subscription.product_id] if since <= day][-1]
        line = BookLine(
            str(Month.of_day(day)), subscription.project_id, subscription.product_id, Fraction(price)
        )
        sums[line] += nano
    return {line: (nano, half_up(line.price * nano * _CENTS)) for line, nano in sums.items() if nano}


def _added_up(parts: Iterable[tuple[BookLine, int, int]]) -> Bill:
    nano, cents = Counter[BookLine](), Counter[BookLine]()
    for line, quantity, cost in parts:
        nano[line] += quantity
        cents[line] += cost
    return {line: (nano[line], cents[line]) for line in nano if nano[line] or cents[line]}


def billed(organization: Organization) -> list[tuple[BookLine, int, int]]:
    """What final invoices say, each line under the month that it bills or corrects."""
    query = (
        select(InvoiceItem, Invoice.period)
        .join(
            Invoice,
            (Invoice.organization_id == InvoiceItem.organization_id) & (Invoice.id == InvoiceItem.invoice_id),
        )
        .where(InvoiceItem.organization_id == organization.id)
    )
    return [
        (
            BookLine(
                item.corrects_period or period, item.project_id, item.product_id, Fraction(item.unit_price)
            ),
            item.quantity_nano,
            item.total_cents,
        )
        for item, period in db.session.execute(query)
    ]


def pending(organization: Organization, until: Month) -> list[tuple[BookLine, int, int]]:
    """What the upcoming invoices of open months say."""
    upcoming = [upcoming_invoice(organization, month) for month in open_months(organization, until=until)]
    return [
        (
            BookLine(
                str(item.corrects or invoice.month),
                item.project_id,
                item.product_id,
                Fraction(item.unit_price),
            ),
            item.quantity_nano,
            item.total_cents,
        )
        for invoice in upcoming
        if invoice is not None
        for item in invoice.lines
    ]


def bill_of(organization: Organization, until: Month) -> Bill:
    """All that was billed, and all that the open months will bill."""
    return _added_up([*billed(organization), *pending(organization, until)])


def shown(organization: Organization, month: Month) -> Bill:
    """What the usage page says of a month."""
    return _added_up(
        (BookLine(str(month), s.line.project_id, s.line.product_id, Fraction(s.line.unit_price)), *_sum(s))
        for s in rated_usage(organization, Window(month.start_hour, month.end_hour))
    )


def _sum(usage) -> tuple[int, int]:
    return usage.quantity_nano, usage.cost.cents


def of_month(bill: Bill, month: Month) -> Bill:
    return {line: amount for line, amount in bill.items() if line.month == str(month)}


def close_and_release(month: Month) -> None:
    """Close all that is over at the end of a month, whatever it looks like."""
    close(now=month.ends_at, grace_days=0)
    while waiting := months_in_review():
        for organization, row in waiting:
            approve(organization, Month.parse(row.period), now=month.ends_at)
        db.session.commit()
        close(now=month.ends_at, grace_days=0)


def lines_of_upcoming(invoice: UpcomingInvoice) -> list[dict]:
    """What an upcoming invoice says, as `lines_of_invoice` tells a final one."""
    return [line.row for line in invoice.lines]


def lines_of_invoice(invoice: Invoice) -> list[dict]:
    return [{name: getattr(item, name) for name in LINE_COLUMNS} for item in invoice.items]

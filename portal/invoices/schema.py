"""The JSON contract of internal invoices. Add keys freely; never rename or retype one."""

from typing import Annotated
from uuid import UUID

from portal.invoices.queries import InvoiceList, InvoicePage
from portal.models import InvoiceLine, InvoiceStatus, ItemKind
from portal.web import shapes
from portal.web.shapes import Answer, doc


class NamedThing(Answer, frozen=True):
    """A project or product by the name that it had."""

    id: UUID
    name: str


class CorrectedItem(Answer, frozen=True):
    """The line of an earlier invoice that is corrected."""

    period: shapes.MonthText
    item_id: UUID


class InvoiceItem(Answer, frozen=True):
    """What a project used of a product at one price, or what came late for an earlier month."""

    id: UUID
    product: NamedThing
    project: Annotated[NamedThing | None, doc("Null for what belongs to no project.")]
    unit_price: shapes.RoundedPrice
    unit_price_decimal: shapes.ExactPrice
    unit: str
    quantity: shapes.PlainDecimal
    total: shapes.Money
    kind: Annotated[str, doc(enum=list(ItemKind))]
    corrects: Annotated[CorrectedItem | None, doc("Null unless `kind` is correction.")]
    usage_url: Annotated[shapes.Url, doc("The hours behind it; they add up to it.")]


class InvoiceSummary(Answer, frozen=True):
    """A month of an organization."""

    id: UUID
    organization_id: UUID
    number: Annotated[str | None, doc("Null while the month is open.")]
    status: Annotated[InvoiceStatus, doc("An open month may still grow; a final one never changes.")]
    period: shapes.MonthText
    period_start: shapes.Instant
    period_end: Annotated[shapes.Instant, doc("Exclusive: the first instant of the next month.")]
    total: Annotated[shapes.Money, doc("Net.")]
    due: Annotated[shapes.Money | None, doc("Gross, to be paid; null while that is not known.")]
    credit: Annotated[
        shapes.Money | None, doc("Gross, in the customer's favour; null while that is not known.")
    ]
    metered_through: Annotated[
        shapes.Instant | None, doc("The start of the latest hour with an entry; null in final ones.")
    ]
    missing_hours: Annotated[
        shapes.Count, doc("How many hours the time-priced subscriptions still owe; 0 in final ones.")
    ]


class Invoice(InvoiceSummary, frozen=True):
    """A month of an organization, line by line."""

    items: list[InvoiceItem]


def invoice_list(page: InvoiceList) -> list[InvoiceSummary]:
    return [_summary(invoice) for invoice in page.invoices]


def invoice(page: InvoicePage) -> Invoice:
    return Invoice.of(_summary(page), items=[_item(line) for line in page.lines])


def _summary(page: InvoicePage) -> InvoiceSummary:
    completeness = page.completeness  # of a final invoice nothing is missing that could still change it
    return InvoiceSummary.of(
        page,
        id=page.uid,
        organization_id=page.organization.uid,
        period=page.month,
        period_start=page.month.starts_at,
        period_end=page.month.ends_at,
        metered_through=completeness and completeness.metered_through,
        missing_hours=completeness.missing_hours if completeness else 0,
    )


def _item(line: InvoiceLine) -> InvoiceItem:
    return InvoiceItem.of(
        line,
        id=line.uid,
        product=NamedThing(line.product_uid, line.product_name),
        project=NamedThing(line.project_uid, line.project_name or "") if line.project_uid else None,
        unit_price=shapes.rounded_price(line.unit_price, line.total.currency),
        unit_price_decimal=line.unit_price,
        quantity=shapes.quantity(line.quantity_nano),
        corrects=_corrected(line) if line.corrects else None,
        usage_url=shapes.url(
            "usage.index", organization_id=line.invoice.organization_uid, **line.usage_query
        ),
    )


def _corrected(line: InvoiceLine) -> CorrectedItem:
    return CorrectedItem.of(line, period=line.corrects, item_id=line.corrected_uid)

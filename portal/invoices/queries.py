"""Reads of internal invoices: final ones are rows, open ones are computed when asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, select

from portal.domain.errors import NotFoundError
from portal.domain.money import Money
from portal.domain.period import Month, Window
from portal.domain.slices import ListPage, Slice
from portal.ledger.coverage import Coverage, coverage
from portal.ledger.credit_balance import credit_balances, due_and_credit
from portal.ledger.open_months import open_months
from portal.ledger.upcoming import UpcomingInvoice, upcoming_invoice
from portal.ledger.vat_kept import kept_for
from portal.models import (
    Delivery,
    Invoice,
    InvoiceItem,
    InvoiceStatus,
    LegalDocument,
    Organization,
    invoice_uid,
    item_uid,
)
from portal.services import settings
from portal.storage.database import db

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an invoice, with the names it had. A correction names the month that it corrects."""

    invoice_uid: UUID
    uid: UUID
    month: Month
    corrects: Month | None
    corrected_item: UUID | None
    project_uid: UUID | None
    project_name: str | None
    product_uid: UUID
    product_name: str
    unit: str
    unit_price: Decimal
    quantity_nano: int
    total: Money

    @property
    def hours(self) -> dict[str, str]:
        """What the usage page has to be asked for to show the hours behind this line."""
        return {
            "month": str(self.corrects or self.month),
            "granularity": "hour",
            "project_id": str(self.project_uid or "none"),
            "product_id": str(self.product_uid),
            "unit_price": f"{self.unit_price:f}",
            "billed_by": str(self.invoice_uid),
        }


class LegalName(NamedTuple):
    """The legal document of an invoice, as pages name it and link to it."""

    provider_document_id: str
    number: str


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """An invoice, open or final. `delivery` and `legal` are about its legal document."""

    uid: UUID
    organization: Organization
    number: str | None
    status: InvoiceStatus
    month: Month
    total: Money
    items: Sequence[Item]
    due: Money | None = None
    credit: Money | None = None
    coverage: Coverage | None = None  # of an open month: what of it is in
    delivery: str | None = None
    legal: LegalName | None = None
    last_error: str | None = None

    @property
    def by_project(self) -> Sequence[tuple[str | None, Sequence[Item], Money]]:
        """The month's own lines of each project with their sum; None is the organization's own."""
        grouped: dict[UUID | None, list[Item]] = {}  # by id: two projects may have one name
        for item in self.items:
            if item.corrects is None:
                grouped.setdefault(item.project_uid, []).append(item)
        currency = self.total.currency
        return [
            (some[0].project_name, some, Money(sum(each.total.cents for each in some), currency))
            for some in grouped.values()
        ]

    @property
    def corrections(self) -> Sequence[Item]:
        """What came late for months that were invoiced before."""
        return [item for item in self.items if item.corrects is not None]

    @property
    def is_open(self) -> bool:
        return self.status is InvoiceStatus.OPEN

    @property
    def is_being_delivered(self) -> bool:
        return self.delivery in {Delivery.PENDING, Delivery.DRAFTED, Delivery.FINISHED, Delivery.STUCK}


@dataclass(frozen=True, kw_only=True)
class InvoiceList(ListPage):
    """A slice of an organization's invoices, the newest month first."""

    organization: Organization
    invoices: Sequence[InvoicePage]


def invoices_of(organization: Organization, wanted: Slice, *, now: dt.datetime) -> InvoiceList:
    """Return invoices, newest first; the open months among them are computed."""
    before = _AFTER_ALL if wanted.after is None else str(wanted.after[0])
    still_open = {str(month) for month in open_months(organization, until=Month.of(now))}
    asked = {"owner": organization.id, "before": before, "limit": wanted.rows_to_read}
    final = {each.period: each for each in db.session.execute(_SLICE, asked).all()}
    periods = sorted(final.keys() | {each for each in still_open if each < before}, reverse=True)
    shown, next_key = wanted.cut(periods, lambda period: (period,))
    legal = _legal_documents(organization, [final[each] for each in shown if each in final])
    invoices = [
        _final(organization, final[each], (), legal.get(final[each].id))
        if each in final
        else _open(upcoming_invoice(organization, Month.parse(each)), now)
        for each in shown
    ]
    return InvoiceList(organization=organization, invoices=invoices, next_key=next_key)


def invoice_of(organization: Organization, uid: UUID, *, now: dt.datetime) -> InvoicePage:
    """Return one with its lines, or raise NotFoundError: for another organization's too."""
    invoice = db.session.execute(_ONE, {"owner": organization.id, "uid": uid}).one_or_none()
    if invoice is not None:
        legal = _legal_documents(organization, [invoice])
        items = db.session.execute(_ITEMS, {"owner": organization.id, "invoice": invoice.id}).all()
        return _final(organization, invoice, items, legal.get(invoice.id))
    for month in open_months(organization, until=Month.of(now)):
        if invoice_uid(organization.uid, str(month)) == uid:
            return _open(upcoming_invoice(organization, month), now)
    raise NotFoundError


# Rows rather than mapped objects: fifty of these took longer to map than to read.
_invoices, _items, _legal = (model.__table__.c for model in (Invoice, InvoiceItem, LegalDocument))
_AFTER_ALL = "9999-99"
_OF_OWNER: Select[*tuple[Any, ...]] = select(
    _invoices.id,
    _invoices.uid,
    _invoices.period,
    _invoices.number,
    _invoices.currency,
    _invoices.total_cents,
    _invoices.due_cents,
    _invoices.credit_cents,
    _invoices.delivery,
    _invoices.last_error,
).where(_invoices.organization_id == bindparam("owner"))
_ONE = _OF_OWNER.where(_invoices.uid == bindparam("uid"))
_SLICE = (
    _OF_OWNER.where(_invoices.period < bindparam("before"))
    .order_by(_invoices.period.desc())
    .limit(bindparam("limit"))
)
_ITEMS = (
    select(InvoiceItem.__table__)
    .where(_items.organization_id == bindparam("owner"), _items.invoice_id == bindparam("invoice"))
    .order_by(_items.id)
)
_LEGAL = select(_legal.invoice_id, _legal.provider_document_id, _legal.number).where(
    _legal.organization_id == bindparam("owner"), _legal.invoice_id.in_(bindparam("invoices", expanding=True))
)


def _legal_documents(organization: Organization, invoices: Sequence[AnyRow]) -> dict[int, LegalName]:
    asked = {"owner": organization.id, "invoices": [each.id for each in invoices]}
    return {each: LegalName(*name) for each, *name in db.session.execute(_LEGAL, asked).all()}


def _final(
    organization: Organization,
    invoice: AnyRow,
    items: Sequence[AnyRow],
    legal: LegalName | None,
) -> InvoicePage:
    month = Month.parse(invoice.period)
    return InvoicePage(
        uid=invoice.uid,
        organization=organization,
        number=invoice.number,
        status=InvoiceStatus.FINAL,
        month=month,
        total=Money(invoice.total_cents, invoice.currency),
        items=[_item(organization, invoice, month, each) for each in items],
        due=_maybe(invoice.due_cents, invoice.currency),
        credit=_maybe(invoice.credit_cents, invoice.currency),
        delivery=invoice.delivery,
        legal=legal,
        last_error=invoice.last_error if invoice.delivery == Delivery.STUCK else None,
    )


def _maybe(cents: int | None, currency: str) -> Money | None:
    return None if cents is None else Money(cents, currency)


def _item(organization: Organization, invoice: AnyRow, month: Month, each: AnyRow) -> Item:
    corrects = None if each.corrects_period is None else Month.parse(each.corrects_period)
    parts = each.project_uid, each.product_uid, each.unit_price
    return Item(
        invoice_uid=invoice.uid,
        uid=each.uid,
        month=month,
        corrects=corrects,
        corrected_item=item_uid(invoice_uid(organization.uid, str(corrects)), *parts) if corrects else None,
        project_uid=each.project_uid,
        project_name=each.project_name,
        product_uid=each.product_uid,
        product_name=each.product_name,
        unit=each.unit,
        unit_price=each.unit_price,
        quantity_nano=each.quantity_nano,
        total=Money(each.total_cents, invoice.currency),
    )


def _open(invoice: UpcomingInvoice | None, now: dt.datetime) -> InvoicePage:
    assert invoice is not None, "an open month has something to bill"
    owner = invoice.organization.id
    due, credit = due_and_credit(
        invoice,
        credit_balances([owner]).get(owner, 0),
        kept=kept_for([invoice]),
        vat_rules=settings().vat_rules,
    )
    items = [
        Item(
            invoice_uid=invoice.uid,
            uid=each.uid,
            month=invoice.month,
            corrects=each.corrects,
            corrected_item=each.corrected_item,
            project_uid=each.project.uid if each.project else None,
            project_name=each.project.name if each.project else None,
            product_uid=each.product.uid,
            product_name=each.product.name,
            unit=each.product.unit,
            unit_price=each.unit_price,
            quantity_nano=each.quantity_nano,
            total=each.total,
        )
        for each in invoice.items
    ]
    return InvoicePage(
        uid=invoice.uid,
        organization=invoice.organization,
        number=None,
        status=InvoiceStatus.OPEN,
        month=invoice.month,
        total=invoice.total,
        items=items,
        due=_maybe(due, invoice.total.currency),
        credit=_maybe(credit, invoice.total.currency),
        coverage=coverage(owner, Window(invoice.month.start_hour, invoice.month.end_hour), now=now),
    )

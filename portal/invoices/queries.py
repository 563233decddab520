"""Reads of internal invoices: final ones are rows, open ones are computed when asked for."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, select

from portal.domain.errors import NotFoundError
from portal.domain.money import Money
from portal.domain.period import Month, Window
from portal.domain.slices import ListPage, Slice
from portal.domain.vat import VatRules
from portal.ledger.completeness import Completeness, completeness
from portal.ledger.credit_balance import credit_balances, due_and_credit
from portal.ledger.invoice_lines import invoice_lines
from portal.ledger.open_balance import OpenBalance, open_balance_on
from portal.ledger.open_months import open_months
from portal.ledger.upcoming import UpcomingInvoice, upcoming_invoice
from portal.ledger.vat_snapshot import vat_snapshot_for
from portal.models import (
    Delivery,
    Invoice,
    InvoiceHead,
    InvoiceLine,
    InvoiceStatus,
    LegalDocument,
    Organization,
    invoice_uid,
)
from portal.storage import db

AnyRow = Row[*tuple[Any, ...]]


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
    lines: Sequence[InvoiceLine]
    due: Money | None = None
    credit: Money | None = None
    completeness: Completeness | None = None  # of an open month: its completeness
    delivery: str | None = None
    legal: LegalName | None = None
    last_error: str | None = None
    balance: OpenBalance | None = None  # of its legal document

    @property
    def by_project(self) -> Sequence[tuple[str | None, Sequence[InvoiceLine], Money]]:
        """The month's own lines of each project with their sum; None is the organization's own."""
        grouped: dict[UUID | None, list[InvoiceLine]] = {}  # by id: two projects may have one name
        for line in self.lines:
            if line.corrects_period is None:
                grouped.setdefault(line.project_uid, []).append(line)
        currency = self.total.currency
        return [
            (lines[0].project_name, lines, Money(sum(line.total_cents for line in lines), currency))
            for lines in grouped.values()
        ]

    @property
    def corrections(self) -> Sequence[InvoiceLine]:
        """The lines that correct months invoiced before."""
        return [line for line in self.lines if line.corrects_period is not None]

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


def invoices_of(
    organization: Organization, requested: Slice, *, vat_rules: VatRules, now: dt.datetime
) -> InvoiceList:
    """Return invoices, newest first; the open months among them are computed."""
    before = _AFTER_ALL if requested.after is None else str(requested.after[0])
    open_periods = {str(month) for month in open_months(organization, until=Month.of(now))}
    parameters = {"organization_id": organization.id, "before": before, "limit": requested.rows_to_read}
    final = {row.period: row for row in db.session.execute(_SLICE, parameters).all()}
    periods = final.keys() | {period for period in open_periods if period < before}
    shown, next_key = requested.cut(sorted(periods, reverse=True), lambda period: (period,))
    legal = _legal_documents(organization, [final[period] for period in shown if period in final])
    invoices = [
        _final(organization, final[period], (), legal.get(final[period].id))
        if period in final
        else _open(upcoming_invoice(organization, Month.parse(period)), vat_rules, now)
        for period in shown
    ]
    return InvoiceList(organization=organization, invoices=invoices, next_key=next_key)


def invoice_of(
    organization: Organization, uid: UUID, *, vat_rules: VatRules, now: dt.datetime, today: dt.date
) -> InvoicePage:
    """Return one with its lines, or raise NotFoundError: for another organization's too.

    `today` is the seller's, in which its legal document falls due.
    """
    invoice = db.session.execute(_BY_UID, {"organization_id": organization.id, "uid": uid}).one_or_none()
    if invoice is not None:
        legal = _legal_documents(organization, [invoice])
        head = InvoiceHead(organization.uid, uid, Month.parse(invoice.period), invoice.currency)
        lines = invoice_lines(head, organization.id, invoice.id)
        page = _final(organization, invoice, lines, legal.get(invoice.id))
        return replace(page, balance=_balance_on(organization, invoice.id, today))
    for month in open_months(organization, until=Month.of(now)):
        if invoice_uid(organization.uid, str(month)) == uid:
            return _open(upcoming_invoice(organization, month), vat_rules, now)
    raise NotFoundError


# Rows rather than mapped objects: fifty of these took longer to map than to read.
_invoices, _legal = (model.__table__.c for model in (Invoice, LegalDocument))
_AFTER_ALL = "9999-99"
_OF_ORGANIZATION: Select[*tuple[Any, ...]] = select(
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
).where(_invoices.organization_id == bindparam("organization_id"))
_BY_UID = _OF_ORGANIZATION.where(_invoices.uid == bindparam("uid"))
_SLICE = (
    _OF_ORGANIZATION.where(_invoices.period < bindparam("before"))
    .order_by(_invoices.period.desc())
    .limit(bindparam("limit"))
)
_LEGAL = select(_legal.invoice_id, _legal.provider_document_id, _legal.number).where(
    _legal.organization_id == bindparam("organization_id"),
    _legal.invoice_id.in_(bindparam("invoices", expanding=True)),
)


def _legal_documents(organization: Organization, invoices: Sequence[AnyRow]) -> dict[int, LegalName]:
    parameters = {"organization_id": organization.id, "invoices": [invoice.id for invoice in invoices]}
    rows = db.session.execute(_LEGAL, parameters).all()
    return {invoice_id: LegalName(*name) for invoice_id, *name in rows}


def _final(
    organization: Organization, invoice: AnyRow, lines: Sequence[InvoiceLine], legal: LegalName | None
) -> InvoicePage:
    month = Month.parse(invoice.period)
    return InvoicePage(
        uid=invoice.uid,
        organization=organization,
        number=invoice.number,
        status=InvoiceStatus.FINAL,
        month=month,
        total=Money(invoice.total_cents, invoice.currency),
        lines=lines,
        due=_maybe(invoice.due_cents, invoice.currency),
        credit=_maybe(invoice.credit_cents, invoice.currency),
        delivery=invoice.delivery,
        legal=legal,
        last_error=invoice.last_error if invoice.delivery == Delivery.STUCK else None,
    )


def _balance_on(organization: Organization, invoice_id: int, today: dt.date) -> OpenBalance:
    query = select(LegalDocument).where(
        LegalDocument.organization_id == organization.id, LegalDocument.invoice_id == invoice_id
    )
    return open_balance_on(organization, db.session.scalars(query).all(), today=today)


def _maybe(cents: int | None, currency: str) -> Money | None:
    return None if cents is None else Money(cents, currency)


def _open(invoice: UpcomingInvoice | None, vat_rules: VatRules, now: dt.datetime) -> InvoicePage:
    assert invoice is not None, "an open month has something to bill"
    organization_id = invoice.organization.id
    due, credit = due_and_credit(
        invoice,
        credit_balances([organization_id]).get(organization_id, 0),
        vat_snapshot=vat_snapshot_for([invoice]),
        vat_rules=vat_rules,
    )
    return InvoicePage(
        uid=invoice.uid,
        organization=invoice.organization,
        number=None,
        status=InvoiceStatus.OPEN,
        month=invoice.month,
        total=invoice.total,
        lines=invoice.lines,
        due=_maybe(due, invoice.total.currency),
        credit=_maybe(credit, invoice.total.currency),
        completeness=completeness(
            organization_id, Window(invoice.month.start_hour, invoice.month.end_hour), now=now
        ),
    )

"""The VAT of months as it was when they were closed: a correction is taxed as the month that it corrects."""

from collections.abc import Collection, Mapping

from sqlalchemy import select

from portal.domain.period import Month
from portal.domain.vat import VatBasis
from portal.ledger.upcoming import UpcomingInvoice
from portal.models import Invoice
from portal.storage import db

VatSnapshot = Mapping[tuple[int, Month], VatBasis]


def vat_snapshot(organization_ids: Collection[int], months: Collection[Month]) -> VatSnapshot:
    """Return {(organization id, closed month): VAT basis}, where it was kept and determined."""
    if not months:
        return {}
    query = select(Invoice).where(
        Invoice.organization_id.in_(organization_ids), Invoice.period.in_({str(month) for month in months})
    )
    return {
        (invoice.organization_id, invoice.month): invoice.vat_basis
        for invoice in db.session.scalars(query)
        if invoice.vat_basis
    }


def vat_snapshot_for(upcoming: Collection[UpcomingInvoice]) -> VatSnapshot:
    """Return the same for the months that some upcoming invoices correct."""
    correcting = [
        (invoice, {line.corrects for line in invoice.lines if line.corrects}) for invoice in upcoming
    ]
    organization_ids = {invoice.organization.id for invoice, months in correcting if months}
    return vat_snapshot(organization_ids, set().union(*(months for _, months in correcting)))

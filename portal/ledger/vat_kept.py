"""How closed months were taxed: what corrects a month is taxed as that month was, whatever is so by now."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from portal.domain.period import Month
from portal.domain.vat import VatBasis
from portal.ledger.upcoming import UpcomingInvoice
from portal.models import Invoice
from portal.storage.database import db

KeptVat = Mapping[tuple[int, Month], VatBasis]


def kept_vat(organization_ids: Collection[int], months: Collection[Month]) -> KeptVat:
    """Return {(organization id, closed month): what its VAT depends on}, where it was kept and determined."""
    if not months:
        return {}
    query = select(Invoice).where(
        Invoice.organization_id.in_(organization_ids), Invoice.period.in_({str(month) for month in months})
    )
    return {
        (each.organization_id, each.month): each.vat_basis
        for each in db.session.scalars(query)
        if each.vat_basis
    }


def kept_for(upcoming: Collection[UpcomingInvoice]) -> KeptVat:
    """Return the same for the months that some upcoming invoices correct."""
    correcting = [
        (invoice, {line.corrects for line in invoice.lines if line.corrects}) for invoice in upcoming
    ]
    owners = {invoice.organization.id for invoice, months in correcting if months}
    return kept_vat(owners, set().union(*(months for _, months in correcting)))

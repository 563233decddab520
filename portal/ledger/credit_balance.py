"""The amount due for a month, VAT included, once the credit of earlier months is applied."""

from collections import Counter
from collections.abc import Collection, Mapping

from sqlalchemy import func, select

from portal.domain.period import Month
from portal.domain.vat import VatRules, VatUndeterminedError, apply_credit, document_totals
from portal.ledger.upcoming import UpcomingInvoice
from portal.ledger.vat_snapshot import VatSnapshot
from portal.models import Invoice
from portal.storage import db


def due_and_credit(
    invoice: UpcomingInvoice, credit_before: int, *, vat_snapshot: VatSnapshot, vat_rules: VatRules
) -> tuple[int | None, int | None]:
    """Return what is due and the credit left, gross.

    A correction has the rate of the month that it corrects, and is taxed as that month was. Where there is
    no snapshot of that month, the profile decides, as for the month itself. None where VAT is undetermined.
    """
    organization = invoice.organization
    net_by_month: Counter[Month] = Counter()
    for line in invoice.lines:
        net_by_month[line.corrects or invoice.month] += line.total_cents

    def rate(month: Month) -> int:
        basis = vat_snapshot.get((organization.id, month)) or vat_rules.basis_of(
            organization.country, organization.vat_id
        )
        return vat_rules.treatment_of(basis, month.last_on).rate_basis_points

    try:
        rated = [(rate(month), net) for month, net in net_by_month.items()]
    except VatUndeterminedError:
        return None, None
    return apply_credit(credit_before, document_totals(rated).gross_minor)


def credit_balances(organization_ids: Collection[int]) -> Mapping[int, int]:
    """Return {organization id: credit left by its last invoice that set one}."""
    last = (
        select(Invoice.organization_id, func.max(Invoice.id).label("id"))
        .where(Invoice.organization_id.in_(organization_ids), Invoice.credit_cents.is_not(None))
        .group_by(Invoice.organization_id)
        .subquery()
    )
    query = select(Invoice.organization_id, Invoice.credit_cents).join(
        last, (last.c.organization_id == Invoice.organization_id) & (last.c.id == Invoice.id)
    )
    return {organization_id: credit or 0 for organization_id, credit in db.session.execute(query)}

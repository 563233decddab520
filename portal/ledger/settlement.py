"""What is to be paid for a month, VAT included, once the credit of earlier months is set off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from sqlalchemy import func, select

from portal.domain.period import Month
from portal.domain.vat import VatCaseUnsettledError, WithoutVatId, document_totals, settle, treatment_of
from portal.extensions import db
from portal.ledger.draft import Draft
from portal.models import Invoice


def settled(
    draft: Draft, credit_before: int, *, without_vat_id: WithoutVatId
) -> tuple[int | None, int | None]:
    """Return what is due and the credit left, gross. A correction keeps the rate of its own month."""
    organization = draft.organization
    net_by_month: Counter[Month] = Counter()
    for item in draft.items:
        net_by_month[item.corrects or draft.month] += item.total.cents
    try:
        rated = [
            (
                treatment_of(
                    organization.country,
                    organization.vat_id,
                    supplied_on=month.last_on,
                    without_vat_id=without_vat_id,
                ).rate_basis_points,
                net,
            )
            for month, net in net_by_month.items()
        ]
    except VatCaseUnsettledError:
        return None, None
    return settle(credit_before, document_totals(rated).gross_minor)


def credits_before(organization_ids: Collection[int]) -> Mapping[int, int]:
    """Return {organization id: credit left by its last invoice that settled one}."""
    last = (
        select(Invoice.organization_id, func.max(Invoice.id).label("id"))
        .where(Invoice.organization_id.in_(organization_ids), Invoice.credit_cents.is_not(None))
        .group_by(Invoice.organization_id)
        .subquery()
    )
    query = select(Invoice.organization_id, Invoice.credit_cents).join(
        last, (last.c.organization_id == Invoice.organization_id) & (last.c.id == Invoice.id)
    )
    return {owner: credit or 0 for owner, credit in db.session.execute(query)}

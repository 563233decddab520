"""What is still to be paid on legal documents, and the reference by which a transfer names it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.money import Money
from portal.models import LegalDocument, LegalStatus, Organization
from portal.storage import db

_UNPAID = frozenset({LegalStatus.OPEN, LegalStatus.OVERDUE})


@dataclass(frozen=True, slots=True)
class OpenBalance:
    """Unpaid documents of one customer, as of a day: none, one, or all that it has."""

    documents: Sequence[LegalDocument]
    customer_number: str
    currency: str
    today: dt.date

    @property
    def amount(self) -> Money:
        return self._sum_of(self.documents)

    @property
    def overdue(self) -> Money:
        """Return the part of the amount that is late."""
        late = [it for it in self.documents if it.status_on(self.today) is LegalStatus.OVERDUE]
        return self._sum_of(late)

    @property
    def due_on(self) -> dt.date | None:
        """Return the day by which the first of it is due."""
        return min((it.due_on for it in self.documents if it.due_on is not None), default=None)

    @property
    def reference(self) -> str:
        """Return what a transfer of the whole amount names: a document's number, or the customer's."""
        numbers = [document.number for document in self.documents]
        return numbers[0] if len(numbers) == 1 else self.customer_number

    def _sum_of(self, documents: Sequence[LegalDocument]) -> Money:
        return Money(sum(document.remaining.cents for document in documents), self.currency)


def open_balance_of(organization: Organization, *, today: dt.date) -> OpenBalance:
    """Return what an organization has to pay, on all of its documents."""
    query = select(LegalDocument).where(
        LegalDocument.organization_id == organization.id,
        LegalDocument.is_cancelled.is_(False),
        LegalDocument.paid_on.is_(None),
    )
    return open_balance_on(organization, db.session.scalars(query).all(), today=today)


def open_balance_on(
    organization: Organization, documents: Sequence[LegalDocument], *, today: dt.date
) -> OpenBalance:
    """Return what is to be paid on these documents; those that ask for nothing are left out."""
    unpaid = [document for document in documents if document.status_on(today) in _UNPAID]
    return OpenBalance(unpaid, organization.number, organization.currency, today)

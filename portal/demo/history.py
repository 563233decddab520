"""Plays the demo's past: each month is billed in its time, some usage comes late, most is paid."""

import datetime as dt

from sqlalchemy import select

from portal.closing.close import close
from portal.delivery.deliver import deliver
from portal.delivery.sync import sync
from portal.demo.people import ALPEN, HANSE, Customer
from portal.demo.progress import Report, silent
from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import NANO
from portal.gateways.invoicing import InvoicingProvider
from portal.gateways.stripe import StripeGateway
from portal.ledger.entries import Entry, write_entries
from portal.models import LegalDocument, Organization, Product, Subscription
from portal.payment_methods import steps
from portal.services import settings
from portal.storage import db

_PAID_AFTER = dt.timedelta(days=9)
_MONTHS_SINCE_LATE_USAGE = -3
_TEST_CARDS = {HANSE: "pm_card_visa", ALPEN: "pm_card_mastercard"}


def play(
    *,
    first: Month,
    now: dt.datetime,
    grace_days: int,
    invoicing: InvoicingProvider,
    stripe: StripeGateway,
    report: Report = silent,
) -> None:
    """Let every month since the first be billed on the morning after its grace, and be paid."""
    month, seller, vat_rules = first, settings().seller, settings().vat_rules
    while (morning := month.ends_at + dt.timedelta(days=grace_days, hours=6)) < now:
        close(now=morning, grace_days=grace_days, vat_rules=vat_rules)
        deliver(invoicing, now=morning, seller=seller, vat_rules=vat_rules)
        if month == Month.of(now).shifted(_MONTHS_SINCE_LATE_USAGE):
            _report_late(month, morning)
        month = month.shifted(1)
        report(1)
    _pay(invoicing)
    sync(invoicing, now=now)
    for customer, card in _TEST_CARDS.items():
        _keep_card(customer, card, stripe, now)


def _report_late(month: Month, now: dt.datetime) -> None:
    """Report two hours of an invoiced month again: the next invoice has a correction."""
    query = (
        select(Subscription)
        .join(Product, Product.id == Subscription.product_id)
        .join(Organization, Organization.id == Subscription.organization_id)
        .where(Organization.name == HANSE.profile.name, Product.code == "database")
        .order_by(Subscription.id)
    )
    subscription = db.session.scalars(query).first()
    assert subscription is not None, "the demo has just been seeded"
    hours = [month.start_hour + 12 * HOURS_A_DAY + 10, month.start_hour + 12 * HOURS_A_DAY + 11]
    late = [Entry(hour, subscription.id, 24 * NANO) for hour in hours]
    write_entries(subscription.organization_id, late, now=now)
    db.session.commit()


def _pay(invoicing: InvoicingProvider) -> None:
    """Pay every document but the latest; one customer is late with the one before, too."""
    for organization in db.session.scalars(select(Organization)).all():
        query = (
            select(LegalDocument)
            .where(LegalDocument.organization_id == organization.id)
            .order_by(LegalDocument.document_on)
        )
        unpaid = 2 if organization.name == ALPEN.profile.name else 1
        documents = db.session.scalars(query).all()
        db.session.commit()
        for document in documents[:-unpaid]:
            paid_on = document.document_on + _PAID_AFTER
            reference = f"transfer for {document.number}"
            invoicing.record_payment(document.provider_document_id, document.gross, paid_on, reference)


def _keep_card(customer: Customer, card: str, stripe: StripeGateway, now: dt.datetime) -> None:
    organization = db.session.scalar(select(Organization).where(Organization.name == customer.profile.name))
    assert organization is not None, "the demo has just been seeded"
    db.session.commit()
    steps.attach(organization, card, stripe=stripe, now=now)
    db.session.commit()

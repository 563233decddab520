"""A database with everything that a document rests on, and the rows of any schema."""

import datetime as dt
from collections.abc import Mapping
from uuid import uuid4

from sqlalchemy import Connection, inspect, select, update

from portal.account import directory
from portal.models import (
    ClockAcceptance,
    Invoice,
    LegalDocument,
    LegalDocumentFile,
    LegalDocumentFormat,
    Organization,
    add_owned,
)
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    NOW,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
)
from tests.months import close

Rows = tuple[tuple[str, ...], list[tuple[object, ...]]]  # columns, and what they hold


def rows(connection: Connection) -> Mapping[str, Rows]:
    """Return all rows as the database has them, by table."""
    found = {}
    for name in inspect(connection).get_table_names():
        if name != "alembic_version":
            result = connection.exec_driver_sql(f'SELECT * FROM "{name}"')
            found[name] = (tuple(result.keys()), sorted(map(tuple, result), key=repr))
    return found


def fill() -> None:
    """Write a closed month, one that corrects it, and legal documents of both kinds."""
    organization = make_organization("Acme GmbH", vat_id="DE136695976")
    member = make_member(organization)
    make_token(organization, member, is_read_only=True)
    product, project = make_product(), make_project(organization)
    subscription = make_subscription(organization, product, project, end_hour=FEBRUARY.end_hour)
    use(subscription, {JANUARY.start_hour: 10**7})
    close(now=NOW.replace(month=2, day=10), grace_days=3)
    use(subscription, {JANUARY.start_hour + 1: 1, FEBRUARY.start_hour: 10**6})
    close(now=NOW, grace_days=3)
    _documents(organization)
    _profile(organization)
    directory.add_collector("meter", now=NOW)
    acceptance = {"accepted_by": "anna", "reason": "looked at it", "stopped_because": "The clock went back."}
    db.session.add(ClockAcceptance(accepted_at=NOW, stopped_at=NOW, **acceptance))
    db.session.commit()
    db.session.remove()


def _documents(organization: Organization) -> None:
    for invoice in db.session.scalars(select(Invoice).order_by(Invoice.id)).all():
        document = LegalDocument(
            uid=uuid4(),
            provider_document_id=str(invoice.id),
            invoice_id=invoice.id,
            number=f"R{invoice.id}",
            type="INVOICE",
            document_on=dt.date(2026, 3, 10),
            due_on=dt.date(2026, 3, 24),
            paid_on=dt.date(2026, 3, 20),
            is_cancelled=False,
            currency="EUR",
            net_cents=100,
            gross_cents=119,
            due_cents=119,
            paid_cents=119,
            refers_to_provider_document_id="1",
            cancelled_by_provider_document_id="2",
            synced_at=NOW,
        )
        add_owned(organization.id, document)
        key = {"organization_id": organization.id, "legal_document_id": document.id}
        facts = {"sha256": "0" * 64, "content": b"%PDF-"}
        db.session.flush()
        db.session.add(LegalDocumentFile(**key, **facts, fetched_at=NOW))
        db.session.add(
            LegalDocumentFormat(**key, **facts, format="xrechnung", media_type="text/xml", asked_at=NOW)
        )


def _profile(organization: Organization) -> None:
    values = {"buyer_reference": "04011000-12345-34", "order_number": "4711", "invoicing_customer_id": "1"}
    db.session.execute(update(Organization).values(**values, stripe_customer_id="cus_1"))

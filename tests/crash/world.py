"""A small world whose run has everything that a month can have, and what the run makes of it, as plain data.

Four organizations, two months to close (January and February 2026), both kinds of metering, two
currencies, three VAT cases, and an invoiced December with late usage: three corrections, and a month that
is a credit, set off against the next one.
"""

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from portal.account import directory
from portal.domain.period import Month
from portal.gateways.invoicing import Document, InvoicingProvider
from portal.metering.clock import meter_hours
from portal.models import (
    Delivery,
    Invoice,
    InvoiceItem,
    LegalDocument,
    LegalDocumentFile,
    Metering,
    MonthReview,
    Organization,
    Subscription,
    UsageCorrection,
    UsageDay,
    UsageHour,
)
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    Address,
    hour_at,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    use,
)
from tests.months import close, differences

DECEMBER = Month(2025, 12)
NOW = dt.datetime(2026, 3, 10, 12, 10, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
LATER = NOW + 40 * MINUTE  # every lease has run out and every retry is due; the same hour
_EVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
KEY = {"Authorization": "Bearer easybill-sandbox"}
_EARLIER = dt.datetime(2026, 1, 5, 12, 10, tzinfo=dt.UTC)
_VIENNA = Address("Ring 1", "1010", "Wien", "AT")
_BOSTON = Address("1 Main St", "02108", "Boston", "US")


def build() -> str:
    """Make the world in an empty database, up to the moment of the run; return a collector's token."""
    machine = make_product("vm.medium", "0.02", metering=Metering.TIME, code="vm")
    storage = make_product("storage", "0.0137", unit="gigabyte", code="storage")
    for product, price in ((machine, "0.025"), (storage, "0.0151")):
        _price_in_dollars(product, price)
    acme, beta, gamma = (
        make_organization("Acme GmbH"),
        make_organization("Beta GmbH", address=_VIENNA, vat_id="ATU13585627"),
        make_organization("Gamma Inc", address=_BOSTON, currency="USD"),
    )
    production = make_project(acme)
    make_subscription(acme, machine, production, since=DECEMBER, end_hour=hour_at(JANUARY, 20))
    of_acme = make_subscription(acme, storage, since=DECEMBER)
    of_beta = make_subscription(beta, storage, make_project(beta, "staging"))
    of_gamma = make_subscription(gamma, storage, since=FEBRUARY)
    make_subscription(gamma, machine, since=FEBRUARY, end_hour=hour_at(FEBRUARY, 12))
    use(of_acme, {hour_at(DECEMBER, day): "31.337" for day in range(1, 29, 3)})
    delta = make_organization("Delta KG")
    of_delta = make_subscription(delta, storage, since=DECEMBER)
    use(of_delta, {hour_at(DECEMBER, 7): "5000"})
    meter_hours(now=_EARLIER)
    close(now=_EARLIER, grace_days=3)
    db.session.remove()
    late = {hour_at(DECEMBER, 1): "1.5", hour_at(DECEMBER, 5): "7.123456789", hour_at(DECEMBER, 30): "88"}
    of_acme = db.session.scalars(select(Subscription).filter_by(uid=of_acme.uid)).one()
    use(of_acme, late)
    of_delta = db.session.scalars(select(Subscription).filter_by(uid=of_delta.uid)).one()
    use(of_delta, {hour_at(DECEMBER, 7): "3000"})
    use(of_delta, {hour_at(FEBRUARY, 7): "700"})
    for month in (JANUARY, FEBRUARY):
        use(of_acme, {hour_at(month, day, 5): f"{day}.05" for day in range(1, 28)})
        use(of_beta, {hour_at(month, day, 23): f"{3 * day}.333333333" for day in range(2, 28, 2)})
    use(of_gamma, {hour_at(FEBRUARY, day, 1): "123.4" for day in range(3, 20)})
    token = directory.add_collector("the crash harness", now=NOW)
    db.session.commit()
    return token


def _price_in_dollars(product: Any, price: str) -> None:
    make_product(product.name, price, currency="USD", unit=product.unit, code=product.code)


def snapshot() -> dict[str, Any]:
    """Return what the run made, without the names that differ from world to world."""
    found: dict[str, Any] = {
        each.name: {"invoices": _invoices(each), "hours": _hours(each), "late": _late(each)}
        for each in db.session.scalars(select(Organization).order_by(Organization.id))
    }
    found["parked"] = db.session.scalar(select(func.count()).select_from(MonthReview))
    return found


def _invoices(organization: Organization) -> list[list[Any]]:
    query = select(Invoice).where(Invoice.organization_id == organization.id).order_by(Invoice.id)
    return [
        [
            each.period,
            each.number.rpartition("-")[2],
            each.currency,
            each.total_cents,
            each.due_cents,
            each.credit_cents,
            each.delivery,
            [_item(item) for item in each.items],
            [
                [row.type, row.net_cents, row.gross_cents, row.due_cents, row.currency, str(row.document_on)]
                for row in _legal_documents(each)
            ],
        ]
        for each in db.session.scalars(query)
    ]


def _item(item: InvoiceItem) -> list[Any]:
    price = str(item.unit_price.normalize())
    names = item.project_name, item.product_name, price
    return [item.kind, item.corrects_period, *names, str(item.quantity_nano), item.total_cents]


def _legal_documents(invoice: Invoice) -> Sequence[LegalDocument]:
    query = select(LegalDocument).where(
        LegalDocument.organization_id == invoice.organization_id, LegalDocument.invoice_id == invoice.id
    )
    return db.session.scalars(query).all()


def _hours(organization: Organization) -> list[int]:
    mine = UsageHour.organization_id == organization.id
    hours = db.session.execute(select(func.count(), func.sum(UsageHour.quantity_nano)).where(mine)).one()
    days = db.session.scalar(
        select(func.sum(UsageDay.quantity_nano)).where(UsageDay.organization_id == organization.id)
    )
    return [int(each or 0) for each in (*hours, days)]


def _late(organization: Organization) -> list[list[Any]]:
    query = (
        select(UsageCorrection.hour, UsageCorrection.revision, UsageCorrection.delta_nano, Invoice.period)
        .join(
            Invoice,
            (Invoice.organization_id == UsageCorrection.organization_id)
            & (Invoice.id == UsageCorrection.invoice_id),
            isouter=True,
        )
        .where(UsageCorrection.organization_id == organization.id)
        .order_by(UsageCorrection.id)
    )
    return [list(row) for row in db.session.execute(query)]


def faults(documents: Sequence[Document]) -> Iterator[str]:
    """Yield a sentence for everything that is wrong after a run, here or with the provider's documents."""
    yield from differences()
    yield from _faults_of_files()
    yield from _faults_of_numbers(documents)
    by_invoice = _grouped(documents)
    billed = db.session.scalars(select(Invoice).where(Invoice.total_cents != 0)).all()
    for invoice in billed:
        yield from _faults_of_delivery(invoice, by_invoice.get(str(invoice.uid), []))
    invoices = {str(invoice.uid) for invoice in billed}
    yield from (f"the provider has an orphan document of {uid}" for uid in by_invoice if uid not in invoices)


def documents_at(provider: InvoicingProvider) -> list[Document]:
    """Return all documents; the calls are counted in the database, so no transaction may be open."""
    first = provider.documents_edited_since(_EVER)
    others = [provider.documents_edited_since(_EVER, number) for number in range(2, first.pages + 1)]
    return [document for page in (first, *others) for document in page.documents]


def _grouped(documents: Sequence[Document]) -> Mapping[str, list[Document]]:
    groups: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        groups[str(document.external_id)].append(document)
    return groups


def _faults_of_files() -> Iterator[str]:
    files: Counter[tuple[int, int]] = Counter()
    for file in db.session.scalars(select(LegalDocumentFile)):
        files[file.organization_id, file.legal_document_id] += 1
        if hashlib.sha256(file.content).hexdigest() != file.sha256 or not file.content.startswith(b"%PDF"):
            yield f"the PDF of document {file.legal_document_id} is not what its hash says"
    for row in db.session.scalars(select(LegalDocument)):
        if files[row.organization_id, row.id] != 1:
            yield f"document {row.number} has {files[row.organization_id, row.id]} PDFs"


def _faults_of_numbers(documents: Sequence[Document]) -> Iterator[str]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for document in documents:
        if document.number:
            series, _, number = document.number.rpartition("-")
            numbers[series].append(int(number))
    for series, some in numbers.items():
        if sorted(some) != list(range(1, len(some) + 1)):
            yield f"the numbers of the documents {series} have a gap or a repetition: {sorted(some)}"


def _faults_of_delivery(invoice: Invoice, documents: Sequence[Document]) -> Iterator[str]:
    name = f"invoice {invoice.organization_id}/{invoice.number}"
    drafts = [document for document in documents if document.is_draft]
    finished = [document for document in documents if not document.is_draft]
    if drafts:
        yield f"{name} left {len(drafts)} drafts at the provider"
    if len(finished) != 1:
        yield f"{name} has {len(finished)} finished documents at the provider"
        return
    if invoice.delivery != Delivery.DELIVERED or invoice.leased_until is not None:
        yield f"{name} is {invoice.delivery}, leased until {invoice.leased_until}: {invoice.last_error}"
    (document,) = finished
    if invoice.provider_document_id != document.id:
        yield f"{name} points to {invoice.provider_document_id}, the provider's document is {document.id}"
    copies = _legal_documents(invoice)
    if [(each.provider_document_id, each.number) for each in copies] != [(document.id, document.number)]:
        yield f"{name} has {len(copies)} copies of its legal document, or another one"
    if document.net != invoice.total.major:
        yield f"{name} is {invoice.total}, at the provider {document.net}"
    if [each.gross.major for each in copies] != [document.gross]:
        yield f"{name} is {document.gross} gross at the provider, not so here"

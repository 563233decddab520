"""An organization that has one of everything, and in every text of it a word that nobody else has."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from portal.access import sessions
from portal.domain.access import Preset
from portal.ledger import audit
from portal.metering.importing import import_focus
from portal.models import (
    Account,
    ApiToken,
    Invoice,
    LegalDocument,
    LegalDocumentFile,
    Membership,
    MonthReview,
    Organization,
    PaymentMethod,
    Project,
    Subscription,
    UserSession,
    add_owned,
)
from portal.payment_methods import steps
from portal.services import stripe
from portal.storage import db
from tests.delivery.rows import make_invoice
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    Address,
    hour_at,
    make_account,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
)
from tests.metering.exports import row, write
from tests.payment_methods.browser import make_method, setup_id_of

_BOOKKEEPING = {"last_used_at", "seen_at"}  # noted once a minute, whoever asks


@dataclass(frozen=True)
class Tenant:
    """An organization, its people, and the public names of what it has."""

    word: str
    organization: Organization
    admin: Account
    viewer: Account
    removed: Account
    token: str
    read_only_token: str
    removed_token: str
    project: UUID
    product: UUID
    subscription: UUID
    invoice: UUID
    payment_method: UUID
    stripe_method: str
    stripe_setup: str
    document: str
    token_uid: UUID
    session: UUID

    @property
    def uid(self) -> UUID:
        return self.organization.uid

    @property
    def names(self) -> dict[str, str]:
        """What a request may call its things, by the name of the parameter."""
        return {
            "organization_id": str(self.uid),
            "invoice_id": str(self.invoice),
            "document_id": self.document,
            "subscription_id": str(self.subscription),
            "payment_method_id": str(self.payment_method),
            "token_id": str(self.token_uid),
            "session_id": str(self.session),
            "project_id": str(self.project),
            "product_id": str(self.product),
            "new_default": str(self.payment_method),
            "billed_by": str(self.invoice),
            "setup_intent": self.stripe_setup,
        }

    @property
    def canaries(self) -> set[str]:
        """What only its own people may ever be shown."""
        texts = {self.word, self.token, self.read_only_token, self.stripe_method, self.stripe_setup}
        return texts | set(self.names.values())


def build(word: str, stripe_url: str) -> Tenant:
    """Make an organization with everything that a page, a file or an answer in JSON can show."""
    word = f"canary{word}"
    organization = make_organization(
        f"{word} GmbH",
        address=Address(f"{word} Straße 1", "20095", f"{word}stadt", "DE"),
        emails=[f"billing@{word}.example"],
        vat_id=None,
    )
    admin = make_member(organization, Preset.ADMIN, make_account(f"admin@{word}.example", f"Ada {word}"))
    viewer = make_member(organization, Preset.VIEWER, make_account(f"viewer@{word}.example", f"Vi {word}"))
    removed, removed_token = _who_left(organization)
    token = make_token(organization, admin)
    read_only = make_token(organization, admin, is_read_only=True)
    session = sessions.begin(admin, now=NOW, address="192.0.2.1", agent=word)
    project, subscription = _usage(organization, word)
    _import(organization, word)
    invoice = make_invoice(organization, (word, f"{word} storage", "12", "0.5"), month=JANUARY)
    document = _legal_document(organization, invoice, word)
    add_owned(organization.id, MonthReview(period=str(FEBRUARY), reason=f"{word} is odd", began_at=NOW))
    audit.record(organization.id, "payment_method.added", word, after={"name": word})
    stripe_method, setup = _payment_method(organization, stripe_url)
    method = db.session.scalars(
        select(PaymentMethod).where(PaymentMethod.organization_id == organization.id)
    ).one()
    row = _token_row(organization)
    row.name = f"{word} token"
    db.session.commit()
    return Tenant(
        word=word,
        organization=organization,
        admin=admin,
        viewer=viewer,
        removed=removed,
        token=token,
        read_only_token=read_only,
        removed_token=removed_token,
        project=project.uid,
        product=subscription.product.uid,
        subscription=subscription.uid,
        invoice=invoice.uid,
        payment_method=method.uid,
        stripe_method=stripe_method,
        stripe_setup=setup,
        document=document.provider_document_id,
        token_uid=row.uid,
        session=db.session.scalars(
            select(UserSession.uid).where(UserSession.id_sha256 == sessions.fingerprint(session))
        ).one(),
    )


def _who_left(organization: Organization) -> tuple[Account, str]:
    """Somebody who was an admin here until just now, with a token of that time."""
    account = make_member(organization, Preset.ADMIN, make_account(name="Somebody"))
    token = make_token(organization, account)
    membership = select(Membership).where(
        Membership.organization_id == organization.id, Membership.account_id == account.id
    )
    db.session.delete(db.session.scalars(membership).one())
    db.session.commit()
    return account, token


def _usage(organization: Organization, word: str) -> tuple[Project, Subscription]:
    project = make_project(organization, f"{word} project")
    subscription = make_subscription(organization, make_product(f"{word} vm", "0.25"), project)
    use(subscription, {hour_at(JANUARY, 3): 7, hour_at(MARCH, 2): 5})
    return project, subscription


def _import(organization: Organization, word: str) -> None:
    """Usage of a SKU that everybody imports, with texts of its own."""
    texts = {"ChargeDescription": f"{word} backup", "PricingUnit": word, "SubAccountName": f"{word} account"}
    march = {"ChargePeriodStart": "2026-03-03T07:00:00Z", "ChargePeriodEnd": "2026-03-03T08:00:00Z"}
    with tempfile.TemporaryDirectory() as home:
        path = write(Path(home) / "export.csv", row(**texts, **march))
        db.session.commit()
        done = import_focus(organization, [path], lambda *_: None, now=NOW)
    assert (done.metered, done.written.new) == (1, 1)


def _payment_method(organization: Organization, stripe_url: str) -> tuple[str, str]:
    stripe_method = make_method(stripe_url)
    steps.attach(organization, stripe_method, stripe=stripe(), now=NOW)
    secret = steps.begin_setup(organization, stripe=stripe(), request_key=None, now=NOW)
    return stripe_method, setup_id_of(secret)


def _legal_document(organization: Organization, invoice: Invoice, word: str) -> LegalDocument:
    pdf = f"%PDF-1.4 {word}".encode()
    document = LegalDocument(
        provider_document_id=f"77{organization.id:06}55",
        invoice_id=invoice.id,
        number=f"{word}-1",
        type="INVOICE",
        document_on=NOW.date(),
        is_cancelled=False,
        currency="EUR",
        net_cents=600,
        gross_cents=714,
        synced_at=NOW,
    )
    add_owned(organization.id, document)
    db.session.flush()
    db.session.add(
        LegalDocumentFile(
            organization_id=organization.id,
            legal_document_id=document.id,
            sha256=hashlib.sha256(pdf).hexdigest(),
            content=pdf,
            fetched_at=NOW,
        )
    )
    return document


def _token_row(organization: Organization) -> ApiToken:
    query = select(ApiToken).where(ApiToken.organization_id == organization.id).order_by(ApiToken.id.desc())
    return db.session.scalars(query.limit(1)).one()


def checksum(tenant: Tenant) -> str:
    """Return a hash of every row that is the organization's or its people's, bookkeeping left out."""
    found = hashlib.sha256()
    people = select(Membership.account_id).where(Membership.organization_id == tenant.organization.id)
    for table in db.metadata.sorted_tables:
        columns = [column for column in table.columns if column.name not in _BOOKKEEPING]
        query = select(*columns).order_by(*table.primary_key.columns)
        if "organization_id" in table.c:
            query = query.where(table.c.organization_id == tenant.organization.id)
        elif "account_id" in table.c:
            query = query.where(table.c.account_id.in_(people))
        elif table.name == "organization":
            query = query.where(table.c.id == tenant.organization.id)
        elif table.name == "account":
            query = query.where(table.c.id.in_(people))
        elif table.name not in {"product", "price", "collector"}:
            continue
        for values in db.session.execute(query):
            found.update(f"{table.name} {tuple(values)!r}\n".encode())
    return found.hexdigest()

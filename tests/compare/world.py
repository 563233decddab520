"""Makes the database of the walk with the old code; run by a path of its own, inside the old tree.

Everything in it: five customers with a member for each preset, thirteen months of usage, a correction, a
credit, a parked and a stuck month, documents paid, unpaid and overdue, every kind of payment method, tokens
that work and that do not, a collector, people of two organizations and of none.
"""

# ruff: noqa: I001 -- the old code's modules, which are not to be found here any more

import datetime as dt
import json
import os
import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, os.environ["COMPARE_TREE"])

import flask_migrate
import requests
from sqlalchemy import select

from portal.account import directory
from portal.app import create_app
from portal.billing_run import e_invoices
from portal.billing_run.close import close
from portal.billing_run.deliver import deliver
from portal.billing_run.mirror import mirror
from portal.config import from_environment
from portal.demo import history, people, seed
from portal.domain.access import Preset
from portal.domain.billing_profile import BillingProfile
from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import NANO
from portal.extensions import db
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.models import Account, ApiToken, LegalDocument, Membership, Metering, Organization, Subscription
from portal.profile import actions as profile
from portal.tokens.actions import make_token, revoke
from portal.web import sessions
from portal.web.providers import easybill, settings, stripe

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
UNCONFIRMED = dt.timedelta(minutes=20)
CREDIT = people.Customer(
    "credit.example",
    "Credit Notes B.V.",
    people.Address("Herengracht 1", "1015 BA", "Amsterdam", "NL"),
    "EUR",
    "NL123456782B90",
)
CARDS = {
    people.HANSE: ("pm_card_mastercard",),
    people.ALPEN: ("pm_card_amex", "pm_card_visa"),
    people.SAKURA: ("pm_card_discover",),
}


def main() -> None:
    """Fill the database that the environment names, and print who and what is in it as JSON."""
    app = create_app(from_environment(), clock=lambda: NOW)
    with app.app_context():
        flask_migrate.upgrade()
        seed.seed(now=NOW)
        _credit_customer()
        _surprise(_organization(people.SAKURA), Month.of(NOW).shifted(-1))
        _play()
        tokens = _tokens()
        cookies = _cookies()
        manifest = {"now": NOW.isoformat(), "people": cookies, "tokens": tokens}
        db.session.commit()
    Path(sys.argv[1]).write_text(json.dumps(manifest, indent=1))


def _organization(customer: people.Customer) -> Organization:
    return db.session.scalars(select(Organization).where(Organization.name == customer.name)).one()


def _credit_customer() -> None:
    first = seed.first_month(NOW)
    organization = people.add_customer(CREDIT, now=first.starts_at)
    product = catalogue.product_by_code(
        "snapshots", name="Snapshots <&> Co", unit="GB", metering=Metering.USAGE
    )
    catalogue.set_price(product, "EUR", Decimal("1.25"), start_day=0)
    project = catalogue.project_by_code(organization, "backup", name='Back"up & <more>')
    subscription = catalogue.subscribe(organization, product, project, start_hour=first.start_hour)
    db.session.commit()
    for month, amount in ((first, 80), (first.shifted(9), 100), (first.shifted(11), 240)):
        _use(subscription, month, amount)
    db.session.commit()


def _use(subscription: Subscription, month: Month, amount: int) -> None:
    hours = [month.start_hour + 5 * HOURS_A_DAY + each for each in range(20)]
    entries = [Entry(hour, subscription.id, amount * NANO) for hour in hours]
    write_entries(subscription.organization_id, entries, now=NOW)


def _surprise(organization: Organization, month: Month) -> None:
    """Report so much that the month looks wrong: it will be parked."""
    query = select(Subscription).where(Subscription.organization_id == organization.id)
    metered = [each for each in db.session.scalars(query) if each.product.metering == "usage"]
    _use(metered[0], month, 9_000_000)
    db.session.commit()


def _play() -> None:
    grace_days, gateway = settings().close_grace_days, easybill()
    month = seed.first_month(NOW)
    credited = _organization(CREDIT)
    usage = db.session.scalars(select(Subscription).where(Subscription.organization_id == credited.id)).one()
    while (morning := month.ends_at + dt.timedelta(days=grace_days, hours=6)) < NOW:
        if month == Month.of(NOW).shifted(-1):
            _forget_vat_id(_organization(people.ALPEN))
        close(now=morning, grace_days=grace_days)
        deliver(gateway, now=morning)
        if month == Month.of(NOW).shifted(-3):
            history._report_late(month, morning)
            _use(usage, month, 0)  # what was invoiced is taken back: a credit
            db.session.commit()
        month = month.shifted(1)
    history._pay(gateway)
    _cancel_one(_organization(people.HANSE))
    mirror(gateway, now=NOW)
    e_invoices.fetch(gateway, now=NOW, formats=settings().easybill_formats)
    for customer, cards in CARDS.items():
        for card in cards:
            history._keep_card(customer, card, stripe(), NOW)
    history._keep_card(people.HANSE, _bank_account(), stripe(), NOW)


def _cancel_one(organization: Organization) -> None:
    query = select(LegalDocument.easybill_id).where(LegalDocument.organization_id == organization.id)
    document_id = db.session.scalars(query.order_by(LegalDocument.document_on)).first()
    db.session.commit()
    address = f"{settings().easybill.api_base}/documents/{document_id}/cancel"
    headers = {"Authorization": f"Bearer {settings().easybill.api_key}"}
    requests.post(address, headers=headers, timeout=10).raise_for_status()


def _bank_account() -> str:
    data = {"key": "pk_test_sandbox", "type": "sepa_debit", "sepa_debit[iban]": "DE89370400440532013000"}
    data |= {"billing_details[name]": "Erika Mustermann", "billing_details[email]": "erika@hanse.example"}
    answer = requests.post(f"{settings().stripe.api_base}/v1/payment_methods", data=data, timeout=10)
    return str(answer.json()["id"])


def _forget_vat_id(organization: Organization) -> None:
    """Let nobody know how the customer is taxed: the document of its next month is stuck."""
    fields = organization.billing_profile.as_fields() | {"vat_id": None}
    profile.change(organization, BillingProfile(**fields), seen_version=None)
    db.session.commit()


def _tokens() -> dict[str, str]:
    made = {}
    for organization in db.session.scalars(select(Organization).order_by(Organization.id)).all():
        for account in _members(organization):
            made[account.login] = make_token(organization, account, "walk", now=NOW).token
    hanse = _organization(people.HANSE)
    admin = _members(hanse)[0]
    made["read only"] = make_token(hanse, admin, "reads", now=NOW, is_read_only=True).token
    soon = NOW + dt.timedelta(minutes=1)
    made["expiring"] = make_token(hanse, admin, "soon over", now=NOW, expires_at=soon).token
    made["revoked"] = make_token(hanse, admin, "gone", now=NOW).token
    db.session.flush()
    revoke(db.session.scalars(select(ApiToken).where(ApiToken.name == "gone")).one(), now=NOW)
    made["collector"] = directory.add_collector("walk", now=NOW)
    return made


def _members(organization: Organization) -> list[Account]:
    query = select(Membership).where(Membership.organization_id == organization.id).order_by(Membership.id)
    return [each.account for each in db.session.scalars(query)]


def _cookies() -> dict[str, str]:
    """Begin a session for everybody, and a few for people who are none of the usual."""
    hanse, alpen = _organization(people.HANSE), _organization(people.ALPEN)
    both = directory.add_account("both@walk.example", "Bo Both", people.PASSWORD, now=NOW)
    directory.add_membership(hanse, both, Preset.VIEWER, now=NOW)
    directory.add_membership(alpen, both, Preset.ADMIN, now=NOW)
    directory.add_account("alone@walk.example", "Al One", people.PASSWORD, now=NOW)
    begun = {}
    for account in db.session.scalars(select(Account).order_by(Account.id)).all():
        begun[account.login] = sessions.begin(account, now=NOW, address="192.0.2.1", agent="Walk/1.0")
    admin = _members(hanse)[0]
    begun["unconfirmed"] = sessions.begin(admin, now=NOW - UNCONFIRMED, address="192.0.2.2", agent="Old")
    begun["over"] = sessions.begin(admin, now=NOW - dt.timedelta(hours=13))
    return begun


if __name__ == "__main__":
    main()

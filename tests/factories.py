"""Rows for tests, made by the same functions that operators use."""

import datetime as dt
from decimal import Decimal
from functools import cache
from itertools import count
from typing import NamedTuple

from portal.access import passwords
from portal.account import directory
from portal.domain.access import Preset
from portal.domain.billing_profile import BillingProfile
from portal.domain.period import HOURS_A_DAY, Month
from portal.domain.rating import nano_of
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.models import Account, Metering, Organization, Product, Project, Subscription
from portal.storage import db
from portal.tokens import actions as tokens

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
JANUARY, FEBRUARY, MARCH = Month(2026, 1), Month(2026, 2), Month(2026, 3)
PASSWORD = "correct horse battery"


class Address(NamedTuple):
    street: str
    postal_code: str
    city: str
    country: str


HAMBURG = Address("Musterstraße 1", "20095", "Hamburg", "DE")
_numbers = count(1)


def make_organization(
    name: str = "Acme GmbH", *, currency: str = "EUR", address: Address = HAMBURG, **facts
) -> Organization:
    facts.setdefault("emails", [f"billing{next(_numbers)}@example.org"])
    profile = BillingProfile(name=name, **address._asdict(), **facts)
    organization = directory.add_organization(profile, currency=currency, now=NOW)
    db.session.commit()
    return organization


@cache
def _password_hash() -> str:
    return passwords.hashed(PASSWORD)  # once: a slow hash is slow


def make_account(login: str | None = None, name: str = "Ada Lovelace") -> Account:
    login = login or f"person{next(_numbers)}@example.org"
    account = Account(login=login, name=name, password_hash=_password_hash(), created_at=NOW)
    db.session.add(account)
    db.session.commit()
    return account


def make_member(
    organization: Organization, preset: Preset | str = Preset.ADMIN, account: Account | None = None
):
    account = account or make_account(f"{preset}{next(_numbers)}@example.org", name=f"A {preset}")
    directory.add_membership(organization, account, Preset(preset), now=NOW)
    db.session.commit()
    return account


def make_token(organization: Organization, account: Account, **facts) -> str:
    minted = tokens.make_token(organization, account, "test", now=NOW, **facts)
    db.session.commit()
    return minted.token


def make_product(
    name: str = "vm.medium",
    price: str | Decimal = "0.00694",
    *,
    currency: str = "EUR",
    unit: str = "hour",
    metering: Metering = Metering.USAGE,
    code: str | None = None,
) -> Product:
    product = catalogue.product_by_code(
        code or f"{name}#{next(_numbers)}", name=name, unit=unit, metering=metering
    )
    catalogue.set_price(product, currency, Decimal(price), start_day=0)
    db.session.commit()
    return product


def make_project(organization: Organization, name: str = "production") -> Project:
    project = catalogue.project_by_code(organization, name, name=name)
    db.session.commit()
    return project


def make_subscription(
    organization: Organization,
    product: Product,
    project: Project | None = None,
    *,
    since: Month = JANUARY,
    end_hour: int | None = None,
) -> Subscription:
    subscription = catalogue.subscribe(
        organization, product, project, start_hour=since.start_hour, end_hour=end_hour
    )
    db.session.commit()
    return subscription


def use(subscription: Subscription, quantities: dict[int, str | int]) -> None:
    """Write hour -> quantity in whole units or as a decimal text."""
    entries = [
        Entry(hour, subscription.id, nano_of(Decimal(quantity))[0])
        for hour, quantity in sorted(quantities.items())
    ]
    write_entries(subscription.organization_id, entries, now=NOW)
    db.session.commit()


def use_all_hours(subscription: Subscription, month: Month, quantity: str | int = 1) -> None:
    use(subscription, dict.fromkeys(range(month.start_hour, month.end_hour), quantity))


def hour_at(month: Month, day: int, hour: int = 0) -> int:
    """The hour number of a day of a month, counted from 1, and an hour of it."""
    return month.start_hour + (day - 1) * HOURS_A_DAY + hour

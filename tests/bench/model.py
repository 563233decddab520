"""The scale model: organizations of zipf's sizes and a month of their usage, the same on every machine.

A quantity is a formula of its key, written once in SQL that PostgreSQL, SQLite and DuckDB read alike, and
once in Python. So each of them fills its own tables, and any sum can be checked against the others.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import insert, text

from portal.domain.period import HOURS_A_DAY, Month
from portal.ledger.entries import Entry
from portal.models import (
    Delivery,
    Invoice,
    Metering,
    Organization,
    Price,
    Product,
    Project,
    Subscription,
    invoice_uid,
)
from portal.storage import db

MONTH = Month(2026, 10)
NOW = dt.datetime(2026, 11, 10, 12, 30, tzinfo=dt.UTC)
CURRENCY = "EUR"
_PRODUCTS = 60
_SUBSCRIPTIONS_A_PROJECT = 6
_WITHOUT_PROJECT = (7, 13)  # of 20: every fifth but one, near enough to 15 %
_FACTORS = 7919, 104729, 1299709
_MODULUS = 1_000_003
_NANO = 1_000  # quantities are whole micro-units up to one


def quantity(owner: int, subscription: int, hour: int) -> int:
    """Return the nano-units of an entry."""
    mixed = sum(a * b for a, b in zip(_FACTORS, (owner, subscription, hour), strict=True))
    return (mixed % _MODULUS + 1) * _NANO


def quantity_sql(hour: str) -> str:
    """Return the same as SQL, of a subscription `s` and an hour."""
    owner, subscription, time = _FACTORS
    mixed = f"s.organization_id * {owner} + s.id * {subscription} + CAST({hour} AS BIGINT) * {time}"
    return f"(({mixed}) % {_MODULUS} + 1) * {_NANO}"


@dataclass(frozen=True)
class Model:
    """How large: `days` of the month have usage, `history` earlier months are kept by day and invoiced."""

    organizations: int = 2_000
    subscriptions: int = 41_000
    days: int = 31
    history: int = 0

    @cached_property
    def sizes(self) -> Sequence[int]:
        """Subscriptions of each organization: the n-th has a n-th of the first's."""
        harmonic = sum(1 / rank for rank in range(1, self.organizations + 1))
        first = self.subscriptions / harmonic
        rest = [max(1, round(first / rank)) for rank in range(2, self.organizations + 1)]
        return [self.subscriptions - sum(rest), *rest]

    @property
    def largest(self) -> int:
        return 1

    @cached_property
    def typical(self) -> int:
        """Return an organization of about 20 subscriptions."""
        return min(range(1, self.organizations + 1), key=lambda owner: abs(self.sizes[owner - 1] - 20))

    @property
    def first_month(self) -> Month:
        return MONTH.shifted(-self.history)

    @property
    def hours(self) -> range:
        return range(MONTH.start_hour, MONTH.start_hour + self.days * HOURS_A_DAY)

    @property
    def last_day(self) -> range:
        return self.hours[-HOURS_A_DAY:]

    @property
    def rows(self) -> int:
        return len(self.hours) * self.subscriptions

    def entries(self, hour: int) -> Iterator[tuple[int, Entry]]:
        """Yield what all organizations used in one hour."""
        for owner, size in enumerate(self.sizes, 1):
            for subscription in range(1, size + 1):
                yield owner, Entry(hour, subscription, quantity(owner, subscription, hour), 0)

    def lines(self) -> dict[tuple[int, int | None, int], int]:
        """Return {(organization, project, product): nano-units of the month}, by Python alone."""
        sums: dict[tuple[int, int | None, int], int] = {}
        for owner, size in enumerate(self.sizes, 1):
            for subscription in range(1, size + 1):
                key = owner, project_of(subscription), product_of(subscription)
                used = sum(quantity(owner, subscription, hour) for hour in self.hours)
                sums[key] = sums.get(key, 0) + used
        return sums


def project_of(subscription: int) -> int | None:
    if subscription % 20 in {*_WITHOUT_PROJECT, 0}:
        return None
    return 1 + (subscription - 1) // _SUBSCRIPTIONS_A_PROJECT


def product_of(subscription: int) -> int:
    return 1 + (subscription * 7 + subscription // _PRODUCTS) % _PRODUCTS


def uid_of(kind: str, *parts: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"bench/{kind}/{parts}")


def load(model: Model, *, has_hours: bool = True) -> None:
    """Fill an empty, migrated database; the last day is left to be delivered where there are hours."""
    _load_reference(model)
    _load_subscriptions(model)
    for month in (model.first_month.shifted(each) for each in range(model.history)):
        _load_days(month.start_day, month.end_day)
        _load_invoices(model, month)
    last = model.days - 1 if has_hours else model.days
    for day in range(MONTH.start_day, MONTH.start_day + last):
        if has_hours:
            _load_hours(day)
        _load_days(day, day + 1)
    db.session.execute(text("ANALYZE"))
    db.session.commit()


def _load_reference(model: Model) -> None:
    owners = range(1, model.organizations + 1)
    db.session.execute(
        insert(Organization),
        [
            {
                "id": owner,
                "uid": uid_of("organization", owner),
                "number": f"{10000 + owner}",
                "name": f"Organization {owner}",
                "street": "Musterstraße 1",
                "postal_code": "20095",
                "city": "Hamburg",
                "country": "DE",
                "currency": CURRENCY,
                "emails": [f"billing{owner}@example.org"],
                "created_at": NOW,
            }
            for owner in owners
        ],
    )
    products = range(1, _PRODUCTS + 1)
    db.session.execute(
        insert(Product),
        [
            {
                "id": each,
                "uid": uid_of("product", each),
                "code": f"product-{each}",
                "name": f"Product {each:02d}",
                "unit": "hour",
                "metering": Metering.USAGE,
            }
            for each in products
        ],
    )
    db.session.execute(
        insert(Price),
        [
            {
                "product_id": each,
                "currency": CURRENCY,
                "start_day": 0,
                "unit_price": Decimal(each).scaleb(-2) + Decimal("0.00694"),
            }
            for each in products
        ],
    )
    db.session.commit()


def _load_subscriptions(model: Model) -> None:
    projects, subscriptions = [], []
    for owner, size in enumerate(model.sizes, 1):
        numbers = range(1, size + 1)
        projects += [
            {
                "organization_id": owner,
                "id": each,
                "uid": uid_of("project", owner, each),
                "code": f"project-{each}",
                "name": f"Project {each}",
            }
            for each in sorted({project_of(number) or 1 for number in numbers})
        ]
        subscriptions += [
            {
                "organization_id": owner,
                "id": number,
                "uid": uid_of("subscription", owner, number),
                "project_id": project_of(number),
                "product_id": product_of(number),
                "start_hour": model.first_month.start_hour,
                "metered_until_hour": model.first_month.start_hour,
            }
            for number in numbers
        ]
    db.session.execute(insert(Project), projects)
    db.session.execute(insert(Subscription), subscriptions)
    db.session.commit()


def _load_hours(day: int) -> None:
    """In the order of arrival: an hour of everybody, then the next."""
    start, end = day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY
    db.session.execute(
        text(
            "INSERT INTO usage_hour (organization_id, hour, subscription_id, revision, quantity)"
            f" SELECT s.organization_id, h.hour, s.id, 0, {quantity_sql('h.hour')}"
            f" FROM {_numbers('hour', start, end)} AS h CROSS JOIN subscription AS s {_ordered('h.hour')}"
        )
    )
    db.session.commit()


def _load_days(start: int, end: int) -> None:
    used = " + ".join(quantity_sql(f"(h.day * {HOURS_A_DAY} + {hour})") for hour in range(HOURS_A_DAY))
    db.session.execute(
        text(
            "INSERT INTO usage_day (organization_id, day, subscription_id, quantity)"
            f" SELECT s.organization_id, h.day, s.id, {used}"
            f" FROM {_numbers('day', start, end)} AS h CROSS JOIN subscription AS s {_ordered('h.day')}"
        )
    )
    db.session.commit()


def _numbers(name: str, start: int, end: int) -> str:
    if db.engine.dialect.name == "postgresql":
        return f"(SELECT generate_series({start}, {end - 1}) AS {name})"
    recursion = f"VALUES ({start}) UNION ALL SELECT {name} + 1 FROM n WHERE {name} < {end - 1}"
    return f"(WITH RECURSIVE n({name}) AS ({recursion}) SELECT {name} FROM n)"


def _ordered(time: str) -> str:
    """SQLite reads the two in their order anyway, and would sort on disk."""
    is_postgres = db.engine.dialect.name == "postgresql"
    return f"ORDER BY {time}, s.organization_id, s.id" if is_postgres else ""


def _load_invoices(model: Model, month: Month) -> None:
    """An invoice without lines, so that the month is not due any more."""
    place = (month.year - model.first_month.year) * 12 + month.number - model.first_month.number + 1
    rows = [
        invoice_row(owner, place, month, number=f"{10000 + owner}-{place:04d}")
        for owner in range(1, model.organizations + 1)
    ]
    db.session.execute(insert(Invoice), rows)
    counters = [
        {"owner": owner, "name": name, "last": place}
        for owner in range(1, model.organizations + 1)
        for name in (Invoice.__tablename__, "invoice_number")
    ]
    upsert = (
        "INSERT INTO counter (organization_id, name, last) VALUES (:owner, :name, :last)"
        " ON CONFLICT (organization_id, name) DO UPDATE SET last = excluded.last"
    )
    db.session.execute(text(upsert), counters)
    db.session.commit()


def invoice_row(owner: int, place: int, month: Month, *, number: str) -> dict[str, object]:
    return {
        "organization_id": owner,
        "id": place,
        "uid": invoice_uid(uid_of("organization", owner), str(month)),
        "period": str(month),
        "number": number,
        "currency": CURRENCY,
        "total_cents": 1_000_000_000,
        "due_cents": 1_190_000_000,
        "credit_cents": 0,
        "closed_at": NOW,
        "delivery": Delivery.NOT_NEEDED,
    }

"""Fills an empty database with the demo, and lets its usage go on as time passes."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select

from portal.demo import people
from portal.demo.progress import Report, silent
from portal.demo.usage import Pattern, entries
from portal.domain.period import HOURS_A_DAY, Month, hour_of
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.metering.clock import meter_hours
from portal.models import Metering, Organization, Product, Project, Subscription, UsageHour
from portal.storage import db

_MONTHS = 13
_YEN = 160  # units of a euro in the demo's price list


@dataclass(frozen=True, slots=True)
class Offer:
    """A product of the demo and its price in euros."""

    code: str
    name: str
    unit: str
    price: str
    metering: Metering = Metering.USAGE
    pattern: Pattern | None = None


TIME = Metering.TIME
OFFERS = {
    offer.code: offer
    for offer in (
        Offer("vm.small", "Server S, 2 vCPU", "hour", "0.0119", TIME),
        Offer("vm.medium", "Server M, 4 vCPU", "hour", "0.0347", TIME),
        Offer("vm.large", "Server L, 16 vCPU", "hour", "0.1388", TIME),
        Offer("load-balancer", "Load balancer", "hour", "0.0125", TIME),
        Offer("support", "Support, business", "hour", "0.0685", TIME),
        Offer(
            "block-storage",
            "Block storage",
            "GB-hour",
            "0.0000712",
            pattern=Pattern(420_000, 45, is_steady=True),
        ),
        Offer(
            "object-storage",
            "Object storage",
            "GB-hour",
            "0.0000329",
            pattern=Pattern(960_000, 60, is_steady=True),
        ),
        Offer("egress", "Traffic out", "GB", "0.00694", pattern=Pattern(4_200, 30)),
        Offer("functions", "Function runs", "thousand runs", "0.000213", pattern=Pattern(61_000, 80)),
        Offer("database", "Managed PostgreSQL", "vCPU-hour", "0.0291", pattern=Pattern(3_000, 10)),
    )
}
# organization -> project -> product codes, each with how many; None is the organization's own
_PLAN: Mapping[people.Customer, Mapping[str | None, Mapping[str, int]]] = {
    people.HANSE: {
        "web-shop": {
            "vm.medium": 3,
            "load-balancer": 1,
            "block-storage": 1,
            "object-storage": 1,
            "egress": 1,
            "functions": 1,
            "database": 1,
        },
        "analytics": {"vm.medium": 1, "block-storage": 1, "object-storage": 1, "database": 1},
        "staging": {"vm.small": 2, "block-storage": 1, "egress": 1},
        "archive": {},
        None: {"support": 1},
    },
    people.ALPEN: {
        "billing-api": {"vm.medium": 2, "load-balancer": 1, "database": 1, "egress": 1},
        "playground": {"vm.small": 1, "functions": 1},
        None: {"support": 1},
    },
    people.SAKURA: {
        "fleet": {"vm.medium": 2, "object-storage": 1, "egress": 1},
        "simulation": {"vm.small": 1, "block-storage": 1},
    },
    people.REDWOOD: {},
}


def first_month(now: dt.datetime) -> Month:
    """Return the month in which the demo's history begins."""
    return Month.of(now).shifted(-_MONTHS + 1)


def is_seeded() -> bool:
    """Tell whether there is a demo, or anything else, in the database."""
    return bool(db.session.scalar(select(func.count()).select_from(Organization)))


def seed(*, now: dt.datetime, report: Report = silent) -> int | None:
    """Make the demo and return how many hourly entries that wrote; None where there is one already."""
    if is_seeded():
        return None
    first = first_month(now)
    products = _price_list(first, now)
    for customer, projects in _PLAN.items():
        organization = people.add_customer(customer, now=first.starts_at)
        for name, parts in projects.items():
            project = None
            if name is not None:
                project = catalogue.project_by_code(organization, name, name=name)
                db.session.flush()
            _subscribe(organization, project, parts, products, first)
        if customer is people.HANSE:
            _start_and_end_one(organization, products, now)
    db.session.commit()
    return meter_hours(now=now) + collect(now=now, report=report)


def _price_list(first: Month, now: dt.datetime) -> Mapping[str, Product]:
    products = {}
    for offer in OFFERS.values():
        product = catalogue.product_by_code(
            offer.code, name=offer.name, unit=offer.unit, metering=offer.metering
        )
        catalogue.set_price(product, "EUR", Decimal(offer.price), start_day=0)
        catalogue.set_price(product, "JPY", Decimal(offer.price) * _YEN, start_day=0)
        products[offer.code] = product
    # Servers became cheaper in the middle of a month: that month has two lines.
    change_day = max(first.start_day, Month.of(now).shifted(-4).start_day + 15)
    catalogue.set_price(products["vm.medium"], "EUR", Decimal("0.0319"), start_day=change_day)
    catalogue.set_price(products["vm.medium"], "JPY", Decimal("5.104"), start_day=change_day)
    return products


def _subscribe(
    organization: Organization,
    project: Project | None,
    parts: Mapping[str, int],
    products: Mapping[str, Product],
    first: Month,
) -> None:
    for code, count in parts.items():
        for _ in range(count):
            catalogue.subscribe(organization, products[code], project, start_hour=first.start_hour)


def _start_and_end_one(organization: Organization, products: Mapping[str, Product], now: dt.datetime) -> None:
    """One server was started in the last months, another was ended."""
    month = Month.of(now)
    started = month.shifted(-2).start_hour + 9 * HOURS_A_DAY + 14
    analytics = catalogue.project_by_code(organization, "analytics", name="analytics")
    catalogue.subscribe(organization, products["vm.large"], analytics, start_hour=started)
    staging = catalogue.project_by_code(organization, "staging", name="staging")
    first, last = month.shifted(-_MONTHS + 1).start_hour, month.shifted(-3).start_hour + 20 * HOURS_A_DAY
    catalogue.subscribe(organization, products["load-balancer"], staging, start_hour=first, end_hour=last)


def collect(*, now: dt.datetime, report: Report = silent) -> int:
    """Report the metered usage of every hour that is over and not in yet, as a collector would."""
    query = (
        select(Subscription, Product.code)
        .join(Product, Product.id == Subscription.product_id)
        .where(Product.code.in_([code for code, offer in OFFERS.items() if offer.pattern]))
        .order_by(Subscription.organization_id, Subscription.id)
    )
    by_organization: dict[int, list[tuple[Subscription, Pattern]]] = {}
    for subscription, code in db.session.execute(query):
        pattern = OFFERS[code].pattern
        assert pattern is not None, "the query asks for these"
        by_organization.setdefault(subscription.organization_id, []).append((subscription, pattern))
    return sum(
        _collect(organization_id, patterns, now, report)
        for organization_id, patterns in by_organization.items()
    )


def _collect(
    organization_id: int, patterns: list[tuple[Subscription, Pattern]], now: dt.datetime, report: Report
) -> int:
    query = select(func.max(UsageHour.hour)).where(
        UsageHour.organization_id == organization_id,
        UsageHour.subscription_id.in_([subscription.id for subscription, _ in patterns]),
    )
    last = db.session.scalar(query)
    until = hour_of(now)

    def owed() -> Iterator[Entry]:
        streams = []
        for subscription, pattern in patterns:
            born = subscription.start_hour
            start = born if last is None else last + 1
            streams.append(entries(pattern, subscription.id, start, until, born))
        for row in zip(*streams, strict=True):
            yield from row
            report(len(row))

    new = write_entries(organization_id, owed(), now=now).new
    db.session.commit()
    return new

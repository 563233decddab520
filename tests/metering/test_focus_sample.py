"""Real usage from end to end: usage, internal invoice and legal document agree with an independent sum.

The sum here shares no line with the portal: csv and fractions alone.
"""

import csv
import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import repeat
from math import floor
from pathlib import Path

import pytest

from portal.metering.importing import import_focus
from portal.models import Delivery, Invoice, Project
from portal.scheduler.tick import tick
from portal.storage import db
from tests.delivery.rows import Easybill, own_customer
from tests.factories import Address, make_member, make_organization

SAMPLE = Path(__file__).parents[3] / "shared/data/focus_sample.csv"
BOSTON = Address("1 Main St", "02108", "Boston", "US")
OCTOBER = dt.datetime(2024, 10, 10, tzinfo=dt.UTC)
NANO = 10**9

pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason=f"there is no {SAMPLE}")


def half_up(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))


@dataclass(frozen=True)
class Truth:
    """What the month costs: quantities in nano-units and cents by (project, SKU price, list price)."""

    quantities: dict[tuple[str, str, Fraction], int]
    rows: int
    metered: int
    rounded: int

    @cached_property
    def cents(self):
        return {key: half_up(Fraction(nano, NANO) * key[2] * 100) for key, nano in self.quantities.items()}

    @cached_property
    def lines(self):
        """Sorted (project, quantity, list price, cents), as an answer has them too."""
        return sorted(
            (project, Fraction(nano, NANO), price, self.cents[project, sku, price])
            for (project, sku, price), nano in self.quantities.items()
        )

    @cached_property
    def total(self):
        return sum(self.cents.values())

    @cached_property
    def positions(self):
        """The net amounts of the legal document: one for each product, those of nothing left out."""
        sums = defaultdict(int)
        for (_, sku, price), cents in self.cents.items():
            sums[sku, price] += cents
        return sorted(cents for cents in sums.values() if cents)


def is_metered(row: dict[str, str]) -> bool:
    start, end = (dt.datetime.fromisoformat(row[name]) for name in ("ChargePeriodStart", "ChargePeriodEnd"))
    return (
        row["ChargeCategory"] == "Usage"
        and row["ChargeClass"] in {"", "NULL"}
        and row["BillingCurrency"] == "USD"
        and end - start == dt.timedelta(hours=1)
        and start.minute == start.second == 0
        and row["SkuPriceId"] not in {"", "NULL"}
        and row["ListUnitPrice"] not in {"", "NULL"}
        and Fraction(row["ListUnitPrice"]) >= 0
        and row["PricingQuantity"] not in {"", "NULL"}
        and Fraction(row["PricingQuantity"]) >= 0
    )


@pytest.fixture(scope="module")
def truth() -> Truth:
    with SAMPLE.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    metered = [row for row in rows if is_metered(row)]
    quantities = defaultdict(int)
    for row in metered:
        key = row["SubAccountId"], row["SkuPriceId"], Fraction(row["ListUnitPrice"])
        quantities[key] += half_up(Fraction(row["PricingQuantity"]) * NANO)
    rounded = sum((Fraction(row["PricingQuantity"]) * NANO).denominator != 1 for row in metered)
    return Truth(dict(quantities), len(rows), len(metered), rounded)


@pytest.fixture
def redwood(app):
    return own_customer(make_organization("Redwood Inc.", currency="USD", address=BOSTON))


@pytest.fixture
def imported(redwood):
    reported = []
    return import_focus(
        redwood, [SAMPLE], lambda *place_and_reason: reported.append(place_and_reason), now=OCTOBER
    ), reported


@pytest.fixture
def client(redwood, clock, imported, sign_in):
    clock.at = OCTOBER
    return sign_in(make_member(redwood))


@pytest.fixture
def easybill(sandboxes):
    return Easybill(f"{sandboxes.easybill_url}/rest/v1")


@pytest.fixture
def billed(client):
    tick(OCTOBER)
    db.session.expire_all()


def test_every_row_of_the_focus_sample_is_metered_or_refused(imported, truth):
    done, reported = imported

    assert (done.rows, done.metered, done.rounded) == (truth.rows, truth.metered, truth.rounded)
    assert truth.rows == 1000
    assert len(reported) == sum(done.refused.values()) == truth.rows - truth.metered


def test_importing_the_focus_sample_twice_changes_nothing(redwood, imported):
    again = import_focus(redwood, [SAMPLE], lambda *_: None, now=OCTOBER).written

    assert (again.new, again.replaced, again.corrections) == (0, 0, 0)
    assert again.same == imported[0].written.new


def codes_of(organization):
    """Return {project id: sub account}: names are no keys."""
    query = db.select(Project).where(Project.organization_id == organization.id)
    return {str(each.uid): each.code for each in db.session.scalars(query)}


def lines_of_usage(client, codes, **asked):
    """Return the lines of September and their total, and check that every part adds up to it."""
    usage = client.json("/billing/usage", query_string={"month": "2024-09"} | asked)
    lines = []
    for project in usage["projects"]:
        for line in project["products"]:
            cents = line["total"]["cents"]
            if asked:
                assert sum(point["total"]["cents"] for point in line["series"]) == cents
            price = Fraction(line["unit_price_decimal"])
            lines.append((codes[project["project_id"]], Fraction(line["quantity"]), price, cents))
        assert sum(line["total"]["cents"] for line in project["products"]) == project["total"]["cents"]
    assert usage["total"]["currency_iso"] == "USD"
    return sorted(lines), usage["total"]["cents"]


@pytest.mark.parametrize("asked", [{}, {"granularity": "hour"}], ids=["whole", "hours"])
def test_usage_of_the_focus_sample_costs_the_independent_sum(redwood, client, truth, asked):
    assert lines_of_usage(client, codes_of(redwood), **asked) == (truth.lines, truth.total)


def test_usage_invoice_and_legal_document_of_the_focus_sample_are_right_to_the_cent(
    redwood, client, billed, easybill, truth
):
    """The acceptance test of the portal: one number everywhere, also after the month is closed."""
    codes, dollars = codes_of(redwood), {"cents": truth.total, "currency_iso": "USD"}
    for asked in ({}, {"granularity": "day"}, {"granularity": "month"}):
        assert lines_of_usage(client, codes, **asked) == (truth.lines, truth.total)

    (head,) = client.json("/invoices")
    items = client.json(f"/invoices/{head['id']}")["items"]
    assert (head["period"], head["status"], head["total"]) == ("2024-09", "final", dollars)
    assert sorted(map(line_of, items, repeat(codes))) == [line for line in truth.lines if line[1]]

    for item in items[:: len(items) // 10]:
        hours = client.json(item["usage_url"].removeprefix("http://localhost"))
        (line,) = (line for project in hours["projects"] for line in project["products"])
        assert sum(hour["total"]["cents"] for hour in line["series"]) == item["total"]["cents"]

    invoice = db.session.scalars(db.select(Invoice)).one()
    assert (invoice.delivery, invoice.last_error) == (Delivery.DELIVERED, None)
    (document,) = easybill.documents(redwood)
    document = easybill("GET", f"/documents/{document['id']}").json()
    assert (document["is_draft"], document["currency"], document["type"]) == (False, "USD", "INVOICE")
    assert document["amount_net"] == truth.total
    assert document["amount"] == truth.total, "no German VAT outside the European Union"
    assert sorted(item["total_price_net"] for item in document["items"]) == truth.positions

    (legal,) = client.json(f"/organizations/{redwood.uid}/invoices")
    assert (legal["id"], legal["internal_invoice_id"]) == (str(document["id"]), head["id"])
    assert legal["total_net"] == legal["total"] == dollars


def line_of(item, codes):
    project, price = codes[item["project"]["id"]], Fraction(item["unit_price_decimal"])
    return project, Fraction(item["quantity"]), price, item["total"]["cents"]

"""A month that was corrected after it was billed, as the usage of it answers."""

from decimal import Decimal

import pytest

from tests.factories import FEBRUARY, JANUARY, hour_at, make_product, make_project, make_subscription, use
from tests.ledger.test_late_usage import bill_late, close_month


@pytest.fixture
def subscription(acme):
    return make_subscription(acme, make_product("vm", "1"), make_project(acme))


def test_the_usage_of_a_corrected_month_is_its_invoice_and_its_corrections(admin, acme, subscription):
    bill_late(subscription, 10, 13)
    close_month(FEBRUARY)
    use(subscription, {hour_at(JANUARY, 1): 11})
    page = admin.json(f"/billing/usage?organization_id={acme.uid}&month=2026-01")
    assert page["total"]["cents"] == 1_100
    product = page["projects"][0]["products"][0]
    assert (product["quantity"], product["total"]["cents"]) == ("11", 1_100)


@pytest.mark.parametrize("granularity", ["hour", "day", "month"])
def test_the_series_of_a_corrected_month_adds_up(admin, acme, subscription, granularity):
    use(subscription, {hour_at(JANUARY, 1): 10, hour_at(JANUARY, 9, 5): 3})
    close_month(JANUARY)
    use(subscription, {hour_at(JANUARY, 1): 4, hour_at(JANUARY, 1, 3): 2, hour_at(JANUARY, 30): 5})
    page = admin.json(f"/billing/usage?organization_id={acme.uid}&month=2026-01&granularity={granularity}")
    product = page["projects"][0]["products"][0]
    assert product["total"]["cents"] == 1_400
    assert sum(point["total"]["cents"] for point in product["series"]) == 1_400
    assert sum(Decimal(point["quantity"]) for point in product["series"]) == 14
    starts = [point["start"] for point in product["series"]]
    assert starts == sorted(set(starts))

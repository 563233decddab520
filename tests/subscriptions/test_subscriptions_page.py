"""Subscriptions as pages."""

from decimal import Decimal

import pytest
from bs4 import BeautifulSoup

from portal.ledger import catalogue
from portal.models import Metering
from portal.storage import db
from tests.factories import FEBRUARY, MARCH, hour_at, make_product, make_project, make_subscription, use
from tests.page import htmx

URL = "/subscriptions"


def text_of(element):
    return " ".join(element.text.split())


@pytest.fixture
def server(acme):
    return make_subscription(acme, make_product(), make_project(acme))


def test_the_list_of_subscriptions_says_product_project_state_dates_and_price(viewer, server):
    (row,) = viewer.page(URL).select("tbody tr")

    assert [text_of(cell) for cell in row.select("th, td")] == [
        "vm.medium",
        "production",
        "Active",
        "1 Jan 2026",
        "–",
        "€0.00694 per hour",
    ]


def test_an_ended_subscription_is_called_ended(viewer, acme):
    make_subscription(acme, make_product(), end_hour=hour_at(FEBRUARY, 3))
    row = viewer.page(URL).select_one("tbody tr")

    assert [text_of(cell) for cell in row.select("td")][:4] == [
        "Organization",
        "Ended",
        "1 Jan 2026",
        "3 Feb 2026",
    ]


def test_a_subscription_that_ends_later_is_still_active(viewer, acme):
    make_subscription(acme, make_product(), end_hour=hour_at(MARCH, 10, 13))

    assert "Active" in text_of(viewer.page(URL).select_one("tbody tr"))


def test_the_list_of_subscriptions_has_the_price_of_today(viewer, acme):
    product = make_product("vm", "1")
    catalogue.set_price(product, "EUR", Decimal(2), start_day=MARCH.start_day)
    catalogue.set_price(product, "EUR", Decimal(3), start_day=MARCH.start_day + 30)
    make_subscription(acme, product)
    make_subscription(acme, product, end_hour=FEBRUARY.end_hour)

    prices = [text_of(row.select("td")[-1]) for row in viewer.page(URL).select("tbody tr")]
    assert prices == ["€1.00 per hour", "€2.00 per hour"]


def test_the_page_of_a_subscription_shows_the_history_of_its_price(viewer, acme):
    product = make_product("vm", "1")
    catalogue.set_price(product, "EUR", Decimal("0.9"), start_day=FEBRUARY.start_day)
    subscription = make_subscription(acme, product)
    db.session.commit()
    rows = viewer.page(f"{URL}/{subscription.uid}").select("tbody tr")

    assert [[text_of(cell) for cell in row.select("th, td")] for row in rows] == [
        ["1 Feb 2026", "€0.90"],
        ["the beginning", "€1.00"],
    ]


def test_a_subscription_to_a_product_without_a_price_says_so(viewer, acme):
    subscription = make_subscription(acme, make_product(currency="USD"))

    assert "No price is set in EUR." in viewer.page(f"{URL}/{subscription.uid}").main.text
    assert text_of(viewer.page(URL).select_one("tbody tr").select("td")[-1]) == "–"


def test_a_subscription_leads_to_its_usage(viewer, server):
    use(server, {hour_at(MARCH, 2): 1000})
    link = viewer.page(f"{URL}/{server.uid}").select_one(".tools a")
    hours = viewer.page(link["href"])

    assert text_of(link) == "Usage in March 2026"
    assert "€6.94" in hours.select_one("table.hours").text


def test_a_subscription_without_usage_leads_to_an_empty_page_of_usage(viewer, server):
    link = viewer.page(f"{URL}/{server.uid}").select_one(".tools a")

    assert "No usage in this time" in viewer.page(link["href"]).main.text


def test_an_ended_subscription_leads_to_the_usage_of_its_last_month(viewer, acme):
    subscription = make_subscription(acme, make_product(), end_hour=FEBRUARY.start_hour)

    assert "Usage in January 2026" in viewer.page(f"{URL}/{subscription.uid}").text


def test_a_subscription_that_begins_in_the_future_has_a_page(viewer, acme):
    subscription = make_subscription(acme, make_product(metering=Metering.TIME), since=MARCH.shifted(2))

    assert "every hour of its life" in viewer.page(f"{URL}/{subscription.uid}").main.text


def test_an_organization_without_subscriptions_gets_a_friendly_page(viewer):
    assert "No subscriptions yet" in viewer.page(URL).main.text


def test_older_subscriptions_are_one_click_away(viewer, server, acme):
    make_subscription(acme, make_product("newer"))
    more = viewer.page(f"{URL}?limit=1").select_one(".more a")

    assert [text_of(row.th) for row in viewer.page(more["href"]).select("tbody tr")] == ["vm.medium"]


def test_htmx_gets_only_the_list_of_subscriptions(viewer, server):
    soup = BeautifulSoup(viewer.get(URL, headers=htmx("subscription_list")).text, "html.parser")

    assert not soup.html
    assert soup.find(True)["id"] == "subscription_list"


def test_an_unknown_htmx_target_gets_the_whole_page_of_subscriptions(viewer, server):
    assert BeautifulSoup(viewer.get(URL, headers=htmx("invoice_list")).text, "html.parser").html


def test_the_page_of_a_subscription_of_a_foreign_organization_is_404(server, mallory, sign_in):
    sign_in(mallory).page(f"{URL}/{server.uid}", 404)


def test_an_operator_is_told_on_a_page_that_subscriptions_are_forbidden(operator, server):
    assert operator.page(f"{URL}/{server.uid}", 403).h1.text == "You may not see this"


def test_the_page_of_subscriptions_sends_a_visitor_to_sign_in(nobody):
    assert nobody.get(URL).location == "/login?next=/subscriptions"

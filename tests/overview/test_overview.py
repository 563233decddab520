"""The start page, and the addresses that operations watch."""

import datetime as dt
from dataclasses import replace

import pytest

from portal.models import LegalDocument, Membership, PaymentMethod, add_owned
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_account,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    use,
)
from tests.seller import SELLER


def text_of(element):
    return " ".join(element.text.split())


def summary(soup):
    return {text_of(each.dt): [text_of(dd) for dd in each.select("dd")] for each in soup.select(".stats dl")}


def transfer(soup):
    """Return how to pay, as the page says."""
    return {text_of(fact.dt): text_of(fact.dd) for fact in soup.select(".transfer dl div")}


def document(organization, number, **facts):
    row = {
        "provider_document_id": number,
        "number": number,
        "type": "INVOICE",
        "document_on": dt.date(2026, 3, 4),
        "due_on": dt.date(2026, 3, 18),
        "is_cancelled": False,
        "currency": "EUR",
        "net_cents": 10000,
        "gross_cents": 11900,
        "synced_at": NOW,
    }
    add_owned(organization.id, LegalDocument(**row | facts))


@pytest.fixture
def history(acme):
    subscription = make_subscription(acme, make_product("vm", "1"), make_project(acme), since=JANUARY)
    use(subscription, {JANUARY.start_hour: 1, hour_at(FEBRUARY, 28, 23): 20, hour_at(MARCH, 10, 11): 3})


def test_the_overview_says_what_this_month_and_the_last_month_cost(viewer, history):
    found = summary(viewer.page("/"))

    assert found["March 2026 so far"] == ["€3.00", "metered until 10 Mar 2026, 12:00 UTC"]
    assert found["February 2026"] == ["€20.00", "net of VAT"]


def test_the_overview_says_when_the_month_closes(viewer, history):
    assert summary(viewer.page("/"))["Next invoice"] == ["4 Apr 2026", "for March 2026"]


def test_the_overview_shows_a_column_for_each_of_thirteen_months(viewer, history):
    columns = viewer.page("/").select("svg a")

    assert len(columns) == 13
    assert columns[-3]["aria-label"] == "January 2026: €1.00"
    assert viewer.page(columns[-3]["href"]).select_one("#month [selected]")["value"] == "2026-01"


def test_the_overview_says_how_much_is_to_pay(viewer, acme, history):
    document(acme, "R-1")
    document(acme, "R-2", due_on=dt.date(2026, 3, 9))
    document(acme, "R-3", paid_on=dt.date(2026, 3, 9))
    document(acme, "R-4", is_cancelled=True)
    soup = viewer.page("/")

    assert summary(soup)["To pay"] == ["€238.00", "€119.00 of it is overdue"]
    assert [text_of(row.th) for row in soup.select("tbody tr.rowlink")] == ["R-4", "R-3", "R-2"]
    assert text_of(soup.select("tbody tr.rowlink")[2].select("td")[1]) == "Overdue"


@pytest.mark.parametrize(
    ("payment_type", "brand", "last4", "label"),
    [
        ("card", "visa", "4242", "Visa •••• 4242"),
        ("card", "amex", "0005", "American Express •••• 0005"),
        ("sepa_debit", None, "3000", "SEPA Direct Debit •••• 3000"),
        ("link", None, None, "Link"),
    ],
)
def test_no_payment_method_stands_beside_an_amount_on_the_overview(
    viewer, acme, payment_type, brand, last4, label
):
    method = PaymentMethod(
        stripe_id="pm_1",
        payment_type=payment_type,
        is_default=True,
        brand=brand,
        last4=last4,
        created_at=NOW,
        synced_at=NOW,
    )
    add_owned(acme.id, method)
    document(acme, "R-1")

    assert (method.label, label.startswith(method.name)) == (label, True)
    assert method.name not in viewer.page("/").main.text, "nothing is charged to it"


def test_the_overview_says_where_to_transfer_one_open_invoice_and_its_number(viewer, acme):
    document(acme, "R-1", paid_cents=1900)

    assert transfer(viewer.page("/")) == {
        "Amount, VAT included": "€100.00",
        "Due": "18 Mar 2026",
        "Reference": "R-1",
        "Recipient": "Nordlicht Cloud GmbH",
        "IBAN": "DE89 3704 0044 0532 0130 00",
        "BIC": "COBADEFFXXX",
    }


def test_the_overview_gives_the_customer_number_for_several_open_invoices(viewer, acme):
    document(acme, "R-1")
    document(acme, "R-2", due_on=dt.date(2026, 3, 9))
    soup = viewer.page("/")
    facts = transfer(soup)

    assert (facts["Amount, VAT included"], facts["First due"]) == ("€238.00", "9 Mar 2026")
    assert facts["Reference"] == acme.number
    assert "pays all 2 open invoices" in text_of(soup.select_one(".transfer"))
    assert soup.select_one(".transfer .badge.bad").text == "€119.00 overdue"


def test_the_overview_asks_for_no_transfer_where_nothing_is_open(viewer, acme):
    document(acme, "R-1", paid_on=dt.date(2026, 3, 9))
    document(acme, "R-2", gross_cents=-100, net_cents=-100, type="CREDIT")

    assert not viewer.page("/").select(".transfer")


def test_an_invoice_falls_due_by_the_day_of_the_seller(viewer, acme, clock):
    document(acme, "R-1")
    clock.at = dt.datetime(2026, 3, 18, 23, 30, tzinfo=dt.UTC)  # half past midnight in Berlin

    assert summary(viewer.page("/"))["To pay"][1] == "€119.00 of it is overdue"


def test_a_seller_without_a_bank_account_is_asked_how_to_pay(app, viewer, acme, monkeypatch):
    document(acme, "R-1")
    seller, processors = replace(SELLER, bank=None), app.template_context_processors
    monkeypatch.setitem(processors, None, [*processors[None], lambda: {"seller": seller}])
    soup = viewer.page("/")

    assert "IBAN" not in transfer(soup)
    assert transfer(soup)["Reference"] == "R-1"
    assert soup.select_one(".transfer a")["href"] == "mailto:support@nordlicht-cloud.example"


def test_an_organization_without_anything_has_an_overview(viewer, acme):
    soup = viewer.page("/")

    assert soup.h1.text == "Acme GmbH"
    assert summary(soup)["March 2026 so far"] == ["€0.00", "nothing is metered yet"]
    assert "Nothing was used yet." in soup.main.text
    assert "No legal invoices yet." in soup.main.text


def test_the_overview_of_an_empty_organization_in_yen_has_no_decimals(sign_in):
    soup = sign_in(make_member(make_organization("Tokyo KK", currency="JPY"))).page("/")

    assert summary(soup)["To pay"][0] == "JP¥0"


def test_another_organization_is_one_click_away_from_the_overview(viewer, acme, sign_in):
    other = make_organization("Beta AG")
    account_id = db.session.scalars(
        db.select(Membership.account_id).where(Membership.organization_id == acme.id)
    ).one()
    make_member(other, "viewer", db.session.get_one(type(make_account()), account_id))
    soup = viewer.page("/")
    link = next(each for each in soup.select(".switch a") if each.text == "Beta AG")

    assert viewer.page(link["href"]).h1.text == "Beta AG"
    assert viewer.page("/").h1.text == "Beta AG", "it stays chosen"


def test_the_overview_tells_somebody_without_an_organization_so(sign_in):
    soup = sign_in(make_account()).page("/", 403)

    assert "Your account belongs to no organization yet" in soup.main.text


def test_the_overview_has_no_json_face(viewer):
    viewer.json("/", 406)


def test_an_operator_may_not_see_the_overview(operator):
    operator.page("/", 403)


def test_the_overview_sends_a_visitor_to_sign_in(nobody):
    assert nobody.get("/").location == "/login?next=/"

"""Internal invoices as pages."""

import pytest
from bs4 import BeautifulSoup

from portal.models import Invoice, LegalDocument, Project, add_owned
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    NOW,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    use,
    use_all_hours,
)
from tests.months import close
from tests.page import htmx

URL = "/invoices"


def text_of(element):
    return " ".join(element.text.split())


def first_invoice(client):
    return f"{URL}/{client.json(URL)[0]['id']}"


@pytest.fixture
def january(acme):
    project = make_project(acme)
    use_all_hours(make_subscription(acme, make_product("vm.medium", "0.00694"), project), JANUARY)
    use_all_hours(make_subscription(acme, make_product("support", "0.0685")), JANUARY)


@pytest.fixture
def closed(january):
    close(now=NOW, grace_days=3)


def test_the_list_of_invoices_says_month_number_state_and_total(viewer, acme, closed):
    (row,) = viewer.page(URL).select("tbody tr")

    assert [text_of(cell) for cell in row.select("th, td")] == [
        "January 2026",
        f"{acme.number}-0001",
        "Final",
        "Being made",
        "€56.12",
    ]


def test_an_open_month_is_called_open_in_the_list_of_invoices(viewer, january):
    (row,) = viewer.page(URL).select("tbody tr")

    assert [text_of(cell) for cell in row.select("th, td")] == [
        "January 2026",
        "–",
        "Open, so far",
        "–",
        "€56.12",
    ]


def test_the_list_of_invoices_leads_to_each_invoice(viewer, closed):
    link = viewer.page(URL).select_one("tbody a")

    page = viewer.page(link["href"])
    assert page.h1.text == "January 2026"
    assert "Usage statement – not an invoice" in page.h2.text
    assert "Nutzungsnachweis, keine Rechnung" in page.h2.text


def test_the_page_of_an_invoice_shows_lines_that_add_up(viewer, closed):
    soup = viewer.page(first_invoice(viewer))

    amounts = {text_of(row.th): text_of(row.select("td")[-1]) for row in soup.select("table.cost tr")[1:]}
    assert amounts == {
        "production": "€5.16",
        "vm.medium": "€5.16",
        "Organization": "€50.96",
        "support": "€50.96",
        "Total, net": "€56.12",
    }


def test_each_line_on_the_page_of_an_invoice_leads_to_its_hours(viewer, closed):
    soup = viewer.page(first_invoice(viewer))
    links = soup.select("table.cost tbody a")

    assert len(links) == 2
    for link in links:
        amount = text_of(link.find_parent("tr").select("td")[-1])
        hours = viewer.page(link["href"])
        assert text_of(hours.select_one("table.hours tfoot").select("td")[-1]) == amount


def test_two_projects_of_one_name_are_two_on_the_page_of_an_invoice(viewer, acme):
    product = make_product("vm", "1")
    for code in ("p1", "p2"):
        project = make_project(acme, code)
        db.session.get_one(Project, (acme.id, project.id)).name = "production"
        use(make_subscription(acme, product, project), {JANUARY.start_hour: 1})
    soup = viewer.page(first_invoice(viewer))

    groups = [text_of(row.th) for row in soup.select("tr.group")]
    assert groups == ["production", "production"]


def test_the_page_of_an_open_invoice_says_that_the_month_is_still_open(viewer, january):
    assert "This month is still open" in viewer.page(first_invoice(viewer)).main.text


def test_a_final_invoice_says_that_its_legal_invoice_is_being_made(viewer, closed):
    assert "The legal invoice of this month is being made" in viewer.page(first_invoice(viewer)).main.text


def test_the_page_of_an_invoice_links_its_legal_invoice(viewer, acme, closed):
    invoice = db.session.scalars(db.select(Invoice)).one()
    document = LegalDocument(
        provider_document_id="4711",
        invoice_id=invoice.id,
        number="R-1",
        type="INVOICE",
        document_on=NOW.date(),
        is_cancelled=False,
        currency="EUR",
        net_cents=5612,
        gross_cents=6678,
        synced_at=NOW,
    )
    add_owned(acme.id, document)
    invoice.delivery = "delivered"
    soup = viewer.page(first_invoice(viewer))

    assert soup.select_one(".tools").text.count("Legal invoice R-1") == 1
    facts = [text_of(fact) for fact in soup.select(".transfer dl div")]
    assert facts[:3] == ["Amount, VAT included €66.78", "Due now", "Reference R-1"]
    assert "is being made" not in soup.main.text
    assert "R-1" in viewer.page(URL).select_one("tbody").text


def test_an_organization_without_invoices_gets_a_friendly_page(viewer):
    assert "No invoices yet" in viewer.page(URL).main.text


def test_older_invoices_are_one_click_away(viewer, acme):
    subscription = make_subscription(acme, make_product("vm", "1"))
    use(subscription, {JANUARY.start_hour: 1, FEBRUARY.start_hour: 2})
    more = viewer.page(f"{URL}?limit=1").select_one(".more a")

    assert more["hx-target"] == "#invoice_list"
    assert [text_of(row.th) for row in viewer.page(more["href"]).select("tbody tr")] == ["January 2026"]


def test_htmx_gets_only_the_list_of_invoices(viewer, closed):
    soup = BeautifulSoup(viewer.get(URL, headers=htmx("invoice_list")).text, "html.parser")

    assert not soup.html
    assert soup.find(True)["id"] == "invoice_list"


def test_an_unknown_htmx_target_gets_the_whole_page_of_invoices(viewer, closed):
    assert BeautifulSoup(viewer.get(URL, headers=htmx("usage")).text, "html.parser").html


def test_the_page_of_invoices_of_a_foreign_organization_is_404(viewer, closed, mallory, sign_in):
    sign_in(mallory).page(first_invoice(viewer), 404)


def test_an_operator_is_told_on_a_page_that_invoices_are_forbidden(operator):
    assert operator.page(URL, 403).h1.text == "You may not see this"


def test_the_page_of_invoices_sends_a_visitor_to_sign_in(nobody):
    assert nobody.get(URL).location == "/login?next=/invoices"


def test_dinars_are_shown_with_three_decimals_on_an_invoice(sign_in):
    kuwait = make_organization("Kuwait WLL", currency="KWD")
    use_all_hours(make_subscription(kuwait, make_product("vm", "0.00694", currency="KWD")), JANUARY)
    soup = sign_in(make_member(kuwait)).page(URL)

    assert "5.163" in soup.select_one("tbody").text

import datetime as dt
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.delivery.sync import sync
from portal.models import Invoice, LegalDocument
from portal.storage import db
from tests.delivery.rows import make_customer, make_invoice, own_customer
from tests.factories import FEBRUARY, JANUARY, NOW, make_member, make_token
from tests.months import deliver
from tests.page import bearer, htmx

LINES = [
    ("production", "vm.medium", "744", "0.00694"),
    ("staging", "vm.medium", "744", "0.00694"),
    (None, "storage", "1234.5", "0.1"),
    ("production", "free tier", "100", "0"),
]


@pytest.fixture
def acme(acme):
    return own_customer(acme)


@pytest.fixture
def document(acme, easybill):
    make_invoice(acme, *LINES)
    deliver(easybill.gateway, now=NOW)
    return db.session.scalars(db.select(LegalDocument)).one()


@pytest.fixture
def url(acme):
    return f"/organizations/{acme.uid}/invoices"


@pytest.fixture
def stranger(easybill, document, sign_in):
    """The admin of another organization that has a document of its own."""
    other = make_customer("Mallory Ltd")
    make_invoice(other, *LINES)
    deliver(easybill.gateway, now=NOW)
    return other, sign_in(make_member(other))


def shape(document, url, **changes):
    return {
        "id": document.provider_document_id,
        "internal_invoice_id": changes.get("invoice"),
        "number": document.number,
        "type": "INVOICE",
        "document_date": "2026-03-10",
        "due_date": "2026-03-24",
        "status": "open",
        "total_net": {"cents": 13377, "currency_iso": "EUR"},
        "total": {"cents": 15919, "currency_iso": "EUR"},
        "amount_due": {"cents": 15919, "currency_iso": "EUR"},
        "amount_paid": {"cents": 0, "currency_iso": "EUR"},
        "amount_remaining": {"cents": 15919, "currency_iso": "EUR"},
        "paid_at": None,
        "period": "2026-01",
        "refers_to_id": None,
        "cancelled_by_id": None,
        "synced_at": "2026-03-10T12:30:00Z",
        "pdf_url": f"http://localhost{url}/download?invoice_id={document.provider_document_id}",
    }


def invoice_uid_of(document):
    return str(db.session.scalars(db.select(Invoice.uid).filter_by(id=document.invoice_id)).one())


def test_the_list_of_legal_invoices_has_the_json_of_the_contract(viewer, document, url):
    assert viewer.json(url) == [shape(document, url, invoice=invoice_uid_of(document))]


def test_a_legal_invoice_has_the_json_of_the_contract(viewer, document, url):
    one = viewer.json(f"{url}/{document.provider_document_id}")
    details = ("corrected_by_ids", "formats", "difference", "positions")
    corrected_by, formats, difference, positions = (one.pop(name) for name in details)
    assert one == shape(document, url, invoice=invoice_uid_of(document))
    assert (corrected_by, formats) == ([], ["pdf"])
    assert difference == {"cents": 0, "currency_iso": "EUR"}
    assert [(each["name"], each["total_net"]["cents"], len(each["lines"])) for each in positions] == [
        ("storage", 12345, 1),
        ("vm.medium", 1032, 2),
    ]


def test_each_line_of_a_legal_invoice_as_json_is_a_line_of_the_statement(viewer, document, url):
    uid = invoice_uid_of(document)
    statement = {item["id"]: item for item in viewer.json(f"/invoices/{uid}")["items"]}
    lines = [
        line
        for position in viewer.json(f"{url}/{document.provider_document_id}")["positions"]
        for line in position["lines"]
    ]
    assert len(lines) == 3
    for line in lines:
        item = statement[line["item_id"]]
        for name in ("unit_price_decimal", "quantity", "total", "usage_url"):
            assert line[name] == item[name]
        assert f"billed_by={uid}" in line["usage_url"]


def test_a_token_reads_the_same_legal_invoices_as_a_session(acme, document, url, nobody):
    token = make_token(acme, make_member(acme))
    response = nobody.get(url, headers=bearer(token))
    assert [each["id"] for each in response.json] == [document.provider_document_id]


def test_the_page_of_legal_invoices_shows_the_values_of_the_json(viewer, easybill, document, url):
    sync(easybill.gateway, now=NOW)
    page = viewer.page(url)
    row = page.select_one("tbody tr").text
    for shown in (document.number, "10 Mar 2026", "January 2026", "Open", "€133.77", "€159.19"):
        assert shown in row
    assert "10 Mar 2026, 12:30" in page.select_one("main").text


def test_an_organization_without_documents_is_told_when_the_first_comes(viewer, url):
    assert "The first one is made when" in viewer.page(url).select_one(".empty").text
    assert viewer.json(url) == []


def test_the_list_of_legal_invoices_is_a_fragment(viewer, document, url):
    page = viewer.page(url, headers=htmx("legal_invoice_list"))
    assert page.html is None
    assert page.select_one("#legal_invoice_list tbody tr")


def test_each_document_line_stands_beside_its_statement_lines(viewer, document, url):
    page = viewer.page(f"{url}/{document.provider_document_id}")
    rows = [" ".join(row.get_text(" ").split()) for row in page.select("table.beside tbody tr")]
    assert rows[0] == "storage €123.45 none Organization , storage: its hours 1,234.5 hour €0.10 €123.45"
    assert rows[1].startswith("vm.medium €10.32 none production")
    assert rows[2].startswith("staging")
    assert "No difference" in page.text
    assert "free tier" not in page.select_one("table.beside").text


def test_each_line_on_the_page_of_a_legal_invoice_leads_to_its_hours(viewer, document, url):
    page = viewer.page(f"{url}/{document.provider_document_id}")
    storage, production, _ = (each["href"] for each in page.select("table.beside tbody a"))
    asked = parse_qs(urlsplit(production).query)
    assert (asked["month"], asked["granularity"], asked["unit_price"]) == (["2026-01"], ["hour"], ["0.00694"])
    assert parse_qs(urlsplit(storage).query)["project_id"] == ["none"]


def test_the_page_of_a_legal_invoice_leads_to_the_statement_of_its_month(viewer, document, url):
    page = viewer.page(f"{url}/{document.provider_document_id}")
    assert page.find("a", string="Statement of January 2026")["href"].startswith(
        f"/invoices/{invoice_uid_of(document)}"
    )


def test_the_download_is_the_pdf_that_easybill_made(viewer, easybill, document, url):
    response = viewer.get(f"{url}/download?invoice_id={document.provider_document_id}")
    pdf = easybill("GET", f"/documents/{document.provider_document_id}/pdf").content
    assert (response.status_code, response.mimetype, response.data) == (200, "application/pdf", pdf)
    assert response.headers["ETag"] == f'"{hashlib.sha256(pdf).hexdigest()}"'
    assert response.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    name = f"invoice-{document.number}.pdf"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_a_client_that_has_the_pdf_gets_304(viewer, document, url):
    link = f"{url}/download?invoice_id={document.provider_document_id}"
    etag = viewer.get(link).headers["ETag"]
    response = viewer.get(link, headers={"If-None-Match": etag})
    assert (response.status_code, response.data) == (304, b"")
    assert viewer.get(link, headers={"If-None-Match": '"another"'}).status_code == 200


def test_a_download_without_a_document_id_is_422(viewer, url):
    body = viewer.json(f"{url}/download", status=422)
    assert body["errors"][0]["field"] == "invoice_id"


@pytest.mark.parametrize("unknown", ["1", "999999999999999999999999", "abc", "%00", "1'--", "²", "٣"])
def test_a_legal_invoice_that_does_not_exist_is_404(viewer, document, url, unknown):
    viewer.json(f"{url}/{unknown}", status=404)
    viewer.json(f"{url}/download?invoice_id={unknown}", status=404)


def test_a_legal_invoice_of_another_organization_is_404(stranger, viewer, document, url):
    other, mallory = stranger
    theirs = f"/organizations/{other.uid}/invoices"
    for path in (
        "",
        f"/{document.provider_document_id}",
        f"/download?invoice_id={document.provider_document_id}",
    ):
        mallory.json(f"{url}{path}", status=404)
    mallory.json(f"{theirs}/{document.provider_document_id}", status=404)
    mallory.json(f"{theirs}/download?invoice_id={document.provider_document_id}", status=404)
    assert len(mallory.json(theirs)) == 1


def test_legal_invoices_are_forbidden_without_the_permission_to_read_billing(operator, document, url):
    for path in (
        "",
        f"/{document.provider_document_id}",
        f"/download?invoice_id={document.provider_document_id}",
    ):
        operator.json(f"{url}{path}", status=403)
        operator.page(f"{url}{path}", status=403)


def test_legal_invoices_send_a_visitor_to_sign_in(nobody, document, url):
    assert nobody.get(url).status_code == 303
    nobody.json(f"{url}/download?invoice_id={document.provider_document_id}", status=401)


def test_a_payment_of_a_legal_invoice_shows_once_it_is_synced(viewer, easybill, document, url):
    easybill.pay(document.provider_document_id, 15919, NOW.date())
    assert viewer.json(url)[0]["status"] == "open"
    sync(easybill.gateway, now=NOW + dt.timedelta(hours=1))

    one = viewer.json(f"{url}/{document.provider_document_id}")
    assert (one["status"], one["paid_at"]) == ("paid", "2026-03-10")
    assert "Paid" in viewer.page(url).select_one("tbody tr").text
    assert "10 Mar 2026, 13:30" in viewer.page(url).select_one("main").text


def test_the_page_of_an_open_legal_invoice_says_where_to_transfer_what_is_left(
    viewer, easybill, document, url
):
    page = f"{url}/{document.provider_document_id}"
    facts = [" ".join(fact.text.split()) for fact in viewer.page(page).select(".transfer dl div")]
    assert facts[:3] == ["Amount, VAT included €159.19", "Due 24 Mar 2026", f"Reference {document.number}"]
    easybill.pay(document.provider_document_id, 15919, NOW.date())
    sync(easybill.gateway, now=NOW + dt.timedelta(hours=1))
    assert not viewer.page(page).select(".transfer")


def test_a_legal_invoice_is_overdue_on_the_day_after_its_due_date(viewer, document, url, clock):
    clock.at = dt.datetime(2026, 3, 24, 22, 30, tzinfo=dt.UTC)
    assert viewer.json(url)[0]["status"] == "open"
    clock.at = dt.datetime(2026, 3, 24, 23, 30, tzinfo=dt.UTC)  # the 25th in Berlin
    assert viewer.json(url)[0]["status"] == "overdue"


def test_a_cancellation_is_listed_beside_the_legal_invoice_that_it_cancels(viewer, easybill, document, url):
    easybill.cancel(document.provider_document_id)
    sync(easybill.gateway, now=NOW)

    cancellation, cancelled = viewer.json(url)
    assert (cancelled["id"], cancelled["status"]) == (document.provider_document_id, "cancelled")
    assert (cancellation["type"], cancellation["internal_invoice_id"]) == ("STORNO", None)
    assert cancellation["total"] == {"cents": -15919, "currency_iso": "EUR"}
    page = viewer.page(f"{url}/{cancellation['id']}")
    assert "takes back invoice" in " ".join(page.select_one(".notice").text.split())
    assert page.select_one(".notice a")["href"] == f"{url}/{document.provider_document_id}"
    original = viewer.page(f"{url}/{document.provider_document_id}").select_one(".notice a")
    assert original["href"] == f"{url}/{cancellation['id']}"
    assert (cancellation["refers_to_id"], cancelled["cancelled_by_id"]) == (
        document.provider_document_id,
        cancellation["id"],
    )
    assert viewer.get(cancellation["pdf_url"]).data.startswith(b"%PDF")


def test_the_newest_legal_invoice_comes_first_and_older_ones_follow_by_link(
    acme, viewer, easybill, document, url
):
    make_invoice(acme, *LINES, month=FEBRUARY)
    make_invoice(acme, *LINES, month=JANUARY.shifted(-1))
    deliver(easybill.gateway, now=NOW + dt.timedelta(days=1))
    everything = [each["id"] for each in viewer.json(url)]

    seen, link = [], f"{url}?limit=1"
    while link:
        response = viewer.get(link, headers={"Accept": "application/json"})
        seen += [each["id"] for each in response.json]
        link = response.headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        assert not link or link.startswith("<http://localhost/organizations/")
        link = link.partition(">")[0].removeprefix("<")
    assert seen == everything
    assert len(seen) == 3
    assert seen[-1] == document.provider_document_id
    assert viewer.page(f"{url}?limit=1").find("a", string="Older legal invoices")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "²", "1e1"])
def test_the_limit_of_legal_invoices_is_a_number_from_1_to_200(viewer, url, limit):
    assert viewer.json(f"{url}?limit={limit}", status=422)["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(
    "cursor", ["x", "é", "W10", "bnVsbA", "WzEsMl0", "WyJ4IiwxXQ", "WyIyMDI2LTAzLTEwIiwtMV0", "Nw"]
)
def test_a_cursor_that_no_list_of_legal_invoices_gave_out_is_refused(viewer, url, cursor):
    assert viewer.json(f"{url}?cursor={cursor}", status=422)["errors"][0]["field"] == "cursor"


def test_a_correction_is_a_document_line_that_leads_to_the_hours_of_its_month(
    acme, viewer, easybill, document, url
):
    made = make_invoice(
        acme,
        ("production", "vm.medium", "744", "1"),
        ("production", "storage", "-10", "0.5"),
        month=FEBRUARY,
        corrects=JANUARY,
    )
    deliver(easybill.gateway, now=NOW)
    february = next(each for each in viewer.json(url) if each["period"] == "2026-02")
    one = viewer.json(f"{url}/{february['id']}")
    storage, machine = one["positions"]
    assert (storage["corrects"], storage["total_net"]["cents"]) == ("2026-01", -500)
    assert (machine["corrects"], machine["total_net"]["cents"]) == (None, 74400)
    (line,) = storage["lines"]
    asked = parse_qs(urlsplit(line["usage_url"]).query)
    assert (asked["month"], asked["billed_by"]) == (["2026-01"], [str(made.uid)])
    page = viewer.page(f"{url}/{february['id']}")
    assert "Correction of January 2026" in page.select_one("table.beside").text
    assert "No difference" in page.text


def test_a_month_below_zero_is_a_credit_note_linked_both_ways(acme, viewer, easybill, document, url):
    make_invoice(
        acme,
        ("production", "vm.medium", "1", "1"),
        ("production", "storage", "-100", "0.5"),
        month=FEBRUARY,
        corrects=JANUARY,
    )
    deliver(easybill.gateway, now=NOW)
    credit = next(each for each in viewer.json(url) if each["type"] == "CREDIT")
    assert (credit["total_net"]["cents"], credit["total"]["cents"]) == (-4900, -5831)
    assert credit["amount_due"] == {"cents": 0, "currency_iso": "EUR"}
    assert credit["refers_to_id"] == document.provider_document_id
    page = viewer.page(f"{url}/{credit['id']}")
    assert "corrects invoice" in " ".join(page.select_one(".notice").text.split())
    assert page.select_one(".notice a")["href"] == f"{url}/{document.provider_document_id}"

    original = viewer.json(f"{url}/{document.provider_document_id}")
    assert original["corrected_by_ids"] == [credit["id"]]
    notice = viewer.page(f"{url}/{document.provider_document_id}").select_one(".notice")
    assert "credit note" in notice.text
    assert "€58.31" in notice.text


def test_a_part_of_a_legal_invoice_that_was_paid_is_shown(viewer, easybill, document, url):
    easybill.pay(document.provider_document_id, 5000, NOW.date())
    sync(easybill.gateway, now=NOW)
    one = viewer.json(f"{url}/{document.provider_document_id}")
    assert (one["status"], one["amount_paid"]["cents"]) == ("open", 5000)
    assert "€50.00 so far" in viewer.page(f"{url}/{document.provider_document_id}").text

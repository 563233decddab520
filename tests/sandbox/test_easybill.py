import base64
import importlib.util
import json
import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from pypdf import PdfReader

from portal.sandbox.easybill import app as application
from portal.sandbox.easybill import create_app

SHARED = Path(__file__).parents[3] / "shared/data"
KEY = "easybill-sandbox"
ACME = {
    "company_name": "Acme Maschinenbau GmbH",
    "last_name": "",
    "number": "acme",
    "street": "Königsallee 27",
    "zip_code": "40212",
    "city": "Düsseldorf",
    "country": "DE",
    "vat_identifier": "DE987654321",
    "emails": ["buchhaltung@acme.example"],
}
RECORDED_ITEM = {
    "description": "Foo",
    "number": "1",
    "quantity": 23,
    "single_price_net": 123,
    "vat_percent": 19,
}
AUGUST = {"type": "SERVICE", "date_from": "2026-08-01", "date_to": "2026-08-31"}


class Caller:
    """A client with the sandbox's key that keeps every answer."""

    def __init__(self, app):
        self.client = app.test_client()
        self.answers = []

    def __call__(self, method, path, body=None, **options):
        headers = {"Authorization": f"Bearer {KEY}", **options.pop("headers", {})}
        content = None if body is None else json.dumps(body)
        answer = self.client.open(f"/rest/v1{path}", method=method, headers=headers, data=content, **options)
        self.answers.append((method, path, answer))
        return answer

    def customer(self, **fields):
        return self("POST", "/customers", ACME | fields).json

    def draft(self, **fields):
        if "customer_id" not in fields:
            fields["customer_id"] = self.customer()["id"]
        body = {"items": [RECORDED_ITEM], "document_date": "2026-09-01", "service_date": AUGUST, **fields}
        return self("POST", "/documents", body).json

    def invoice(self, **fields):
        return self("PUT", f"/documents/{self.draft(**fields)['id']}/done").json

    def document(self, document_id):
        return self("GET", f"/documents/{document_id}").json


@pytest.fixture
def call():
    return Caller(create_app())


@pytest.fixture
def check():
    path = SHARED / "easybill_check.py"
    if not path.exists():
        pytest.skip(f"{path} is absent: EasyBill's public description is not part of the project")
    spec = importlib.util.spec_from_file_location("easybill_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(pdf):
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).replace("\xa0", " ")


class TestWhoMayCall:
    def test_a_missing_key_gets_the_recorded_401_of_easybill(self, call):
        answer = call.client.get("/rest/v1/documents")
        assert answer.status_code == 401
        assert answer.json == {"code": 401, "message": "Wrong or missing Authorization header."}

    @pytest.mark.parametrize(
        "header", ["Bearer 7fe81c", "Basic !!", "Basic " + base64.b64encode(b"a@b:c").decode()]
    )
    def test_the_easybill_sandbox_refuses_a_wrong_key(self, call, header):
        assert call("GET", "/documents", headers={"Authorization": header}).status_code == 401

    def test_basic_authorization_at_the_easybill_sandbox_has_the_key_as_password(self, call):
        credentials = base64.b64encode(f"billing@nordlicht.example:{KEY}".encode()).decode()
        assert call("GET", "/documents", headers={"Authorization": f"Basic {credentials}"}).status_code == 200

    def test_every_answer_of_the_easybill_sandbox_names_the_sandbox(self, call):
        for path in ("/documents", "/documents/1", "/logins"):
            assert call("GET", path).headers["X-Sandbox"] == "easybill"
        assert call.client.get("/rest/v1/documents").headers["X-Sandbox"] == "easybill"

    def test_operations_left_out_of_the_easybill_sandbox_say_so(self, call):
        answer = call("GET", "/documents/1/jpg")
        assert answer.status_code == 501
        assert answer.json["message"] == "The EasyBill sandbox does not offer GET /documents/1/jpg."

    def test_calls_beyond_the_budget_of_the_easybill_sandbox_are_refused_for_a_minute(self, monkeypatch):
        instant = 1000.0
        monkeypatch.setattr(application.time, "monotonic", lambda: instant)
        call = Caller(create_app(calls_per_minute=10))
        assert [call("GET", "/documents").status_code for _ in range(11)] == [200] * 10 + [429]
        assert call.answers[-1][2].headers["Retry-After"] == "60"
        instant += 60
        assert call("GET", "/documents").status_code == 200

    def test_an_unreadable_body_is_a_400_of_the_easybill_sandbox(self, call):
        headers = {"Authorization": f"Bearer {KEY}"}
        for text in ("{", "[]", '{"amount": NaN}'):
            assert call.client.post("/rest/v1/customers", data=text, headers=headers).status_code == 400


class TestLists:
    def test_an_empty_list_of_the_easybill_sandbox_has_no_pages(self, call):
        answer = call("GET", "/customers?limit=1000&number=TEST&page=1")
        assert answer.text == '{"page":1,"pages":0,"limit":1000,"total":0,"items":[]}'

    def test_pages_of_a_list_of_the_easybill_sandbox_are_counted_and_cut(self, call):
        for number in range(5):
            call.customer(number=str(number))
        page = call("GET", "/customers?limit=2&page=3").json
        assert {name: page[name] for name in ("page", "pages", "limit", "total")} == {
            "page": 3,
            "pages": 3,
            "limit": 2,
            "total": 5,
        }
        assert [each["number"] for each in page["items"]] == ["4"]

    def test_customers_are_found_by_their_whole_number_alone(self, call):
        call.customer(number="acme")
        call.customer(number="acme-2")
        found = call("GET", "/customers?number=acme").json["items"]
        assert [each["number"] for each in found] == ["acme"]

    def test_a_comma_in_a_filter_value_is_escaped(self, call):
        call.customer(company_name="Acme, Ltd")
        found = call("GET", "/customers?company_name=Acme\\, Ltd", headers={"X-Easybill-Escape": "true"}).json
        assert found["total"] == 1
        assert call("GET", "/customers?company_name[]=Acme, Ltd").json["total"] == 1

    @pytest.mark.parametrize(
        ("query", "is_found"),
        [
            ("is_draft=0", True),
            ("is_draft=1", False),
            ("type=CREDIT,INVOICE", True),
            ("type[]=CREDIT&type[]=OFFER", False),
            ("document_date=2026-09-01", True),
            ("document_date=2026-08-01,2026-08-31", False),
            ("edited_at=2020-01-01,2099-12-31", True),
            ("edited_at=2020-01-01", False),
            ("paid_at=null", True),
            ("cancel_id=null", True),
            ("number=RE-2026-0001", True),
            ("number=RE-2026", False),
            ("customer_id=1,2", False),
            ("external_id=unknown", True),
        ],
    )
    def test_documents_of_the_easybill_sandbox_are_filtered(self, call, query, is_found):
        call.invoice()
        assert call("GET", f"/documents?{query}").json["total"] == int(is_found)

    def test_documents_edited_today_are_found_by_the_day(self, call):
        day = call.invoice()["edited_at"][:10]
        assert call("GET", f"/documents?edited_at={day},{day}").json["total"] == 1
        assert call("GET", f"/documents?edited_at={day}").json["total"] == 1


class TestCustomers:
    def test_a_customer_without_any_name_is_refused_in_german(self, call):
        answer = call("POST", "/customers", {"city": "Hamburg"})
        assert answer.status_code == 400
        assert answer.json == {
            "code": 20000,
            "message": "Bitte füllen Sie alle Felder aus.",
            "arguments": ["last_name", "company_name"],
        }

    def test_a_customer_field_of_the_wrong_type_is_named(self, call):
        answer = call("POST", "/customers", ACME | {"due_in_days": "14", "emails": ["a", "b", "c", "d"]})
        assert (answer.status_code, answer.json["arguments"]) == (400, ["due_in_days", "emails"])

    def test_a_customer_without_a_number_is_given_one(self, call):
        assert call.customer(number="")["number"] == "10001"

    def test_read_only_and_unknown_fields_of_a_customer_are_ignored(self, call):
        customer = call.customer(id=7, display_name="Mallory", colour="red")
        assert customer["id"] > 7
        assert customer["display_name"] == ACME["company_name"]
        assert "colour" not in customer

    def test_a_change_of_a_customer_leaves_the_other_fields(self, call):
        customer = call.customer()
        changed = call("PUT", f"/customers/{customer['id']}", {"city": "Köln"}).json
        assert (changed["city"], changed["street"]) == ("Köln", ACME["street"])

    def test_the_days_until_payment_of_a_customer_have_two_names(self, call):
        customer = call.customer(grace_period=21)
        assert (customer["due_in_days"], customer["grace_period"]) == (21, 21)

    def test_an_unknown_customer_is_not_found(self, call):
        assert call("GET", f"/customers/{10**30}").status_code == 404
        assert call("GET", "/customers/1").json == {"code": 404, "message": "Customer#1 not found."}


class TestDrafts:
    def test_a_draft_has_the_recorded_sums_of_easybill(self, call):
        document = call.draft()
        item = document["items"][0]
        assert (document["amount_net"], document["amount"]) == (2829, 3367)
        assert (item["single_price_gross"], item["total_price_net"]) == (146.37, 2829)
        assert (item["total_vat"], item["total_price_gross"]) == (537.51, 3366.51)

    def test_fractions_of_a_cent_of_a_draft_are_added_before_rounding(self, call):
        line = {"single_price_net": 0.5, "vat_percent": 0}
        assert call.draft(items=[line, line])["amount"] == 1
        assert call.draft(items=[line])["amount"] == 1
        assert call.draft(items=[line | {"single_price_net": 0.4}] * 2)["amount"] == 1

    def test_prices_of_a_draft_keep_every_digit_that_was_sent(self, call):
        answer = call("POST", "/documents", {"items": [{"single_price_net": 0.1, "quantity": 3}]})
        assert '"total_price_net":0.3,' in answer.text

    def test_gross_prices_of_a_draft_are_kept_as_sent(self, call):
        item = {"single_price_gross": 11900, "vat_percent": 19}
        document = call.draft(calc_vat_from=1, items=[item])
        assert (document["amount_net"], document["amount"]) == (10000, 11900)

    def test_discounts_of_a_draft_are_taken_off(self, call):
        line = {"single_price_net": 10000, "vat_percent": 19}
        assert call.draft(items=[line | {"discount": 10, "discount_type": "PERCENT"}])["amount_net"] == 9000
        assert call.draft(items=[line | {"discount": 500, "discount_type": "AMOUNT"}])["amount_net"] == 9500
        assert call.draft(items=[line], discount="20", discount_type="PERCENT")["amount"] == 9520

    def test_texts_and_uncounted_positions_of_a_draft_cost_nothing(self, call):
        text = {"type": "TEXT", "description": "Projekt A"}
        uncounted = {"type": "POSITION_NOCALC", "single_price_net": 100}
        assert call.draft(items=[text, uncounted, RECORDED_ITEM])["amount_net"] == 2829

    def test_a_draft_has_neither_number_nor_due_date(self, call):
        document = call.draft(amount=1, is_draft=False, due_date="2020-01-01")
        assert (document["number"], document["due_date"], document["is_draft"]) == (None, None, True)
        assert document["amount"] == 3367

    def test_a_number_that_is_sent_with_a_draft_is_kept(self, call):
        answer = call("POST", "/documents", {"items": [], "number": "Y"})
        assert (answer.status_code, answer.json["number"], answer.json["address"]) == (201, "Y", {})
        assert call("PUT", f"/documents/{answer.json['id']}/done").json["number"] == "Y"

    def test_ids_of_drafts_do_not_fit_into_32_bits(self, call):
        assert call.draft()["id"] > 2**31

    @pytest.mark.parametrize(
        ("fields", "argument"),
        [
            ({"customer_id": 1}, "customer_id"),
            ({"type": "RECHNUNG"}, "type"),
            ({"document_date": "1.9.2026"}, "document_date"),
            ({"status": "DONE"}, "status"),
            ({"currency": "euro"}, "currency"),
            ({"vat_option": "reverse"}, "vat_option"),
            ({"service_date": {"type": "SERVICE", "date_from": "2026-08-01"}}, "service_date"),
            ({"service_date": {"type": "SERVICE", "date": "2026-08-01", "text": "August"}}, "service_date"),
            ({"items": [{"single_price_net": "100"}]}, "single_price_net"),
            ({"items": [{"quantity": 0.123456789012}]}, "quantity"),
            ({"items": [{"single_price_net": 1e99}]}, "single_price_net"),
            ({"items": [{"vat_percent": -100}]}, "vat_percent"),
            ({"due_in_days": 10**9}, "due_in_days"),
            ({"customer_id": 10**30}, "customer_id"),
            ({"discount": "ten"}, "discount"),
        ],
    )
    def test_an_unusable_field_of_a_draft_is_named(self, call, fields, argument):
        answer = call("POST", "/documents", fields)
        assert (answer.status_code, answer.json["arguments"]) == (400, [argument])

    def test_a_draft_can_be_changed_and_deleted(self, call):
        document = call.draft()
        changed = call("PUT", f"/documents/{document['id']}", {"items": [], "title": "August"}).json
        assert (changed["amount"], changed["title"], changed["service_date"]["date_to"]) == (
            0,
            "August",
            "2026-08-31",
        )
        answer = call("DELETE", f"/documents/{document['id']}")
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.content_type == "text/html; charset=UTF-8"
        assert call("GET", f"/documents/{document['id']}").status_code == 404


class TestFinishing:
    def test_finishing_a_document_draws_its_number_from_a_series_of_the_year(self, call):
        assert [call.invoice()["number"] for _ in range(2)] == ["RE-2026-0001", "RE-2026-0002"]
        assert call.invoice(document_date="2027-01-01")["number"] == "RE-2027-0001"
        assert call.invoice(type="CREDIT")["number"] == "GU-2026-0001"

    def test_finishing_a_document_sets_the_due_date_from_document_customer_or_account(self, call):
        assert call.invoice(due_in_days=14)["due_date"] == "2026-09-15"
        customer = call.customer(due_in_days=30)
        assert call.invoice(customer_id=customer["id"])["due_date"] == "2026-10-01"
        assert call.invoice()["due_date"] == "2026-09-11"

    def test_finishing_a_document_twice_changes_nothing(self, call):
        document = call.invoice()
        again = call("PUT", f"/documents/{document['id']}/done")
        assert (again.status_code, again.json) == (200, document)

    def test_finishing_a_document_freezes_the_customer_on_it(self, call):
        customer = call.customer()
        draft = call.draft(customer_id=customer["id"])
        call("PUT", f"/customers/{customer['id']}", {"city": "Köln"})
        document = call("PUT", f"/documents/{draft['id']}/done").json
        call("PUT", f"/customers/{customer['id']}", {"city": "Bonn"})
        document = call.document(document["id"])
        assert (document["customer_snapshot"]["city"], document["address"]["city"]) == ("Köln", "Köln")

    def test_a_finished_invoice_is_not_protected_from_deletion(self, call):
        assert call("DELETE", f"/documents/{call.invoice()['id']}").status_code == 204


class TestCancelling:
    def test_cancelling_an_invoice_answers_with_the_document_that_takes_it_back(self, call):
        original = call.invoice()
        answer = call("POST", f"/documents/{original['id']}/cancel", {})
        storno = answer.json
        assert (answer.status_code, storno["type"], storno["ref_id"]) == (200, "STORNO", original["id"])
        assert (storno["amount_net"], storno["amount"], storno["items"]) == (-2829, -3367, [])
        assert (storno["is_draft"], storno["number"]) == (False, original["number"])

    def test_a_cancelled_invoice_keeps_its_amounts_and_points_to_its_cancellation(self, call):
        original = call.invoice()
        storno = call("POST", f"/documents/{original['id']}/cancel").json
        after = call.document(original["id"])
        assert (after["cancel_id"], after["amount"]) == (storno["id"], 3367)
        assert call("GET", f"/documents?cancel_id={storno['id']}").json["total"] == 1

    def test_cancelling_a_draft_or_a_cancelled_invoice_is_refused(self, call):
        assert call("POST", f"/documents/{call.draft()['id']}/cancel").status_code == 400
        path = f"/documents/{call.invoice()['id']}/cancel"
        assert [call("POST", path).status_code for _ in range(2)] == [200, 400]


class TestPayments:
    def pay(self, call, document, amount, query="", **fields):
        body = {"document_id": document["id"], "amount": amount, "payment_at": "2026-09-10", **fields}
        return call("POST", f"/document-payments{query}", body).json

    def test_an_invoice_is_paid_once_its_amount_is_covered(self, call):
        invoice = call.invoice()
        self.pay(call, invoice, 3000)
        part = call.document(invoice["id"])
        assert (part["paid_amount"], part["paid_at"]) == (3000, None)
        self.pay(call, invoice, 367, payment_at="2026-09-12")
        paid = call.document(invoice["id"])
        assert (paid["paid_amount"], paid["paid_at"]) == (3367, "2026-09-12")

    def test_a_short_payment_can_count_as_the_whole(self, call):
        invoice = call.invoice()
        payment = self.pay(call, invoice, 3300, query="?paid=true")
        assert "is_paid" not in payment
        assert call.document(invoice["id"])["paid_at"] == "2026-09-10"

    def test_deleting_a_payment_opens_its_invoice_again(self, call):
        invoice = call.invoice()
        payment = self.pay(call, invoice, 3367)
        assert call("DELETE", f"/document-payments/{payment['id']}").status_code == 204
        after = call.document(invoice["id"])
        assert (after["paid_amount"], after["paid_at"]) == (0, None)

    def test_the_same_payment_sent_twice_is_two_payments(self, call):
        invoice = call.invoice()
        for _ in range(2):
            self.pay(call, invoice, 3367, reference="pi_1")
        assert call("GET", "/document-payments?reference=pi_1").json["total"] == 2
        assert call("GET", f"/document-payments?document_id={invoice['id']}").json["total"] == 2

    def test_a_payment_without_a_day_is_stored_at_the_epoch(self, call):
        assert self.pay(call, call.invoice(), 1, payment_at=None)["payment_at"] == "1970-01-01"

    def test_missing_fields_of_a_payment_are_named(self, call):
        assert call("POST", "/document-payments", {}).json["arguments"] == ["document_id", "amount"]


class TestSending:
    def test_a_document_sent_by_email_leaves_an_entry_in_the_post_box(self, call):
        invoice = call.invoice()
        answer = call("POST", f"/documents/{invoice['id']}/send/email", {"subject": "Ihre Rechnung"})
        assert (answer.status_code, answer.data) == (204, b"")
        (letter,) = call("GET", f"/post-boxes?document_id={invoice['id']}").json["items"]
        assert (letter["status"], letter["to"], letter["subject"]) == (
            "OK",
            ACME["emails"][0],
            "Ihre Rechnung",
        )
        assert call.document(invoice["id"])["last_postbox_id"] == letter["id"]

    def test_a_document_sent_by_email_to_nobody_fails(self, call):
        invoice = call.invoice(customer_id=call.customer(emails=[])["id"])
        call("POST", f"/documents/{invoice['id']}/send/email", {})
        assert call("GET", "/post-boxes?status=ERROR").json["total"] == 1


class TestWebhooks:
    HOOK = {  # noqa: RUF012 - a constant of this class
        "url": "https://portal.example/webhooks/easybill/x",
        "content_type": "json",
        "secret": "x",
        "events": ["document.update"],
        "description": "portal",
    }

    def test_webhooks_of_the_easybill_sandbox_are_kept_changed_and_removed(self, call):
        webhook = call("POST", "/webhooks", self.HOOK).json
        path = f"/webhooks/{webhook['id']}"
        assert call("PUT", path, {"is_active": True}).json["is_active"] is True
        assert call("GET", "/webhooks").json["total"] == 1
        assert call("DELETE", path).status_code == 204
        assert call("GET", path).status_code == 404

    def test_missing_fields_of_a_webhook_are_named(self, call):
        assert call("POST", "/webhooks", {"url": "https://x.example"}).json["arguments"] == [
            "content_type",
            "secret",
            "events",
            "description",
        ]


class TestState:
    def test_a_restart_of_the_easybill_sandbox_keeps_documents_and_the_series(self, tmp_path):
        first = Caller(create_app(tmp_path / "easybill.sqlite"))
        invoice = first.invoice()
        second = Caller(create_app(tmp_path / "easybill.sqlite"))
        assert second.document(invoice["id"]) == invoice
        assert second.invoice()["number"] == "RE-2026-0002"

    def test_a_killed_easybill_sandbox_loses_nothing_it_has_answered(self, tmp_path):
        script = (
            "import os, signal, sys; from pathlib import Path\n"
            "from portal.sandbox.easybill import create_app\n"
            "client = create_app(Path(sys.argv[1])).test_client()\n"
            f"key = {{'Authorization': 'Bearer {KEY}'}}\n"
            f"answer = client.post('/rest/v1/customers', json={ACME!r}, headers=key)\n"
            "assert answer.status_code == 201\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        state = tmp_path / "easybill.sqlite"
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        ended = subprocess.run([sys.executable, "-c", script, str(state)], check=False, env=environment)
        assert ended.returncode == -signal.SIGKILL
        assert Caller(create_app(state))("GET", "/customers?number=acme").json["total"] == 1

    def test_a_refused_call_leaves_no_gap_in_the_ids_of_documents(self, call):
        before = call.draft()["id"]
        assert call("POST", "/documents", {"status": "DONE"}).status_code == 400
        assert call.draft()["id"] == before + 1

    def test_starting_the_easybill_sandbox_does_not_load_the_pdf_library(self):
        script = "import sys, portal.sandbox.easybill; assert 'reportlab' not in sys.modules"
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == 0


class TestPaper:
    def pdf(self, call, document):
        answer = call("GET", f"/documents/{document['id']}/pdf")
        assert (answer.status_code, answer.content_type) == (200, "application/pdf")
        return answer.data

    def test_the_pdf_of_an_invoice_has_seller_customer_number_dates_and_lines(self, call):
        items = [RECORDED_ITEM | {"description": "Compute\n720 h × 0,0625 EUR", "unit": "Monat"}]
        text = text_of(self.pdf(call, call.invoice(items=items, due_in_days=14)))
        for said in (
            "Nordlicht Cloud GmbH",
            "DE123456789",
            "Acme Maschinenbau GmbH",
            "40212 Düsseldorf",
            "Rechnung RE-2026-0001",
            "01.09.2026",
            "01.08.2026 – 31.08.2026",
            "720 h × 0,0625 EUR",
            "28,29 EUR",
            "Umsatzsteuer 19 %",
            "5,38 EUR",
            "33,67 EUR",
            "bis zum 15.09.2026",
            "MUSTER – kein Beleg",
        ):
            assert said in text

    def test_the_same_document_has_the_same_bytes_of_pdf(self, call):
        document = call.invoice()
        assert self.pdf(call, document) == self.pdf(call, document)

    def test_the_pdf_of_a_document_is_shown_inline_with_its_name(self, call):
        document = call.invoice()
        answer = call("GET", f"/documents/{document['id']}/pdf")
        name = f"Rechnung-RE-2026-0001-{document['id']}.pdf"
        assert answer.headers["Content-Disposition"] == f'inline; filename="{name}"'

    def test_the_pdf_is_english_for_customers_abroad_and_by_template(self, call):
        swede = call.customer(country="SE", city="Malmö", vat_identifier="SE556677889901")
        item = RECORDED_ITEM | {"vat_percent": 0}
        abroad = call.invoice(customer_id=swede["id"], vat_option="nStbUstID", items=[item])
        text = text_of(self.pdf(call, abroad))
        assert "Invoice RE-2026-0001" in text
        assert "Reverse charge" in text
        assert "SWEDEN" in text
        assert "1 Aug 2026 – 31 Aug 2026" in text
        assert "Invoice RE" in text_of(self.pdf(call, call.invoice(pdf_template="EN")))
        assert "Rechnung RE" in text_of(
            self.pdf(call, call.invoice(customer_id=swede["id"], pdf_template="DE"))
        )

    def test_the_customers_own_tax_note_comes_first_in_the_pdf(self, call):
        document = call.invoice(vat_option="revc", text_tax="Steuerschuld geht über.")
        text = text_of(self.pdf(call, document))
        assert "Steuerschuld geht über." in text
        assert "§ 13b" not in text

    def test_several_vat_rates_are_shown_apart_in_the_pdf_and_add_up(self, call):
        items = [RECORDED_ITEM, RECORDED_ITEM | {"vat_percent": 7}]
        document = call.invoice(items=items)
        text = text_of(self.pdf(call, document))
        assert document["amount"] - document["amount_net"] == 736
        assert "Umsatzsteuer 19 % auf 28,29 EUR" in text
        assert "5,38 EUR" in text
        assert "1,98 EUR" in text

    def test_a_vat_rate_in_the_pdf_may_have_a_half_and_a_note_without_an_option(self, call):
        item = {"single_price_net": 1032, "vat_percent": 25.5}
        text = text_of(self.pdf(call, call.invoice(items=[item], text_tax="VAT of the member state FI")))
        assert "Umsatzsteuer 25,5 %" in text
        assert "VAT of the member state FI" in text

    def test_a_pdf_of_quantities_of_one_has_no_column_of_quantities(self, call):
        one = {"single_price_net": 1032, "vat_percent": 19, "description": "vm\n1.488 h zu 0,00694 EUR"}
        text = text_of(self.pdf(call, call.invoice(items=[one])))
        assert "1.488 h zu 0,00694 EUR" in text
        assert "Menge" not in text
        assert "Menge" in text_of(self.pdf(call, call.invoice(items=[one | {"quantity": 2}])))

    def test_the_pdf_of_a_credit_gives_back_and_has_no_due_date(self, call):
        text = text_of(self.pdf(call, call.invoice(type="CREDIT")))
        assert "Rechnungskorrektur" in text
        assert "nachfolgend schreiben wir Ihnen gut" in text
        assert "Zahlbar" not in text
        assert "Fällig am" not in text

    def test_yen_have_no_hundredths_in_the_pdf(self, call):
        item = {"single_price_net": 123_400, "vat_percent": 0}
        text = text_of(self.pdf(call, call.invoice(currency="JPY", items=[item])))
        assert "1.234 JPY" in text

    def test_a_long_pdf_repeats_its_heading_and_counts_its_pages(self, call):
        items = [RECORDED_ITEM | {"description": f"Server {n}\n720 h"} for n in range(80)]
        document = call.invoice(items=[*items, RECORDED_ITEM | {"description": "lang " * 2000}])
        pages = PdfReader(BytesIO(self.pdf(call, document))).pages
        assert document["pdf_pages"] == len(pages) > 3
        assert all("Menge" in page.extract_text() for page in pages[:-2])
        assert "Seite 2 von" in pages[1].extract_text()

    def test_the_pdf_of_a_cancellation_names_the_invoice_that_it_takes_back(self, call):
        original = call.invoice()
        storno = call("POST", f"/documents/{original['id']}/cancel").json
        text = text_of(self.pdf(call, storno))
        assert "Stornorechnung" in text
        assert "hebt die Rechnung RE-2026-0001 vom 01.09.2026 vollständig auf" in text
        assert "-33,67 EUR" in text

    def test_a_discount_on_the_whole_is_a_line_of_the_sums_in_the_pdf(self, call):
        items = [{"single_price_net": 10000, "vat_percent": rate} for rate in (19, 7)]
        text = text_of(self.pdf(call, call.invoice(items=items, discount="10", discount_type="PERCENT")))
        for said in ("-20,00 EUR", "180,00 EUR", "17,10 EUR", "6,30 EUR", "203,40 EUR"):
            assert said in text

    def test_texts_may_be_left_out_of_the_pdf(self, call):
        draft = call.draft()
        call("PUT", f"/documents/{draft['id']}", {"text": None, "text_prefix": None})
        assert "Vielen Dank" not in text_of(self.pdf(call, draft))

    def test_the_pdf_of_a_draft_is_marked_as_a_draft(self, call):
        assert "Rechnung (Entwurf)" in text_of(self.pdf(call, call.draft()))

    def test_letters_that_the_font_lacks_do_not_stop_the_pdf(self, call):
        customer = call.customer(company_name="Łódź <b>株式会社", country="PL")
        text = text_of(self.pdf(call, call.invoice(customer_id=customer["id"], title="a < b & c")))
        assert "Lódz <b>????" in text
        assert "a < b & c" in text

    @pytest.mark.parametrize(
        "accept", ["", "*/*", "application/pdf", "application/xml, application/pdf;q=0.3"]
    )
    def test_a_download_from_the_easybill_sandbox_is_the_plain_pdf(self, call, accept):
        path = f"/documents/{call.invoice()['id']}/download"
        assert call("GET", path, headers={"Accept": accept}).data.startswith(b"%PDF")

    @pytest.mark.parametrize(
        "accept", ["application/xml;format=xrechnung", "application/pdf;format=zugferd;version=2.*"]
    )
    def test_electronic_invoices_are_not_made_by_the_easybill_sandbox(self, call, accept):
        path = f"/documents/{call.invoice()['id']}/download"
        assert call("GET", path, headers={"Accept": accept}).status_code == 406


class TestPublicDescription:
    """Every answer against EasyBill's own swagger, whose scalars may all be null."""

    KINDS = {  # noqa: RUF012 - a constant of this class
        "customers": "Customer",
        "documents": "Document",
        "document-payments": "DocumentPayment",
        "post-boxes": "PostBox",
        "webhooks": "WebHook",
        "pdf-templates": "PDFTemplate",
    }

    def rehearse(self, call):
        """One call at least of every operation that answers JSON."""
        english = call.invoice(pdf_template="EN", use_shipping_address=True, items=[])
        text = {"type": "TEXT", "description": "Projekt A"}
        invoice = call.invoice(items=[RECORDED_ITEM, text], vat_option="NULL", discount="5")
        call("POST", "/documents", {})
        call("PUT", f"/documents/{call.draft()['id']}", {"title": "August"})
        payment = {"document_id": invoice["id"], "amount": 100, "payment_at": "2026-09-10"}
        paid = call("POST", "/document-payments", payment).json
        call("GET", f"/document-payments/{paid['id']}")
        call("POST", f"/documents/{invoice['id']}/send/email", {})
        call("POST", f"/documents/{english['id']}/cancel", {})
        webhook = call("POST", "/webhooks", TestWebhooks.HOOK).json
        call("GET", f"/webhooks/{webhook['id']}")
        for kind in self.KINDS:
            call("GET", f"/{kind}")

    def bodies(self, call):
        """Every record that was answered, alone or in a list, with its kind."""
        for method, path, answer in call.answers:
            if answer.is_json:
                kind = self.KINDS[path.split("/")[1]]
                is_list = method == "GET" and path[1:] in self.KINDS
                for body in answer.json["items"] if is_list else [answer.json]:
                    yield kind, body

    def test_every_answer_of_the_easybill_sandbox_matches_the_public_description(self, call, check):
        self.rehearse(call)
        seen = set()
        for kind, body in self.bodies(call):
            seen.add(kind)
            faults = [error.message for error in Draft7Validator(check.schema_of(kind)).iter_errors(body)]
            assert not faults, (kind, faults)
        assert seen == set(self.KINDS.values())

    @pytest.mark.parametrize("kind", ["Document", "Customer", "DocumentPayment", "PostBox", "WebHook"])
    def test_no_property_of_the_public_description_is_missing_in_an_answer(self, call, check, kind):
        self.rehearse(call)
        wanted = set(check.SWAGGER["definitions"][kind]["properties"])
        bodies = [body for each, body in self.bodies(call) if each == kind]
        assert bodies
        for body in bodies:
            assert wanted - set(body) == set()

    def test_documents_have_fields_that_the_public_description_leaves_out(self, call):
        document = call.invoice()
        assert document["is_cold"] is False
        assert document["coldstorage_due_date"] is None

    def test_no_position_of_a_document_lacks_a_property_of_the_public_description(self, call, check):
        wanted = set(check.SWAGGER["definitions"]["DocumentPosition"]["properties"])
        assert wanted == set(call.draft()["items"][0])

    def test_every_writable_field_of_the_public_description_is_accepted(self, check):
        from portal.sandbox.easybill import customers, document_fields

        from_the_customer = {"address", "label_address", "customer_snapshot"}
        assert set(document_fields.WRITABLE) == check.writable("Document") - from_the_customer
        assert set(customers._WRITABLE) == check.writable("Customer")

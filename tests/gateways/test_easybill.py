import dataclasses
import datetime as dt
import inspect
import json
import socket
import threading
import time
from contextlib import contextmanager
from decimal import Decimal

import pytest

from portal.domain.errors import ProviderRefusedError, ProviderUnavailableError
from portal.domain.money import Money
from portal.domain.vat import VatCase
from portal.gateways import easybill as module
from portal.gateways import easybill_http
from portal.gateways.call_budget import Budget
from portal.gateways.easybill import EasybillGateway
from portal.gateways.easybill_shapes import hundredths_of
from portal.gateways.invoicing import (
    CurrencyNotCarriedError,
    DocumentDraft,
    DraftLine,
    FinishedDocumentError,
    InvoicingCustomer,
    InvoicingKeyRefusedError,
    InvoicingRateLimitedError,
    InvoicingRefusedError,
    InvoicingUnavailableError,
    money_of,
)
from tests import easybill_description
from tests.delivery.rows import KEY, _numbers

TODAY = dt.date(2026, 3, 10)
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PAID = Money(14691, "EUR")


@pytest.fixture
def gateway(sandboxes) -> EasybillGateway:
    return EasybillGateway(KEY, f"{sandboxes.easybill_url}/rest/v1")


@pytest.fixture
def facts() -> InvoicingCustomer:
    return InvoicingCustomer(
        number=str(next(_numbers)),
        name="Acme GmbH",
        street="Musterstraße 1",
        postal_code="20095",
        city="Hamburg",
        country="DE",
        vat_id=None,
        emails=["a@example.org", "a@example.org", "b@example.org"],
    )


def draft_facts(net: int = 12345, **changes) -> DocumentDraft:
    return DocumentDraft(
        **{
            "external_id": f"external {next(_numbers)}",
            "document_on": TODAY,
            "service_from": dt.date(2026, 2, 1),
            "service_to": dt.date(2026, 2, 28),
            "currency": "EUR",
            "vat_case": VatCase.DOMESTIC,
            "vat_text": None,
            "taxed_in": None,
            "due_in_days": 14,
            "language": "en",
            "buyer_reference": None,
            "order_number": None,
            "lines": [DraftLine("vm.medium", Money(net, "EUR"), 1900)],
        }
        | changes
    )


@contextmanager
def answering(*parts: bytes, pause_seconds: float = 0.0):
    """A server that sends these bytes to everybody, with a pause after each, and then hangs up."""
    server = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    for part in parts:
                        connection.sendall(part)
                        if is_over.wait(pause_seconds):
                            return
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/rest/v1"
    finally:
        is_over.set()
        server.shutdown(socket.SHUT_RDWR)  # wakes accept
        server.close()
        thread.join(5)


def answer(status: str, body: object = None, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def test_a_customer_of_easybill_is_found_by_our_number(gateway, facts):
    assert gateway.customer_by_number(facts.number) is None
    customer_id = gateway.create_customer(facts)

    assert gateway.customer_by_number(facts.number) == customer_id


def test_of_two_customers_with_one_number_the_oldest_counts(gateway, facts):
    first = gateway.create_customer(facts)
    gateway.create_customer(facts)

    assert gateway.customer_by_number(facts.number) == first


def test_a_draft_of_easybill_has_totals_but_no_number(gateway, facts):
    document = gateway.create_draft(gateway.create_customer(facts), draft_facts())

    assert (document.is_draft, document.number, document.due_on) == (True, None, None)
    assert (document.net, document.gross) == (Decimal("123.45"), Decimal("146.91"))
    assert document.document_on == TODAY


def test_finishing_a_draft_gives_the_number_and_the_due_date(gateway, facts):
    draft = gateway.create_draft(gateway.create_customer(facts), draft_facts())
    document = gateway.finish(draft.id)

    assert not document.is_draft
    assert document.number
    assert document.due_on == dt.date(2026, 3, 24)
    assert gateway.finish(draft.id) == document, "finishing again changes nothing"


def test_documents_of_easybill_are_found_by_customer_and_day(gateway, facts):
    customer_id = gateway.create_customer(facts)
    draft = gateway.create_draft(customer_id, draft_facts())
    gateway.create_draft(customer_id, draft_facts(document_on=TODAY + dt.timedelta(days=1)))

    assert gateway.documents_of(customer_id, TODAY, TODAY) == [draft]


def test_a_missing_document_of_easybill_is_none(gateway):
    assert gateway.document_of("999999999999") is None


def test_a_draft_can_be_deleted_and_a_finished_document_cannot(gateway, facts):
    customer_id = gateway.create_customer(facts)
    draft, kept = (gateway.create_draft(customer_id, draft_facts()) for _ in range(2))
    gateway.finish(kept.id)

    gateway.delete_draft(draft.id)
    gateway.delete_draft(draft.id)
    with pytest.raises(FinishedDocumentError):
        gateway.delete_draft(kept.id)

    assert gateway.document_of(draft.id) is None
    assert gateway.document_of(kept.id) is not None


def test_the_easybill_gateway_cannot_change_or_delete_a_finished_document():
    source = inspect.getsource(module)
    assert source.count('"DELETE"') == 1
    assert source.count('"PUT", f"/documents') == source.count('/done")') == 1


def test_the_pdf_of_a_document_of_easybill_is_a_pdf(gateway, facts):
    draft = gateway.create_draft(gateway.create_customer(facts), draft_facts())

    assert gateway.pdf_of(draft.id).startswith(b"%PDF")


def test_an_answer_of_easybill_that_is_no_pdf_is_not_taken_for_a_pdf():
    with (
        answering(answer("200 OK", b"<html>busy</html>")) as base,
        pytest.raises(InvoicingUnavailableError, match="not a PDF"),
    ):
        EasybillGateway(KEY, base).pdf_of("1")


def test_the_same_payment_at_easybill_counts_once(gateway, facts):
    draft = gateway.create_draft(gateway.create_customer(facts), draft_facts())
    gateway.finish(draft.id)
    reference = f"pi_{next(_numbers)}, part 1"

    first = gateway.record_payment(draft.id, PAID, TODAY, reference)
    assert gateway.record_payment(draft.id, PAID, TODAY, reference) == first
    assert gateway.document_of(draft.id).paid_on == TODAY


def test_every_page_of_a_list_of_easybill_is_read(gateway, facts, monkeypatch):
    monkeypatch.setattr(easybill_http, "PAGE_ROWS", 1)
    customer_id = gateway.create_customer(facts)
    made = [gateway.create_draft(customer_id, draft_facts()) for _ in range(3)]

    assert gateway.documents_of(customer_id, TODAY, TODAY) == made


def test_edited_documents_of_easybill_are_found_by_day(gateway, facts):
    made = gateway.create_draft(gateway.create_customer(facts), draft_facts())
    first = gateway.documents_edited_since(NEW_YEAR)
    pages = [gateway.documents_edited_since(NEW_YEAR, each + 1) for each in range(first.pages)]

    assert made in [each for page in pages for each in page.documents]
    assert made in [each for page in range(first.pages) for each in gateway.drafts(page + 1).documents]


def test_an_empty_list_of_easybill_has_no_pages(gateway):
    page = gateway.documents_edited_since(dt.datetime(2090, 1, 1, tzinfo=dt.UTC))
    assert (page.documents, page.pages) == ([], 0)


def test_a_wrong_easybill_key_is_told_apart_from_a_refusal(sandboxes):
    stranger = EasybillGateway("wrong", f"{sandboxes.easybill_url}/rest/v1")
    with pytest.raises(InvoicingKeyRefusedError):
        stranger.customer_by_number("1")


def test_a_refusal_of_easybill_names_the_fields_and_quotes_no_values(gateway, facts, caplog):
    with pytest.raises(InvoicingRefusedError) as refused:
        gateway.create_draft("1", draft_facts())

    assert isinstance(refused.value, ProviderRefusedError)
    assert str(refused.value) == "EasyBill refused the request: 400 (customer_id)."
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("status", "headers", "error", "seconds"),
    [
        ("429 Too Many Requests", ["Retry-After: 60"], InvoicingRateLimitedError, 60),
        ("429 Too Many Requests", ["Retry-After: soon"], InvoicingRateLimitedError, None),
        ("409 Conflict", [], InvoicingUnavailableError, None),
        ("500 Internal Server Error", [], InvoicingUnavailableError, None),
        ("503 Service Unavailable", ["Retry-After: 120"], InvoicingUnavailableError, 120),
    ],
)
def test_an_unavailable_easybill_says_when_to_retry_a_call(status, headers, error, seconds):
    with (
        answering(answer(status, {"message": "secret words"}, *headers)) as base,
        pytest.raises(error) as raised,
    ):
        EasybillGateway(KEY, base).customer_by_number("1")

    assert isinstance(raised.value, ProviderUnavailableError)
    assert raised.value.retry_after_seconds == seconds
    assert "secret words" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items": 7}', b'{"items": [7]}'])
def test_an_unreadable_answer_of_easybill_counts_as_unavailable(body):
    with (
        answering(answer("200 OK", body)) as base,
        pytest.raises(InvoicingUnavailableError, match="cannot be read"),
    ):
        EasybillGateway(KEY, base).customer_by_number("1")


def test_a_refused_connection_to_easybill_counts_as_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InvoicingUnavailableError):
        EasybillGateway(KEY, f"http://127.0.0.1:{port}").customer_by_number("1")


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"],
    ids=["says nothing", "drips headers", "drips its body"],
)
def test_an_easybill_answer_that_drips_is_given_up_at_the_deadline(first):
    with answering(first, *[b" "] * 1000, pause_seconds=0.05) as base:
        started = time.monotonic()
        with pytest.raises(InvoicingUnavailableError, match="in time"):
            EasybillGateway(KEY, base, deadline_seconds=1).customer_by_number("1")

    assert time.monotonic() - started < 2


def test_redirects_of_easybill_are_not_followed(sandboxes):
    elsewhere = f"Location: {sandboxes.easybill_url}/rest/v1/customers"
    with (
        answering(answer("302 Found", {}, elsewhere)) as base,
        pytest.raises(InvoicingRefusedError, match="302"),
    ):
        EasybillGateway(KEY, base).customer_by_number("1")


def test_nulls_texts_and_unknown_fields_of_easybill_are_understood():
    body = {
        "id": "17",
        "amount": "3367",
        "amount_net": 2829.0,
        "is_draft": None,
        "paid_at": "0000-00-00 00:00:00",
        "due_date": None,
        "currency": None,
        "is_cold": False,
    }
    with answering(answer("200 OK", body)) as base:
        document = EasybillGateway(KEY, base).document_of("17")

    assert (document.id, document.net, document.gross) == ("17", Decimal("28.29"), Decimal("33.67"))
    assert (document.paid_on, document.due_on, document.currency) == (None, None, "EUR")
    assert not document.is_draft, "what is not surely a draft is not deleted"


def test_half_a_cent_in_a_total_of_easybill_is_not_rounded_away():
    with (
        answering(answer("200 OK", {"id": 17, "amount": 3366.51})) as base,
        pytest.raises(InvoicingUnavailableError),
    ):
        EasybillGateway(KEY, base).document_of("17")


def test_an_easybill_id_that_is_no_number_never_reaches_a_url(gateway):
    with pytest.raises(AssertionError):
        gateway.document_of("17/cancel")


@pytest.mark.parametrize(("currency", "hundredths"), [("EUR", 1234), ("JPY", 123400), ("USD", 1234)])
def test_money_is_sent_to_easybill_in_hundredths_and_read_back(currency, hundredths):
    assert hundredths_of(Money(1234, currency)) == hundredths
    assert money_of(Decimal(hundredths).scaleb(-2), currency) == Money(1234, currency)


def test_currencies_finer_than_hundredths_are_refused_for_easybill():
    with pytest.raises(CurrencyNotCarriedError):
        hundredths_of(Money(1234, "KWD"))
    with pytest.raises(CurrencyNotCarriedError):
        money_of(Decimal("12.34"), "KWD")
    with pytest.raises(CurrencyNotCarriedError):
        money_of(Decimal("12.34"), "JPY")


def test_a_credit_gives_back_and_comes_out_below_zero(gateway, facts):
    customer_id = gateway.create_customer(facts)
    invoice = gateway.finish(gateway.create_draft(customer_id, draft_facts()).id)
    credit = gateway.create_draft(
        customer_id, draft_facts(-12345, type="CREDIT", refers_to_id=invoice.id, notes=["Set off."])
    )

    assert (credit.net, credit.gross) == (Decimal("-123.45"), Decimal("-146.91"))
    assert (credit.type, credit.refers_to_id) == ("CREDIT", invoice.id)


def test_a_credit_is_below_zero_whichever_sign_the_account_writes():
    for net, gross in ((12345, 14691), (-12345, -14691)):
        body = {"id": 17, "type": "CREDIT", "amount_net": net, "amount": gross}
        with answering(answer("200 OK", body)) as base:
            document = EasybillGateway(KEY, base).document_of("17")
        assert (document.net, document.gross) == (Decimal("-123.45"), Decimal("-146.91"))


def test_each_line_of_an_easybill_document_has_its_own_vat_rate(gateway, facts):
    lines = [DraftLine("a", Money(10000, "EUR"), 1900), DraftLine("b", Money(10000, "EUR"), 700)]
    document = gateway.create_draft(gateway.create_customer(facts), draft_facts(lines=lines))
    assert (document.net, document.gross) == (200, 226)


def test_yen_are_sent_to_easybill_in_hundredths(gateway, facts):
    lines = [DraftLine("a", Money(1234, "JPY"), 0)]
    facts_in_yen = draft_facts(currency="JPY", lines=lines)
    document = gateway.create_draft(gateway.create_customer(facts), facts_in_yen)
    assert (document.net, document.currency) == (1234, "JPY")


def test_a_placeholder_that_easybill_would_fill_in_stays_as_it_was_written(gateway, facts, monkeypatch):
    sent = recorded(monkeypatch)
    named = dataclasses.replace(facts, name="%KUNDE.NAME%")
    lines = [DraftLine("50% off %FIRMA.IBAN%", Money(1, "EUR"), 0)]
    gateway.create_draft(gateway.create_customer(named), draft_facts(lines=lines))
    assert sent[0][2]["company_name"] == "% KUNDE.NAME%"
    assert sent[1][2]["items"][0]["description"] == "50% off % FIRMA.IBAN%"


def recorded(monkeypatch):
    """Return the list into which every request's method, path and body go from now on."""
    sent = []
    exchange = easybill_http.Connection._exchange

    def watched(self, method, path, asked, body, *rest, **named):
        sent.append((method, path, body))
        return exchange(self, method, path, asked, body, *rest, **named)

    monkeypatch.setattr(easybill_http.Connection, "_exchange", watched)
    return sent


def all_conversations(gateway, facts):
    """Everything that the gateway can be asked, once."""
    customer_id = gateway.create_customer(facts)
    gateway.customer_by_number(facts.number)
    gateway.update_customer(customer_id, facts)
    kept, lost = (gateway.create_draft(customer_id, draft_facts(notes=["A note."])) for _ in range(2))
    gateway.documents_of(customer_id, TODAY, TODAY)
    gateway.finish(kept.id)
    gateway.document_of(kept.id)
    gateway.pdf_of(kept.id)
    credit = draft_facts(-5, type="CREDIT", refers_to_id=kept.id)
    gateway.create_draft(customer_id, credit)
    gateway.record_payment(kept.id, PAID, TODAY, f"pi_{next(_numbers)}")
    gateway.documents_edited_since(NEW_YEAR)
    gateway.drafts()
    with pytest.raises(FinishedDocumentError):
        gateway.delete_draft(kept.id)
    gateway.delete_draft(lost.id)
    return kept.id, lost.id


def test_only_fields_that_easybill_lets_a_client_write_are_sent(gateway, facts, monkeypatch):
    if reason := easybill_description.absent():
        pytest.skip(reason)
    sent = recorded(monkeypatch)
    all_conversations(gateway, facts)
    kinds = {"/customers": "Customer", "/documents": "Document", "/document-payments": "DocumentPayment"}
    bodies = [(path, body) for _, path, body in sent if body is not None]
    assert len(bodies) == 6
    for path, body in bodies:
        kind = next(kind for start, kind in kinds.items() if path == start or path.startswith(f"{start}/"))
        assert easybill_description.not_writable(kind, body) == set(), path


def test_a_finished_document_of_easybill_is_neither_put_nor_deleted(gateway, facts, monkeypatch):
    sent = recorded(monkeypatch)
    kept, lost = all_conversations(gateway, facts)
    changes = [(method, path) for method, path, _ in sent if method in {"PUT", "DELETE", "PATCH"}]
    documents = [each for each in changes if each[1].startswith("/documents")]
    assert documents == [("PUT", f"/documents/{kept}/done"), ("DELETE", f"/documents/{lost}")]


@pytest.mark.parametrize("status", ["409 Conflict", "500 Internal Server Error"])
def test_a_budget_is_told_when_easybill_is_called_too_often_and_only_then(status):
    class Counting(Budget):
        paused = ()

        def pause(self, seconds):
            self.paused = (*self.paused, seconds)

    for said, paused in ((status, ()), ("429 Too Many Requests", (60,))):
        budget = Counting()
        with answering(answer(said, {})) as base, pytest.raises(InvoicingUnavailableError):
            EasybillGateway(KEY, base, budget=budget).customer_by_number("1")
        assert budget.paused == paused

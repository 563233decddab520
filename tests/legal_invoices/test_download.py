import dataclasses
import hashlib

import pytest

from portal.models import LegalDocument, LegalDocumentFormat
from portal.storage import db
from tests.delivery.rows import make_customer, make_invoice, own_customer
from tests.delivery.test_e_invoices import XML
from tests.factories import NOW, make_member
from tests.legal_invoices.test_pages import LINES
from tests.months import deliver


@pytest.fixture
def acme(acme):
    return own_customer(acme)


@pytest.fixture
def document(acme, easybill):
    make_invoice(acme, *LINES)
    deliver(easybill.gateway, now=NOW)
    return db.session.scalars(db.select(LegalDocument)).one()


@pytest.fixture
def link(acme, document):
    return f"/organizations/{acme.uid}/invoices/download?invoice_id={document.provider_document_id}"


@pytest.fixture
def making(app):
    """Let the account make both formats, for this test."""
    known = app.extensions["portal.settings"]
    formats = frozenset({"xrechnung", "zugferd"})
    app.extensions["portal.settings"] = dataclasses.replace(known, document_formats=formats)
    yield
    app.extensions["portal.settings"] = known


def keep(document, name, content, media_type):
    row = LegalDocumentFormat(
        organization_id=document.organization_id,
        legal_document_id=document.id,
        format=name,
        media_type=media_type,
        sha256=content and hashlib.sha256(content).hexdigest(),
        content=content,
        asked_at=NOW,
    )
    db.session.add(row)
    db.session.commit()


def refusal(client, link):
    body = client.json(link, status=406)
    assert body["errors"][0]["code"] == "not_acceptable"
    return body["errors"][0]["message"]


def test_an_xrechnung_is_the_xml_that_easybill_made(viewer, document, link):
    keep(document, "xrechnung", XML, "application/xml")
    response = viewer.get(f"{link}&format=xrechnung")
    assert (response.status_code, response.mimetype, response.data) == (200, "application/xml", XML)
    assert response.headers["ETag"] == f'"{hashlib.sha256(XML).hexdigest()}"'
    name = f"invoice-{document.number}-xrechnung.xml"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    again = viewer.get(f"{link}&format=xrechnung", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_zugferd_download_is_a_pdf_other_than_the_plain_pdf(viewer, document, link):
    keep(document, "zugferd", b"%PDF-1.7 with XML", "application/pdf")
    response = viewer.get(f"{link}&format=zugferd")
    assert (response.mimetype, response.data) == ("application/pdf", b"%PDF-1.7 with XML")
    assert "-zugferd.pdf" in response.headers["Content-Disposition"]


def test_a_format_that_the_account_does_not_make_is_refused_with_the_reason(viewer, document, link):
    assert "We do not make documents as XRECHNUNG" in refusal(viewer, f"{link}&format=xrechnung")


def test_a_format_that_is_not_fetched_yet_is_refused_with_the_reason(viewer, document, link, making):
    assert "still being fetched as ZUGFERD" in refusal(viewer, f"{link}&format=zugferd")


def test_a_format_that_easybill_did_not_make_is_refused_with_the_reason(viewer, document, link, making):
    keep(document, "xrechnung", None, "application/xml")
    assert "This document was not made as XRECHNUNG" in refusal(viewer, f"{link}&format=xrechnung")


def test_a_browser_reads_on_a_page_why_a_download_is_refused(viewer, document, link):
    assert "XRECHNUNG" in viewer.page(f"{link}&format=xrechnung", status=406).text


def test_an_unknown_format_of_a_legal_invoice_is_refused(viewer, document, link):
    body = viewer.json(f"{link}&format=docx", status=422)
    assert body["errors"][0]["field"] == "format"


@pytest.mark.parametrize("name", ["xrechnung", "zugferd"])
def test_a_legal_invoice_of_another_organization_is_404_in_every_format(
    easybill, sign_in, document, link, name
):
    keep(document, name, XML, "application/xml")
    other = make_customer("Mallory Ltd")
    mallory = sign_in(make_member(other))
    mallory.json(f"{link}&format={name}", status=404)
    theirs = f"/organizations/{other.uid}/invoices/download"
    mallory.json(f"{theirs}?invoice_id={document.provider_document_id}&format={name}", status=404)

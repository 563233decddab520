"""Hostile texts in every field that shows one: escaped on every page, and nothing but text anywhere (S19)."""

from itertools import count

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select, update

from portal.delivery.document_draft import expected_document
from portal.demo.mails import MailFolder
from portal.domain.vat import VatRules
from portal.gateways.easybill_shapes import customer_body, draft_body
from portal.gateways.invoicing import InvoicingCustomer
from portal.gateways.mail import Mail
from portal.models import (
    Account,
    ApiToken,
    AuditEntry,
    Invoice,
    InvoiceItem,
    LegalDocument,
    LegalDocumentFile,
    MonthReview,
    PaymentMethod,
    Product,
    Project,
    UserSession,
    add_owned,
)
from portal.storage import db
from tests.delivery.rows import make_invoice
from tests.factories import NOW, make_member, make_organization, make_token
from tests.page import JSON, CheckingClient, bearer
from tests.security.sizes import sized

_numbers = count(900_001)
# `xq7` is in each, so that what became markup is found.
STRINGS = (
    "<xq7>", "<script>xq7()</script>", "<img src=xq7 onerror=xq7()>", '"><svg onload=xq7()>',
    "'><svg/onload=xq7()>", "</title><xq7>", "</textarea><xq7>", "<!-- xq7", "--><xq7>", "<![CDATA[xq7]]>",
    '" onmouseover="xq7()', "' onfocus='xq7()' autofocus='", "javascript:xq7()", "data:text/html,xq7",
    "<a href=javascript:xq7()>x</a>", "<iframe srcdoc='<xq7>'>", "<style>xq7{}</style>", "<base href=//xq7>",
    "<form action=//xq7>", "<math><mtext><xq7>", "<xq7", "&lt;xq7&gt;", "&#60;xq7&#62;", "\\u003cxq7\\u003e",
    "{{ 7*7 }}xq7", "{% raw %}xq7", "{{ config }}xq7", "${7*7}xq7", "#{7*7}xq7", "<%= 7*7 %>xq7",
    "xq7' OR '1'='1", 'xq7" OR "1"="1', "xq7'; DROP TABLE account; --", "xq7) UNION SELECT 1 --", "xq7%' --",
    "xq7\\'; --", "$$xq7$$", "xq7\x1b[31m", "=xq7()", "+xq7", "-xq7", "@xq7", "=cmd|' /C xq7'!A0",
    "xq7\u202etxt.exe", "\u200fxq7", "xq7\ufeff", "xq7\u200b", "xq7\u2028", "xq7﷽", "𝔵𝔮7xq7", "xq7😈👩‍👩‍👧",
    "xq7" + "é" * 200, "xq7 " * 2500, "%KUNDE.NAME% xq7", "%FIRMA.FIRMA%xq7", "xq7%s%n%x", "../../xq7",
    "xq7\\..\\..", "xq7;id", "`xq7`", "$(xq7)", "xq7|id", "http://xq7/", "//xq7", "xq7\t", "ﬁxq7",
)  # fmt: skip
LINE_BREAKS = ("xq7\r\nX-Injected: xq7", "xq7\nSet-Cookie: xq7=1", "xq7\r\n\r\n<xq7>")
PAGES = (
    "/", "/subscriptions", "/billing/usage?month=2026-01", "/invoices", "{invoice}", "{home}/invoices",
    "{home}/invoices/{document}", "{home}/payment_methods", "{home}/tokens", "{home}/audit", "/account",
)  # fmt: skip


def test_sixty_hostile_texts_are_tried():
    assert len(set(STRINGS)) >= 60


def poison(tenant, text: str) -> str:
    """Put a text into every field that some page, file or mail shows; return the id of a document of it."""
    mine = tenant.organization.id
    organization = tenant.organization
    for name in ("name", "street", "city", "postal_code"):
        setattr(organization, name, text)
    organization.emails = [text]
    values = (
        (Project, {"name": text}),
        (ApiToken, {"name": text}),
        (PaymentMethod, {"brand": text, "payment_type": text}),
        (MonthReview, {"reason": text}),
    )
    for model, fields in values:
        changed = update(model).where(model.organization_id == mine).values(**fields)
        db.session.execute(changed.execution_options(synchronize_session=False))
    db.session.execute(update(Product).values(name=text, unit=text))
    db.session.execute(update(Account).where(Account.id == tenant.admin.id).values(name=text))
    db.session.execute(update(UserSession).values(agent=text, address=text))
    number = next(_numbers)
    known = db.session.scalars(select(LegalDocument).where(LegalDocument.organization_id == mine)).first()
    columns = [each.name for each in LegalDocument.__table__.columns if each.name not in {"id", "uid"}]
    facts = {name: getattr(known, name) for name in columns} | {
        "number": text,
        "provider_document_id": f"{number}",
    }
    document = LegalDocument(**facts)
    add_owned(mine, document)
    db.session.flush()
    db.session.add(
        LegalDocumentFile(
            organization_id=mine,
            legal_document_id=document.id,
            sha256=f"{number:064}",
            content=b"%PDF-1.4",
            fetched_at=NOW,
        )
    )
    db.session.commit()
    return document.provider_document_id


def markup(text: str) -> set[str]:
    """Return what of a page is markup and has our mark: elements, and their attributes that do something."""
    found = set()
    for element in BeautifulSoup(text, "html.parser").find_all(True):
        if "xq7" in element.name:
            found.add(element.name)
        for name, value in element.attrs.items():
            is_active = name.startswith("on") or name in {
                "src",
                "href",
                "action",
                "srcdoc",
                "style",
                "formaction",
            }
            if "xq7" in name or (is_active and str(value).startswith(("javascript:", "data:text", "//xq7"))):
                found.add(f"{element.name} {name}={value}")
    return found


@pytest.mark.timeout(240)
def test_a_hostile_text_is_text_on_every_page_and_in_every_header(app, tenants, sign_in, proves):
    ours, _ = tenants
    texts = sized(STRINGS[::16], STRINGS) + LINE_BREAKS
    client: CheckingClient = sign_in(ours.admin)
    client.get("/account")
    home = f"/organizations/{ours.uid}"
    names = {"home": home, "document": ours.document, "invoice": f"/invoices/{ours.invoice}"}
    shown = pages = 0
    for text in texts:
        names["document"] = poison(ours, text)
        for page in PAGES:
            answer = client.get(page.format(**names))
            assert answer.status_code == 200, (page, text)
            assert markup(answer.text) == set(), (page, text)
            assert "X-Injected" not in answer.headers
            assert not [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("xq7")]
            pages += 1
            shown += "xq7" in BeautifulSoup(answer.text, "html.parser").text
        pdf = client.get(f"{home}/invoices/download?invoice_id={names['document']}")
        assert pdf.status_code == 200
        assert set(pdf.headers["Content-Disposition"].partition('filename="')[2]) <= set(SAFE)
        told = client.json("/billing/usage?month=2026-01")
        assert told["projects"][0]["project_name"] == text
    assert shown >= pages * 0.6, "the texts are on the pages"
    proves(f"S19 {len(texts)} hostile texts in 15 fields, {pages} pages: all text, 0 markup, 0 headers")


SAFE = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"'


def test_a_hostile_name_of_a_token_is_kept_unchanged_or_refused(app, acme, nobody):
    token = make_token(acme, make_member(acme))
    for text in (*STRINGS, *LINE_BREAKS, "xq7\0"):
        answer = nobody.post(f"/organizations/{acme.uid}/tokens", json={"name": text}, headers=bearer(token))
        assert answer.status_code in {201, 400, 422}, text
        if answer.status_code == 201:
            assert answer.json["name"] == text
    listed = nobody.json(f"/organizations/{acme.uid}/tokens?limit=200", headers=bearer(token))
    assert len(listed) > 20
    assert not [each for each in listed if "\n" in each["name"] or "\0" in each["name"]]


def test_hostile_texts_in_every_query_are_refused_or_mean_nothing(admin):
    names = ("month", "day", "from", "to", "by", "granularity", "unit_price", "project_id", "product_id",
             "billed_by", "organization_id", "cursor", "limit")  # fmt: skip
    for name in names:
        for text in (*sized(STRINGS[::10], STRINGS), *LINE_BREAKS, "xq7\0"):
            answer = admin.get("/billing/usage", query_string={name: text}, headers={"Accept": "text/html"})
            assert answer.status_code in {200, 404, 422}, (name, text)
            assert markup(answer.text) == set(), (name, text)
            assert "X-Injected" not in answer.headers


def test_a_placeholder_of_easybill_in_a_text_stays_a_text(app):
    organization = make_organization()
    organization.name = "%KUNDE.NAME% GmbH"  # stored before names were checked
    make_invoice(organization, ("web", "%FIRMA.KONTO% 50% vm", "12", "0.5"))
    invoice = db.session.scalars(select(Invoice)).one()
    expected = expected_document(organization, invoice, NOW.date(), vat_rules=VatRules("DE"))
    body = draft_body("1", expected.draft)
    facts = InvoicingCustomer(
        "1", name="%KUNDE.NAME%", street="%A.B%", postal_code="1", city="%DOKUMENT.NUMMER%", country="DE"
    )
    customer = customer_body(facts)
    assert "%FIRMA.KONTO%" not in str(body)
    assert "50% vm" in str(body), "a percent sign of its own stays"
    assert "%KUNDE" not in str(customer)
    assert "%DOKUMENT" not in str(customer)
    assert db.session.scalars(select(InvoiceItem.product_name)).one() == "%FIRMA.KONTO% 50% vm"


def test_a_mail_cannot_be_given_another_header_or_receiver(app, tmp_path):
    folder = MailFolder(tmp_path)
    for text in LINE_BREAKS:
        for mail in (Mail(f"a@b.example{text}", "x", "x"), Mail("a@b.example", text, "x")):
            with pytest.raises(ValueError, match=r"[Hh]eader|newline|linefeed|line"):
                folder.send(mail)
    folder.send(Mail("a@b.example", "x", f"Hello {LINE_BREAKS[0]}"))
    [kept] = tmp_path.glob("*.eml")
    assert "X-Injected" not in kept.read_text().partition("\n\n")[0]


def test_the_audit_trail_shows_hostile_facts_as_text(app, tenants, sign_in):
    ours, _ = tenants
    client = sign_in(ours.admin)
    client.get("/account")
    client.submit(f"/organizations/{ours.uid}/tokens", name="<xq7 onload=xq7()>", lasts="30")
    page = client.get(f"/organizations/{ours.uid}/audit", headers={"Accept": "text/html"})
    assert "&lt;xq7" in page.text
    assert markup(page.text) == set()
    assert client.json(f"/organizations/{ours.uid}/audit", headers=JSON)
    assert db.session.scalars(select(AuditEntry.after).where(AuditEntry.action == "token.made")).all()

"""Two organizations import the same SKU with texts of their own: neither is ever shown the other's (S1)."""

import pytest
from sqlalchemy import select

from portal.delivery.document_draft import expected_document
from portal.domain.access import Preset
from portal.domain.vat import VatRules
from portal.gateways.easybill_shapes import draft_body
from portal.metering.importing import import_focus
from portal.models import Invoice
from portal.storage import db
from tests.factories import NOW, make_member, make_organization
from tests.metering.exports import hour, row, write
from tests.months import close

PATHS = (
    "/", "/subscriptions", "/billing/usage?month=2026-01", "/billing/usage?month=2026-01&by=project",
    "/billing/usage?month=2026-03", "/invoices", "/invoices/{invoice}", "{home}/invoices", "{home}/audit",
)  # fmt: skip
NAMED = {PATHS[2], PATHS[6]}  # where both faces name a product


@pytest.fixture
def rivals(app, tmp_path):
    """Two organizations with an invoiced and a running month of the same SKU, by their words."""
    both = {word: make_organization(f"{word.title()} GmbH") for word in ("hanse", "alpen")}
    for word, organization in both.items():
        texts = {"ChargeDescription": f"Backup of {word}", "PricingUnit": f"GB {word}", "SubAccountId": word}
        march = row(**texts, ChargePeriodStart="2026-03-02T07:00:00Z", ChargePeriodEnd="2026-03-02T08:00:00Z")
        path = write(tmp_path / f"{word}.csv", hour(7, **texts), march)
        db.session.commit()
        import_focus(organization, [path], lambda *_: pytest.fail("refused"), now=NOW)
    close(now=NOW, grace_days=3)
    return both


def invoice_of(organization):
    return db.session.scalars(select(Invoice).where(Invoice.organization_id == organization.id)).one()


@pytest.mark.parametrize(("own", "others"), [("hanse", "alpen"), ("alpen", "hanse")])
def test_pages_and_json_show_only_the_texts_of_ones_own_import(rivals, sign_in, own, others):
    organization = rivals[own]
    client = sign_in(make_member(organization, Preset.ADMIN))
    names = {"home": f"/organizations/{organization.uid}", "invoice": str(invoice_of(organization).uid)}
    for path in PATHS:
        for kind in ("text/html", "application/json"):
            answer = client.get(path.format(**names), headers={"Accept": kind})
            assert answer.status_code == (406 if (path, kind) == ("/", "application/json") else 200), path
            assert others not in answer.text.lower(), path
            if path in NAMED:
                assert f"Backup of {own}" in answer.text, path


@pytest.mark.parametrize(("own", "others"), [("hanse", "alpen"), ("alpen", "hanse")])
def test_a_legal_document_has_only_the_texts_of_ones_own_import(rivals, own, others):
    invoice = invoice_of(rivals[own])
    expected = expected_document(rivals[own], invoice, NOW.date(), vat_rules=VatRules("DE"))
    said = str(draft_body("1", expected.draft))
    assert f"Backup of {own}" in said
    assert others not in said

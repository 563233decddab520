"""`verify` finds every changed or emptied fact of VAT of a final invoice, and what rests on it."""

import pytest
from sqlalchemy import text

from portal.closing.verify_vat import vat_differences
from portal.models import LegalDocument, add_owned
from portal.services import settings
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    Address,
    hour_at,
    make_organization,
    make_product,
    make_subscription,
    use,
)
from tests.months import close, differences

VIENNA = Address("Ring 1", "1010", "Wien", "AT")
NEW_YORK = Address("Broadway 1", "10001", "New York", "US")


@pytest.fixture
def books(app):
    """Customers at home, elsewhere in the Union with a VAT id and without, and abroad; each was corrected."""
    home = make_organization("Heim GmbH")
    customers = [
        home,
        make_organization("Wien AG", address=VIENNA, vat_id="ATU62895905"),
        make_organization("Ohne KG", address=VIENNA),
        make_organization("Broadway Inc", address=NEW_YORK),
    ]
    for customer in customers:
        subscription = make_subscription(customer, make_product("storage", "1"))
        use(subscription, {hour_at(JANUARY, 3): 100, hour_at(FEBRUARY, 3): 7})
        close(now=JANUARY.ends_at, grace_days=0)
        use(subscription, {hour_at(JANUARY, 3): 50})
        close(now=FEBRUARY.ends_at, grace_days=0)
        use(subscription, {hour_at(MARCH, 3): 7})
        close(now=MARCH.ends_at, grace_days=0)
    db.session.commit()
    return {customer.name: customer.id for customer in customers}


def planted(books, name, change, period="2026-01"):
    """Return what is found after a change of an invoice, which is taken back."""
    trigger = "DROP TRIGGER invoice_is_not_changed"
    replica = "SET LOCAL session_replication_role = replica"
    db.session.execute(text(trigger if db.engine.dialect.name == "sqlite" else replica))
    own = f"organization_id = {books[name]} AND period = '{period}'"
    db.session.execute(text(f"UPDATE invoice SET {change} WHERE {own}"))
    found = list(vat_differences(settings().vat_rules))
    db.session.rollback()
    return found


PLANTED = [
    ("Heim GmbH", "vat_case = NULL", "its case of VAT is missing, in DE without a VAT id"),
    ("Heim GmbH", "vat_case = NULL, vat_country = NULL", "the country of its VAT is missing"),
    ("Heim GmbH", "vat_case = 'third_country'", "its case of VAT is third_country, in DE without"),
    ("Heim GmbH", "vat_case = 'nonsense'", "its case of VAT is nonsense, in DE without a VAT id"),
    ("Heim GmbH", "vat_country = 'XX'", "'XX' is no country of VAT"),
    ("Heim GmbH", "due_cents = due_cents + 1", "its lines and its VAT leave 11900 due and a credit of 0"),
    ("Heim GmbH", "due_cents = NULL, credit_cents = NULL", "it says None and None"),
    ("Wien AG", "vat_case = NULL", "its case of VAT is missing, in AT with a VAT id"),
    ("Wien AG", "vat_id = NULL", "its case of VAT is reverse_charge, in AT without a VAT id"),
    ("Wien AG", "vat_case = 'domestic', vat_id = NULL", "its lines and its VAT leave 11900 due"),
    ("Ohne KG", "due_cents = 1, credit_cents = 0", "its case of VAT is missing, while what is due"),
    ("Ohne KG", "vat_case = 'one_stop_shop'", "its lines and its VAT leave 12000 due"),
    ("Broadway Inc", "vat_country = 'DE', vat_case = 'domestic'", "its lines and its VAT leave 11900"),
]


def test_a_changed_or_emptied_fact_of_vat_is_found_in_books_that_were_clean(books):
    assert differences() == []
    for name, change, sentence in PLANTED:
        found = planted(books, name, change)
        assert any(sentence in each and each.startswith(f"organization {books[name]}, ") for each in found), (
            found
        )
    # Where it was left, and where it was applied.
    assert len(planted(books, "Heim GmbH", "credit_cents = credit_cents - 100", "2026-02")) == 2


def test_a_legal_document_of_another_amount_is_found(books):
    home = books["Heim GmbH"]
    with_document = f"UPDATE invoice SET provider_document_id = '1' WHERE organization_id = {home} AND id = 1"
    db.session.execute(text(with_document))
    document = LegalDocument(
        provider_document_id="1",
        number="R1",
        type="INVOICE",
        document_on=JANUARY.last_on,
        is_cancelled=False,
        currency="EUR",
        net_cents=10_000,
        gross_cents=11_901,
        synced_at=NOW,
    )
    add_owned(home, document)
    db.session.commit()
    (sentence,) = differences()
    assert "document R1 has 10000 net and 11901 gross, its lines and its VAT make 10000 and 11900" in sentence

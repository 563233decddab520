"""A month below zero becomes a credit document; what it leaves pays later ones; corrections name theirs."""

import datetime as dt

import pytest

from portal.delivery.sync import sync
from portal.domain.vat_rates import STANDARD_RATES
from portal.models import AuditEntry, Delivery, Invoice, LegalDocument, LegalStatus
from portal.storage import db
from tests.delivery.rows import make_customer
from tests.factories import FEBRUARY, JANUARY, MARCH, hour_at, make_product, make_subscription, use
from tests.months import close, deliver, differences

APRIL_5 = dt.datetime(2026, 4, 5, 12, tzinfo=dt.UTC)


def at(month) -> dt.datetime:
    """The morning on which a month is billed."""
    return month.ends_at + dt.timedelta(days=4)


@pytest.fixture(params=["en", "de"])
def customer(app, request):
    return make_customer(language=request.param)


@pytest.fixture
def subscription(customer):
    return make_subscription(customer, make_product("storage", "1"), since=JANUARY)


def bill(easybill, month):
    close(now=at(month), grace_days=3)
    return deliver(easybill.gateway, now=at(month))


@pytest.fixture
def credited(easybill, customer, subscription):
    """January billed with 100, February a credit of 60."""
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    use(subscription, {hour_at(JANUARY, 3): 40})
    assert bill(easybill, FEBRUARY).delivered == 1
    return subscription


def documents(easybill, customer):
    return easybill.documents(customer)


def test_a_month_below_zero_is_a_credit_document_that_refers_to_the_corrected_one(
    easybill, customer, credited
):
    invoice, credit = documents(easybill, customer)
    assert (credit["type"], credit["is_draft"]) == ("CREDIT", False)
    assert (credit["amount_net"], credit["amount"]) == (6000, 7140), "turned round: a credit gives back"
    assert credit["ref_id"] == invoice["id"]
    assert credit["title"] == {"en": "Credit note", "de": "Rechnungskorrektur"}[customer.language]
    position = credit["items"][0]["description"]
    assert invoice["number"] in position, "the law wants the corrected invoice named"
    assert "01/2026" in position


def test_our_copy_of_a_credit_document_is_below_zero_and_owed_by_nobody(easybill, customer, credited):
    row = db.session.scalars(db.select(LegalDocument).filter_by(type="CREDIT")).one()
    original = db.session.scalars(db.select(LegalDocument).filter_by(type="INVOICE")).one()
    assert (row.net_cents, row.gross_cents, row.due_cents) == (-6000, -7140, 0)
    assert row.refers_to_provider_document_id == original.provider_document_id
    assert row.status_on(dt.date(2027, 1, 1)) == LegalStatus.PAID, "it never becomes overdue"
    internal = db.session.scalars(db.select(Invoice).filter_by(period="2026-02")).one()
    assert (internal.total_cents, internal.credit_cents, internal.delivery) == (
        -6000,
        -7140,
        Delivery.DELIVERED,
    )
    assert differences() == []


def test_the_document_after_a_credit_says_how_much_the_credit_pays(easybill, customer, credited):
    use(credited, {hour_at(MARCH, 3): 100})
    bill(easybill, MARCH)
    document = documents(easybill, customer)[-1]
    note = document["items"][-1]
    assert (document["amount"], note["type"]) == (11900, "TEXT")
    said = {
        "en": "Set off against credit of earlier months: 71.40 EUR. Left to pay: 47.60 EUR.",
        "de": "Verrechnet mit Guthaben aus früheren Monaten: 71,40 EUR. Noch zu zahlen: 47,60 EUR.",
    }
    assert note["description"] == said[customer.language]
    row = db.session.scalars(db.select(LegalDocument).order_by(LegalDocument.id.desc())).first()
    assert (row.due_cents, row.status_on(row.document_on)) == (4760, LegalStatus.OPEN)


def test_a_document_that_credit_pays_wholly_is_paid(easybill, customer, credited):
    use(credited, {hour_at(MARCH, 3): 10})
    bill(easybill, MARCH)
    row = db.session.scalars(db.select(LegalDocument).order_by(LegalDocument.id.desc())).first()
    assert (row.gross_cents, row.due_cents) == (1190, 0)
    assert row.status_on(dt.date(2027, 1, 1)) == LegalStatus.PAID


def test_late_usage_is_a_line_of_the_next_document_and_names_its_invoice(easybill, customer, subscription):
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    use(subscription, {hour_at(JANUARY, 3): 90, hour_at(FEBRUARY, 1): 25})
    bill(easybill, FEBRUARY)
    january, february = documents(easybill, customer)
    own, correction = february["items"]
    assert (own["single_price_net"], correction["single_price_net"]) == (2500, -1000)
    assert january["number"] in correction["description"]
    assert (february["type"], february["amount_net"], february["amount"]) == ("INVOICE", 1500, 1785)


def test_a_correction_keeps_the_vat_rate_of_its_month(easybill, app, monkeypatch):
    """The rate changes on the first of February 2026, and January is corrected in February's document."""
    rates = (*STANDARD_RATES["DE"], (FEBRUARY.first_on, 2000))
    monkeypatch.setitem(STANDARD_RATES, "DE", rates)
    customer = make_customer()
    subscription = make_subscription(customer, make_product("storage", "1"), since=JANUARY)
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    use(subscription, {hour_at(JANUARY, 3): 110, hour_at(FEBRUARY, 1): 50})
    assert bill(easybill, FEBRUARY).delivered == 1
    february = documents(easybill, customer)[-1]
    assert [(each["single_price_net"], each["vat_percent"]) for each in february["items"]] == [
        (5000, 20),
        (1000, 19),
    ]
    assert (february["amount_net"], february["amount"]) == (6000, 7190)
    internal = db.session.scalars(db.select(Invoice).filter_by(period="2026-02")).one()
    assert internal.due_cents == 7190


def test_a_cancelled_credit_gives_nothing_back_any_more(easybill, customer, credited):
    credit = documents(easybill, customer)[-1]
    storno = easybill.cancel(credit["id"])
    sync(easybill.gateway, now=APRIL_5)
    row = db.session.scalars(db.select(LegalDocument).filter_by(provider_document_id=str(storno["id"]))).one()
    assert (row.type, row.net_cents, row.gross_cents) == ("STORNO_CREDIT", 6000, 7140)
    assert row.refers_to_provider_document_id == str(credit["id"])


def test_payment_and_cancellation_of_a_document_are_in_the_audit_trail(easybill, customer, subscription):
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    row = db.session.scalars(db.select(LegalDocument)).one()
    easybill.pay(row.provider_document_id, 11900, row.document_on)
    sync(easybill.gateway, now=APRIL_5)
    easybill.cancel(row.provider_document_id)
    sync(easybill.gateway, now=APRIL_5)
    sync(easybill.gateway, now=APRIL_5)

    entries = db.session.scalars(
        db.select(AuditEntry).where(AuditEntry.action.startswith("legal_invoice")).order_by(AuditEntry.id)
    ).all()
    assert [each.action for each in entries] == [
        "legal_invoice.issued",
        "legal_invoice.paid",
        "legal_invoice.cancelled",
        "legal_invoice.issued",
    ]
    assert {each.subject for each in entries[:3]} == {row.provider_document_id}
    assert entries[0].after["gross_cents"] == 11900
    assert (entries[1].before["paid_on"], entries[1].after["paid_cents"]) == (None, 11900)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE legal_document SET gross_cents = 1",
        "UPDATE legal_document SET number = 'X'",
        "DELETE FROM legal_document",
        "UPDATE legal_document_file SET content = NULL",
        "UPDATE legal_document_file SET sha256 = 'x'",
        "DELETE FROM legal_document_file",
    ],
)
def test_the_database_refuses_to_change_a_document(easybill, customer, subscription, statement):
    use(subscription, {hour_at(JANUARY, 3): 100})
    bill(easybill, JANUARY)
    with pytest.raises(Exception, match="what is final never changes"):
        db.session.execute(db.text(statement))
    db.session.rollback()

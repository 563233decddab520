"""Products, prices, projects and subscriptions: found or made; a price that was invoiced stays."""

from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from portal.domain.errors import NotFoundError, ValidationError
from portal.ledger import catalogue
from portal.ledger.catalogue import PriceFrozenError
from portal.models import Invoice, InvoiceItem, Metering, Price, Product, Project, Subscription, add_owned
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_organization,
    make_product,
    make_project,
)

NO_LINE = "has characters that cannot be printed on one line"


def rows(table):
    return db.session.scalar(select(func.count()).select_from(table))


def invoice(organization, product, month):
    """Bill one unit of a product: what freezes its price."""
    row = Invoice(
        period=str(month),
        number=f"{organization.number}-{month}",
        currency=organization.currency,
        total_cents=1,
        closed_at=NOW,
    )
    add_owned(organization.id, row)
    db.session.flush()
    item = InvoiceItem(
        invoice_id=row.id,
        project_id=None,
        product_id=product.id,
        project_uid=None,
        product_uid=uuid4(),
        project_name=None,
        product_name=product.name,
        unit=product.unit,
        unit_price=Decimal("0.01"),
        quantity_nano=10**9,
        total_cents=1,
    )
    add_owned(organization.id, item)
    db.session.commit()


# -- found, or made -----------------------------------------------------------------------------------
def test_a_product_is_made_once(app):
    first = catalogue.product_by_code("vm-1", name="vm", unit="hour")
    again = catalogue.product_by_code("vm-1", name="another name", unit="day", metering=Metering.TIME)
    assert first is again
    assert (again.name, again.unit, again.metering) == ("vm", "hour", "usage")
    assert rows(Product) == 1


def test_a_product_of_another_code_is_another_product(app):
    one, other = (catalogue.product_by_code(code, name="vm", unit="hour") for code in ("vm-1", "VM-1"))
    assert one.id != other.id


def test_a_project_is_made_once(acme):
    first = catalogue.project_by_code(acme, "p-1", name="production")
    assert catalogue.project_by_code(acme, "p-1", name="renamed") is first
    assert rows(Project) == 1


def test_two_organizations_may_use_the_same_project_code(acme):
    other = make_organization("Other AG")
    ours, theirs = (catalogue.project_by_code(each, "p-1", name="production") for each in (acme, other))
    db.session.commit()
    assert (ours.organization_id, theirs.organization_id) == (acme.id, other.id)


def test_projects_are_numbered_per_organization(acme):
    other = make_organization("Other AG")
    numbers = [catalogue.project_by_code(acme, code, name=code).id for code in "abc"]
    assert [*numbers, catalogue.project_by_code(other, "a", name="a").id] == [1, 2, 3, 1]


def test_a_subscription_is_found_again(acme):
    product, project = make_product(), make_project(acme)
    start = JANUARY.start_hour
    first = catalogue.subscription_to(acme, product, project, start_hour=start)
    assert catalogue.subscription_to(acme, product, project, start_hour=start + 100) is first
    assert first.start_hour == start
    assert rows(Subscription) == 1


def test_a_subscription_begins_at_the_midnight_of_its_first_hour(acme):
    made = catalogue.subscription_to(acme, make_product(), None, start_hour=hour_at(JANUARY, 5, 17))
    assert made.start_hour == hour_at(JANUARY, 5)


def test_a_subscription_begins_earlier_when_its_usage_did(acme):
    product = make_product()
    made = catalogue.subscription_to(acme, product, None, start_hour=hour_at(JANUARY, 5))
    catalogue.subscription_to(acme, product, None, start_hour=hour_at(JANUARY, 3, 7))
    assert made.start_hour == hour_at(JANUARY, 3)


def test_an_organization_and_its_project_have_separate_subscriptions_to_a_product(acme):
    product = make_product()
    own = catalogue.subscription_to(acme, product, None, start_hour=JANUARY.start_hour)
    theirs = catalogue.subscription_to(acme, product, make_project(acme), start_hour=JANUARY.start_hour)
    assert own.project_id is None
    assert own.id != theirs.id


def test_a_subscription_of_another_organization_is_not_found(acme):
    product, other = make_product(), make_organization("Other AG")
    theirs = catalogue.subscription_to(other, product, None, start_hour=JANUARY.start_hour)
    assert catalogue.subscription_to(acme, product, None, start_hour=JANUARY.start_hour) is not theirs


def test_subscribing_twice_makes_two_subscriptions(acme):
    product = make_product()
    both = [catalogue.subscribe(acme, product, None, start_hour=JANUARY.start_hour) for _ in range(2)]
    assert both[0].id != both[1].id


def test_a_new_subscription_has_not_been_metered(acme):
    made = catalogue.subscribe(acme, make_product(), None, start_hour=JANUARY.start_hour)
    assert made.metered_until_hour == JANUARY.start_hour
    assert made.end_hour is None


# -- prices -------------------------------------------------------------------------------------------
@pytest.fixture
def product(app):
    return make_product(price="0.01")


def prices_of(product):
    db.session.expire_all()
    query = select(Price).where(Price.product_id == product.id).order_by(Price.currency, Price.start_day)
    return {(each.currency, each.start_day): str(each.unit_price) for each in db.session.scalars(query)}


def test_a_price_holds_from_its_day_on(product):
    catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=JANUARY.start_day)
    assert prices_of(product) == {("EUR", 0): "0.01", ("EUR", JANUARY.start_day): "0.02"}


def test_a_price_can_be_corrected_while_no_month_was_invoiced(product):
    catalogue.set_price(product, "EUR", Decimal("0.03"), start_day=0)
    assert prices_of(product) == {("EUR", 0): "0.03"}


def test_the_twelfth_decimal_of_a_price_survives_the_database(product):
    catalogue.set_price(product, "EUR", Decimal("1.000000000001"), start_day=0)
    assert prices_of(product) == {("EUR", 0): "1.000000000001"}


def test_the_largest_price_survives_the_database(product):
    largest = Decimal(2**63 - 1).scaleb(-12)
    catalogue.set_price(product, "EUR", largest, start_day=0)
    assert prices_of(product) == {("EUR", 0): str(largest)}


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("0.0000000000001", "is finer than 12 decimals"),
        ("0.0000000000005", "is finer than 12 decimals"),
        ("-0.01", "is negative or too large"),
        ("9223372.036854775808", "is negative or too large"),
        ("1E+60", "is negative or too large"),
        ("Infinity", "is negative or too large"),
        ("NaN", "is negative or too large"),
    ],
)
def test_a_price_that_cannot_be_kept_exactly_is_refused(product, price, reason):
    with pytest.raises(ValidationError) as refused:
        catalogue.set_price(product, "EUR", Decimal(price), start_day=5)
    assert refused.value.fields == {"unit_price": [reason]}
    db.session.rollback()
    assert prices_of(product) == {("EUR", 0): "0.01"}


def test_a_refused_price_leaves_the_old_price(product):
    with pytest.raises(ValidationError):
        catalogue.set_price(product, "EUR", Decimal("0.0000000000001"), start_day=0)
    db.session.commit()
    assert prices_of(product) == {("EUR", 0): "0.01"}


@pytest.mark.parametrize("offset", [0, 14, 30], ids=["its first day", "its middle", "its last day"])
def test_a_price_is_frozen_for_the_days_of_an_invoiced_month(acme, product, offset):
    invoice(acme, product, JANUARY)
    with pytest.raises(PriceFrozenError):
        catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=JANUARY.start_day + offset)


def test_a_price_of_an_earlier_day_is_frozen_where_it_would_hold_into_an_invoiced_month(acme, product):
    invoice(acme, product, FEBRUARY)
    with pytest.raises(PriceFrozenError):
        catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=JANUARY.start_day)


def test_the_price_that_an_invoice_used_cannot_be_edited(acme, product):
    invoice(acme, product, JANUARY)
    with pytest.raises(PriceFrozenError):
        catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=0)
    db.session.rollback()
    assert prices_of(product) == {("EUR", 0): "0.01"}


def test_setting_a_frozen_price_to_its_present_value_is_allowed(acme, product):
    invoice(acme, product, JANUARY)
    assert catalogue.set_price(product, "EUR", Decimal("0.010"), start_day=0).start_day == 0


def test_the_month_after_an_invoice_may_have_a_new_price(acme, product):
    invoice(acme, product, FEBRUARY)
    catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=MARCH.start_day)
    assert len(prices_of(product)) == 2


def test_an_invoice_in_another_currency_freezes_nothing(acme, product):
    invoice(acme, product, JANUARY)
    catalogue.set_price(product, "USD", Decimal("0.02"), start_day=JANUARY.start_day)
    assert len(prices_of(product)) == 2


def test_an_invoiced_month_freezes_the_prices_of_every_product(acme, product):
    invoice(acme, make_product(), JANUARY)
    with pytest.raises(PriceFrozenError):
        catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=JANUARY.start_day)


def test_a_product_without_any_price_gets_its_first_price_for_invoiced_months_too(acme, product):
    invoice(acme, product, JANUARY)
    fresh = catalogue.product_by_code("fresh", name="Fresh", unit="hour")
    catalogue.set_price(fresh, "EUR", Decimal("0.02"), start_day=0)
    assert len(prices_of(fresh)) == 1


def test_an_invoice_of_any_organization_freezes_the_price_for_all(acme, product):
    invoice(make_organization("Other AG"), product, JANUARY)
    with pytest.raises(PriceFrozenError):
        catalogue.set_price(product, "EUR", Decimal("0.02"), start_day=JANUARY.start_day)


# -- products of imports ------------------------------------------------------------------------------
def test_a_product_of_an_import_is_its_organizations_own(acme):
    other = make_organization("Other Ltd")
    ours, theirs = (
        catalogue.product_of_import(each, "sku@1EUR", name=each.name, unit="GB") for each in (acme, other)
    )
    assert (ours.owner_id, ours.name) == (acme.id, acme.name)
    assert (theirs.owner_id, theirs.name) == (other.id, other.name)
    assert catalogue.product_of_import(acme, "sku@1EUR", name="again", unit="TB") is ours


def test_an_import_finds_a_product_of_the_catalogue_and_never_renames_it(acme):
    sold = catalogue.product_by_code("sku@1EUR", name="Backup", unit="GB")
    assert catalogue.product_of_import(acme, "sku@1EUR", name="Secret of Acme", unit="TB") is sold
    assert (sold.name, sold.unit, sold.owner_id) == ("Backup", "GB", None)


def test_nobody_subscribes_to_a_product_of_another_organizations_import(acme):
    other = make_organization("Other Ltd")
    theirs = catalogue.product_of_import(other, "sku@1EUR", name="Secret", unit="GB")
    with pytest.raises(NotFoundError, match="There is no product"):
        catalogue.subscribe(acme, theirs, None, start_hour=JANUARY.start_hour)


BAD_TEXTS = {
    "": "is missing",
    "x" * 5000: "has more than",
    "A\nB\x1b[31m": NO_LINE,
    "\N{RIGHT-TO-LEFT OVERRIDE}A": NO_LINE,
    "A\N{LEFT-TO-RIGHT ISOLATE}": NO_LINE,
    "A\N{LEFT-TO-RIGHT MARK}": NO_LINE,
    "A\0": NO_LINE,
    "\udcff": NO_LINE,
}


@pytest.mark.parametrize(("text", "reason"), BAD_TEXTS.items(), ids=map(repr, range(len(BAD_TEXTS))))
def test_a_product_or_project_with_an_unusable_text_is_not_made(acme, text, reason):
    good = {"code": "vm", "name": "Server", "unit": "hour"}
    for name in good:
        with pytest.raises(ValidationError) as refused:
            catalogue.product_by_code(**good | {name: text})
        assert refused.value.fields[name][0].startswith(reason)
    for name, field in (("code", "project"), ("name", "project name")):
        with pytest.raises(ValidationError) as refused:
            catalogue.project_by_code(acme, **{"code": "p", "name": "P"} | {name: text})
        assert refused.value.fields[field][0].startswith(reason)

"""Products, prices, projects and subscriptions: found where they exist, made where they do not.

What is made has texts of one line: whoever brings them in, they come through here.
"""

from decimal import Decimal, Inexact
from functools import partial

from sqlalchemy import exists, select

from portal.domain.currencies import checked_currency
from portal.domain.errors import ConflictError, NotFoundError, UnusableValueError, ValidationError
from portal.domain.period import HOURS_A_DAY, Month, date_of
from portal.domain.problems import Problems
from portal.domain.rating import PRICE_MAX_PICO, pico_of
from portal.domain.text_line import (
    KEY_LENGTH_MAX,
    NAME_LENGTH_MAX,
    UNIT_LENGTH_MAX,
    checked_key,
    required_line,
)
from portal.ledger import audit
from portal.ledger.audit import Change
from portal.models import Invoice, Metering, Organization, Price, Product, Project, Subscription, add_owned
from portal.storage import db

_CODE_LENGTH_MAX = KEY_LENGTH_MAX + 100  # of an import: the SKU, its price and its organization


class PriceFrozenError(ConflictError):
    """That day is part of an invoiced month: its price cannot change any more."""


def product_by_code(code: str, *, name: str, unit: str, metering: Metering = Metering.USAGE) -> Product:
    """Return the product of a code; name and unit count only when it is made, for the catalogue."""
    _refuse_unusable("code", code)
    product = db.session.scalar(select(Product).where(Product.code == code))
    return product or _make_product(code, name, unit, metering)


def product_of_import(organization: Organization, code: str, *, name: str, unit: str) -> Product:
    """Return the product that an organization's import names by a code: its own, or the catalogue's.

    A missing one is made for this organization alone. One of the catalogue keeps its name: what an import
    calls it is of its organization's usage.
    """
    own_code = f"{code}#{organization.number}"  # a code is unique, and of several organizations
    query = (
        select(Product)
        .where(
            Product.code.in_([code, own_code]),
            Product.owner_id.is_(None) | (Product.owner_id == organization.id),
        )
        .order_by(Product.owner_id.is_(None))
    )
    product = db.session.scalars(query.limit(1)).first()
    return product or _make_product(own_code, name, unit, Metering.USAGE, owner=organization)


def _refuse_unusable(field: str, key: str) -> None:
    """Refuse a key that no database keeps, and what a person could not tell from another."""
    problems = Problems()
    problems.attempt(field, partial(checked_key, key, _CODE_LENGTH_MAX))
    problems.refuse()


def _make_product(
    code: str, name: str, unit: str, metering: Metering, owner: Organization | None = None
) -> Product:
    problems = Problems()
    tidy_name = problems.attempt("name", partial(required_line, name, NAME_LENGTH_MAX))
    tidy_unit = problems.attempt("unit", partial(required_line, unit, UNIT_LENGTH_MAX))
    problems.refuse()
    product = Product(
        code=code, name=tidy_name, unit=tidy_unit, metering=metering, owner_id=owner and owner.id
    )
    db.session.add(product)
    db.session.flush()
    return product


def checked_price(unit_price: Decimal) -> Decimal:
    """Return the price, or refuse one that cannot be kept exactly."""
    try:
        pico = pico_of(unit_price)
    except Inexact as error:
        raise ValidationError({"unit_price": ["is finer than 12 decimals"]}) from error
    except ValueError as error:  # NaN, an infinity, or more digits than any column holds
        raise ValidationError({"unit_price": ["is negative or too large"]}) from error
    if not 0 <= pico <= PRICE_MAX_PICO:
        raise ValidationError({"unit_price": ["is negative or too large"]})
    return unit_price


def set_price(product: Product, currency: str, unit_price: Decimal, *, start_day: int) -> Price:
    """Set what a product costs from the midnight of a day on; PriceFrozenError for an invoiced day."""
    checked_price(unit_price)
    _refuse_currency(currency)
    price = db.session.get(Price, (product.id, currency, start_day))
    if price is not None and price.unit_price == unit_price:
        return price
    _refuse_frozen(product, currency, start_day)
    if price is None:
        price = Price(product_id=product.id, currency=currency, start_day=start_day)
        db.session.add(price)
    before, price.unit_price = price.unit_price, unit_price
    db.session.flush()
    _record_price(product, price, before)
    return price


def _refuse_currency(currency: str) -> None:
    """Refuse a currency that no customer can be billed in, unless a customer has it already."""
    try:
        checked_currency(currency)
    except UnusableValueError as error:
        if not db.session.scalar(select(exists().where(Organization.currency == currency))):
            raise ValidationError({"currency": [str(error)]}) from error


def _record_price(product: Product, price: Price, before: Decimal | None) -> None:
    """A price is every organization's that subscribes to its product."""
    organization_ids = db.session.scalars(
        select(Subscription.organization_id)
        .join(Organization, Organization.id == Subscription.organization_id)
        .where(Subscription.product_id == product.id, Organization.currency == price.currency)
        .distinct()
        .order_by(Subscription.organization_id)
    ).all()
    facts = {"product": product.code, "currency": price.currency, "from": date_of(price.start_day)}
    was = None if before is None else facts | {"unit_price": before}
    now = facts | {"unit_price": price.unit_price}
    audit.record_each(
        [
            Change(organization_id, "price.set", str(product.uid), was, now)
            for organization_id in organization_ids
        ]
    )


def _refuse_frozen(product: Product, currency: str, start_day: int) -> None:
    """Refuse a price for a day of an invoiced month; a product without any price was in no invoice."""
    has_price = exists().where(Price.product_id == product.id, Price.currency == currency)
    period = str(Month.of_day(start_day))
    is_invoiced = exists().where(Invoice.currency == currency, Invoice.period >= period)
    if db.session.scalar(select(has_price & is_invoiced)):
        raise PriceFrozenError


def project_by_code(organization: Organization, code: str, *, name: str) -> Project:
    """Return the project of a code, or make it."""
    _refuse_unusable("project", code)
    query = select(Project).where(Project.organization_id == organization.id, Project.code == code)
    return db.session.scalar(query) or _make_project(organization, code, name)


def _make_project(organization: Organization, code: str, name: str) -> Project:
    problems = Problems()
    tidy_name = problems.attempt("project name", partial(required_line, name, NAME_LENGTH_MAX))
    problems.refuse()
    return add_owned(organization.id, Project(code=code, name=tidy_name))


def subscription_to(
    organization: Organization, product: Product, project: Project | None, *, start_hour: int
) -> Subscription:
    """Return a project's subscription to a product, or make one from the midnight of that hour on.

    A subscription that began later is made to begin earlier, as its usage did.
    """
    midnight = start_hour // HOURS_A_DAY * HOURS_A_DAY
    query = (
        select(Subscription)
        .where(
            Subscription.organization_id == organization.id,
            Subscription.project_id == (project.id if project else None),
            Subscription.product_id == product.id,
        )
        .order_by(Subscription.id)
    )
    subscription = db.session.scalars(query).first()
    if subscription is None:
        return subscribe(organization, product, project, start_hour=midnight)
    subscription.start_hour = min(subscription.start_hour, midnight)
    return subscription


def subscribe(
    organization: Organization,
    product: Product,
    project: Project | None,
    *,
    start_hour: int,
    end_hour: int | None = None,
) -> Subscription:
    """Begin a subscription; without a project it is the organization's own.

    NotFoundError for a product of another organization's.
    """
    db.session.flush()
    if product.owner_id not in {None, organization.id}:
        raise NotFoundError(f"There is no product {product.code}.")
    subscription = Subscription(
        project_id=project.id if project else None,
        product_id=product.id,
        start_hour=start_hour,
        end_hour=end_hour,
        metered_until_hour=start_hour,
    )
    return add_owned(organization.id, subscription)


def existing_product(code: str) -> Product:
    """Return the product of a code, or raise NotFoundError."""
    _refuse_unusable("code", code)
    product = db.session.scalar(select(Product).where(Product.code == code))
    if product is None:
        raise NotFoundError(f"There is no product {code}.")
    return product


def refuse_unpriced(product: Product, currency: str) -> None:
    """Raise ConflictError where a product has no price in a currency: its usage could not be billed."""
    query = select(exists().where(Price.product_id == product.id, Price.currency == currency))
    if not db.session.scalar(query):
        raise ConflictError(f"{product.code} has no price in {currency}.")

"""Final invoices, made as closing makes them, and the EasyBill of the tests."""

import datetime as dt
from decimal import Decimal
from itertools import count
from uuid import uuid4

import requests

from portal.domain.money import Money
from portal.domain.period import Month
from portal.domain.rating import RatedLine, nano_of, pico_of
from portal.gateways.easybill import EasybillGateway
from portal.models import (
    Delivery,
    Invoice,
    InvoiceItem,
    ItemKind,
    Organization,
    add_owned,
    invoice_uid,
    item_uid,
)
from portal.storage import db
from tests.factories import JANUARY, NOW, make_organization, make_product, make_project

KEY = "easybill-sandbox"
LINES = [
    ("production", "vm.medium", "744", "0.00694"),
    ("staging", "vm.medium", "744", "0.00694"),
    ("production", "storage", "1234.5", "0.1"),
    (None, "free tier", "100", "0"),
]
# The sandbox outlives a test, so each test has customers of its own there.
_numbers = count(int(dt.datetime.now(dt.UTC).timestamp()) * 1000)


def make_customer(name: str = "Acme GmbH", **facts) -> Organization:
    return own_customer(make_organization(name, **facts))


def own_customer(organization: Organization) -> Organization:
    organization.number = str(next(_numbers))
    db.session.commit()
    return organization


def make_invoice(
    organization: Organization,
    *lines: tuple[str | None, str, str, str],
    month: Month = JANUARY,
    closed_at: dt.datetime = NOW,
    corrects: Month | None = None,
) -> Invoice:
    """Lines are (project, product, quantity, unit price); each costs its cumulative amount.

    Lines of a quantity below zero correct an earlier month.
    """
    uid = invoice_uid(organization.uid, str(month))
    products = {name: make_product(name) for _, name, _, _ in lines}
    projects = {name: make_project(organization, name) for name, _, _, _ in lines if name}
    items = []
    for project_name, product_name, quantity, price in lines:
        product, project = products[product_name], projects.get(project_name)
        nano, unit_price = nano_of(Decimal(quantity))[0], Decimal(price)
        is_correction = nano < 0
        items.append(
            InvoiceItem(
                kind=ItemKind.CORRECTION if is_correction else ItemKind.USAGE,
                corrects_period=str(corrects) if is_correction else None,
                uid=item_uid(uid, project and project.uid, product.uid, unit_price),
                project_id=project and project.id,
                product_id=product.id,
                project_uid=project and project.uid,
                product_uid=product.uid,
                project_name=project_name,
                product_name=product_name,
                unit="hour",
                unit_price=unit_price,
                quantity_nano=nano,
                total_cents=_cost(unit_price, nano, organization.currency),
            )
        )
    total = sum(item.total_cents for item in items)
    invoice = Invoice(
        uid=uid,
        period=str(month),
        number=f"{month}-{uuid4().hex[:6]}",
        currency=organization.currency,
        total_cents=total,
        closed_at=closed_at,
        delivery=Delivery.PENDING if total else Delivery.NOT_NEEDED,
    )
    add_owned(organization.id, invoice)
    db.session.flush()
    for item in items:
        item.invoice_id = invoice.id
        add_owned(organization.id, item)
    db.session.commit()
    return invoice


def _cost(unit_price: Decimal, nano: int, currency: str) -> int:
    """What a line costs; what is taken back costs as much below zero."""
    cost = RatedLine(pico_of(unit_price), currency).cumulative_amount(abs(nano))
    return cost if nano >= 0 else -cost


class Easybill:
    """The sandbox, asked directly: what a test wants to see there, or to do behind the portal's back."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.gateway = EasybillGateway(KEY, base, deadline_seconds=20)

    def __call__(self, method: str, path: str, **options):
        answer = requests.request(
            method, self.base + path, headers={"Authorization": f"Bearer {KEY}"}, timeout=20, **options
        )
        assert answer.ok, answer.text
        return answer

    def documents(self, organization: Organization) -> list[dict]:
        customer = organization.invoicing_customer_id
        return self("GET", "/documents", params={"customer_id": customer}).json()["items"]

    def pay(self, document_id: str, cents: int, paid_on: dt.date) -> None:
        amount = Money(cents, "EUR")
        self.gateway.record_payment(document_id, amount, paid_on, f"payment {next(_numbers)}")

    def cancel(self, document_id: str) -> dict:
        return self("POST", f"/documents/{document_id}/cancel").json()

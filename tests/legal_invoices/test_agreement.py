"""One number everywhere: list, detail, page, PDF, EasyBill and the statement agree, to the cent.

A few dozen generated invoices here; AGREEING_INVOICES=1000 makes the thousand, AGREEING_SEED others.
"""

import dataclasses
import os
import random
from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from portal.domain.money import Money, exponent_of
from portal.domain.period import Month
from portal.domain.vat import WithoutVatId
from portal.models import Invoice, Organization
from portal.storage import db
from tests.delivery.rows import make_customer, make_invoice
from tests.factories import HAMBURG, NOW, Address, make_account, make_member
from tests.months import deliver

COUNT = int(os.environ.get("AGREEING_INVOICES", "24"))
SEED = int(os.environ.get("AGREEING_SEED", "20260310"))
FIRST_MONTH = Month(2016, 1)
_TOTAL_MAX_MINOR = 10**11  # the sandbox counts up to 10^12 hundredths

CUSTOMERS = (
    (HAMBURG, "EUR", {"vat_id": "DE136695976", "language": "de"}),
    (HAMBURG, "EUR", {"language": "en"}),
    (Address("Ring 1", "1010", "Wien", "AT"), "EUR", {"vat_id": "ATU13585627", "language": "de"}),
    (Address("Rue 1", "75001", "Paris", "FR"), "EUR", {"language": "en"}),
    (Address("Katu 1", "00100", "Helsinki", "FI"), "EUR", {"language": "en"}),
    (Address("Katu 2", "00100", "Helsinki", "FI"), "JPY", {"vat_id": "FI20774740", "language": "en"}),
    (Address("1 Main St", "02108", "Boston", "US"), "USD", {"language": "en"}),
    (Address("1-1 Chiyoda", "100-0001", "Tokyo", "JP"), "JPY", {"language": "en"}),
)


@pytest.fixture
def destination(app):
    """Customers of the Union without a VAT id pay the rate of their own country."""
    known = app.extensions["portal.settings"]
    app.extensions["portal.settings"] = dataclasses.replace(known, eu_without_vat_id=WithoutVatId.DESTINATION)
    yield
    app.extensions["portal.settings"] = known


def generated_lines(chance: random.Random, currency: str) -> list[tuple[str | None, str, str, str]]:
    """Anything between nothing and a fortune, with quantities of nine decimals and prices of twelve."""
    lines = {}
    for _ in range(chance.randint(1, 8)):
        project = chance.choice([None, "production", "staging"])
        product = chance.choice(["vm.medium", "storage", "database", "traffic", "Überwachung"])
        quantity = Decimal(chance.randint(1, 10 ** chance.randint(1, 16))).scaleb(-9)
        price = Decimal(chance.randint(0, 10 ** chance.randint(1, 14))).scaleb(-12)
        worth = quantity * price * 10 ** exponent_of(currency)
        if worth < _TOTAL_MAX_MINOR:
            lines[project, product] = (project, product, f"{quantity:f}", f"{price:f}")
    return list(lines.values()) or [(None, "vm.medium", "744", "0.00694")]


def generated_invoices(chance: random.Random, count: int) -> dict[Organization, list[Invoice]]:
    made: dict[Organization, list[Invoice]] = {
        make_customer(f"Customer {number}", address=address, currency=currency, **facts): []
        for number, (address, currency, facts) in enumerate(CUSTOMERS)
    }
    owners = list(made)
    for number in range(count):
        owner = owners[number % len(owners)]
        month = FIRST_MONTH.shifted(number // len(owners))
        made[owner].append(make_invoice(owner, *generated_lines(chance, owner.currency), month=month))
    return made


def hundredths(amount: dict) -> int:
    return amount["cents"] * 10 ** (2 - exponent_of(amount["currency_iso"]))


def printed(amount: Money, language: str) -> str:
    """An amount as the paper writes it."""
    decimals = exponent_of(amount.currency)
    text = f"{amount.major:,.{decimals}f}"
    if language == "de":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"{text} {amount.currency}"


def text_of(pdf: bytes) -> str:
    pages = PdfReader(BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def shown(amount: Money, app) -> str:
    return app.jinja_env.filters["money"](amount)


def test_generated_invoices_agree_in_list_detail_page_pdf_easybill_and_statement(
    app, easybill, sign_in, destination
):
    chance = random.Random(SEED)
    made = generated_invoices(chance, COUNT)
    # What costs nothing at all needs no document.
    expected = {owner: [each for each in some if each.total_cents] for owner, some in made.items()}
    deliver(easybill.gateway, now=NOW)
    stuck = db.session.scalars(db.select(Invoice.last_error).where(Invoice.last_error.is_not(None))).all()
    assert stuck == []
    person = make_account()
    for owner in made:
        make_member(owner, account=person)
    client = sign_in(person)
    for owner, invoices in expected.items():
        check_all_of(app, easybill, client, owner, invoices)


def check_all_of(app, easybill, client, owner, invoices):
    where = f"seed {SEED}, {owner.name}"
    uids = {str(each.uid): each.total for each in invoices}
    url = f"/organizations/{owner.uid}/invoices"
    listed = client.json(f"{url}?limit=200")
    assert len(listed) == len(uids), where
    payloads = {str(each["id"]): each for each in all_documents(easybill, owner)}
    assert set(payloads) == {each["id"] for each in listed}, where
    for one in listed:
        uid = one["internal_invoice_id"]
        net, gross = (Money(one[name]["cents"], owner.currency) for name in ("total_net", "total"))
        detail = client.json(f"{url}/{one['id']}")
        assert {name: detail[name] for name in one} == one, where
        assert detail["difference"]["cents"] == 0, where
        assert sum(each["total_net"]["cents"] for each in detail["positions"]) == net.cents, where
        assert net == uids[uid], where
        statement = client.json(f"/invoices/{uid}?organization_id={owner.uid}")
        assert statement["total"] == one["total_net"], where
        assert sum(item["total"]["cents"] for item in statement["items"]) == net.cents, where

        payload = payloads[one["id"]]
        told = (payload["amount_net"], payload["amount"], payload["currency"])
        assert told == (hundredths(one["total_net"]), hundredths(one["total"]), owner.currency), where
        items = [each for each in payload["items"] if each["type"] == "POSITION"]
        assert sum(each["single_price_net"] for each in items) == payload["amount_net"], where

        page = client.page(f"{url}/{one['id']}")
        facts = page.select_one("dl.facts").text
        for amount in (net, gross - net, gross):
            assert shown(amount, app) in facts, where
        assert "No difference" in page.text, where

        text = text_of(client.get(f"{url}/download?invoice_id={one['id']}").data)
        for amount in (net, gross):
            assert printed(amount, owner.language) in text, (where, text)
        assert one["number"] in text, where


def all_documents(easybill, owner):
    asked = {"customer_id": owner.invoicing_customer_id, "limit": 1000}
    return easybill("GET", "/documents", params=asked).json()["items"]

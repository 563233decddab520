"""What we assume of EasyBill, asked of the sandbox and, with EASYBILL_API_KEY, of an account of one's own.

It makes a customer and drafts and deletes them again; nothing is finished, so no legal document comes
about. What EasyBill's description leaves open is a test here: where the real one answers otherwise, the
sandbox and docs/INVOICING.md have to follow.
"""

import datetime as dt
import os
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import requests

from portal.config import EASYBILL_API
from portal.domain.money import Money
from portal.domain.vat import document_totals
from portal.gateways.easybill import EasybillGateway
from portal.gateways.invoicing import Document, DraftLine, InvoicingCustomer
from tests.delivery.rows import KEY, _numbers
from tests.gateways.test_easybill import draft_facts

TODAY = dt.datetime.now(ZoneInfo("Europe/Berlin")).date()


class Account:
    """A customer of ours at EasyBill, and the drafts made for it."""

    def __init__(self, base: str, key: str) -> None:
        self.base, self.key = base, key
        self.gateway = EasybillGateway(key, base)
        self.facts = InvoicingCustomer(
            number=f"contract-{next(_numbers)}",
            name="Contract test of the billing portal",
            street="Musterstraße 1",
            postal_code="20095",
            city="Hamburg",
            country="DE",
            vat_id=None,
            emails=[],
        )
        self.customer_id = self.gateway.create_customer(self.facts)
        self.drafts: list[str] = []

    def draft(self, *lines: tuple[int, int], currency: str = "EUR", **facts) -> Document:
        """Make a draft of (net in minor units, rate in basis points) lines."""
        document_lines = [DraftLine("vm.medium", Money(net, currency), rate) for net, rate in lines]
        facts |= {"lines": document_lines, "currency": currency, "document_on": TODAY}
        document = self.gateway.create_draft(self.customer_id, draft_facts(**facts))
        self.drafts.append(document.id)
        return document

    def raw(self, method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return requests.request(method, self.base + path, json=body, headers=headers, timeout=30)

    def clean_up(self) -> None:
        for each in self.drafts:
            self.gateway.delete_draft(each)
        self.raw("DELETE", f"/customers/{self.customer_id}")


@pytest.fixture(params=["sandbox", "easybill"])
def account(request, sandboxes):
    base, key = f"{sandboxes.easybill_url}/rest/v1", KEY
    if request.param == "easybill":
        base, key = EASYBILL_API, os.environ.get("EASYBILL_API_KEY", "")
        if not key:
            pytest.skip("EASYBILL_API_KEY is not set, so the real EasyBill is not asked")
    account = Account(base, key)
    try:
        yield account
    finally:
        account.clean_up()


def test_a_customer_with_a_company_name_alone_is_found_by_our_number(account):
    assert account.gateway.customer_by_number(account.facts.number) == account.customer_id


def test_a_new_draft_is_in_the_list_of_easybill_at_once(account):
    draft = account.draft((12345, 1900))
    found = account.gateway.documents_of(account.customer_id, TODAY - dt.timedelta(days=1), TODAY)
    assert [each.id for each in found] == [draft.id]
    assert found[0].external_id == draft.external_id


@pytest.mark.parametrize(
    "lines",
    [
        [(12345, 1900)],
        [(5, 1900)] * 3,
        [(1, 1900)] * 50,
        [(99999999, 1900), (-12345, 1900)],
        [(10000, 1900), (10000, 700)],
        [(12345, 0)],
    ],
)
def test_a_draft_at_easybill_has_our_totals_to_the_cent(account, lines):
    totals = document_totals((rate, net) for net, rate in lines)
    draft = account.draft(*lines)
    assert (draft.net, draft.gross) == (Decimal(totals.net_minor) / 100, Decimal(totals.gross_minor) / 100)
    assert (draft.is_draft, draft.number) == (True, None)


def test_easybill_counts_yen_in_hundredths(account):
    draft = account.draft((1234, 0), currency="JPY")
    assert (draft.net, draft.currency) == (1234, "JPY")


def test_a_credit_keeps_the_amount_that_it_gives_back(account):
    credit = account.draft((-12345, 1900), type="CREDIT")
    assert (credit.type, credit.net, credit.gross) == ("CREDIT", Decimal("-123.45"), Decimal("-146.91"))


def test_prices_keep_fractions_of_a_cent_until_the_document_is_summed(account):
    item = {"single_price_net": 0.4, "vat_percent": 0, "quantity": 1}
    body = {"customer_id": int(account.customer_id), "items": [item, item]}
    made = account.raw("POST", "/documents", body).json()
    account.drafts.append(str(made["id"]))
    assert made["amount_net"] == 1


def test_a_draft_that_was_deleted_at_easybill_is_gone(account):
    draft = account.draft((12345, 1900))
    account.gateway.delete_draft(draft.id)
    assert account.gateway.document_of(draft.id) is None


def test_easybill_gives_the_pdf_of_a_draft(account):
    assert account.gateway.pdf_of(account.draft((12345, 1900)).id).startswith(b"%PDF")


def test_easybill_refuses_a_wrong_key(account):
    answer = requests.get(f"{account.base}/documents", headers={"Authorization": "Bearer wrong"}, timeout=30)
    assert answer.status_code == 401

"""An account at each invoicing provider, and what somebody does there behind the portal's back."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from portal.domain.money import Money
from portal.domain.vat import VatCase
from portal.gateways import easybill_http
from portal.gateways.invoicing import Document, DocumentDraft, DraftLine, InvoicingCustomer, InvoicingProvider
from portal.models import Organization
from tests.delivery.rows import Easybill, _numbers
from tests.memory_provider import MemoryProvider

_FIRST_ON, _LAST_ON = dt.date(2000, 1, 1), dt.date(2100, 1, 1)


class Account:
    """What both accounts can do by what the gateway offers."""

    gateway: InvoicingProvider

    def documents(self, organization: Organization) -> Sequence[Document]:
        """Return the organization's documents there, the oldest first."""
        return self.gateway.documents_of(organization.invoicing_customer_id, _FIRST_ON, _LAST_ON)

    def pay(self, document_id: str, cents: int, paid_on: dt.date) -> None:
        amount = Money(cents, "EUR")
        self.gateway.record_payment(document_id, amount, paid_on, f"payment {next(_numbers)}")

    def draft(self, customer_id: str, external_id: str) -> str:
        """Make a draft of 100 euros net, as a person would, and return its id."""
        day = dt.date(2026, 3, 10)
        draft = DocumentDraft(
            external_id=external_id,
            document_on=day,
            service_from=day,
            service_to=day,
            currency="EUR",
            vat_case=VatCase.DOMESTIC,
            vat_text=None,
            taxed_in=None,
            due_in_days=14,
            language="en",
            buyer_reference=None,
            order_number=None,
            lines=[DraftLine("Consulting", Money(10000, "EUR"), 1900)],
        )
        return self.gateway.create_draft(customer_id, draft).id

    def by_hand(self, customer_id: str) -> Document:
        """Make and finish a document of 100 euros net."""
        return self.gateway.finish(self.draft(customer_id, f"by hand {next(_numbers)}"))

    def stranger(self) -> str:
        """Return a customer who is none of ours."""
        return self.gateway.create_customer(
            InvoicingCustomer(
                f"stranger {next(_numbers)}",
                name="Stranger",
                street="Way 1",
                postal_code="1",
                city="Rome",
                country="IT",
            )
        )


class EasybillAccount(Account):
    """The sandbox."""

    def __init__(self, easybill: Easybill) -> None:
        self.gateway = easybill.gateway
        self._easybill = easybill

    def customer(self, organization: Organization) -> InvoicingCustomer:
        path = f"/customers/{organization.invoicing_customer_id}"
        there = self._easybill("GET", path).json()
        return InvoicingCustomer(
            number=there["number"],
            name=there["company_name"],
            street=there["street"],
            postal_code=there["zip_code"],
            city=there["city"],
            country=there["country"],
            vat_id=there["vat_identifier"] or None,
            emails=tuple(there["emails"]),
            buyer_reference=there["buyer_reference"] or None,
        )

    def customers_numbered(self, number: str) -> Sequence[str]:
        items = self._easybill("GET", "/customers", params={"number": number}).json()["items"]
        return [str(item["id"]) for item in items]

    def cancel(self, document_id: str) -> str:
        return str(self._easybill.cancel(document_id)["id"])

    def change_net(self, document_id: str, net: Decimal) -> None:
        """Let the first line make up the difference."""
        document = self._easybill("GET", f"/documents/{document_id}").json()
        missing = int(net * 100) - document["amount_net"]
        first, *others = document["items"]
        lines = [first | {"single_price_net": first["single_price_net"] + missing}, *others]
        self._easybill("PUT", f"/documents/{document_id}", json={"items": lines})

    def set_page_rows(self, rows: int, monkeypatch) -> None:
        monkeypatch.setattr(easybill_http, "PAGE_ROWS", rows)


class MemoryAccount(Account):
    """A provider that is not EasyBill."""

    gateway: MemoryProvider

    def __init__(self) -> None:
        self.gateway = MemoryProvider()

    def customer(self, organization: Organization) -> InvoicingCustomer:
        return self.gateway.customers[organization.invoicing_customer_id]

    def customers_numbered(self, number: str) -> Sequence[str]:
        return [key for key, customer in self.gateway.customers.items() if customer.number == number]

    def cancel(self, document_id: str) -> str:
        return self.gateway.cancel(document_id)

    def change_net(self, document_id: str, net: Decimal) -> None:
        self.gateway.change_net(document_id, net)

    def set_page_rows(self, rows: int, monkeypatch) -> None:
        self.gateway.page_rows = rows

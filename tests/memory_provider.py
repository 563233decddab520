"""An invoicing provider in memory: proves that delivery and sync need no more than the protocol.

Its ids are no numbers, it counts in the currency's own decimals, and it takes the same customer or draft
twice, as a provider without idempotency keys does.
"""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import count

from portal.domain.money import Money
from portal.domain.vat import document_totals
from portal.gateways.invoicing import (
    CREDIT,
    STORNO,
    STORNO_CREDIT,
    Document,
    DocumentDraft,
    DocumentPage,
    FinishedDocumentError,
    InvoicingCustomer,
    InvoicingProvider,
    InvoicingRefusedError,
)

_DUE = dt.timedelta(days=14)


class MemoryProvider(InvoicingProvider):
    """An account of its own; `page_rows` is how many documents a page of a list has."""

    name = "Memory"

    def __init__(self) -> None:
        self.page_rows = 100
        self.customers: dict[str, InvoicingCustomer] = {}
        self._documents: dict[str, Document] = {}
        self._payments: dict[tuple[str, str], str] = {}
        self._ids, self._numbers = count(1), Counter[str]()

    # -- what the protocol asks for -----------------------------------------------------------------------
    def customer_by_number(self, number: str) -> str | None:
        known = (key for key, customer in self.customers.items() if customer.number == number)
        return next(known, None)

    def create_customer(self, customer: InvoicingCustomer) -> str:
        customer_id = f"customer-{next(self._ids)}"
        self.customers[customer_id] = customer
        return customer_id

    def update_customer(self, customer_id: str, customer: InvoicingCustomer) -> None:
        if customer_id not in self.customers:
            raise InvoicingRefusedError
        self.customers[customer_id] = customer

    def refuse_uncarried(self, draft: DocumentDraft) -> None:
        """Any currency is carried."""

    def create_draft(self, customer_id: str, draft: DocumentDraft) -> Document:
        if customer_id not in self.customers:
            raise InvoicingRefusedError
        totals = document_totals((line.rate_basis_points, line.net.cents) for line in draft.lines)
        return self._keep(
            Document(
                id=f"document-{next(self._ids)}",
                external_id=draft.external_id,
                type=draft.type,
                number=None,
                is_draft=True,
                customer_id=customer_id,
                document_on=draft.document_on,
                due_on=None,
                paid_on=None,
                cancelled_by_id=None,
                currency=draft.currency,
                net=Money(totals.net_minor, draft.currency).major,
                gross=Money(totals.gross_minor, draft.currency).major,
                refers_to_id=draft.refers_to_id,
                vat_cases=frozenset({draft.vat_case}),
            )
        )

    def documents_of(self, customer_id: str, first_on: dt.date, last_on: dt.date) -> Sequence[Document]:
        return [
            document
            for document in self._documents.values()
            if document.customer_id == customer_id
            and document.document_on
            and first_on <= document.document_on <= last_on
        ]

    def document_of(self, document_id: str) -> Document | None:
        return self._documents.get(document_id)

    def finish(self, document_id: str) -> Document:
        document = self._existing(document_id)
        if not document.is_draft:
            return document
        assert document.document_on, "a draft has its day"
        due_on = document.document_on + _DUE
        return self._keep(
            dataclasses.replace(
                document, is_draft=False, number=self._number(document.type or ""), due_on=due_on
            )
        )

    def delete_draft(self, document_id: str) -> None:
        document = self._documents.get(document_id)
        if document is not None and not document.is_draft:
            raise FinishedDocumentError
        self._documents.pop(document_id, None)

    def pdf_of(self, document_id: str) -> bytes:
        return f"%PDF-1.7 {self._existing(document_id).number}".encode()

    def e_invoice_of(self, document_id: str, format_name: str) -> bytes | None:
        self._existing(document_id)
        return None

    def documents_edited_since(self, at: dt.datetime, page: int = 1) -> DocumentPage:
        """Return all documents: it has no clock, and earlier ones are allowed."""
        return self._page(list(self._documents.values()), page)

    def drafts(self, page: int = 1) -> DocumentPage:
        return self._page([document for document in self._documents.values() if document.is_draft], page)

    def record_payment(self, document_id: str, amount: Money, paid_on: dt.date, reference: str) -> str:
        key = (document_id, reference)
        if key not in self._payments:
            self._payments[key] = f"payment-{next(self._ids)}"
            document = self._existing(document_id)
            paid = document.paid + amount.major
            is_paid = paid >= document.gross
            self._keep(dataclasses.replace(document, paid=paid, paid_on=paid_on if is_paid else None))
        return self._payments[key]

    # -- what somebody does there by hand -----------------------------------------------------------------
    def cancel(self, document_id: str) -> str:
        """Cancel a finished document by another, and return the id of that."""
        document = self._existing(document_id)
        cancelling_type = STORNO_CREDIT if document.type == CREDIT else STORNO
        storno = dataclasses.replace(
            document,
            id=f"document-{next(self._ids)}",
            external_id=None,
            type=cancelling_type,
            number=self._number(cancelling_type),
            net=-document.net,
            gross=-document.gross,
            paid=Decimal("0.00"),
            refers_to_id=document.id,
        )
        self._keep(dataclasses.replace(document, cancelled_by_id=storno.id))
        return self._keep(storno).id

    def change_net(self, document_id: str, net: Decimal) -> None:
        """Let a document say another net amount."""
        self._keep(dataclasses.replace(self._existing(document_id), net=net))

    # -- its store ----------------------------------------------------------------------------------------
    def _keep(self, document: Document) -> Document:
        self._documents[document.id] = document
        return document

    def _existing(self, document_id: str) -> Document:
        if document_id not in self._documents:
            raise InvoicingRefusedError
        return self._documents[document_id]

    def _number(self, document_type: str) -> str:
        self._numbers[document_type] += 1
        return f"{document_type}-{self._numbers[document_type]}"

    def _page(self, documents: Sequence[Document], page: int) -> DocumentPage:
        pages = -(-len(documents) // self.page_rows)
        return DocumentPage(documents[(page - 1) * self.page_rows : page * self.page_rows], pages)

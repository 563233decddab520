"""All we ask of EasyBill, in our words. There is no way here to change or delete a finished document.

It dates things in Europe/Berlin and sends fields it does not describe, which are ignored. It has no
idempotency keys, so a worker looks for an object before it creates it.
"""

import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from zoneinfo import ZoneInfo

from portal.domain.money import Money
from portal.gateways.call_budget import Budget
from portal.gateways.easybill_http import Connection, escaped, id_of, object_of, refuse_failure, whole
from portal.gateways.easybill_shapes import (
    customer_body,
    document_from,
    draft_body,
    hundredths_of,
    refuse_fractions,
)
from portal.gateways.invoicing import (
    Document,
    DocumentDraft,
    DocumentPage,
    FinishedDocumentError,
    InvoicingCustomer,
    InvoicingProvider,
    InvoicingUnavailableError,
)
from portal.gateways.observing import CallObserver

_ZONE = ZoneInfo("Europe/Berlin")  # of EasyBill's days, wherever the seller is
_FAR_AWAY_ON = "2099-12-31"
_FORMATS = {
    "xrechnung": "application/xml;format=xrechnung",
    "zugferd": "application/pdf;format=zugferd;version=2.*",
}


class EasybillGateway(InvoicingProvider):
    """An account at EasyBill, as an invoicing provider; its ids are whole numbers."""

    name = "EasyBill"

    def __init__(
        self,
        api_key: str,
        api_base: str,
        deadline_seconds: int = 20,
        budget: Budget | None = None,
        *,
        observer: CallObserver | None = None,
    ) -> None:
        self._easybill = Connection(api_key, api_base, deadline_seconds, budget, observer=observer)

    def customer_by_number(self, number: str) -> str | None:
        customers = self._easybill.list_of("/customers", {"number": escaped(number)})
        ids = [whole(each.get("id")) for each in customers if each.get("number") == number]
        return str(min(ids)) if ids else None

    def create_customer(self, customer: InvoicingCustomer) -> str:
        """Make a customer and return its id. Look by number first: EasyBill takes the same one twice."""
        return id_of(self._easybill.json("POST", "/customers", body=customer_body(customer)))

    def update_customer(self, customer_id: str, customer: InvoicingCustomer) -> None:
        self._easybill.json("PUT", f"/customers/{_segment(customer_id)}", body=customer_body(customer))

    def refuse_uncarried(self, draft: DocumentDraft) -> None:
        """Raise CurrencyNotCarriedError for a currency finer than hundredths, or VAT of parts of a yen."""
        refuse_fractions(draft)

    def create_draft(self, customer_id: str, draft: DocumentDraft) -> Document:
        """Make a draft and return it with EasyBill's own totals. Look for it first."""
        return document_from(self._easybill.json("POST", "/documents", body=draft_body(customer_id, draft)))

    def documents_of(self, customer_id: str, first_on: dt.date, last_on: dt.date) -> Sequence[Document]:
        """Return a customer's documents of some days, oldest first; EasyBill cannot look by external id."""
        days = f"{first_on.isoformat()},{last_on.isoformat()}"
        filters = {"customer_id": _segment(customer_id), "document_date": days}
        documents = [document_from(each) for each in self._easybill.list_of("/documents", filters)]
        return sorted(documents, key=lambda document: int(document.id))

    def document_of(self, document_id: str) -> Document | None:
        """Return a document, or None when EasyBill has none by that id."""
        answer = self._easybill.call("GET", f"/documents/{_segment(document_id)}")
        return None if answer.status == HTTPStatus.NOT_FOUND else document_from(object_of(answer))

    def finish(self, document_id: str) -> Document:
        return document_from(self._easybill.json("PUT", f"/documents/{_segment(document_id)}/done"))

    def delete_draft(self, document_id: str) -> None:
        document = self.document_of(document_id)
        if document is None:
            return
        if not document.is_draft:
            raise FinishedDocumentError
        answer = self._easybill.call("DELETE", f"/documents/{_segment(document_id)}")
        if answer.status != HTTPStatus.NOT_FOUND:
            refuse_failure(answer)

    def pdf_of(self, document_id: str) -> bytes:
        answer = self._easybill.call("GET", f"/documents/{_segment(document_id)}/pdf")
        refuse_failure(answer)
        if not answer.content.startswith(b"%PDF"):
            raise InvoicingUnavailableError("EasyBill answered something that is not a PDF.")
        return answer.content

    def e_invoice_of(self, document_id: str, format_name: str) -> bytes | None:
        answer = self._easybill.call(
            "GET", f"/documents/{_segment(document_id)}/download", accept=_FORMATS[format_name]
        )
        if answer.status == HTTPStatus.NOT_ACCEPTABLE:
            return None
        refuse_failure(answer)
        begins_with = b"<" if format_name == "xrechnung" else b"%PDF"
        if not answer.content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(begins_with):
            raise InvoicingUnavailableError("EasyBill answered something that is not in that format.")
        return answer.content

    def documents_edited_since(self, at: dt.datetime, page: int = 1) -> DocumentPage:
        """Return a page, counted from 1, of the documents edited from the day of an instant on."""
        day = at.astimezone(_ZONE).date()
        filters = {"edited_at": f"{day.isoformat()},{_FAR_AWAY_ON}"}  # it wants both ends
        return self._page(filters, page)

    def drafts(self, page: int = 1) -> DocumentPage:
        return self._page({"is_draft": "1"}, page)

    def _page(self, filters: dict[str, str], page: int) -> DocumentPage:
        items, pages = self._easybill.page("/documents", filters, page)
        return DocumentPage([document_from(each) for each in items], pages)

    def record_payment(self, document_id: str, amount: Money, paid_on: dt.date, reference: str) -> str:
        payments = self._easybill.list_of(
            "/document-payments", {"document_id": _segment(document_id), "reference": escaped(reference)}
        )
        for payment in payments:
            if payment.get("reference") == reference:
                return id_of(payment)
        body = {
            "document_id": int(document_id),
            "amount": hundredths_of(amount),
            "payment_at": paid_on.isoformat(),
            "reference": reference,
        }
        return id_of(self._easybill.json("POST", "/document-payments", body=body))


def _segment(document_id: str) -> str:
    assert document_id.isascii(), "an id of EasyBill's is a whole number"
    assert document_id.isdecimal(), "an id of EasyBill's is a whole number"
    return document_id

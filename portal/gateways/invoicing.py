"""The protocol of a provider that makes legal documents, in our words, whichever provider it is.

A provider numbers documents and keeps them. A finished document is never changed or deleted: nothing here
could. Nothing here is assumed to be idempotent either: delivery looks for a thing before it creates it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from portal.domain.billing_profile import BillingProfile
from portal.domain.errors import ConflictError, ProviderRefusedError, ProviderUnavailableError
from portal.domain.money import Money, exponent_of
from portal.domain.vat import VatCase

INVOICE = "INVOICE"
CREDIT = "CREDIT"
STORNO = "STORNO"  # cancels an invoice
STORNO_CREDIT = "STORNO_CREDIT"  # cancels a credit
CANCELLATIONS = frozenset({STORNO, STORNO_CREDIT})
LEGAL_TYPES = CANCELLATIONS | {INVOICE, CREDIT}
_RATE_LIMIT_SECONDS = 60  # unless the provider says another number


class InvoicingUnavailableError(ProviderUnavailableError):
    """The invoicing provider did not answer in time."""

    def __init__(self, message: str | None = None, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class InvoicingRateLimitedError(InvoicingUnavailableError):
    """The invoicing provider takes no more calls for now."""

    @property
    def seconds_to_wait(self) -> int:
        return self.retry_after_seconds or _RATE_LIMIT_SECONDS


class InvoicingRefusedError(ProviderRefusedError):
    """The invoicing provider refused the request."""


class InvoicingKeyRefusedError(InvoicingRefusedError):
    """The invoicing provider does not accept our key."""


class FinishedDocumentError(ConflictError):
    """A finished document is never deleted."""


class CurrencyNotCarriedError(ConflictError):
    """The provider cannot carry an amount of this currency, or we cannot keep what it says."""


@dataclass(frozen=True, slots=True)
class InvoicingCustomer(BillingProfile):
    """The customer, as a legal document prints it. `number` is our own customer number."""

    number: str


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of a document: its net amount is charged as it is, the description never counts."""

    description: str
    net: Money
    rate_basis_points: int


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """The content of a document. The service dates are its first and its last day.

    Amounts of a credit are below zero. `refers_to_id` is the document that is corrected, where it is one;
    `notes` are printed below the lines and cost nothing.
    """

    external_id: str
    document_on: dt.date
    service_from: dt.date
    service_to: dt.date
    currency: str
    vat_case: VatCase
    vat_text: str | None
    taxed_in: str | None
    due_in_days: int
    language: str
    buyer_reference: str | None
    order_number: str | None
    lines: Sequence[DraftLine]
    type: str = INVOICE
    refers_to_id: str | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document at the provider. A draft has no number.

    Amounts are major units of its currency, with the decimals that the provider counts in; credits and
    cancelled invoices are below zero. `refers_to_id` is what it corrects or cancels. `vat_cases` are those
    that what it says of VAT would fit.
    """

    id: str
    external_id: str | None
    type: str | None
    number: str | None
    is_draft: bool
    customer_id: str | None
    document_on: dt.date | None
    due_on: dt.date | None
    paid_on: dt.date | None
    cancelled_by_id: str | None
    currency: str
    net: Decimal
    gross: Decimal
    paid: Decimal = Decimal("0.00")
    refers_to_id: str | None = None
    vat_cases: frozenset[VatCase] = frozenset()


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of a list, and how many there are."""

    documents: Sequence[Document]
    pages: int


class InvoicingProvider(Protocol):
    """A provider of legal documents. Every call ends within a deadline, and may have had its effect even so.

    InvoicingUnavailableError is raised for what may go through later, InvoicingRateLimitedError where it is
    known when; InvoicingKeyRefusedError until the key is put right, InvoicingRefusedError for good.
    """

    @property
    def name(self) -> str:
        """Return what people call the provider."""

    def customer_by_number(self, number: str) -> str | None:
        """Return the id of the customer with our number; the oldest, should there be several."""

    def create_customer(self, customer: InvoicingCustomer) -> str:
        """Make a customer and return its id."""

    def update_customer(self, customer_id: str, customer: InvoicingCustomer) -> None:
        """Let documents drafted or finished from now on have the customer's facts of today."""

    def refuse_uncarried(self, draft: DocumentDraft) -> None:
        """Raise CurrencyNotCarriedError for amounts that this provider cannot carry; it is not called."""

    def create_draft(self, customer_id: str, draft: DocumentDraft) -> Document:
        """Make a draft and return it with the provider's own totals."""

    def documents_of(self, customer_id: str, first_on: dt.date, last_on: dt.date) -> Sequence[Document]:
        """Return a customer's documents of some days, drafts as well, the oldest first."""

    def document_of(self, document_id: str) -> Document | None:
        """Return a document, or None when the provider has none by that id."""

    def finish(self, document_id: str) -> Document:
        """Give a draft its number: from then on it is a legal document. A finished one stays as it is."""

    def delete_draft(self, document_id: str) -> None:
        """Delete a draft; FinishedDocumentError for anything else, and nothing when it is gone."""

    def pdf_of(self, document_id: str) -> bytes:
        """Return a document's PDF, byte for byte."""

    def e_invoice_of(self, document_id: str, format_name: str) -> bytes | None:
        """Return a document as `xrechnung` or `zugferd`, byte for byte; None where the account makes none."""

    def documents_edited_since(self, at: dt.datetime, page: int = 1) -> DocumentPage:
        """Return a page, counted from 1, of all documents edited since then, and maybe earlier ones."""

    def drafts(self, page: int = 1) -> DocumentPage:
        """Return a page, counted from 1, of all drafts of the account, ours or not."""

    def record_payment(self, document_id: str, amount: Money, paid_on: dt.date, reference: str) -> str:
        """Say that a document was paid and return the payment's id; the same reference counts once."""


def money_of(amount: Decimal, currency: str) -> Money:
    """Return what a provider says as whole minor units.

    CurrencyNotCarriedError where it is finer than those, or counted in coarser units than the currency has.
    """
    decimals = exponent_of(currency)
    minor = amount.scaleb(decimals)
    if minor != minor.to_integral_value() or -amount.as_tuple().exponent < decimals:  # type: ignore[operator]
        raise CurrencyNotCarriedError(f"{amount} is no exact amount of {currency}.")
    return Money(int(minor), currency)

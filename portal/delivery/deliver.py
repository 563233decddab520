"""Delivers final invoices: each becomes exactly one finished document at the provider, below zero a credit.

The invoice row is the outbox. A worker claims it in a short transaction, asks the provider outside any, and
records in another; it may be killed anywhere, and two may meet. No call is assumed to be idempotent, so a
document is looked for before it is made, its id is stored by compare-and-set while it is a draft, and only
the document whose id is stored is ever finished. Drafts that lost the race are left for the reconciler.
"""

import datetime as dt
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from portal.config.seller import Seller
from portal.delivery import customers, legal_copy, outbox
from portal.delivery.document_draft import Expected, expected_document, refuse_difference
from portal.domain.errors import BillingError, ConflictError, ProviderUnavailableError
from portal.domain.vat import VatRules
from portal.gateways.invoicing import (
    CREDIT,
    INVOICE,
    Document,
    InvoicingKeyRefusedError,
    InvoicingProvider,
    InvoicingRateLimitedError,
    InvoicingUnavailableError,
)
from portal.models import Delivery, Invoice, Organization
from portal.storage import db, read_transaction

log = logging.getLogger(__name__)

_FAILURES_IN_A_ROW_MAX = 3  # then the provider is down, rather than one invoice being odd


class DocumentGoneError(ConflictError):
    """The finished document is gone at the provider."""


class TwoDocumentsError(ConflictError):
    """The provider has two finished documents for this invoice."""


class LostRaceError(Exception):
    """Another worker was faster; it goes on, this one skips the invoice."""


class Outcome(Enum):
    DELIVERED = auto()
    RETRY = auto()
    STUCK = auto()
    SKIPPED = auto()


@dataclass(slots=True)
class DeliveryCounts:
    """Counts of a run. `skipped` were leased to another worker; `waiting` were due and not reached."""

    delivered: int = 0
    retry: int = 0
    stuck: int = 0
    skipped: int = 0
    waiting: int = 0

    def add(self, outcome: Outcome) -> None:
        name = outcome.name.lower()
        setattr(self, name, getattr(self, name) + 1)


@dataclass(frozen=True, slots=True)
class _Job:
    """The facts for an invoice's calls, read before the first of them."""

    key: outbox.Key
    lease: dt.datetime
    document_id: str | None
    is_finished: bool
    expected: Expected


def deliver(
    provider: InvoicingProvider,
    *,
    now: dt.datetime,
    seller: Seller,
    vat_rules: VatRules,
    organizations: Collection[int] | None = None,
    wait: Callable[[float], object] | None = None,
) -> DeliveryCounts:
    """Deliver the invoices that are due, of all organizations or of some (by id), and return the outcomes.

    A document bears the day of its seller's time zone, and is taxed by the VAT rules of now where the invoice
    has none of its own.
    `wait` sleeps the seconds that the provider asks for when it is called too often, and returns True to end
    the run; without it the run ends there, and so it does when the provider is down. Nothing is lost: the
    rest is due in the next run.
    """
    started = time.monotonic()
    at = now
    counts = DeliveryCounts()
    todo = deque(outbox.due(now, organizations))
    failures = 0
    while todo and failures < _FAILURES_IN_A_ROW_MAX:
        at = max(at, now + dt.timedelta(seconds=time.monotonic() - started))
        outcome, error = _deliver_one(provider, todo[0], at, seller, vat_rules)
        counts.add(outcome)
        failures = failures + 1 if outcome is Outcome.RETRY else 0
        if isinstance(error, InvoicingKeyRefusedError):
            break
        if isinstance(error, InvoicingRateLimitedError):
            seconds = error.seconds_to_wait
            if wait is None or wait(seconds) is True:
                break
            at += dt.timedelta(seconds=seconds)
            continue
        todo.popleft()
    counts.waiting = len(todo)
    return counts


def _deliver_one(
    provider: InvoicingProvider, key: outbox.Key, at: dt.datetime, seller: Seller, vat_rules: VatRules
) -> tuple[Outcome, BillingError | None]:
    lease = outbox.claim(key, at, document_on=seller.day_of(at))
    if lease is None:
        return Outcome.SKIPPED, None
    try:
        _advance(provider, _read(key, lease, vat_rules), at)
    except LostRaceError:
        outbox.give_back(key, lease)
        return Outcome.SKIPPED, None
    except (ProviderUnavailableError, InvoicingKeyRefusedError) as error:
        return _tried(key, lease, at, error)
    except BillingError as error:
        outbox.give_up(key, lease, str(error))
        log.warning("an invoice is stuck", extra={"invoice": key, "reason": str(error)})
        return Outcome.STUCK, error
    except Exception:  # a mistake of ours in one invoice must not stop the others
        log.exception("an invoice could not be delivered", extra={"invoice": key})
        return _tried(key, lease, at, BillingError("Something went wrong on our side; it is in the log."))
    return Outcome.DELIVERED, None


def _tried(
    key: outbox.Key, lease: dt.datetime, at: dt.datetime, error: BillingError
) -> tuple[Outcome, BillingError]:
    if outbox.retry_later(key, lease, at, error):
        return Outcome.RETRY, error
    log.error("an invoice is stuck", extra={"invoice": key, "reason": str(error)})
    return Outcome.STUCK, error


def _read(key: outbox.Key, lease: dt.datetime, vat_rules: VatRules) -> _Job:
    with read_transaction():
        invoice = db.session.get_one(Invoice, key)
        organization = db.session.get_one(Organization, key.organization_id)
        assert invoice.document_on, "a claim fixes the day of the document"
        return _Job(
            key=key,
            lease=lease,
            document_id=invoice.provider_document_id,
            is_finished=invoice.delivery == Delivery.FINISHED,
            expected=expected_document(organization, invoice, invoice.document_on, vat_rules=vat_rules),
        )


def _advance(provider: InvoicingProvider, job: _Job, at: dt.datetime) -> None:
    """Go on from wherever the last attempt got to."""
    provider.refuse_uncarried(job.expected.draft)
    document = _stored_document(provider, job) or _new_document(provider, job)
    if not job.is_finished:  # else it was compared before, and its profile may say otherwise by now
        refuse_difference(job.expected, document, provider.name)
    if document.is_draft:
        if not outbox.holds(job.key, job.lease):
            raise LostRaceError
        document = provider.finish(document.id)
        refuse_difference(job.expected, document, provider.name)
    if document.is_draft or not document.number or not document.document_on:
        raise InvoicingUnavailableError(f"{provider.name} has not given the document its number yet.")
    outbox.record(job.key, document.id, delivery=Delivery.FINISHED, attempts=0)
    pdf = provider.pdf_of(document.id)
    link = legal_copy.DocumentLink(job.key.invoice_id, job.expected.due)
    legal_copy.keep(job.key.organization_id, document, pdf, link=link, at=at)
    outbox.record(
        job.key,
        document.id,
        delivery=Delivery.DELIVERED,
        leased_until=None,
        next_attempt_at=None,
        last_error=None,
    )


def _stored_document(provider: InvoicingProvider, job: _Job) -> Document | None:
    """Return the document whose id is stored; a draft that was deleted there is forgotten."""
    if job.document_id is None:
        return None
    document = provider.document_of(job.document_id)
    if document is None:
        if job.is_finished:
            raise DocumentGoneError(f"The finished document is gone at {provider.name}.")
        outbox.record(job.key, job.document_id, provider_document_id=None, delivery=Delivery.PENDING)
    return document


def _new_document(provider: InvoicingProvider, job: _Job) -> Document:
    """Find or make the document and store its id; of several workers the first to store wins."""
    customer_id = customers.ensure_synced(provider, job.key.organization_id)
    draft = job.expected.draft
    # From the end of its month: after a restore of an older backup its document may be an earlier day's.
    documents = [
        document
        for document in provider.documents_of(customer_id, draft.service_to, draft.document_on)
        if document.external_id == draft.external_id and document.type in {INVOICE, CREDIT}
    ]
    document = _chosen(documents, provider.name) or provider.create_draft(customer_id, draft)
    if outbox.store_document_id(job.key, document.id) != document.id:
        raise LostRaceError
    return document


def _chosen(documents: Sequence[Document], provider_name: str) -> Document | None:
    """Return the finished document of an invoice, else its oldest draft; the oldest come first."""
    finished = [document for document in documents if not document.is_draft]
    if len(finished) > 1:
        raise TwoDocumentsError(f"{provider_name} has two finished documents for this invoice.")
    return next(iter(finished or documents), None)

"""Delivers final invoices: each one becomes exactly one finished document at EasyBill, below zero a credit.

The invoice row is the outbox. A worker claims it in a short transaction, asks EasyBill outside any, and
records in another; it may be killed anywhere, and two may meet. EasyBill has no idempotency keys, so a
document is looked for before it is made, its id is stored by compare-and-set while it is a draft, and
only the document whose id is stored is ever finished. Drafts that lost are left for the reconciler.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from portal.delivery import customers, legal_copy, outbox
from portal.delivery.document_draft import Expected, expected_document, refuse_difference
from portal.domain.errors import BillingError, ConflictError, ProviderUnavailableError
from portal.gateways.easybill import EasybillGateway
from portal.gateways.easybill_http import (
    RATE_LIMIT_SECONDS,
    EasybillKeyRefusedError,
    EasybillRateLimitedError,
    EasybillUnavailableError,
)
from portal.gateways.easybill_shapes import CREDIT, INVOICE, Document
from portal.models import Delivery, Invoice, Organization
from portal.services import settings
from portal.storage.database import db, reading

log = logging.getLogger(__name__)

_FAILURES_IN_A_ROW_MAX = 3  # then EasyBill is down, rather than one invoice being odd


class DocumentGoneError(ConflictError):
    """The finished document is gone at EasyBill."""


class TwoDocumentsError(ConflictError):
    """EasyBill has two finished documents for this invoice."""


class _ElsewhereError(Exception):
    """Another worker was faster; it goes on, this one leaves."""


class Outcome(Enum):
    DELIVERED = auto()
    RETRY = auto()
    STUCK = auto()
    LEFT = auto()


@dataclass(slots=True)
class DeliveryCounts:
    """What a run did. `left` were in other hands; `waiting` were due and not reached."""

    delivered: int = 0
    retry: int = 0
    stuck: int = 0
    left: int = 0
    waiting: int = 0

    def add(self, outcome: Outcome) -> None:
        name = outcome.name.lower()
        setattr(self, name, getattr(self, name) + 1)


@dataclass(frozen=True, slots=True)
class _Job:
    """What is asked of EasyBill for one invoice, read before the first call."""

    key: outbox.Key
    lease: dt.datetime
    document_id: str | None
    is_finished: bool
    expected: Expected


def deliver(
    easybill: EasybillGateway,
    *,
    now: dt.datetime,
    organizations: Collection[int] | None = None,
    wait: Callable[[float], object] | None = None,
) -> DeliveryCounts:
    """Deliver what is due, of all organizations or of some (by id), and return what became of it.

    `wait` sleeps the seconds that EasyBill asks for when it is called too often, and returns True to end the
    run; without it the run ends there, and so it does when EasyBill is down. Nothing is lost: the rest is
    due in the next run.
    """
    started = time.monotonic()
    at = now
    counts = DeliveryCounts()
    todo = deque(outbox.due(now, organizations))
    failures = 0
    while todo and failures < _FAILURES_IN_A_ROW_MAX:
        at = max(at, now + dt.timedelta(seconds=time.monotonic() - started))
        outcome, error = _deliver_one(easybill, todo[0], at)
        counts.add(outcome)
        failures = failures + 1 if outcome is Outcome.RETRY else 0
        if isinstance(error, EasybillKeyRefusedError):
            break
        if isinstance(error, EasybillRateLimitedError):
            seconds = error.retry_after_seconds or RATE_LIMIT_SECONDS
            if wait is None or wait(seconds) is True:
                break
            at += dt.timedelta(seconds=seconds)
            continue
        todo.popleft()
    counts.waiting = len(todo)
    return counts


def _deliver_one(
    easybill: EasybillGateway, key: outbox.Key, at: dt.datetime
) -> tuple[Outcome, BillingError | None]:
    lease = at + outbox.LEASE
    if not outbox.claim(key, at, lease, document_on=settings().seller.day_of(at)):
        return Outcome.LEFT, None
    try:
        _advance(easybill, _read(key, lease), at)
    except _ElsewhereError:
        outbox.give_back(key, lease)
        return Outcome.LEFT, None
    except (ProviderUnavailableError, EasybillKeyRefusedError) as error:
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
    if outbox.try_later(key, lease, at, error):
        return Outcome.RETRY, error
    log.error("an invoice is stuck", extra={"invoice": key, "reason": str(error)})
    return Outcome.STUCK, error


def _read(key: outbox.Key, lease: dt.datetime) -> _Job:
    with reading():
        invoice = db.session.get_one(Invoice, key)
        organization = db.session.get_one(Organization, key.organization_id)
        assert invoice.document_on, "a claim fixes the day of the document"
        job = _Job(
            key=key,
            lease=lease,
            document_id=invoice.provider_document_id,
            is_finished=invoice.delivery == Delivery.FINISHED,
            expected=expected_document(
                organization,
                invoice,
                invoice.document_on,
                vat_rules=settings().vat_rules,
            ),
        )
        db.session.commit()
    return job


def _advance(easybill: EasybillGateway, job: _Job, at: dt.datetime) -> None:
    """Go on from wherever the last attempt got to."""
    document = _stored_document(easybill, job) or _new_document(easybill, job)
    if not job.is_finished:  # else it was compared before, and its profile may say otherwise by now
        refuse_difference(job.expected, document)
    if document.is_draft:
        if not outbox.holds(job.key, job.lease):
            raise _ElsewhereError
        document = easybill.finish(document.id)
        refuse_difference(job.expected, document)
    if document.is_draft or not document.number or not document.document_on:
        raise EasybillUnavailableError("EasyBill has not given the document its number yet.")
    outbox.record(job.key, document.id, delivery=Delivery.FINISHED, attempts=0)
    pdf = easybill.pdf_of(document.id)
    ours = legal_copy.Ours(job.key.invoice_id, job.expected.due)
    legal_copy.keep(job.key.organization_id, document, pdf, ours=ours, at=at)
    outbox.record(
        job.key,
        document.id,
        delivery=Delivery.DELIVERED,
        leased_until=None,
        next_attempt_at=None,
        last_error=None,
    )


def _stored_document(easybill: EasybillGateway, job: _Job) -> Document | None:
    """Return the document whose id is stored; a draft that somebody deleted is forgotten."""
    if job.document_id is None:
        return None
    document = easybill.document_of(job.document_id)
    if document is None:
        if job.is_finished:
            raise DocumentGoneError
        outbox.record(job.key, job.document_id, provider_document_id=None, delivery=Delivery.PENDING)
    return document


def _new_document(easybill: EasybillGateway, job: _Job) -> Document:
    """Find or make the document and store its id; of several workers the first to store wins."""
    customer_id = customers.in_step(easybill, job.key.organization_id)
    facts = job.expected.facts
    # From the end of its month: after a restore of an older backup its document may be an earlier day's.
    known = [
        each
        for each in easybill.documents_of(customer_id, facts.service_to, facts.document_on)
        if each.external_id == facts.external_id and each.type in {INVOICE, CREDIT}
    ]
    document = _chosen(known) or easybill.create_draft(customer_id, facts)
    if outbox.store_document_id(job.key, document.id) != document.id:
        raise _ElsewhereError
    return document


def _chosen(known: Sequence[Document]) -> Document | None:
    """Return the finished document of an invoice, else its oldest draft."""
    finished = [each for each in known if not each.is_draft]
    if len(finished) > 1:
        raise TwoDocumentsError
    return min(finished or known, key=lambda document: int(document.id), default=None)

"""Syncs with the invoicing provider: payments and cancellations reach our tables, which pages read.

A sync asks for what was edited since the last one, overlapping by a day, and moves the position only when
it has seen every page: broken off half-way, the next one starts from there again. A document that cannot
be taken over holds up no other.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from portal.delivery import legal_copy, lost_drafts
from portal.delivery.document_links import is_of_invoice, organizations_of
from portal.domain.errors import BillingError, ProviderUnavailableError
from portal.gateways.invoicing import (
    LEGAL_TYPES,
    Document,
    DocumentPage,
    InvoicingProvider,
    InvoicingRateLimitedError,
)
from portal.ledger.synced import record_sync, synced_until
from portal.storage import db, read_transaction

log = logging.getLogger(__name__)

OVERLAP = dt.timedelta(days=1)  # the provider's clock is not ours
_EARLIEST_AT = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_WAITS_MAX = 5  # in a row, for one page
Wait = Callable[[float], object]


@dataclass(slots=True)
class SyncCounts:
    """Counts of a sync. `lost_drafts` are our drafts that another draft replaced."""

    seen: int = 0
    refreshed: int = 0
    added: int = 0
    failed: int = 0
    lost_drafts: int = 0


def sync(provider: InvoicingProvider, *, now: dt.datetime, wait: Wait | None = None) -> SyncCounts:
    """Take over the changes at the provider since the last sync, and return their counts.

    `wait` sleeps the seconds for which the provider wants to be left alone; without it the sync ends there.
    """
    counts = SyncCounts()
    with read_transaction():
        synced_at = synced_until(now)
    since = _EARLIEST_AT if synced_at is None else synced_at - OVERLAP
    drafts = [
        document
        for documents in _pages(partial(provider.documents_edited_since, since), wait)
        for document in _taken_over(provider, documents, now, counts)
    ]
    if synced_at is None or synced_at.date() < now.date():  # once a day even the unedited ones
        drafts += [draft for page in _pages(provider.drafts, wait) for draft in page]
    counts.lost_drafts = lost_drafts.remove(provider, drafts)
    if not counts.failed:
        record_sync(now)
        db.session.commit()
    return counts


def _pages(read: Callable[[int], DocumentPage], wait: Wait | None) -> Iterator[Sequence[Document]]:
    number = pages = 1
    while number <= pages:
        page = _patiently(partial(read, number), wait)
        yield page.documents
        pages = page.pages
        number += 1


def _patiently(read: Callable[[], DocumentPage], wait: Wait | None) -> DocumentPage:
    """Read a page; when the provider is called too often, wait as long as it says and ask again."""
    for _ in range(_WAITS_MAX):
        try:
            return read()
        except InvoicingRateLimitedError as error:
            if wait is None or wait(error.seconds_to_wait) is True:
                raise
    return read()


def _taken_over(
    provider: InvoicingProvider, documents: Sequence[Document], now: dt.datetime, counts: SyncCounts
) -> list[Document]:
    """Take over the finished documents of a page, and return its drafts."""
    organizations = organizations_of(documents)
    drafts = []
    for document in documents:
        counts.seen += 1
        organization_id = organizations.get(document.customer_id or "")
        if organization_id is None:
            continue
        if document.is_draft:
            drafts.append(document)
        else:
            _take_over(provider, organization_id, document, now, counts)
    return drafts


def _take_over(
    provider: InvoicingProvider,
    organization_id: int,
    document: Document,
    now: dt.datetime,
    counts: SyncCounts,
) -> None:
    try:
        if _refresh(organization_id, document, now):
            counts.refreshed += 1
        elif _is_to_be_added(organization_id, document):
            legal_copy.keep(organization_id, document, provider.pdf_of(document.id), link=None, at=now)
            db.session.commit()
            counts.added += 1
    except InvoicingRateLimitedError:
        raise
    except ProviderUnavailableError:
        db.session.rollback()
        counts.failed += 1
        log.warning("a document is for the next sync", extra={"document": document.id})
    except BillingError as error:  # it would be the same the next time
        db.session.rollback()
        log.exception("a document cannot be taken over", extra={"document": document.id, "why": str(error)})


def _refresh(organization_id: int, document: Document, now: dt.datetime) -> bool:
    """Take over what may change about a document that we have; tell whether we have it."""
    row = legal_copy.row_of(organization_id, document.id)
    if row is not None:
        legal_copy.refresh(row, document, at=max(now, row.synced_at))
    db.session.commit()
    return row is not None


def _is_to_be_added(organization_id: int, document: Document) -> bool:
    """Tell whether a document without a copy is copied: those made by hand are; delivery copies its own."""
    is_legal = document.type in LEGAL_TYPES and bool(document.number) and document.document_on is not None
    return is_legal and not is_of_invoice(organization_id, document)

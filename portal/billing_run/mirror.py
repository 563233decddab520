"""Mirrors EasyBill: payments and cancellations reach our tables, which are all that pages read.

Each row says in `synced_at` when it was last known to be current. A sync starts from the oldest of them
and, once it has seen every page, moves all of them: killed half-way, the next one starts from there again.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update

from portal.billing_run import legal_copy
from portal.billing_run.outbox import BERLIN
from portal.domain.errors import ProviderRefusedError
from portal.extensions import db, reading
from portal.gateways.easybill import INVOICE, LEGAL_TYPES, Document, EasybillGateway
from portal.models import Invoice, LegalDocument, Organization

log = logging.getLogger(__name__)

OVERLAP = dt.timedelta(hours=2)  # clocks differ, and an hour of October happens twice in Berlin
_EARLIEST_ON = dt.date(2000, 1, 1)


@dataclass(slots=True)
class MirrorCounts:
    """What a sync saw and did. `lost_drafts` are drafts of ours that another one replaced."""

    seen: int = 0
    refreshed: int = 0
    added: int = 0
    lost_drafts: int = 0


def mirror(easybill: EasybillGateway, *, now: dt.datetime) -> MirrorCounts:
    """Take over what changed at EasyBill since the last sync, and return how much it was."""
    counts = MirrorCounts()
    for documents in easybill.documents_edited_since(_position()):
        owners = _organizations_of(documents)
        for document in documents:
            counts.seen += 1
            organization_id = owners.get(document.customer_id or "")
            if organization_id is not None:
                _take_over(easybill, organization_id, document, now, counts)
    _note_synced(now)
    return counts


def _position() -> dt.date:
    """Return the first day whose changes may be unknown to us."""
    with reading():
        oldest = db.session.scalar(select(func.min(LegalDocument.synced_at)))
        db.session.commit()
    return _EARLIEST_ON if oldest is None else (oldest - OVERLAP).astimezone(BERLIN).date()


def _note_synced(now: dt.datetime) -> None:
    query = update(LegalDocument).where(LegalDocument.synced_at < now).values(synced_at=now)
    db.session.execute(query.execution_options(synchronize_session=False))
    db.session.expire_all()
    db.session.commit()


def _organizations_of(documents: Iterable[Document]) -> Mapping[str, int]:
    """Return {EasyBill's customer id: our organization}; the account may serve others as well."""
    ids = {each.customer_id for each in documents if each.customer_id}
    query = select(Organization.easybill_customer_id, Organization.id).where(
        Organization.easybill_customer_id.in_(ids)
    )
    with reading():
        found = {customer_id: each for customer_id, each in db.session.execute(query) if customer_id}
        db.session.commit()
    return found


def _take_over(
    easybill: EasybillGateway,
    organization_id: int,
    document: Document,
    now: dt.datetime,
    counts: MirrorCounts,
) -> None:
    if document.is_draft:
        if _is_lost_draft(organization_id, document):
            easybill.delete_draft(document.id)
            counts.lost_drafts += 1
    elif _refresh(organization_id, document, now):
        counts.refreshed += 1
    elif _is_to_be_added(document):
        counts.added += _add(easybill, organization_id, document, now)


def _is_lost_draft(organization_id: int, document: Document) -> bool:
    """Tell whether a draft is of an invoice whose document is another one."""
    uid = _uid(document.external_id)
    if uid is None:
        return False
    query = select(Invoice.easybill_document_id).where(
        Invoice.organization_id == organization_id, Invoice.uid == uid
    )
    with reading():
        stored = db.session.scalar(query)
        db.session.commit()
    return stored is not None and stored != document.id


def _refresh(organization_id: int, document: Document, now: dt.datetime) -> bool:
    """Take over what may change about a document that we know; tell whether we do."""
    row = legal_copy.row_of(organization_id, document.id)
    if row is not None:
        legal_copy.refresh(row, document, at=max(now, row.synced_at))
    db.session.commit()
    return row is not None


def _is_to_be_added(document: Document) -> bool:
    """Documents that others made at EasyBill are mirrored as well; delivering keeps its own."""
    is_delivered_by_us = document.type == INVOICE and document.external_id is not None
    return document.type in LEGAL_TYPES and bool(document.number) and not is_delivered_by_us


def _add(easybill: EasybillGateway, organization_id: int, document: Document, now: dt.datetime) -> bool:
    try:
        pdf = easybill.pdf_of(document.id)
    except ProviderRefusedError:
        log.exception("a document has no PDF", extra={"document": document.id})
        return False
    legal_copy.keep(organization_id, document, pdf, invoice_id=None, at=now)
    db.session.commit()
    return True


def _uid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None

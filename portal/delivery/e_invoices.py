"""Keeps legal documents in the formats that machines read, where the provider makes them.

Which formats those are is a setting: each costs one of the few calls a minute. That the provider makes no
such format of a document is remembered as well, so that it is asked once.
"""

import datetime as dt
import hashlib
import logging
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select

from portal.delivery.legal_copy import LEGAL_DOCUMENTS_LOCK
from portal.domain.errors import ProviderRefusedError
from portal.gateways.invoicing import InvoicingKeyRefusedError, InvoicingProvider
from portal.models import LegalDocument, LegalDocumentFormat, lock
from portal.storage import db, read_transaction

log = logging.getLogger(__name__)
_MEDIA_TYPES = {"xrechnung": "application/xml", "zugferd": "application/pdf"}


class _Missing(NamedTuple):
    organization_id: int
    legal_document_id: int
    provider_document_id: str


def fetch(provider: InvoicingProvider, *, now: dt.datetime, formats: Collection[str]) -> int:
    """Fetch what is missing of every document, and return how many files there were.

    A document that the provider refuses is passed over. That the provider is away, or refuses our key, is
    raised, and the next run goes on.
    """
    fetched = 0
    for name in sorted(formats):
        for missing in _missing(name):
            try:
                content = provider.e_invoice_of(missing.provider_document_id, name)
            except InvoicingKeyRefusedError:
                raise
            except ProviderRefusedError:
                log.exception("an e-invoice was refused", extra={"document": missing.provider_document_id})
                continue
            fetched += _keep(missing, name, content, now) and content is not None
    return fetched


def _missing(name: str) -> list[_Missing]:
    """Return the documents whose file of a format was never answered, newest first."""
    query = (
        select(LegalDocument.organization_id, LegalDocument.id, LegalDocument.provider_document_id)
        .outerjoin(
            LegalDocumentFormat,
            (LegalDocumentFormat.organization_id == LegalDocument.organization_id)
            & (LegalDocumentFormat.legal_document_id == LegalDocument.id)
            & (LegalDocumentFormat.format == name),
        )
        .where(LegalDocumentFormat.format.is_(None))
        .order_by(LegalDocument.document_on.desc(), LegalDocument.organization_id, LegalDocument.id)
    )
    with read_transaction():
        return [_Missing(*row) for row in db.session.execute(query)]


def _keep(missing: _Missing, name: str, content: bytes | None, now: dt.datetime) -> bool:
    """Store an answer, unless another worker has; tell whether we did."""
    lock(missing.organization_id, LEGAL_DOCUMENTS_LOCK)
    key = (missing.organization_id, missing.legal_document_id, name)
    is_new = db.session.get(LegalDocumentFormat, key) is None
    if is_new:
        row = LegalDocumentFormat(
            organization_id=missing.organization_id,
            legal_document_id=missing.legal_document_id,
            format=name,
            media_type=_MEDIA_TYPES[name],
            sha256=None if content is None else hashlib.sha256(content).hexdigest(),
            content=content,
            asked_at=now,
        )
        db.session.add(row)
    db.session.commit()
    return is_new

"""Closing a month: its draft becomes one final invoice per organization, numbered without gaps.

Safe to run twice, at once, and to be killed: an organization and a month have one invoice or none. An
organization that cannot be closed is left out, with its later months, and holds up no other.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import insert, select

from portal.domain.errors import ConflictError
from portal.domain.money import AMOUNT_MAX_MINOR
from portal.domain.period import Month, hour_of
from portal.extensions import db
from portal.ledger.draft import Draft, drafts_of, last_closable, open_months
from portal.ledger.entries import USAGE_LOCK
from portal.models import Delivery, Invoice, InvoiceItem, Organization, draw
from portal.models.owned import lock

log = logging.getLogger(__name__)
_SLICE = 200  # organizations closed in one transaction


class AmountTooLargeError(ConflictError):
    """A month costs more than an invoice can say."""


def close(*, now: dt.datetime, grace_days: int) -> int:
    """Close every month that is over, past its grace and has usage; return how many invoices that made."""
    until = last_closable(hour_of(now), grace_days)
    due: dict[Month, list[int]] = defaultdict(list)
    for organization in db.session.scalars(select(Organization).order_by(Organization.id)):
        for month in open_months(organization, until=until):
            due[month].append(organization.id)
    db.session.commit()
    made = 0
    left_out: set[int] = set()
    for month in sorted(due):  # months in order, so that numbers are too
        for some in _slices([each for each in due[month] if each not in left_out]):
            made += _close_some(some, month, now, left_out)
    return made


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _SLICE):
        yield ids[start : start + _SLICE]


def _close_some(organization_ids: Sequence[int], month: Month, now: dt.datetime, left_out: set[int]) -> int:
    """Close a slice at once; where that is refused, one by one, and leave out whose usage is the reason."""
    try:
        made = _close_slice(organization_ids, month, now)
        db.session.commit()
    except ConflictError:
        db.session.rollback()
        if len(organization_ids) > 1:
            return sum(_close_some([each], month, now, left_out) for each in organization_ids)
        left_out.update(organization_ids)
        log.exception(
            "a month cannot be closed", extra={"organization": organization_ids[0], "period": str(month)}
        )
        return 0
    return made


def _close_slice(organization_ids: Sequence[int], month: Month, now: dt.datetime) -> int:
    for organization_id in organization_ids:  # always in the order of ids, so that two runs cannot deadlock
        lock(organization_id, USAGE_LOCK)
    closed = select(Invoice.organization_id).where(
        Invoice.organization_id.in_(organization_ids), Invoice.period == str(month)
    )
    still_open = set(organization_ids) - set(db.session.scalars(closed))
    query = select(Organization).where(Organization.id.in_(still_open)).order_by(Organization.id)
    drafts = drafts_of(db.session.scalars(query).all(), month)
    for draft in drafts.values():
        if draft.total.cents > AMOUNT_MAX_MINOR:
            raise AmountTooLargeError
        _write(draft, now)
    return len(drafts)


def _write(draft: Draft, now: dt.datetime) -> None:
    organization = draft.organization
    owner = organization.id
    invoice_id = draw(owner, Invoice.__tablename__)[0]
    number = draw(owner, "invoice_number")[0]
    values = {
        "organization_id": owner,
        "id": invoice_id,
        "uid": draft.uid,
        "period": str(draft.month),
        "number": f"{organization.number}-{number:04d}",
        "currency": organization.currency,
        "total_cents": draft.total.cents,
        "closed_at": now,
        "delivery": Delivery.PENDING if draft.total.cents else Delivery.NOT_NEEDED,
    }
    db.session.execute(insert(Invoice).values(**values))
    ids = draw(owner, InvoiceItem.__tablename__, len(draft.items))
    db.session.execute(insert(InvoiceItem), _item_rows(draft, invoice_id, ids))
    log.info("month closed", extra={"invoice": values["number"], "period": str(draft.month)})


def _item_rows(draft: Draft, invoice_id: int, ids: Sequence[int]) -> list[dict[str, object]]:
    return [
        {
            "organization_id": draft.organization.id,
            "id": item_id,
            "uid": item.uid,
            "invoice_id": invoice_id,
            "project_id": item.project_id,
            "product_id": item.product_id,
            "project_uid": item.project and item.project.uid,
            "product_uid": item.product.uid,
            "project_name": item.project and item.project.name,
            "product_name": item.product.name,
            "unit": item.product.unit,
            "unit_price": item.unit_price,
            "quantity_nano": item.quantity_nano,
            "total_cents": item.total.cents,
        }
        for item_id, item in zip(ids, draft.items, strict=True)
    ]

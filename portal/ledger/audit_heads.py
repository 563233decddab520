"""The heads of audit trails: each day the last entry of every trail that grew, in a table and in the log.

The log is kept where the database's owner does not write: `billing verify --heads FILE` compares with it, and
so finds a trail that was cut in the table of heads too.
"""

import datetime as dt
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import RowMapping, exists, func, select

from portal.domain.errors import BillingError, ConflictError
from portal.ledger import audit
from portal.ledger.audit_chain import Head, is_whole, last_plain_entry, signed_head
from portal.models import AuditEntry, AuditHead, Counter, Organization
from portal.storage import db

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # whatever LOG_LEVEL says: a head that is not in the log proves nothing
_MESSAGE = "audit head"


class SealedAlreadyError(ConflictError):
    """Audit trails were sealed before. Say why again: entries without the key are not ours."""


class UnreadableLogError(BillingError):
    """The log has a line about the head of an audit trail that cannot be read."""


class BrokenTrailError(ConflictError):
    """An audit trail is not what was written: `billing verify` says which. A seal would hide it."""


def write_daily(*, now: dt.datetime) -> int:
    """Write the heads of the trails that grew, once a day; return how many.

    A head of a day that is still to come stops nothing: nobody but a wrong clock, or a stranger, wrote it.
    """
    newest = db.session.scalar(select(func.max(AuditHead.at)).where(~AuditHead.is_seal, AuditHead.at <= now))
    grown = [] if newest is not None and newest.date() >= now.date() else _grown_trails()
    for organization_uid, entry in grown:
        db.session.merge(signed_head(entry, now, is_seal=False))
        facts = {"organization": str(organization_uid), "entry": entry["id"], "sha256": entry["sha256"]}
        log.info(_MESSAGE, extra=facts)
    db.session.commit()
    return len(grown)


def _grown_trails() -> Sequence[tuple[UUID, RowMapping]]:
    """Return the last entry of each trail that has no head yet, with the uid of its organization."""
    entry = AuditEntry.__table__
    has_head = exists().where(
        AuditHead.organization_id == entry.c.organization_id, AuditHead.entry_id == entry.c.id
    )
    is_last = (
        (Counter.organization_id == entry.c.organization_id)
        & (Counter.name == AuditEntry.__tablename__)
        & (Counter.last == entry.c.id)
    )
    query = (
        select(Organization.uid.label("organization_uid"), entry)
        .join(Organization, Organization.id == entry.c.organization_id)
        .join(Counter, is_last)
        .where(~has_head)
        .order_by(entry.c.organization_id)
    )
    return [(row["organization_uid"], row) for row in db.session.execute(query).mappings()]


def seal(*, now: dt.datetime, reason: str | None) -> int:
    """Vouch for what was written before there was a key; return how many trails had such entries.

    It is done once, after the upgrade that brought the key. Again it needs a reason, which each trail keeps.
    """
    seals = _seals()
    organization_ids = db.session.scalars(select(Organization.id).order_by(Organization.id)).all()
    plain = [entry for each in organization_ids if (entry := last_plain_entry(each))]
    unsealed = [entry for entry in plain if entry["id"] > seals.get(entry["organization_id"], 0)]
    if unsealed and seals and not reason:
        raise SealedAlreadyError
    for entry in unsealed:
        if not is_whole(entry["organization_id"]):
            raise BrokenTrailError
    for entry in unsealed:
        db.session.merge(signed_head(entry, now, is_seal=True))
        subject = f"entries up to {entry['id']}"
        audit.record(entry["organization_id"], "audit.sealed", subject, after={"reason": reason})
    db.session.commit()
    return len(unsealed)


def _seals() -> Mapping[int, int]:
    """Return the last entry that is sealed, by organization."""
    query = select(AuditHead.organization_id, func.max(AuditHead.entry_id)).where(AuditHead.is_seal)
    return dict(db.session.execute(query.group_by(AuditHead.organization_id)).all())


def of_log(lines: Iterable[str]) -> Mapping[str, Sequence[Head]]:
    """Read the heads from lines of a log, by the uid of their organization; other lines are passed over.

    UnreadableLogError for a line that is cut, or not as we write it: to pass over it would prove less.
    """
    heads: dict[str, list[Head]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        start = line.find('{"')  # what collects logs writes before it
        if start < 0 or f'"{_MESSAGE}"' not in line:
            continue
        try:
            head = json.loads(line[start:])
            if head["message"] == _MESSAGE and head["logger"] == __name__:
                heads[head["organization"]].append(Head(head["entry"], head["sha256"], head["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableLogError(
                f"Line {number} of the log is about the head of an audit trail, and cannot be read."
            ) from error
    return heads

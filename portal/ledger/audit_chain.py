"""The chain of an organization's audit trail, and what breaks it.

An entry's hash covers its facts and the hash of the entry before it, so that changing, removing or inserting
one shows; it is keyed, so that nobody without the key can make a chain anew. Numbers have no gaps. What is
cut off at the end shows by the heads that were kept (`audit_heads`), down to the last one.
Entries from before the key are plain hashes, up to the head that seals them.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import RowMapping, select

from portal.keyring import audit_keys
from portal.models import AuditEntry, AuditHead, Organization
from portal.models import Counter as DrawnCounter
from portal.storage import db

Facts = Mapping[str, object]
GENESIS = "0" * 64
_ENTRY, _HEAD = "audit entry", "audit head"  # the purposes of the key
_WITHOUT_KEY = "was written without the key"


class Head(NamedTuple):
    """The last entry of an organization's trail at an instant, as it was written down elsewhere."""

    entry_id: int
    sha256: str
    at: str


def keyed_hash(row: Facts) -> str:
    """Return the hash of an entry without its own: 64 hexadecimal digits."""
    return audit_keys().sign(_ENTRY, _text(row))


def signed_head(entry: RowMapping, at: dt.datetime, *, is_seal: bool) -> AuditHead:
    """Return the head that an entry is; a seal vouches for what was written up to it without a key."""
    head = AuditHead(
        organization_id=entry["organization_id"],
        entry_id=entry["id"],
        at=at,
        sha256=entry["sha256"],
        is_seal=is_seal,
    )
    head.signature = audit_keys().sign(_HEAD, _text_of_head(head))
    return head


def _is_plain(facts: Facts, digest: str) -> bool:
    """Tell whether the hash of an entry is one that anybody can make, as before there was a key."""
    return hashlib.sha256(_text(facts).encode()).hexdigest() == digest


def last_plain_entry(organization_id: int) -> RowMapping | None:
    """Return the last entry of a trail that was written without a key, if there is one."""
    last = None
    for row in _entries(organization_id):
        facts = {name: value for name, value in row.items() if name != "sha256"}
        if _is_plain(facts, row["sha256"]):
            last = row
    return last


def _text(row: Facts) -> str:
    facts = {
        name: value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else value
        for name, value in row.items()
    }
    return json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)


def _text_of_head(head: AuditHead) -> str:
    kind, at = "seal" if head.is_seal else "head", head.at.astimezone(dt.UTC).isoformat()
    return f"{head.organization_id} {head.entry_id} {head.sha256} {kind} {at}"


def broken_chains(logged: Mapping[str, Sequence[Head]] | None = None) -> Iterator[str]:
    """Yield a sentence for each organization whose trail was changed, cut or added to.

    `logged` are the heads that a log kept, by the uid of their organization.
    """
    query = select(Organization.id, Organization.uid, Organization.number).order_by(Organization.id)
    organizations = db.session.execute(query).all()
    for organization_id, uid, number in organizations:
        trouble = _trouble_of(organization_id, (logged or {}).get(str(uid), ()))
        if trouble:
            yield f"organization {number}: audit trail: {trouble}"
    for missing in sorted(set(logged or ()) - {str(each.uid) for each in organizations}):
        yield f"organization {missing}: its audit trail is in the log, and the organization is not there"


def is_whole(organization_id: int) -> bool:
    """Tell whether nothing is wrong with a trail, but for entries that were written without the key."""
    return all(fault.endswith(_WITHOUT_KEY) for fault in _faults(organization_id, ()))


def _trouble_of(organization_id: int, logged: Sequence[Head]) -> str:
    """Return the first fault of an organization's trail, or ''."""
    return next(_faults(organization_id, logged), "")


def _faults(organization_id: int, logged: Sequence[Head]) -> Iterator[str]:
    """Yield the faults of a trail as they are found; what follows the first may only follow from it."""
    query = select(AuditHead).where(AuditHead.organization_id == organization_id)
    kept = db.session.scalars(query.order_by(AuditHead.entry_id)).all()
    for head in kept:
        if not audit_keys().vouch_for(_HEAD, _text_of_head(head), head.signature):
            yield f"the head of entry {head.entry_id} is not what was written"
    sealed = max((head.entry_id for head in kept if head.is_seal), default=0)
    hashes = [GENESIS]
    for row in _entries(organization_id):
        number = len(hashes)
        yield from _faults_of_entry(row, number, hashes[-1], is_sealed=number <= sealed)
        hashes.append(row["sha256"])
    yield from _differences(hashes, logged)
    yield from _differences(
        hashes, [Head(each.entry_id, each.sha256, f"{each.at:%Y-%m-%d}") for each in kept]
    )
    if _numbers_drawn(organization_id) != len(hashes) - 1:
        yield f"entry {len(hashes)} is missing"


def _entries(organization_id: int) -> Iterator[RowMapping]:
    table = AuditEntry.__table__
    query = select(table).where(table.c.organization_id == organization_id).order_by(table.c.id)
    return iter(db.session.execute(query).mappings())


def _faults_of_entry(row: RowMapping, number: int, previous: str, *, is_sealed: bool) -> Iterator[str]:
    facts = {name: value for name, value in row.items() if name != "sha256"}
    if row["id"] != number:
        yield f"entry {number} is missing"
    if row["previous_sha256"] != previous:
        yield f"entry {number} is not what was written"
    if not audit_keys().vouch_for(_ENTRY, _text(facts), row["sha256"]):
        if not _is_plain(facts, row["sha256"]):
            yield f"entry {number} is not what was written"
        if not is_sealed:
            yield f"entry {number} {_WITHOUT_KEY}"


def _differences(hashes: Sequence[str], heads: Sequence[Head]) -> Iterator[str]:
    """Compare a chain with the heads that were written down while it grew."""
    for head in heads:
        if head.entry_id >= len(hashes):
            yield f"entry {head.entry_id}, there on {head.at[:10]}, is missing"
        elif hashes[head.entry_id] != head.sha256:
            yield f"entry {head.entry_id} is not the one of {head.at[:10]}"


def _numbers_drawn(organization_id: int) -> int:
    drawn = select(DrawnCounter.last).where(
        DrawnCounter.organization_id == organization_id, DrawnCounter.name == AuditEntry.__tablename__
    )
    return db.session.scalar(drawn) or 0

"""Calls to Stripe that make something: written down before they are made, so that each has one key.

Stripe forgets a key after a day or so. A call that began longer ago has to look first whether it had
its effect.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from sqlalchemy import delete, select

from portal.models import Organization, StripeCall, add_owned
from portal.models.owned import lock
from portal.storage.database import db

_KEY_IS_GOOD_FOR = dt.timedelta(hours=23)
_REMEMBERED_FOR = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Begun:
    """A call that may have been made before. `is_old`: its key may be forgotten, so look first.

    `is_retry`: it was begun before. Stripe repeats its own failures under a key, even of what was done.
    """

    key: str
    since: dt.datetime
    is_retry: bool
    is_old: bool


def begin(organization: Organization, kind: str, subject: str, *, now: dt.datetime) -> Begun:
    """Return the call of this kind about this subject, written down at its first try."""
    lock(organization.id, StripeCall.__tablename__)
    query = select(StripeCall).where(
        StripeCall.organization_id == organization.id, StripeCall.kind == kind, StripeCall.subject == subject
    )
    known = db.session.scalar(query)
    call = known
    if call is None:
        call = add_owned(organization.id, StripeCall(kind=kind, subject=subject, attempt=1, begun_at=now))
    said = "|".join(("bp1", kind, str(organization.uid), subject, str(call.attempt)))
    key = hashlib.sha256(said.encode()).hexdigest()
    is_retry = known is not None
    return Begun(
        key=key, since=call.begun_at, is_retry=is_retry, is_old=now - call.begun_at >= _KEY_IS_GOOD_FOR
    )


def forget_old(*, now: dt.datetime) -> None:
    """Forget set-ups that nobody will ask for again; who an organization is at Stripe is kept."""
    old = delete(StripeCall).where(
        StripeCall.kind != "customer", StripeCall.begun_at <= now - _REMEMBERED_FOR
    )
    db.session.execute(old.execution_options(synchronize_session=False))

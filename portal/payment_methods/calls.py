"""Calls to Stripe that make something: written down before they are made, so that each has one key.

Stripe forgets a key after a day or so. A call that began longer ago has to look first whether it had
its effect.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass

from sqlalchemy import select

from portal.models import Organization, StripeCall, add_owned, lock
from portal.storage import db, remove

_KEY_IS_GOOD_FOR = dt.timedelta(hours=23)
_REMEMBERED_FOR = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key of a call. `is_old`: Stripe may have forgotten the key, so look first.

    `is_retry`: the call was begun before. Stripe repeats its own failures under a key, even where it had its
    effect.
    """

    key: str
    since: dt.datetime
    is_retry: bool
    is_old: bool


def begin(organization: Organization, kind: str, subject: str, *, now: dt.datetime) -> IdempotencyKey:
    """Return the call of this kind about this subject, written down at its first try."""
    lock(organization.id, StripeCall.__tablename__)
    query = select(StripeCall).where(
        StripeCall.organization_id == organization.id, StripeCall.kind == kind, StripeCall.subject == subject
    )
    stored = db.session.scalar(query)
    call = stored or add_owned(
        organization.id, StripeCall(kind=kind, subject=subject, attempt=1, begun_at=now)
    )
    identity = "|".join(("bp1", kind, str(organization.uid), subject, str(call.attempt)))
    key = hashlib.sha256(identity.encode()).hexdigest()
    is_retry = stored is not None
    return IdempotencyKey(
        key=key, since=call.begun_at, is_retry=is_retry, is_old=now - call.begun_at >= _KEY_IS_GOOD_FOR
    )


def forget_old(*, now: dt.datetime) -> None:
    """Delete the calls of old set-ups; the call that made the customer is kept."""
    remove(StripeCall, (StripeCall.kind != "customer") & (StripeCall.begun_at <= now - _REMEMBERED_FOR))

"""`Idempotency-Key`: an unsafe request that is sent again has its effect once, and is answered the same.

The key is reserved in the transaction of the effect, and its answer is stored with it. Whoever comes
second waits for the first; if that one failed or died, its reservation is gone with its effect. A view
that asks a provider commits on the way: then the reservation is a lease, which may be taken over.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite

from portal.domain.errors import ConflictError, ValidationError
from portal.models import StoredAnswer
from portal.storage.database import db, is_reading
from portal.storage.transaction import write_transaction
from portal.web.clock import now
from portal.web.transaction import SAFE_METHODS

KEPT_FOR = dt.timedelta(hours=24)
_LEASE = dt.timedelta(seconds=30)
_KEY_LENGTH_MAX = 255
_WAIT_SECONDS_MAX = 10
_LOOK_EVERY_SECONDS = 0.05
_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}

View = TypeVar("View", bound=Callable[..., Any])
Place = tuple[str, str]  # (scope, key)


class StillWorkingError(ConflictError):
    """An equal request with this Idempotency-Key is still being worked on. Please ask again in a moment."""


def keeps_no_answer(view: View) -> View:
    """Mark a view whose answer is a secret: nothing of it is stored."""
    view.keeps_no_answer = True  # type: ignore[attr-defined]
    return view


def init_app(app: Flask) -> None:
    @app.after_request
    def keep_answer(response: Response) -> Response:
        place: Place | None = g.pop("reserved", None)
        if place is not None:
            _store(place, response)
        return response


def earlier_answer(scope: str | None) -> Response | None:
    """Return the answer to an equal request of this scope, or None, and reserve the key for this one.

    Raises ValidationError if the key was used for something else; StillWorkingError if the answer takes
    too long.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None or scope is None or request.method in SAFE_METHODS or _is_secret():
        return None
    if not 1 <= len(key) <= _KEY_LENGTH_MAX or not (key.isascii() and key.isprintable()):
        raise ValidationError({"Idempotency-Key": ["is 1 to 255 printable ASCII characters"]})
    place, asked = (scope, key), _fingerprint()
    for _ in range(int(_WAIT_SECONDS_MAX / _LOOK_EVERY_SECONDS)):
        if _reserve(place, asked):
            g.reserved = place
            return None
        known = db.session.get(StoredAnswer, place, populate_existing=True)
        if known is not None and known.request_sha256 != asked:
            raise ValidationError({"Idempotency-Key": ["was used for another request"]})
        if known is not None and known.status is not None:
            return _repeated(known)
        db.session.rollback()
        time.sleep(_LOOK_EVERY_SECONDS)
    raise StillWorkingError


def _is_secret() -> bool:
    return getattr(current_app.view_functions[str(request.endpoint)], "keeps_no_answer", False)


def _fingerprint() -> str:
    parts = (request.method, request.full_path, request.mimetype)
    said = "\0".join(parts).encode() + b"\0" + _body()
    return hashlib.sha256(said).hexdigest()


def _body() -> bytes:
    if request.mimetype not in _FORMS:
        return request.get_data()
    return repr([pair for pair in request.form.items(multi=True) if pair[0] != "csrf_token"]).encode()


def _reserve(place: Place, asked: str) -> bool:
    """Take a key that nobody has, whose time is over, or whose holder left it unanswered."""
    assert not is_reading(), "a key is reserved by whoever writes"
    scope, key = place
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    fresh = {"request_sha256": asked, "created_at": now(), "leased_until": now() + _LEASE}
    empty = {"status": None, "content_type": None, "location": None, "body": None}
    is_old = StoredAnswer.created_at <= now() - KEPT_FOR
    is_left = StoredAnswer.status.is_(None) & (StoredAnswer.leased_until <= now())
    taken = (
        insert(StoredAnswer)
        .values(scope=scope, key=key, **fresh, **empty)
        .on_conflict_do_update(
            index_elements=[StoredAnswer.scope, StoredAnswer.key],
            set_=fresh | empty,
            where=is_old | (is_left & (StoredAnswer.request_sha256 == asked)),
        )
        .returning(StoredAnswer.key)
    )
    return db.session.scalar(taken.execution_options(populate_existing=True)) is not None


def _store(place: Place, response: Response) -> None:
    """Keep the answer in the transaction of its effect; a refusal leaves nothing, so it can be retried."""
    scope, key = place
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        db.session.rollback()
        with write_transaction():
            left = delete(StoredAnswer).where(
                StoredAnswer.scope == scope, StoredAnswer.key == key, StoredAnswer.status.is_(None)
            )
            db.session.execute(left.execution_options(synchronize_session=False))
        return
    one = update(StoredAnswer).where(StoredAnswer.scope == scope, StoredAnswer.key == key)
    answer = one.values(
        status=response.status_code,
        content_type=response.content_type,
        location=response.location,
        body=response.get_data(),
    )
    db.session.execute(answer.execution_options(synchronize_session=False))


def _repeated(known: StoredAnswer) -> Response:
    response = make_response(known.body or b"", known.status)
    response.content_type = known.content_type or ""
    if known.location:
        response.location = known.location
    response.headers["Idempotent-Replayed"] = "true"
    return response


def forget_old(*, now: dt.datetime) -> None:
    """Delete the answers that are kept no longer."""
    old = delete(StoredAnswer).where(StoredAnswer.created_at <= now - KEPT_FOR)
    db.session.execute(old.execution_options(synchronize_session=False))

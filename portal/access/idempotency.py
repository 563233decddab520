"""`Idempotency-Key`: an unsafe request that is sent again has its effect once, and is answered the same.

The second of two equal requests waits for the answer to the first (`idempotency_records`).
"""

import hashlib
import logging
import re
import time
from http import HTTPStatus

from flask import Flask, Response, g, make_response, request
from sqlalchemy.exc import SQLAlchemyError

from portal.access import idempotency_records
from portal.access.idempotency_records import RecordKey
from portal.domain.errors import ConflictError, ValidationError
from portal.models import IdempotencyRecord
from portal.storage import abandon_transaction, db
from portal.web.clock import now
from portal.web.transaction import SAFE_METHODS

log = logging.getLogger(__name__)
KEY_LENGTH_MAX = 255
KEY_CHARACTER = "[ -~]"
_WAIT_SECONDS_MAX = 10
_LOOK_EVERY_SECONDS = 0.05
_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


class StillWorkingError(ConflictError):
    """An equal request with this Idempotency-Key is still being worked on. Please ask again in a moment."""


def init_app(app: Flask) -> None:
    @app.after_request
    def keep_answer(response: Response) -> Response:
        reserved: RecordKey | None = g.pop("reserved", None)
        if reserved is not None and response.status_code < HTTPStatus.BAD_REQUEST:
            _keep(reserved, response)
        elif reserved is not None:
            _give_up(reserved)
        return response


def key_of_request() -> str | None:
    """Return the request's `Idempotency-Key`, or None where it has none; 422 for anything else."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(f"{KEY_CHARACTER}{{1,{KEY_LENGTH_MAX}}}", key):
        raise ValidationError({"Idempotency-Key": [f"is 1 to {KEY_LENGTH_MAX} printable ASCII characters"]})
    return key


def earlier_answer(scope: str | None) -> Response | None:
    """Return the answer to an equal request of this scope, or None, and reserve the key for this one.

    Raises ValidationError if the key was used for something else; StillWorkingError if the answer takes
    too long.
    """
    if scope is None or request.method in SAFE_METHODS:
        return None
    key = key_of_request()
    return None if key is None else _reserve_or_repeat(RecordKey(scope, key), _fingerprint())


def _reserve_or_repeat(record_key: RecordKey, request_sha256: str) -> Response | None:
    for _ in range(int(_WAIT_SECONDS_MAX / _LOOK_EVERY_SECONDS)):
        if idempotency_records.reserve(record_key, request_sha256, now=now()):
            g.reserved = record_key
            return None
        record = idempotency_records.record_of(record_key)
        if record is not None and record.request_sha256 != request_sha256:
            raise ValidationError({"Idempotency-Key": ["was used for another request"]})
        if record is not None and record.status is not None:
            return _repeated(record)
        db.session.rollback()
        time.sleep(_LOOK_EVERY_SECONDS)
    raise StillWorkingError


def _fingerprint() -> str:
    parts = (request.method, request.full_path, request.mimetype)
    content = "\0".join(parts).encode() + b"\0" + _body()
    return hashlib.sha256(content).hexdigest()


def _body() -> bytes:
    if request.mimetype not in _FORMS:
        return request.get_data()
    return repr([pair for pair in request.form.items(multi=True) if pair[0] != "csrf_token"]).encode()


def _keep(record_key: RecordKey, response: Response) -> None:
    idempotency_records.keep(
        record_key,
        status=response.status_code,
        content_type=response.content_type,
        location=response.location,
        body=response.get_data(),
    )


def _give_up(record_key: RecordKey) -> None:
    """End a reservation; where the database is away its lease ends, and the answer is what it is."""
    try:
        idempotency_records.give_up(record_key)
    except SQLAlchemyError:
        log.exception("a reserved Idempotency-Key was not given up")
        abandon_transaction()


def _repeated(record: IdempotencyRecord) -> Response:
    response = make_response(record.body or b"", record.status)
    response.content_type = record.content_type or ""
    if record.location:
        response.location = record.location
    response.headers["Idempotent-Replayed"] = "true"
    return response

"""One request, one transaction: it commits if the answer is good, else rolls back."""

from http import HTTPStatus

from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError

from portal.storage import abandon_transaction, db, set_reading

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def init_app(app: Flask) -> None:
    @app.before_request
    def begin_as_reader() -> None:
        set_reading(is_reading=True)

    @app.teardown_request
    def leave_no_trace(error: BaseException | None) -> None:
        del error
        set_reading(is_reading=False)  # for the next work of this thread

    @app.teardown_appcontext
    def leave_no_connection(error: BaseException | None) -> None:
        """Let go of a lost connection: the session's removal, beyond any answer, would fail by it."""
        del error
        abandon_transaction()

    @app.after_request
    def close_transaction(response: Response) -> Response:
        if request.method in SAFE_METHODS or response.status_code >= HTTPStatus.BAD_REQUEST:
            abandon_transaction()
            return response
        try:
            db.session.commit()
        except SQLAlchemyError as error:  # the disk is full, the database gone: the good answer is not true
            return app.make_response(app.handle_user_exception(error))
        return response


def end_identification() -> None:
    """End the reads that identified the caller; an unsafe request writes from here on."""
    db.session.commit()
    if request.method not in SAFE_METHODS:
        set_reading(is_reading=False)

"""One request, one organization: every row that it writes belongs to the organization that it is about.

Every query starts from the organization by itself; this is the fence behind it. It stops a row of
another organization from being written, wherever the mistake is.
"""

from contextvars import ContextVar

from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.models.owned import OrganizationOwned

_only: ContextVar[int | None] = ContextVar("_only", default=None)


class ForeignRowError(Exception):
    """A row of another organization was about to be written: our mistake, so nothing is."""


def init_app(app: Flask) -> None:
    app.teardown_request(_leave)


def enter(organization_id: int) -> None:
    """Let this request write rows of one organization only, from here on."""
    _only.set(organization_id)


def _leave(error: BaseException | None) -> None:
    del error
    _only.set(None)


@event.listens_for(Session, "before_flush")
def _refuse_foreign_rows(session: Session, context: object, instances: object) -> None:
    del context, instances
    mine = _only.get()
    if mine is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, OrganizationOwned) and row.organization_id != mine:
            raise ForeignRowError(f"{type(row).__name__} of organization {row.organization_id}")

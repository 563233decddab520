"""What the operator was told of by mail, and has to be told of no second time."""

import datetime as dt

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage import Model


class OperatorNotice(Model):
    """Something that needs a person, by its key. `mailed_at` is None until it was put into a mail.

    `resolved_at` is set once it holds no more; where it holds again, the same row begins anew.
    """

    __tablename__ = "operator_notice"
    __table_args__ = (Index("ix_operator_notice_resolved_at", "resolved_at"), {"info": LOCAL})
    key: Mapped[str] = mapped_column(primary_key=True)
    sentence: Mapped[str]
    first_seen_at: Mapped[dt.datetime]
    mailed_at: Mapped[dt.datetime | None]
    resolved_at: Mapped[dt.datetime | None]

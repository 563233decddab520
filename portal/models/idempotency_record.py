"""What requests with an `Idempotency-Key` were answered."""

import datetime as dt

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage import Model


class IdempotencyRecord(Model):
    """The answer to an unsafe request with an Idempotency-Key; without a status it is being worked on."""

    __tablename__ = "stored_answer"
    __table_args__ = ({"info": LOCAL},)
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime]
    leased_until: Mapped[dt.datetime]
    status: Mapped[int | None] = mapped_column(Integer)
    content_type: Mapped[str | None]
    location: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)

"""What the fence before irrevocable work remembers of the database's clock."""

import datetime as dt

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage import Model


class ClockState(Model):
    """One row: the latest instant that was seen and trusted, and since when and why the clock is not."""

    __tablename__ = "clock_state"
    __table_args__ = (CheckConstraint("id = 1", name="is_one_row"), {"info": LOCAL})
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, default=1)
    seen_at: Mapped[dt.datetime]
    stopped_at: Mapped[dt.datetime | None]
    stopped_because: Mapped[str | None]


class ClockAcceptance(Model):
    """An operator's word that a clock which jumped is right: who, when, why, and what the jump was."""

    __tablename__ = "clock_acceptance"
    __table_args__ = ({"info": LOCAL},)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    accepted_at: Mapped[dt.datetime]
    accepted_by: Mapped[str]
    reason: Mapped[str]
    stopped_at: Mapped[dt.datetime]
    stopped_because: Mapped[str]

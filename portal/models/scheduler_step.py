"""When each step of the scheduler last ran, and what came of it."""

import datetime as dt
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from portal.models.owned import LOCAL
from portal.storage import Model


class StepOutcome(StrEnum):
    """How a step ended: `failed` also where it left something that was due to its next run."""

    DONE = "done"
    FAILED = "failed"


class SchedulerStep(Model):
    """A step; `last_completed_at` is its last run that was done, `summary` what that did."""

    __tablename__ = "scheduler_step"
    __table_args__ = ({"info": LOCAL},)
    name: Mapped[str] = mapped_column(primary_key=True)
    last_started_at: Mapped[dt.datetime | None]
    last_completed_at: Mapped[dt.datetime | None]
    last_failed_at: Mapped[dt.datetime | None]
    last_outcome: Mapped[str | None]
    last_failure: Mapped[str | None]
    summary: Mapped[str | None]

"""One step of the scheduler: it runs on its own, its failure ends no other, and its outcome is kept."""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from portal.domain.errors import BillingError
from portal.domain.secrets import scrubbed
from portal.models import SchedulerStep, StepOutcome
from portal.storage import abandon_transaction, db, insert_into, write_transaction
from portal.timekeeping.clocks import true_now

log = logging.getLogger(__name__)
_REASON_LENGTH_MAX = 300


class LeftForNextRunError(BillingError):
    """Some of what was due is left for the next run."""


@dataclass(frozen=True, slots=True)
class Step:
    """Work under a name: `work` does what is due at an instant, and returns in a few words what it did.

    It raises where it left something that was due. What it writes is safe to be killed anywhere. It does not
    run in a tick in which the step that it `needs` failed. A step that bills is `dated`: it works at the time
    that a tick was told, which may be pretended; the others work at the true one.
    """

    name: str
    work: Callable[[dt.datetime], str]
    needs: str | None = None
    is_dated: bool = False


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a step; `summary` is what it did, or why it failed."""

    name: str
    outcome: StepOutcome
    summary: str

    @property
    def is_done(self) -> bool:
        return self.outcome is StepOutcome.DONE

    def __str__(self) -> str:
        return f"{self.name:14} {self.outcome:7} {self.summary}"


def run_step(step: Step, now: dt.datetime, *, is_recorded: bool = True) -> StepResult:
    """Run a step that raises nothing; a failure is logged, and recorded even where a success is not."""
    if is_recorded:
        _record(step.name, last_started_at=true_now())
    result = _outcome_of(step, now)
    if is_recorded or not result.is_done:
        record_result(result)
    return result


def record_result(result: StepResult) -> None:
    """Keep what came of a step."""
    if result.is_done:
        facts = {"last_completed_at": true_now(), "summary": result.summary}
    else:
        facts = {"last_failed_at": true_now(), "last_failure": result.summary}
    _record(result.name, last_outcome=result.outcome, **facts)


def _outcome_of(step: Step, now: dt.datetime) -> StepResult:
    try:
        return StepResult(step.name, StepOutcome.DONE, step.work(now))
    except BillingError as error:
        facts = {"step": step.name, "reason": str(error)}
        log.warning("a step was not finished; the next round goes on", extra=facts)
        return StepResult(step.name, StepOutcome.FAILED, _reason(error))
    except Exception as error:  # ours to mend, but one mistake must not stop all other steps
        what = "the database failed" if isinstance(error, OperationalError) else "unexpected error"
        log.exception("%s; the next round goes on", what, extra={"step": step.name})
        return StepResult(step.name, StepOutcome.FAILED, _reason(error))
    finally:
        abandon_transaction()


def _reason(error: Exception) -> str:
    """Return a failure in one line: the sentence of an error of billing, or the kind of another one."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    kind = "" if isinstance(error, BillingError) else f"{type(error).__name__}: "
    return scrubbed(" ".join(f"{kind}{cause}".split()))[:_REASON_LENGTH_MAX]


def _record(name: str, **facts: object) -> None:
    """Write facts about a step; where the database does not take them, its log has them."""
    try:
        with write_transaction():
            row = insert_into(SchedulerStep).values(name=name, **facts)
            db.session.execute(row.on_conflict_do_update(index_elements=["name"], set_=facts))
    except SQLAlchemyError:
        log.exception("the state of a step could not be recorded", extra={"step": name})
        abandon_transaction()

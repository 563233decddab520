"""The facts that the database has. Each is read on its own and within a second: a slow one costs only itself.

Each reads an index or a table that grows with customers, never one that grows with their usage.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from types import MappingProxyType

from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from portal.delivery import outbox as documents
from portal.health.readiness import is_behind
from portal.health.samples import Build, Facts, Sample
from portal.ledger.completeness import missing_hours_by_product
from portal.mailing import outbox as mails
from portal.models import MonthReview, SchedulerStep
from portal.payment_methods import queue as stripe_events
from portal.storage import Backlog, abandon_transaction, db, read_transaction_within

log = logging.getLogger(__name__)
_MILLISECONDS_A_FACT = 1000
_SECONDS_IN_ALL = 4  # Prometheus waits ten
_PRODUCTS_MAX = 20
_OTHER_PRODUCTS = "(others)"
_HOUR_IS_LATE_AFTER = dt.timedelta(minutes=15)
Reader = Callable[[dt.datetime], Iterable[Sample]]
_NOTHING_MORE: Mapping[str, Reader] = MappingProxyType({})


def facts(build: Build, *, now: dt.datetime, more: Mapping[str, Reader] = _NOTHING_MORE) -> Facts:
    """Return all that can be known in a few seconds; a database that fails is a fact, and raises nothing.

    `more` reads what is not only rows, such as the clocks.
    """
    samples = [Sample("portal_build_info", 1, asdict(build))]
    ends_at = time.monotonic() + _SECONDS_IN_ALL
    schema = _read(lambda: _schema(build))
    samples += [Sample("portal_database_up", int(schema is not None)), *(schema or ())]
    if schema is None:
        return Facts(samples)
    for name, read in {**_READERS, **more}.items():
        part = _read(lambda: read(now)) if time.monotonic() < ends_at else None  # noqa: B023 - called now
        samples += [Sample("portal_fact_unknown", int(part is None), {"fact": name}), *(part or ())]
    return Facts(samples)


def _read(read: Callable[[], Iterable[Sample]]) -> list[Sample] | None:
    """Return what could be read; None where the database failed, or took too long."""
    try:
        with read_transaction_within(_MILLISECONDS_A_FACT):
            return list(read())
    except SQLAlchemyError as error:
        log.warning("a fact of the portal's health is not known", extra={"reason": str(error)})
        abandon_transaction()
        return None


def _schema(build: Build) -> Iterator[Sample]:
    revision = MigrationContext.configure(db.session.connection()).get_current_revision()
    yield Sample("portal_schema_behind", int(is_behind(revision, build.schema)))


def _clock(now: dt.datetime) -> Iterator[Sample]:
    steps = db.session.execute(select(SchedulerStep.name, SchedulerStep.last_completed_at)).all()
    yield Sample("portal_clock_steps", len(steps))
    for name, completed_at in steps:
        labels = {"step": name}
        yield Sample("portal_clock_step_ever_completed", int(completed_at is not None), labels)
        if completed_at is not None:
            yield Sample("portal_clock_step_age_seconds", _age(completed_at, now), labels)


def _documents(now: dt.datetime) -> Iterator[Sample]:
    yield from _backlog("portal_documents_undelivered", "portal_documents", documents.backlog(), now)
    yield Sample("portal_documents_stuck", documents.stuck_count())


def _months(now: dt.datetime) -> Iterator[Sample]:
    del now
    query = select(func.count()).select_from(MonthReview).where(MonthReview.ended_at.is_(None))
    yield Sample("portal_months_in_review", db.session.scalar(query) or 0)


def _hours(now: dt.datetime) -> Iterator[Sample]:
    """Yield the products that miss most; an hour that has just ended is not late yet."""
    missing = missing_hours_by_product(now=now - _HOUR_IS_LATE_AFTER)
    ranked = sorted(missing.items(), key=lambda item: item[1], reverse=True)
    for code, hours in ranked[:_PRODUCTS_MAX]:
        yield Sample("portal_hours_missing", hours, {"product": code})
    others = sum(hours for _, hours in ranked[_PRODUCTS_MAX:])
    yield Sample("portal_hours_missing", others, {"product": _OTHER_PRODUCTS})  # 0, rather than no number


def _stripe_events(now: dt.datetime) -> Iterator[Sample]:
    return _backlog("portal_stripe_events_waiting", "portal_stripe_events", stripe_events.backlog(), now)


def _mails(now: dt.datetime) -> Iterator[Sample]:
    return _backlog("portal_mails_waiting", "portal_mails", mails.backlog(), now)


def _backlog(waiting: str, name: str, backlog: Backlog, now: dt.datetime) -> Iterator[Sample]:
    yield Sample(waiting, backlog.waiting)
    yield Sample(f"{name}_failed", backlog.failed)
    yield Sample(f"{name}_age_seconds", _age(backlog.oldest_at or now, now))


def _age(at: dt.datetime, now: dt.datetime) -> int:
    """Return the whole seconds since an instant; none since one that is still to come."""
    return max(0, (now - at) // dt.timedelta(seconds=1))


_READERS: dict[str, Reader] = {
    "clock": _clock,
    "documents": _documents,
    "months": _months,
    "hours": _hours,
    "stripe_events": _stripe_events,
    "mails": _mails,
}

"""What is known of a running portal, on both databases; a database that fails is a fact too."""

import datetime as dt

import pytest
from sqlalchemy import text

from portal.domain.period import hour_of, start_of_hour
from portal.health import conditions, present, queries
from portal.health.build import this_build
from portal.health.conditions import CONDITIONS, Level, findings, in_words
from portal.health.queries import facts
from portal.health.samples import METRICS, Sample
from portal.mailing import outbox
from portal.models import ClockState, Delivery, Metering, MonthReview, SchedulerStep, StripeEvent, add_owned
from portal.storage import db, read_transaction_within
from portal.timekeeping.clocks import DatabaseClock, app_clock, set_clock
from tests.delivery.rows import make_invoice
from tests.factories import FEBRUARY, JANUARY, NOW, make_product, make_subscription

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
LINE = ("production", "vm", "744", "0.5")


def known(now: dt.datetime = NOW) -> dict[str, int]:
    """Return each number under its name and the values of its labels."""
    db.session.commit()
    now_known = facts(this_build(), now=now, more={"clocks": present._clocks})
    return {" ".join((each.metric, *each.labels.values())): each.value for each in now_known.samples}


def keys(now: dt.datetime = NOW) -> set[str]:
    db.session.commit()
    now_known = facts(this_build(), now=now, more={"clocks": present._clocks})
    return {finding.key for finding in findings(now_known)}


def ran(name: str, *, completed_at: dt.datetime | None = NOW) -> None:
    db.session.add(SchedulerStep(name=name, last_started_at=NOW, last_completed_at=completed_at))
    db.session.commit()


def test_an_empty_portal_whose_clock_runs_is_well(app):
    ran("hours")
    assert keys() == set()
    assert known()["portal_database_up"] == 1
    assert known()["portal_schema_behind"] == 0


def test_a_clock_that_never_ran_is_broken(app):
    assert keys() == {"clock_never_ran"}


def test_a_step_of_the_clock_ages_until_it_is_complete_again(app):
    ran("hours", completed_at=NOW - 16 * MINUTE)
    ran("sync", completed_at=NOW - 16 * MINUTE)
    assert known()["portal_clock_step_age_seconds hours"] == 16 * 60
    assert keys() == {"clock_step_late hours"}
    assert keys(NOW + 3 * HOUR) == {"clock_step_late hours", "clock_step_with_a_provider_late sync"}


def test_a_step_of_the_clock_that_was_never_complete_needs_a_person(app):
    ran("hours")
    ran("sync", completed_at=None)
    assert keys() == {"clock_step_never_complete sync"}
    assert "portal_clock_step_age_seconds sync" not in known()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_host_whose_clock_differs_is_broken(app, minutes):
    ran("hours")
    set_clock(app, DatabaseClock(lambda: NOW, host=lambda: NOW + minutes * MINUTE))
    app_clock().exact = lambda: NOW
    assert known()["portal_clock_host_ahead_seconds"] == minutes * 60
    assert keys() == {"clock_differs"}
    [finding] = findings(present.present_facts())
    assert finding.sentence.startswith("A host's clock differs from the database's by")


def test_a_clock_that_jumped_is_broken_until_it_is_accepted(app):
    ran("hours")
    state = ClockState(id=1, seen_at=NOW, stopped_at=NOW, stopped_because="The clock went back.")
    db.session.add(state)
    assert keys() == {"clock_stopped"}
    state.stopped_at = state.stopped_because = None
    assert keys() == set()


def test_documents_are_counted_by_what_becomes_of_them(app, acme):
    ran("hours")
    assert known()["portal_documents_age_seconds"] == 0
    make_invoice(acme, LINE, closed_at=NOW - 2 * DAY)
    failed = make_invoice(acme, LINE, month=FEBRUARY, closed_at=NOW - HOUR)
    failed.attempts = 1
    counts = known()
    assert counts["portal_documents_undelivered"] == 2
    assert counts["portal_documents_failed"] == 1
    assert counts["portal_documents_age_seconds"] == 2 * 86_400
    assert keys() == {"documents_late"}
    failed.delivery = Delivery.STUCK
    assert keys() == {"documents_late", "documents_stuck"}
    assert known()["portal_documents_undelivered"] == 1


def test_a_month_in_review_needs_a_person_until_it_was_looked_at(app, acme):
    ran("hours")
    review = add_owned(acme.id, MonthReview(period="2026-01", reason="It looks odd.", began_at=NOW))
    assert keys() == {"months_in_review"}
    review.ended_at = NOW
    assert keys() == set()


def test_hours_that_are_owed_are_counted_by_product_once_they_are_late(app, acme):
    ran("hours")
    server = make_subscription(acme, make_product("vm", code="vm", metering=Metering.TIME))
    make_subscription(acme, make_product("traffic", metering=Metering.USAGE))
    server.metered_until_hour = hour_of(NOW) - 2
    assert known()["portal_hours_missing vm"] == 2
    assert known(start_of_hour(hour_of(NOW)))["portal_hours_missing vm"] == 1, (
        "an hour just ended is not late"
    )
    assert keys() == {"hours_missing vm"}
    server.end_hour = hour_of(NOW) - 2
    assert keys() == set()


def test_products_beyond_twenty_share_a_number(app, acme):
    for number in range(22):
        server = make_subscription(acme, make_product(code=f"vm{number}", metering=Metering.TIME))
        server.metered_until_hour = hour_of(NOW) - 1 - number
    missing = {name: hours for name, hours in known().items() if name.startswith("portal_hours_missing")}
    assert len(missing) == 21
    assert missing["portal_hours_missing (others)"] == 1 + 2


def test_events_of_stripes_and_mails_are_counted_while_they_wait(app):
    ran("hours")
    facts_of_event = {"type": "customer.updated", "object_id": "cus_1", "received_at": NOW - 2 * HOUR}
    db.session.add(StripeEvent(event_id="evt_1", attempts=3, **facts_of_event))
    db.session.add(StripeEvent(event_id="evt_2", attempts=0, done_at=NOW, **facts_of_event))
    outbox.enqueue("greeting", {}, now=NOW - HOUR)
    counts = known()
    assert counts["portal_stripe_events_waiting"] == counts["portal_stripe_events_failed"] == 1
    assert counts["portal_stripe_events_age_seconds"] == 7200
    assert (counts["portal_mails_waiting"], counts["portal_mails_failed"]) == (1, 0)
    assert keys() == {"stripe_events_late", "mails_late"}


def test_a_fact_that_takes_too_long_is_unknown_and_the_others_are_known(app, monkeypatch):
    ran("hours")
    monkeypatch.setattr(queries, "_MILLISECONDS_A_FACT", 100)
    monkeypatch.setitem(queries._READERS, "mails", lambda _: db.session.execute(text(_endless(app))).all())
    counts = known()
    assert counts["portal_fact_unknown mails"] == 1
    assert counts["portal_fact_unknown documents"] == 0
    assert "portal_documents_stuck" in counts
    assert "fact_unknown mails" in keys()


def _endless(app) -> str:
    if db.engine.dialect.name == "postgresql":
        return "SELECT pg_sleep(60)"
    return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_statement_after_one_with_a_deadline_has_none(app):
    with read_transaction_within(50):
        pass
    if db.engine.dialect.name == "postgresql":
        assert db.session.scalar(text("SHOW statement_timeout")) == "0"
    else:
        longer = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000)"
        assert db.session.scalar(text(f"{longer} SELECT count(*) FROM n")) == 900_000


def test_a_database_that_does_not_answer_is_a_fact(app, monkeypatch):
    monkeypatch.setattr(queries, "_schema", lambda _: db.session.execute(text("SELECT * FROM nothing")))
    counts = known()
    assert counts["portal_database_up"] == 0
    assert keys() == {"database_down"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (90_000, "1 d 1 h")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds, words):
    assert in_words(Sample("portal_mails_age_seconds", seconds)) == words


def test_every_metric_of_a_condition_is_known_and_every_fact_has_words(app, acme):
    server = make_subscription(acme, make_product(metering=Metering.TIME))
    server.metered_until_hour = JANUARY.start_hour
    ran("hours")
    assert {condition.metric for condition in CONDITIONS} <= set(METRICS)
    of_two_clocks = {"portal_clock_host_ahead_seconds"}
    assert {name.partition(" ")[0] for name in known()} == set(METRICS) - of_two_clocks


def test_keys_of_conditions_differ_and_each_has_a_bound():
    assert len({condition.key for condition in CONDITIONS}) == len(CONDITIONS)
    assert all(each.above is not None or each.below is not None for each in CONDITIONS)
    assert all(condition.level > Level.WELL for condition in conditions.CONDITIONS)

"""Mails to the operator: a thing is told once, again each day, and once more when it is over."""

import dataclasses
import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.closing import review
from portal.config.types import WatchSettings
from portal.domain.period import Month
from portal.gateways.mail import Mail
from portal.health import steps
from portal.health.build import this_build
from portal.health.queries import facts
from portal.health.steps import OPERATOR_NOTICE, operator_mail, tell_operator
from portal.models import Delivery, OperatorNotice, Organization, OutgoingMail, SchedulerStep
from portal.scheduler.tick import MAILS, steps_of_a_tick
from portal.storage import db
from tests.delivery.rows import make_invoice
from tests.factories import NOW, make_organization
from tests.health.test_facts import DAY, HOUR, LINE, MINUTE, ran

TO, PORTAL = "ops@example.org", "https://billing.example"


def look(at: dt.datetime = NOW) -> str | None:
    """Let the clock look, and return the text of the mail that it ordered, if it did."""
    db.session.commit()
    before = set(db.session.scalars(db.select(OutgoingMail.id)))
    tell_operator(facts(this_build(), now=at), now=at)
    ordered = [each for each in db.session.scalars(db.select(OutgoingMail)) if each.id not in before]
    assert len(ordered) <= 1
    if not ordered:
        return None
    assert ordered[0].kind == OPERATOR_NOTICE
    mail = operator_mail(ordered[0].facts, at, to=TO, portal_url=PORTAL)
    assert mail is not None
    assert mail.to == TO
    return f"{mail.subject}\n{mail.text}"


def park(organization: Organization, month: str = "2026-01") -> None:
    review.put_in_review(organization, Month.parse(month), "It looks odd.", NOW)
    db.session.commit()


@pytest.fixture
def running(app) -> None:
    """A clock that is well, however late a test looks."""
    ran("hours", completed_at=NOW + 365 * DAY)


def test_a_month_in_review_is_told_once_and_again_the_next_day(running, acme):
    assert look() is None
    park(acme)
    told = look()
    assert "Billing portal: 1 new, 0 still wait, 0 over" in told
    assert f"New:\n- {acme.number} Acme GmbH, 2026-01 is in review: It looks odd." in told
    assert look(NOW + MINUTE) is None
    assert look(NOW + 23 * HOUR) is None
    reminder = look(NOW + DAY)
    assert "0 new, 1 still wait, 0 over" in reminder
    assert "Still waiting:\n- " in reminder
    assert look(NOW + DAY + HOUR) is None


def test_a_month_that_was_looked_at_is_told_to_be_over(running, acme):
    park(acme)
    look()
    review.approve(acme, Month.parse("2026-01"), now=NOW)
    over = look(NOW + HOUR)
    assert "0 new, 0 still wait, 1 over" in over
    assert f"Over:\n- {acme.number} Acme GmbH, 2026-01" in over
    assert look(NOW + 2 * DAY) is None


def test_a_new_thing_is_told_beside_those_that_still_wait(running, acme):
    park(acme)
    look()
    make_invoice(acme, LINE).delivery = Delivery.STUCK
    told = look(NOW + HOUR)
    assert "1 new, 1 still wait, 0 over" in told
    assert f"New:\n- {acme.number} Acme GmbH, the document of 2026-01 is stuck:" in told
    assert look(NOW + DAY) is None, "a day after the first mail, but not after the last"
    assert "0 new, 2 still wait" in look(NOW + DAY + HOUR)


def test_a_thing_that_comes_and_goes_within_an_hour_is_told_once(running, acme):
    make_invoice(acme, LINE).delivery = Delivery.STUCK
    assert "1 new" in look()
    db.session.execute(db.update(OperatorNotice).values(resolved_at=NOW + 10 * MINUTE))
    assert look(NOW + 20 * MINUTE) is None
    db.session.execute(db.update(OperatorNotice).values(resolved_at=NOW + 30 * MINUTE))
    assert "1 new" in look(NOW + 3 * HOUR)


def test_a_step_that_is_late_is_told_once_it_stays_late(app):
    ran("closing", completed_at=NOW - HOUR)
    assert look() is None
    told = look(NOW + 5 * MINUTE)
    assert "- The clock's step closing was last complete 1 h 5 min ago." in told
    db.session.execute(db.update(SchedulerStep).values(last_completed_at=NOW + HOUR))
    assert "0 new, 0 still wait, 1 over" in look(NOW + HOUR)


def test_a_step_that_was_late_for_a_moment_is_not_told_at_all(app):
    ran("closing", completed_at=NOW - HOUR)
    assert look() is None
    db.session.execute(db.update(SchedulerStep).values(last_completed_at=NOW))
    assert look(NOW + MINUTE) is None
    assert look(NOW + 10 * MINUTE) is None


def test_the_step_that_tells_does_not_tell_of_itself(app):
    ran("operator_mails", completed_at=NOW - DAY)
    assert look() is None
    assert look(NOW + HOUR) is None


def test_a_thing_that_could_not_be_read_is_not_told_to_be_over(running, acme, monkeypatch):
    make_invoice(acme, LINE, closed_at=NOW - 2 * DAY)
    look()
    assert "1 new" in look(NOW + 5 * MINUTE)
    monkeypatch.setattr(steps, "_is_all_known", lambda _: False)
    db.session.execute(db.text("UPDATE invoice SET delivery = 'delivered'"))
    assert look(NOW + HOUR) is None
    monkeypatch.undo()
    assert "1 over" in look(NOW + HOUR)


def test_a_mail_has_fifty_lines_of_a_kind_and_the_number_of_the_others(running):
    for number in range(53):
        park(make_organization(f"Customer {number}"))
    told = look()
    assert told.count(" is in review: ") == 50
    assert "- and 3 more" in told


def test_two_clocks_tell_a_thing_once(app, running, acme):
    park(acme)
    db.session.commit()

    def tell() -> None:
        with app.app_context():
            tell_operator(facts(this_build(), now=NOW), now=NOW)

    with ThreadPoolExecutor(4) as clocks:
        list(clocks.map(lambda _: tell(), range(8)))
    assert db.session.scalar(db.select(db.func.count()).select_from(OutgoingMail)) == 1


def test_a_mail_whose_news_are_old_is_not_sent(running, acme):
    park(acme)
    look()
    ordered = db.session.scalars(db.select(OutgoingMail)).one()
    assert operator_mail(ordered.facts, NOW, to=None, portal_url=PORTAL) is None
    db.session.execute(db.delete(OperatorNotice))
    assert operator_mail(ordered.facts, NOW, to=TO, portal_url=PORTAL) is None


def test_rows_of_what_was_over_long_ago_are_deleted(running, acme):
    park(acme)
    look()
    review.approve(acme, Month.parse("2026-01"), now=NOW)
    look(NOW + HOUR)
    look(NOW + HOUR + 90 * DAY)
    assert db.session.scalars(db.select(OperatorNotice)).all() == []


def test_nobody_is_told_where_no_address_is_set(running, acme):
    park(acme)
    step = steps_of_a_tick(lambda _: None)[-1]
    assert step.work(NOW) == "nobody to tell: OPERATIONS_MAIL is not set"
    assert db.session.scalars(db.select(OperatorNotice)).all() == []


class Sent(list[Mail]):
    def send(self, mail: Mail) -> None:
        self.append(mail)


def test_the_clock_sends_what_it_tells(app, running, acme, settings, monkeypatch):
    settings(watch=WatchSettings(operations_mail=TO))
    sent = Sent()
    providers = dataclasses.replace(app.extensions["portal.providers"], mail=sent)
    monkeypatch.setitem(app.extensions, "portal.providers", providers)
    park(acme)
    assert steps_of_a_tick(lambda _: None)[-1].work(NOW) == "1 need a person, 1 are new, 0 are over"
    assert MAILS.work(NOW) == "1 sent"
    assert [(mail.to, mail.subject) for mail in sent] == [(TO, "Billing portal: 1 new, 0 still wait, 0 over")]
    assert sent[0].text.endswith("What still waits is told again each day.")

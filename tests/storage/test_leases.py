"""A queue of rows under leases, tried on the outbox of mails: one worker at a time, later and later."""

import datetime as dt

import pytest

from portal.models import OutgoingMail
from portal.storage import BackOff, LeaseQueue, db
from tests.factories import NOW

MINUTE = dt.timedelta(minutes=1)
QUEUE = LeaseQueue(OutgoingMail, OutgoingMail.sent_at.is_(None), lease=5 * MINUTE)


@pytest.fixture
def mail(app) -> OutgoingMail:
    row = OutgoingMail(kind="test", facts={}, created_at=NOW)
    db.session.add(row)
    db.session.commit()
    return row


def claim(mail: OutgoingMail, at: dt.datetime) -> dt.datetime | None:
    return QUEUE.claim(OutgoingMail.id == mail.id, at)


def test_a_claimed_row_cannot_be_claimed_again_until_its_lease_runs_out(mail):
    assert claim(mail, NOW) == NOW + 5 * MINUTE
    assert claim(mail, NOW + 4 * MINUTE) is None
    assert claim(mail, NOW + 5 * MINUTE) == NOW + 10 * MINUTE


def test_a_row_that_is_not_open_cannot_be_claimed(mail):
    mail.sent_at = NOW
    db.session.flush()

    assert claim(mail, NOW) is None


def test_a_row_that_failed_cannot_be_claimed_before_its_next_attempt(mail):
    mail.next_attempt_at = NOW + MINUTE
    db.session.flush()

    assert claim(mail, NOW) is None
    assert claim(mail, NOW + MINUTE) is not None


def test_a_claim_can_write_more_than_the_lease(mail):
    QUEUE.claim(OutgoingMail.id == mail.id, NOW, last_error="none yet")

    assert mail.last_error == "none yet"


def test_a_result_is_written_only_while_its_lease_is_held(mail):
    lease = claim(mail, NOW)

    assert QUEUE.give_back(OutgoingMail.id == mail.id, lease, attempts=3)
    assert (mail.attempts, mail.leased_until) == (3, None)


def test_a_result_after_the_lease_ran_out_changes_nothing_that_another_worker_holds(mail):
    late = claim(mail, NOW)
    current = claim(mail, NOW + 5 * MINUTE)

    assert not QUEUE.give_back(OutgoingMail.id == mail.id, late, attempts=3)
    assert (mail.attempts, mail.leased_until) == (0, current)


def test_a_back_off_doubles_up_to_its_longest_wait():
    back_off = BackOff(first=MINUTE, longest=6 * 60 * MINUTE)
    waits = [back_off.after(failures) // MINUTE for failures in range(12)]

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]


def test_a_back_off_survives_a_row_that_failed_for_ever():
    assert BackOff(first=MINUTE, longest=MINUTE * 60).after(10**6) == MINUTE * 60


@pytest.mark.parametrize("column", ["next_attempt_at", "leased_until"])
def test_an_instant_that_a_wrong_clock_wrote_holds_up_no_row(mail, column):
    setattr(mail, column, NOW + dt.timedelta(days=60))
    db.session.flush()

    assert claim(mail, NOW) is not None

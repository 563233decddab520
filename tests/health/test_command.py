"""`billing health`: what a person reads, and the exit code that cron reads."""

import pytest

from portal.models import Delivery
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from tests.delivery.rows import make_invoice
from tests.health.test_facts import LINE, MINUTE, ran


@pytest.fixture
def health(app):
    def run() -> tuple[int, list[str]]:
        db.session.commit()
        result = app.test_cli_runner().invoke(args=["billing", "health"])
        return result.exit_code, result.output.splitlines()

    return run


def test_a_portal_that_is_well_exits_0_and_shows_every_fact(health):
    ran("hours", completed_at=utc_now())
    code, lines = health()
    assert code == 0
    assert lines[0] == "well    Nothing waits for a person."
    assert "        The database answers: yes" in lines


def test_a_stuck_document_exits_1_and_says_what_to_do(health, acme):
    ran("hours", completed_at=utc_now())
    make_invoice(acme, LINE, closed_at=utc_now()).delivery = Delivery.STUCK
    code, lines = health()
    assert code == 1
    assert lines[0].startswith("soon    1 legal documents are stuck. `billing stuck` says which")


def test_a_clock_that_has_died_exits_2_and_comes_first(health, acme):
    ran("hours", completed_at=utc_now() - 60 * MINUTE)
    make_invoice(acme, LINE, closed_at=utc_now()).delivery = Delivery.STUCK
    code, lines = health()
    assert code == 2
    assert lines[0].startswith("broken  The clock's step hours was last complete 1 h ")
    assert lines[1].startswith("soon    1 legal documents are stuck.")

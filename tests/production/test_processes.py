"""Two web processes and two clocks on one database are one portal."""

import datetime as dt
import http.client
import json
from contextlib import closing

import pytest
import requests
from sqlalchemy import func, select

from portal.domain.period import Month
from portal.models import Account, Invoice, LegalDocument, Metering, Organization, PasswordReset
from portal.storage import db
from portal.timekeeping.clocks import utc_now
from tests.factories import make_organization, make_product, make_subscription
from tests.production.bed import BOB
from tests.production.front import HOST
from tests.production.processes import ended, until

pytestmark = pytest.mark.timeout(600)
_CUSTOMERS = 5
_MONTHS = 2


def test_two_clocks_make_one_invoice_and_one_document_of_a_month(bed, proves):
    with bed.app():
        since = Month.of(utc_now()).shifted(-_MONTHS - 1)
        end = since.shifted(_MONTHS).start_hour
        server = make_product("Server", "0.50", metering=Metering.TIME)
        for place in range(_CUSTOMERS):
            make_subscription(make_organization(f"Clock {place} GmbH"), server, since=since, end_hour=end)
    clocks = [bed.start_clock(f"clock-{place}") for place in range(2)]
    try:
        until(lambda: documents(bed) == _CUSTOMERS * _MONTHS, "every document is there", 240)
        until(lambda: all(count_of_ticks(bed, place) >= 2 for place in range(2)), "each clock ran twice", 200)
    finally:
        codes = [ended(clock) for clock in clocks]
    assert codes == [0, 0]
    with bed.app():
        invoices = db.session.scalars(
            select(Invoice.id).join(Organization).where(Organization.name.like("Clock %"))
        )
        count = len(invoices.all())
        copies = db.session.execute(select(LegalDocument.organization_id, LegalDocument.invoice_id)).all()
    assert count == _CUSTOMERS * _MONTHS
    assert len(set(copies)) == len(copies) == count
    made = finals_at_the_provider(bed)
    assert len(made) == len(set(made)) == count
    assert bed.command("billing", "verify").strip() == "every invoice is what was metered"
    proves(f"R3 two clocks: {count} months, {count} invoices, {len(made)} documents at the provider")


def documents(bed) -> int:
    with bed.app():
        return db.session.scalar(select(func.count()).select_from(LegalDocument))


def count_of_ticks(bed, place: int) -> int:
    return sum(
        '"the clock ran"' in line for line in (bed.home / f"clock-{place}.log").read_text().splitlines()
    )


def finals_at_the_provider(bed) -> list[str]:
    """Return what our invoices are called at the provider, once for each finished document."""
    headers = {"Authorization": f"Bearer {bed.environment['EASYBILL_API_KEY']}"}
    url = f"{bed.environment['EASYBILL_API_BASE']}/documents"
    found, pages = [], range(1, 100)
    for page in pages:
        answer = requests.get(url, {"page": page, "limit": 100}, headers=headers, timeout=20).json()
        found += [each["external_id"] for each in answer["items"] if not each["is_draft"]]
        if page >= answer["pages"]:
            return found
    raise AssertionError("more pages than there can be")


def test_strangers_who_ask_for_new_passwords_keep_no_customer_from_one(bed):
    stranger = bed.visitor("127.0.7.1")
    stranger.page("/login/forgot")
    for place in range(20):
        each = bed.visitor(f"127.0.7.{place + 1}")
        each.cookies, each.csrf_token = stranger.cookies, stranger.csrf_token
        assert each.submit("/login/forgot", {"login": f"stranger{place}@example.org"}).status == 303
    victim = bed.visitor("127.0.8.1")
    victim.page("/login/forgot")
    assert victim.submit("/login/forgot", {"login": BOB}).status == 303
    with bed.app():
        asked = select(func.count()).select_from(PasswordReset).join(Account).where(Account.login == BOB)
        assert db.session.scalar(asked) == 1


def test_a_key_given_to_one_process_is_known_to_the_other(bed):
    report = json.dumps(
        [
            {
                "subscription_id": bed.customer.subscription,
                "hour": f"{Month.of(dt.datetime.now(dt.UTC)).starts_at:%Y-%m-%dT%H:%M:%SZ}",
                "quantity": "1",
            }
        ]
    )
    headers = {
        "Host": HOST,
        "Authorization": f"Bearer {bed.customer.collector}",
        "Content-Type": "application/json",
        "Idempotency-Key": "the same",
    }
    answers = []
    for port in bed.ports:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("POST", "/billing/usage", report, headers)
            answer = connection.getresponse()
            answers.append((answer.status, answer.read(), answer.headers["Idempotent-Replayed"]))
    (status, first, replayed), (other_status, second, is_replayed) = answers
    assert (status, replayed, other_status, is_replayed) == (200, None, 200, "true")
    assert first == second

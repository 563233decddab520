"""Whatever is delivered, in whatever order, however often, around whatever closing: one bill, and it adds up.

`EVERY_EXAMPLE=1 MACHINES=300 STEPS=30 pytest` turns the numbers up; the default suits `make test`.
"""

import os
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import inspect, select

from portal.domain.period import Month, Window, start_of_hour
from portal.domain.rating import ENTRY_MAX_NANO
from portal.ledger import catalogue
from portal.ledger.entries import Entry, write_entries
from portal.ledger.open_months import open_months
from portal.ledger.rating import rated_usage
from portal.ledger.upcoming import upcoming_invoice
from portal.metering.ingest import ingest
from portal.models import Invoice
from portal.storage import db
from tests.factories import NOW, make_organization, make_product, make_project, make_subscription
from tests.ledger.books import (
    UNIT,
    bill_of,
    close_and_release,
    half_up,
    lines_of_invoice,
    lines_of_upcoming,
    of_month,
    shown,
    truth_of,
)
from tests.months import differences
from tests.properties import examples

MACHINES = int(os.environ.get("MACHINES", "12"))
STEPS = int(os.environ.get("STEPS", "16"))
JUNE = Month(2020, 6)  # VAT went from 19 to 16 % with July
MONTHS = [JUNE.shifted(number) for number in range(3)]
CLOSINGS = 6  # the later invoices hold only corrections
PLACES = range(5)


def hour_of_place(month, place):
    """Two hours of the first day, two of the 15th, which may have another price, and the last."""
    return (
        month.start_hour,
        month.start_hour + 1,
        month.start_hour + 14 * 24,
        month.start_hour + 14 * 24 + 5,
        month.end_hour - 1,
    )[place]


def rate(month: str) -> Fraction:
    return Fraction(19, 100) if month < "2020-07" else Fraction(16, 100)


def customer():
    """Two subscriptions to a line, cheaper from 15 July on; one to another; one of no project."""
    organization = make_organization()
    half_cent, third = make_product("a", "0.005"), make_product("b", "0.003333333333")
    july = JUNE.shifted(1)
    catalogue.set_price(half_cent, "EUR", Decimal("0.004"), start_day=july.start_day + 14)
    project = make_project(organization)
    subscriptions = [
        make_subscription(organization, product, where, since=JUNE)
        for product, where in [(half_cent, project), (half_cent, project), (third, project), (third, None)]
    ]
    prices = {half_cent.id: [(0, "0.005"), (july.start_day + 14, "0.004")], third.id: [(0, "0.003333333333")]}
    return organization, subscriptions, prices


keys = st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from(PLACES))
quantities = st.one_of(
    st.integers(0, 20).map(lambda tenths: tenths * 10**8),
    st.sampled_from([0, 1, UNIT // 3, 37 * UNIT, ENTRY_MAX_NANO]),
)


class Books(RuleBasedStateMachine):
    """Deliveries and closings on the real tables, held against an account of their own."""

    def __init__(self, backend):
        super().__init__()
        self.context = backend.app.app_context()
        self.context.push()
        backend.empty()
        self.organization, self.subscriptions, self.prices = customer()
        self.said = {}  # (key, revision) -> nano-units: a collector says one thing of a revision
        self.counts = {}  # (subscription, hour) -> (revision, nano-units)
        self.closed = 0
        self.seen = {}  # invoice id -> what it said when it was made

    def teardown(self):
        db.session.remove()
        self.context.pop()

    def _place(self, key):
        number, month, place = key
        return self.subscriptions[number], hour_of_place(MONTHS[month], place)

    def _write(self, entries):
        written = write_entries(self.organization.id, entries, now=NOW)
        assert written.conflicts == []
        db.session.commit()
        return written

    @rule(batch=st.lists(st.tuples(keys, st.integers(0, 3), quantities), min_size=1, max_size=10))
    def deliver(self, batch):
        """Entries with revisions, in the order drawn: some repeated, some higher, some stale."""
        entries = {}
        for key, revision, drawn in batch:
            place = self._place(key)
            known = self.counts.get(place)
            nano = self.said.setdefault((place, revision), drawn)
            if known is not None and known[0] == revision:
                nano = known[1]
            entries[place] = (revision, nano)
        stale = sum(
            place in self.counts and self.counts[place][0] > revision
            for place, (revision, _) in entries.items()
        )
        written = self._write(
            [Entry(hour, s.id, nano, revision) for (s, hour), (revision, nano) in entries.items()]
        )
        assert written.stale == stale
        for place, (revision, nano) in entries.items():
            if place not in self.counts or self.counts[place][0] < revision:
                self.counts[place] = (revision, nano)

    @rule(batch=st.dictionaries(keys, quantities, min_size=1, max_size=6))
    def import_(self, batch):
        """Entries without a revision are believed."""
        entries = {self._place(key): nano for key, nano in batch.items()}
        self._write([Entry(hour, s.id, nano) for (s, hour), nano in entries.items()])
        for place, nano in entries.items():
            known = self.counts.get(place)
            if known is None or known[1] != nano:
                self.counts[place] = (known[0] + 1 if known else 0, nano)

    @precondition(lambda self: self.counts)
    @rule()
    def deliver_all_again(self):
        written = self._write(
            [Entry(h, s.id, nano, revision) for (s, h), (revision, nano) in self.counts.items()]
        )
        assert written.same == len(self.counts)

    @rule(month=st.sampled_from(MONTHS))
    def take_back(self, month):
        places = [place for place in self.counts if Month.of_day(place[1] // 24) == month]
        self._write([Entry(hour, s.id, 0) for s, hour in places])
        for place in places:
            revision, nano = self.counts[place]
            self.counts[place] = (revision + bool(nano), 0)

    @precondition(lambda self: self.closed < CLOSINGS)
    @rule()
    def close(self):
        """The preview of each month is the invoice that it becomes."""
        month = JUNE.shifted(self.closed)
        due = open_months(self.organization, until=month)
        previews = {str(each): upcoming_invoice(self.organization, each) for each in due}
        close_and_release(month)
        self.closed += 1
        fresh = [each for each in self._invoices() if each.id not in self.seen]
        made = {each.period: (each.uid, each.total_cents, lines_of_invoice(each)) for each in fresh}
        assert made == {
            period: (invoice.uid, invoice.total.cents, lines_of_upcoming(invoice))
            for period, invoice in previews.items()
            if invoice is not None
        }
        for invoice in fresh:
            corrected = [
                (item.corrects_period, item.project_id, item.product_id, item.unit_price)
                for item in invoice.items
                if item.corrects_period
            ]
            assert len(corrected) == len(set(corrected)), "at most one correction per line and invoice"
        self.seen = self._snapshot()

    @rule(month=st.sampled_from(MONTHS), cuts=st.lists(st.integers(0, 31 * 24), max_size=4))
    def cut_a_month_anywhere(self, month, cuts):
        edges = sorted(
            {month.start_hour, month.end_hour} | {min(month.end_hour, month.start_hour + c) for c in cuts}
        )
        parts = {}
        for edge in pairwise(edges):
            for each in rated_usage(self.organization, Window(*edge)):
                nano, cents = parts.get((each.line, each.batch), (0, 0))
                parts[each.line, each.batch] = nano + each.quantity_nano, cents + each.cost.cents
        whole = rated_usage(self.organization, Window(month.start_hour, month.end_hour))
        assert parts == {(s.line, s.batch): (s.quantity_nano, s.cost.cents) for s in whole}

    def _invoices(self):
        db.session.expire_all()
        query = select(Invoice).where(Invoice.organization_id == self.organization.id).order_by(Invoice.id)
        return db.session.scalars(query).all()

    def _snapshot(self):
        return {
            each.id: (values_of(each), [values_of(item) for item in each.items]) for each in self._invoices()
        }

    @invariant()
    def final_is_final(self):
        assert self._snapshot() == self.seen

    @invariant()
    def billed_and_pending_is_the_truth(self):
        metered = {place: nano for place, (_, nano) in self.counts.items()}
        truth = truth_of(metered, self.prices)
        assert bill_of(self.organization, JUNE.shifted(CLOSINGS + 1)) == truth
        for month in MONTHS:
            assert shown(self.organization, month) == of_month(truth, month)

    @invariant()
    def verify_finds_nothing(self):
        assert differences() == []

    @invariant()
    def money_is_collected_once(self):
        invoices = self._invoices()
        gross = 0
        for invoice in invoices:
            nets = {}
            for item in invoice.items:
                percent = rate(item.corrects_period or invoice.period)
                nets[percent] = nets.get(percent, 0) + item.total_cents
            gross += sum(net + half_up(percent * net) for percent, net in nets.items())
        assert all(each.due_cents >= 0 >= each.credit_cents for each in invoices)
        credit = invoices[-1].credit_cents if invoices else 0
        assert sum(each.due_cents for each in invoices) + credit == gross


def values_of(row):
    return {column.key: getattr(row, column.key) for column in inspect(type(row)).column_attrs}


def run(backend, machines, steps):
    run_state_machine_as_test(
        lambda: Books(backend),
        settings=examples(
            machines, stateful_step_count=steps, database=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_the_books_of_any_history_are_right_on_sqlite(sqlite_backend):
    run(sqlite_backend, MACHINES, STEPS)


def test_the_books_of_any_history_are_right_on_postgresql(postgres_backend):
    run(postgres_backend, max(3, MACHINES // 4), STEPS)


# -- any order, any repetition, any cut ---------------------------------------------------------------
several = examples(12, suppress_health_check=list(HealthCheck), database=None)


@several
@given(
    said=st.dictionaries(st.tuples(keys, st.integers(0, 3)), quantities, min_size=1, max_size=15),
    random=st.randoms(use_true_random=False),
    size=st.integers(1, 12),
    close_after=st.integers(0, 12) | st.none(),
)
def test_any_order_and_repetition_and_cut_of_deliveries_gives_the_same_bill(
    app, backend, said, random, size, close_after
):
    db.session.remove()
    backend.empty()
    organization, subscriptions, prices = customer()
    entries, counts = [], {}
    for ((number, month, place), revision), nano in said.items():
        subscription, hour = subscriptions[number], hour_of_place(MONTHS[month], place)
        entries.append(
            {
                "subscription_id": str(subscription.uid),
                "hour": start_of_hour(hour).isoformat(),
                "quantity": f"{nano // UNIT}.{nano % UNIT:09d}",
                "revision": revision,
            }
        )
        counts[subscription, hour] = max(counts.get((subscription, hour), (-1, 0)), (revision, nano))
    entries += random.choices(entries, k=len(entries))
    random.shuffle(entries)
    for number, start in enumerate(range(0, len(entries), size)):
        if number == close_after:
            close_and_release(MONTHS[1])
        done = ingest(entries[start : start + size], now=NOW)
        written = done.written
        told = written.new + written.same + written.replaced + written.corrections + written.stale
        assert told == len(entries[start : start + size])
        db.session.commit()
    metered = {place: nano for place, (_, nano) in counts.items()}
    assert bill_of(organization, MONTHS[-1]) == truth_of(metered, prices)

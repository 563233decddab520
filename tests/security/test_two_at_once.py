"""Two people at once at the payment methods, in every order, with a pause at each call to Stripe.

After any two steps there is exactly one default if there is any method, our rows are what Stripe has, and no
answer was untrue when it was given.
"""

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import pytest
from flask import Flask

from portal.domain.errors import BillingError, NotFoundError, OutcomeUnknownError
from portal.models import Organization, PaymentMethod
from portal.payment_methods import lease, queries, steps
from portal.payment_methods.lease import BeingChangedError, Lease
from portal.storage import db
from portal.webhooks.steps import process_events
from tests.backends import Clock
from tests.factories import NOW, make_organization
from tests.payment_methods.memory_stripe import MemoryStripe
from tests.payment_methods.turns import Turns, every_order
from tests.security.sizes import IS_FULL


@dataclass
class Bench:
    """An organization with some methods at a Stripe of its own: the first is the default."""

    app: Flask
    stripe: MemoryStripe
    turns: Turns
    organization_id: int
    customer_id: str
    uids: list[UUID]

    def organization(self) -> Organization:
        return db.session.get_one(Organization, self.organization_id)

    def rows(self) -> dict[UUID, PaymentMethod]:
        """Return the methods as they are stored now."""
        db.session.expire_all()
        rows = {row.uid: row for row in queries.methods_of(self.organization())}
        db.session.commit()
        return rows

    def default(self) -> str | None:
        return self.stripe.defaults.get(self.customer_id)

    def at_stripe(self) -> set[str]:
        return set(self.stripe.of(self.customer_id))


def set_default(bench: Bench) -> None:
    """Make the last method the default."""
    uid = bench.uids[-1]
    try:
        row = steps.set_default(bench.organization(), uid, stripe=bench.stripe, now=NOW)
    except NotFoundError:
        row = bench.rows().get(uid)
        assert row is None or row.stripe_id not in bench.at_stripe(), "it is there"
        raise
    assert row.is_default
    assert bench.default() == row.stripe_id
    assert bench.rows()[uid].is_default, "the answer said that it is the default"


def remove_last(bench: Bench) -> None:
    _remove(bench, bench.uids[-1], None)


def remove_first(bench: Bench) -> None:
    """Remove the default, with the last as its successor."""
    successor = bench.uids[-1] if len(bench.uids) > 1 else None
    _remove(bench, bench.uids[0], successor)
    if successor is not None:
        row = bench.rows()[successor]
        assert row.is_default
        assert row.stripe_id == bench.default()


def _remove(bench: Bench, uid: UUID, successor: UUID | None) -> None:
    steps.remove(bench.organization(), uid, successor=successor, stripe=bench.stripe, now=NOW)
    assert uid not in bench.rows()


def attach(bench: Bench) -> None:
    """Add a card that nobody has."""
    _attach(bench, f"{bench.customer_id}_new")


def attach_again(bench: Bench) -> None:
    """Add the card that is the last method already."""
    _attach(bench, f"{bench.customer_id}_again")


def _attach(bench: Bench, method_id: str) -> None:
    row = steps.attach(bench.organization(), method_id, stripe=bench.stripe, now=NOW)
    assert row.stripe_id in bench.at_stripe()
    assert row.is_default == (bench.default() == row.stripe_id) == bench.rows()[row.uid].is_default


def compare(bench: Bench) -> None:
    """Do what the webhook's worker and the reconciler do."""
    steps.compare(bench.organization(), stripe=bench.stripe, now=NOW, is_thorough=True)


Step = Callable[[Bench], None]
STEPS: tuple[Step, ...] = (set_default, remove_last, remove_first, attach, attach_again, compare)
REMOVALS = {remove_first, remove_last}
COUNTS = (1, 2, 3)
CASES = [(count, *pair) for count in COUNTS for pair in itertools.combinations_with_replacement(STEPS, 2)]
# The two that broke the rules before there was a lease.
FEW = [(2, set_default, remove_last), (2, remove_last, remove_first)]


def in_cases(cases, few):
    return pytest.mark.parametrize(
        ("count", "first", "second"),
        cases if IS_FULL else few,
        ids=lambda value: getattr(value, "__name__", value),
    )


def bench_of(app: Flask, clock: Clock, turns: Turns, count: int) -> Bench:
    """Make a new organization with some cards, as the portal makes them."""
    clock.at = NOW
    stripe = MemoryStripe(clock)
    organization = make_organization()
    customer_id = organization.stripe_customer_id = f"cus_{organization.uid.hex}"
    for index in range(count):
        stripe.add(f"{customer_id}_{index}", customer_id, f"card {index}")
    stripe.add(f"{customer_id}_new", None, "new card")
    stripe.add(f"{customer_id}_again", None, f"card {count - 1}")
    db.session.commit()
    steps.compare(organization, stripe=stripe, now=NOW)
    uids = [row.uid for row in sorted(queries.methods_of(organization), key=lambda row: row.stripe_id)]
    db.session.commit()
    stripe.pause = turns.pause
    return Bench(app, stripe, turns, organization.id, customer_id, uids)


def both(bench: Bench, first: Step, second: Step) -> list[BillingError | None]:
    """Run both at once, and return how each was refused; what is no answer to a customer fails the test."""

    def alone(step: Step) -> None:
        with bench.app.app_context():
            step(bench)

    results = bench.turns.run(partial(alone, first), partial(alone, second))
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, BillingError):
            raise result
    return results


def check(bench: Bench, first: Step, second: Step, refusals: list[BillingError | None]) -> None:
    """Hold what is left against what was asked for and answered; what is being checked may be done or not."""
    rows = bench.rows().values()
    assert {row.stripe_id for row in rows} == bench.at_stripe()
    defaults = [row.stripe_id for row in rows if row.is_default]
    assert defaults == ([bench.default()] if rows else [])
    answered = list(zip((first, second), refusals, strict=True))
    removed = {step for step, refusal in answered if step in REMOVALS and may_be_done(refusal)}
    added = (attach, None) in answered
    assert len(rows) >= len(bench.uids) - len(removed) + added
    if len(bench.uids) > 1 and bench.turns.are_together:
        assert rows, "a method that was asked to remain was removed"


def may_be_done(refusal: BillingError | None) -> bool:
    return refusal is None or isinstance(refusal, OutcomeUnknownError)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Callable[[Turns], Turns]:
    """Whoever meets a lease waits until it is released."""

    def of(turns: Turns) -> Turns:
        monkeypatch.setattr(lease, "wait", turns.wait)
        return turns

    return of


@in_cases(CASES, FEW)
def test_two_steps_at_once_leave_one_default_and_every_answer_was_true(
    app, clock, patient, count, first, second
):
    def run(turns: Turns) -> None:
        bench = bench_of(app, clock, patient(turns), count)
        check(bench, first, second, both(bench, first, second))

    assert every_order(run) > 2


@in_cases(CASES, [(1, set_default, compare)])
def test_a_step_that_may_not_wait_is_told_that_somebody_else_changes_something(
    app, clock, monkeypatch, count, first, second
):
    monkeypatch.setattr(lease, "_LOOKS", 1)

    def run(turns: Turns) -> None:
        bench = bench_of(app, clock, turns, count)
        check(bench, first, second, both(bench, first, second))

    assert every_order(run) > 2


@in_cases(
    [(count, *pair) for count in COUNTS for pair in itertools.product(STEPS, repeat=2)],
    [(2, remove_first, remove_last)],
)
def test_a_step_whose_lease_ran_out_meanwhile_breaks_nothing(app, clock, patient, count, first, second):
    """The first stands still at one of its pauses, for a minute in which the second is done."""

    def late(bench: Bench) -> None:
        clock.at += dt.timedelta(minutes=1)
        second(bench)

    for pauses in itertools.count():
        turns = patient(Turns([0] * (pauses + 1) + [1] * 100))
        bench = bench_of(app, clock, turns, count)
        refusals = both(bench, first, late)
        if not turns.are_together:
            break
        assert not isinstance(refusals[1], BeingChangedError), "the lease of the first had run out"
        process_events(stripe=bench.stripe, now=clock.at)
        check(bench, first, second, refusals)
    assert pauses > 1


def test_without_the_lease_some_order_of_two_steps_breaks_the_rules(app, clock, patient, monkeypatch):
    monkeypatch.setattr(Lease, "take", lambda _: True)
    monkeypatch.setattr(Lease, "hold", lambda _: None)

    def run(turns: Turns) -> None:
        bench = bench_of(app, clock, patient(turns), 2)
        check(bench, set_default, remove_last, both(bench, set_default, remove_last))

    with pytest.raises(AssertionError):
        every_order(run)


def test_a_killed_holder_keeps_the_others_out_no_longer_than_its_lease(acme, clock, monkeypatch):
    monkeypatch.setattr(lease, "wait", lambda: None)
    stripe = MemoryStripe(clock)
    assert Lease(acme.id, uuid4(), stripe).take()
    with pytest.raises(BeingChangedError), lease.taken(acme, stripe=stripe):
        pytest.fail("it is another's")
    clock.at += Lease(acme.id, uuid4(), stripe).length
    with lease.taken(acme, stripe=stripe) as mine:
        mine.renew()


def test_a_lease_that_a_wrong_clock_wrote_keeps_nobody_out(acme, clock, monkeypatch):
    monkeypatch.setattr(lease, "wait", lambda: pytest.fail("it has to wait"))
    stripe = MemoryStripe(clock)
    clock.at += dt.timedelta(days=40)
    with lease.taken(acme, stripe=stripe):
        pass
    clock.at -= dt.timedelta(days=40)
    with lease.taken(acme, stripe=stripe):
        pass


def test_the_lease_of_one_organization_keeps_nobody_of_another_waiting(acme, clock, monkeypatch):
    monkeypatch.setattr(lease, "wait", lambda: pytest.fail("it has to wait"))
    stripe = MemoryStripe(clock)
    with lease.taken(acme, stripe=stripe), lease.taken(make_organization("Beta AG"), stripe=stripe):
        pass


def test_a_lease_is_longer_than_a_call_to_stripe_may_take_whatever_the_setting(clock):
    for milliseconds in (100, 2000, 30_000):
        stripe = MemoryStripe(clock, deadline=dt.timedelta(milliseconds=milliseconds))
        assert Lease(1, uuid4(), stripe).length > 2 * stripe.deadline

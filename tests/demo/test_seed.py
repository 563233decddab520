"""The demo: the same every time, large enough to show everything, and it goes on."""

import datetime as dt

import pytest

from portal.demo import seed as demo
from portal.demo.people import CUSTOMERS, PASSWORD, description, known_tokens
from portal.demo.usage import Pattern, entries
from portal.domain.period import HOURS_A_DAY
from portal.domain.rating import ENTRY_MAX_NANO
from portal.metering.clock import meter_hours
from portal.models import Membership, Organization, Price, Product, Project, Subscription, UsageHour
from portal.storage import db
from tests.factories import JANUARY, MARCH, NOW, hour_at
from tests.page import bearer

DAY = range(hour_at(MARCH, 4), hour_at(MARCH, 5))  # a Wednesday
SUNDAY = range(hour_at(MARCH, 8), hour_at(MARCH, 9))


def used(pattern, hours, salt=1, born=JANUARY.start_hour):
    return [each.quantity_nano for each in entries(pattern, salt, hours.start, hours.stop, born)]


def test_the_same_hour_of_the_demo_always_has_the_same_usage():
    pattern = Pattern(4_200, 30)

    assert used(pattern, DAY) == used(pattern, DAY)
    assert used(pattern, range(DAY.start + 5, DAY.stop)) == used(pattern, DAY)[5:]


def test_the_usage_of_the_demo_is_the_same_on_every_machine():
    """Else two people with one demo would see two bills."""
    assert used(Pattern(4_200, 30), range(DAY.start, DAY.start + 4)) == [
        1_299_000_000,
        1_246_000_000,
        1_088_000_000,
        1_066_000_000,
    ]


def test_two_subscriptions_of_the_demo_have_different_usage():
    assert used(Pattern(4_200), DAY, salt=1) != used(Pattern(4_200), DAY, salt=2)


def test_nights_and_weekends_of_the_demo_have_less_usage():
    pattern = Pattern(4_200)
    day = used(pattern, DAY)

    assert max(day[:6]) < min(day[9:17])
    assert sum(used(pattern, SUNDAY)) < sum(day)


def test_stored_data_of_the_demo_is_used_at_night_as_well():
    day = used(Pattern(420_000, is_steady=True), DAY)

    assert max(day) - min(day) < max(day) // 7


def test_the_usage_of_the_demo_grows():
    pattern = Pattern(420_000, 45, is_steady=True)
    later = range(DAY.start + 300 * HOURS_A_DAY, DAY.stop + 300 * HOURS_A_DAY)

    assert sum(used(pattern, later)) > sum(used(pattern, DAY))


@pytest.mark.parametrize(
    "offer", [each for each in demo.OFFERS.values() if each.pattern], ids=lambda each: each.code
)
def test_every_usage_pattern_of_the_demo_stays_within_the_limits_of_an_entry(offer):
    far = range(DAY.start + 3650 * HOURS_A_DAY, DAY.stop + 3650 * HOURS_A_DAY)

    assert all(0 < each <= ENTRY_MAX_NANO for each in used(offer.pattern, far))


@pytest.fixture
def few_months(backend, app, monkeypatch):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("the demo is for the embedded database")
    monkeypatch.setattr(demo, "_MONTHS", 4)  # the fewest in which one is ended


@pytest.fixture
def seeded(few_months):
    return demo.seed(now=NOW)


def hours():
    return db.session.scalar(db.select(db.func.count()).select_from(UsageHour))


def organization_named(name):
    return db.session.scalars(db.select(Organization).where(Organization.name.startswith(name))).one()


def test_the_demo_has_an_example_of_everything_that_the_pages_show(seeded):
    """One fact each would seed anew each time, and that takes seconds."""
    organizations = db.session.scalars(db.select(Organization).order_by(Organization.id)).all()
    assert [each.name for each in organizations] == [each.profile.name for each in CUSTOMERS]
    assert [each.currency for each in organizations] == ["EUR", "EUR", "JPY", "USD"]

    members = db.session.execute(
        db.select(Membership.organization_id, db.func.count()).group_by(Membership.organization_id)
    )
    assert {count for _, count in members} == {5}, "five members each"

    hanse = organization_named("Hanse")
    vm = db.session.scalars(db.select(Product).where(Product.code == "vm.medium")).one()
    prices = db.session.scalars(
        db.select(Price).where(Price.product_id == vm.id, Price.currency == "EUR")
    ).all()
    assert len(prices) == 2, "a price changes"

    subscriptions = db.session.scalars(db.select(Subscription).filter_by(organization_id=hanse.id)).all()
    first = min(each.start_hour for each in subscriptions)
    assert any(each.start_hour > first for each in subscriptions), "one was started later"
    assert any(each.end_hour is not None for each in subscriptions), "one was ended"
    assert any(each.project_id is None for each in subscriptions), "one is the organization's own"

    busy = {each.project_id for each in subscriptions}
    projects = db.session.scalars(db.select(Project).filter_by(organization_id=hanse.id)).all()
    assert [each.name for each in projects if each.id not in busy] == ["archive"], "one is idle"

    assert hours() == seeded


def test_seeding_the_demo_twice_changes_nothing(seeded):
    before = hours()

    assert demo.seed(now=NOW) is None
    assert hours() == before


def test_collecting_usage_of_the_demo_goes_on_where_it_ended(seeded):
    before = hours()
    assert demo.collect(now=NOW) == 0

    later = NOW + dt.timedelta(hours=2)
    assert demo.collect(now=later) > 0
    assert demo.collect(now=later) == 0
    meter_hours(now=later)
    db.session.commit()
    through = db.session.execute(
        db.select(UsageHour.subscription_id, db.func.max(UsageHour.hour))
        .where(UsageHour.organization_id == organization_named("Hanse").id)
        .group_by(UsageHour.subscription_id)
    ).all()
    running = [hour for _, hour in through if hour > MARCH.start_hour]
    assert set(running) == {hour_at(MARCH, 10, 13)}
    assert hours() > before


def test_seeding_the_demo_goes_on_after_a_kill_before_collecting(few_months, monkeypatch):
    def killed(**_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(demo, "collect", killed)
        with pytest.raises(KeyboardInterrupt):
            demo.seed(now=NOW)
    db.session.rollback()

    assert demo.collect(now=NOW) > 0
    assert demo.collect(now=NOW) == 0


def test_every_account_named_in_the_description_of_the_demo_can_sign_in(seeded, app, nobody):
    found = description(app.extensions["portal.settings"], {}, now=NOW)
    presets = {each["preset"] for each in found["people"]}

    assert (len(found["people"]), len(presets)) == (20, 5)
    for each in found["people"][:5]:
        status = 403 if each["preset"] == "operator" else 200
        assert nobody.get("/billing/usage", headers=bearer(each["token"])).status_code == status
    nobody.page("/login")
    first = found["people"][0]
    assert nobody.submit("/login", login=first["login"], password=PASSWORD).status_code == 303


def test_tokens_of_the_demo_that_still_work_are_kept(seeded, app):
    settings = app.extensions["portal.settings"]
    first = description(settings, {}, now=NOW)

    assert description(settings, known_tokens(first), now=NOW)["people"] == first["people"]

"""The small form of the bench: its model has the shape it says, and every bar is measured and right.

Never how long something took: that is read from `make bench`.
"""

import math
from collections import Counter

import pytest
from sqlalchemy import func, select

from portal.models import Invoice, InvoiceItem, Subscription, UsageDay, UsageHour
from portal.storage import db
from tests.bench.__main__ import measured, table
from tests.bench.bars import Bar, p1_ingest
from tests.bench.model import MONTH, NOW, Model
from tests.bench.site import site
from tests.months import close, differences
from tests.postgres import throw_away_postgres

SMALL = Model(organizations=50, subscriptions=1_025, days=3)
IDS = {"P1", "P2", "P3", "P4", "P5", "P6", "P7"}


def test_the_model_of_the_aims_has_the_shape_of_the_prototype():
    model = Model()
    sizes = model.sizes
    assert len(sizes) == 2_000
    assert sum(sizes) == 41_000
    assert 4_900 < sizes[0] < 5_100, "the largest"
    assert sizes[1_000] == 5, "the median"
    assert min(sizes) >= 1
    assert 16 <= sizes[model.typical - 1] <= 25, "a typical organization"
    assert model.rows == 31 * 24 * 41_000


def test_the_model_of_the_benchmark_is_the_same_every_time():
    assert list(SMALL.entries(MONTH.start_hour)) == list(SMALL.entries(MONTH.start_hour))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_bar_of_the_benchmark_runs_and_yields_numbers(database, tmp_path):
    bars = list(measured(SMALL, [database], tmp_path, settings=""))
    assert {bar.id for bar in bars} == IDS
    for bar in bars:
        assert bar.database == database
        assert math.isfinite(bar.ratio)
        assert bar.ratio > 0
        assert bar.ours > 0
        assert bar.verdict in {"met", "missed", ""}
    assert len(list(table(bars))) == len(bars) + 2


def test_a_ratio_is_held_against_its_aim_in_the_direction_of_the_aim():
    def verdict(ratio, aim, *, is_at_least):
        return Bar("P0", "sqlite", "something", 1, 1, "ms", ratio, aim, is_at_least).verdict

    assert verdict(0.3, 0.25, is_at_least=True) == "met"
    assert verdict(0.2, 0.25, is_at_least=True) == "missed"
    assert verdict(4, 4, is_at_least=False) == "met"
    assert verdict(4.1, 4, is_at_least=False) == "missed"
    assert verdict(1, None, is_at_least=False) == ""


@pytest.fixture(params=["sqlite", "postgresql"])
def loaded(request, tmp_path):
    """The small model with its last day delivered."""
    url = f"sqlite:///{tmp_path / 'portal.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("bench_postgres_url")
    with site(url, SMALL, tmp_path) as at:
        assert list(p1_ingest(at))
        with at.app.app_context():
            yield at


@pytest.fixture
def bench_postgres_url():
    with throw_away_postgres() as url:
        yield url


def test_usage_that_the_benchmark_loads_and_delivers_is_billed(loaded):
    expected = SMALL.lines()
    assert db.session.scalar(select(func.count()).select_from(Subscription)) == SMALL.subscriptions
    assert db.session.scalar(select(func.count()).select_from(UsageHour)) == SMALL.rows
    for model in (UsageHour, UsageDay):
        assert db.session.scalar(select(func.sum(model.quantity_nano))) == sum(expected.values())
    close(now=NOW, grace_days=3)
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == SMALL.organizations
    billed = Counter()
    columns = InvoiceItem.organization_id, InvoiceItem.project_id, InvoiceItem.product_id
    for *line, quantity in db.session.execute(select(*columns, InvoiceItem.quantity_nano)):
        billed[tuple(line)] += quantity
    assert billed == expected
    assert differences() == []

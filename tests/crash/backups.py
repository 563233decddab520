"""Backups made while usage is written without pause: each is restored, and verifies."""

import tempfile
from itertools import cycle
from pathlib import Path

from sqlalchemy import select

from portal.backup.database_copy import backup, restore
from portal.domain.keys import Keys
from portal.models import Metering, Product, Subscription
from portal.storage import db
from tests.crash import victim, world
from tests.crash.children import Tell, fork, in_child
from tests.crash.databases import Database
from tests.crash.victim import Place
from tests.factories import MARCH, use
from tests.months import differences

_KEYS = Keys(["a key of the crash tests' backups"])
_HOURS = 20  # of a batch


def backed_up_while_written(database: Database, number: int) -> list[str]:
    """Back up under write load, restore elsewhere, and prove it; return what is wrong."""
    what = f"{database.name}, backup {number}"
    with database.fresh() as url, database.fresh() as other, tempfile.TemporaryDirectory() as home:
        path = Path(home) / "portal.backup"
        writer = fork(lambda tell, _: _write(Place(url), tell))
        try:
            if writer.hear() != "writing":
                return [f"{what}: nothing was written"]
            in_child(lambda: backup(url, path, _KEYS, now=world.NOW))
            told = writer.hear()  # it still writes, after the backup
            if told != "writing":
                return [f"{what}: the backup stopped the writer: {told}"]
        finally:
            writer.kill()
            writer.end()
        in_child(lambda: restore(other, path, _KEYS, is_replacing=True, now=world.NOW))
        return [f"{what}: {fault}" for fault in in_child(lambda: _verified(Place(other)))]


def _write(place: Place, tell: Tell) -> None:
    with victim.inside(place):
        query = select(Subscription).join(Product, Product.id == Subscription.product_id)
        subscription = db.session.scalars(query.where(Product.metering == Metering.USAGE)).first()
        assert subscription, "the world has one"
        batches = range(MARCH.start_hour, MARCH.start_hour + 200, _HOURS)
        for number, hour in enumerate(cycle(batches)):
            use(subscription, dict.fromkeys(range(hour, hour + _HOURS), number % 97))
            tell("writing")


def _verified(place: Place) -> list[str]:
    with victim.inside(place):
        return differences()

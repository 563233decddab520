"""Usage that was acknowledged is kept: a collector reports, the portal is killed a millisecond later."""

import http.client
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from portal.domain.period import start_of_hour
from portal.domain.rating import quantity_of
from portal.models import Metering, Product, Subscription, UsageCorrection, UsageHour
from portal.storage import db
from tests.crash import victim, world
from tests.crash.children import fork, in_child
from tests.crash.databases import Postgres, Sqlite, postgres_world, sqlite_world
from tests.crash.victim import Place
from tests.factories import MARCH, hour_at
from tests.months import differences

_ENTRIES = 40  # of a batch
_BATCHES_MAX = 4  # of a round


class _Key(NamedTuple):
    subscription_id: str
    hour: int


_Batch = dict[_Key, str]  # -> quantity


@dataclass
class _Collector:
    """Reports batches to one portal after the other, and remembers what was acknowledged."""

    token: str
    chance: random.Random
    keys: Sequence[_Key]
    acknowledged: dict[_Key, str] = field(default_factory=dict)
    batches: int = 0
    _revisions: Iterator[int] = field(default_factory=lambda: count(10))

    def batch(self) -> _Batch:
        some = self.chance.sample(self.keys, _ENTRIES)
        return {key: f"{self.chance.randrange(10**10)}e-9" for key in some}

    def send(self, connection: http.client.HTTPConnection, batch: _Batch) -> None:
        revision = next(self._revisions)
        entries = [
            {
                "subscription_id": key.subscription_id,
                "hour": start_of_hour(key.hour).isoformat(),
                "quantity": f"{Decimal(quantity):f}",
                "revision": revision,
            }
            for key, quantity in batch.items()
        ]
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", "/billing/usage", json.dumps(entries), headers)

    def report(self, connection: http.client.HTTPConnection) -> None:
        """Report a batch, and remember it the moment it is acknowledged."""
        batch = self.batch()
        self.send(connection, batch)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the portal answered {answer.status}: {text[:500]!r}")
        self.acknowledged |= batch
        self.batches += 1


def killed_after_answers(kind: str, seed: int, rounds: int) -> tuple[int, list[str]]:
    """Return how many batches were acknowledged, and what of them is missing."""
    make = sqlite_world if kind == Sqlite.name else postgres_world
    with make() as (database, token), database.fresh() as url:
        place = Place(url)
        keys = [_Key(*each) for each in in_child(lambda: _reportable(place))]
        collector = _Collector(token, random.Random(seed), keys)
        wrong = []
        for number in range(1, rounds + 1):
            what = f"{kind}, ingest round {number}"
            unanswered = _round(place, collector)
            if isinstance(database, Postgres) and number % 2 == 0:
                database.server.stop_at_once()
                database.server.start()
            kept = {_Key(*key): quantity for *key, quantity in in_child(lambda: _kept(place))}
            wrong += [f"{what}: {fault}" for fault in _missing(collector, unanswered, kept)]
        wrong += [f"{kind}, ingest: {fault}" for fault in in_child(lambda: _verified(place))]
    return collector.batches, wrong


def _round(place: Place, collector: _Collector) -> _Batch:
    """Report some batches and kill the portal; return one that it was still busy with, if any."""
    portal = fork(lambda tell, _: victim.serve_portal(place, tell))
    try:
        connection = http.client.HTTPConnection("127.0.0.1", portal.hear(), timeout=20)
        for _ in range(collector.chance.randint(1, _BATCHES_MAX)):
            collector.report(connection)
        unanswered: _Batch = {}
        if collector.chance.random() < 0.5:
            unanswered = collector.batch()
            collector.send(connection, unanswered)
            time.sleep(collector.chance.random() / 50)
        else:
            time.sleep(0.001)
        portal.kill()
        connection.close()
    finally:
        portal.kill()
        portal.end()
    return unanswered


def _missing(collector: _Collector, unanswered: _Batch, kept: dict[_Key, str]) -> Iterator[str]:
    """Yield what was acknowledged and is not there; a batch without an answer is there wholly or not."""
    unanswered = {
        key: quantity
        for key, quantity in unanswered.items()
        if not _same(collector.acknowledged.get(key), quantity)
    }
    there = [key for key, quantity in unanswered.items() if _same(kept.get(key), quantity)]
    if there and len(there) < len(unanswered):
        yield f"{len(there)} of {len(unanswered)} entries of a torn batch are there"
    if there:
        collector.acknowledged |= unanswered
    missing = [key for key, each in collector.acknowledged.items() if not _same(kept.get(key), each)]
    if missing:
        yield f"{len(missing)} of {len(collector.acknowledged)} acknowledged keys are missing: {missing[:3]}"


def _same(one: str | None, other: str) -> bool:
    return one is not None and Decimal(one) == Decimal(other)


def _reportable(place: Place) -> list[tuple[str, int]]:
    """Return keys of the running month, and of December, which is invoiced: those become corrections."""
    query = (
        select(Subscription)
        .join(Product, Product.id == Subscription.product_id)
        .where(Product.metering == Metering.USAGE)
    )
    with victim.inside(place):
        subscriptions = db.session.scalars(query).all()
        return [
            (str(each.uid), hour)
            for each in subscriptions
            for first in (hour_at(MARCH, 1), hour_at(world.DECEMBER, 10))
            for hour in range(first, first + 200)
            if hour >= each.start_hour
        ]


def _kept(place: Place) -> list[tuple[str, int, str]]:
    """Return what counts for every key: the hour's quantity and its later differences."""
    found: dict[tuple[UUID, int], int] = {}
    with victim.inside(place):
        for table, column in (
            (UsageHour, UsageHour.quantity_nano),
            (UsageCorrection, UsageCorrection.delta_nano),
        ):
            query = (
                select(Subscription.uid, table.hour, func.sum(column))
                .join(
                    Subscription,
                    (Subscription.organization_id == table.organization_id)
                    & (Subscription.id == table.subscription_id),
                )
                .group_by(Subscription.uid, table.hour)
            )
            for uid, hour, quantity in db.session.execute(query):
                found[uid, hour] = found.get((uid, hour), 0) + int(quantity)
    return [(str(uid), hour, str(quantity_of(each))) for (uid, hour), each in found.items()]


def _verified(place: Place) -> list[str]:
    with victim.inside(place):
        return differences()

"""A worker is killed, the database stops, its disk is full: what customers see meanwhile, and afterwards."""

import datetime as dt
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from portal.domain.period import Month, hour_of, start_of_hour
from tests.factories import PASSWORD
from tests.postgres import throw_away_server
from tests.production.bed import ADA, Bed, production_bed
from tests.production.load import load
from tests.production.processes import until
from tests.tied import afterwards

pytestmark = pytest.mark.timeout(600)
_SENTENCE = "Our database is not available right now. Please try again in a minute."
_DISK = "size=110m"
WELL = {"200", "303"}


def people(bed: Bed, count: int):
    visitors = [bed.visitor(f"127.0.6.{place + 1}") for place in range(count)]
    for each in visitors:
        assert each.sign_in(ADA, PASSWORD) == 303
        each.page("/account")
    return visitors


def use_the_portal(visitor) -> str:
    visitor.turns = getattr(visitor, "turns", 0) + 1
    if visitor.turns % 4:
        answer = visitor.ask(("/", "/billing/usage", "/account")[visitor.turns % 3])
    else:
        answer = visitor.submit("/account", {"theme": "system"})
    is_silent = answer.status == 503 and _SENTENCE not in answer.text
    return f"{answer.status} without a sentence" if is_silent else str(answer.status)


def is_replaced(bed: Bed, port: int, worker: int) -> bool:
    workers = bed.workers_of(port)
    return worker not in workers and len(workers) == 2


def test_a_killed_worker_is_replaced_and_the_portal_goes_on(bed, proves):
    port = bed.ports[0]
    with load(people(bed, 8), use_the_portal) as running:
        for _ in range(3):
            killed = bed.workers_of(port)[0]
            os.kill(killed, signal.SIGKILL)
            until(partial(is_replaced, bed, port, killed), "a new worker")
            running.go_on(24)
        quiet_since = time.monotonic()
        running.go_on(24)
        assert set(running.since(quiet_since)) <= WELL, running.counts
    lost = running.counts.total() - sum(running.counts[each] for each in WELL)
    assert lost <= 3 * 8, "a killed worker takes with it what it was answering, one request of each client"
    proves(f"S27 3 of 4 workers killed under 8 clients: {running.counts.total()} answers, {lost} lost")


def test_a_database_that_is_stopped_is_a_503_with_a_sentence_until_it_is_back(bed, proves):
    with load(people(bed, 6), use_the_portal) as running:
        for _ in range(3):
            bed.server.stop_at_once()
            try:
                running.go_on(24)
                for port in bed.ports:
                    assert bed.status(port, "/readyz") == 503
            finally:
                bed.server.start()
            for port in bed.ports:
                until(partial(bed.is_ready, port), "it is ready again")
            ready_at = time.monotonic()
            running.go_on(24)
            until(lambda: set(running.since(time.monotonic() - 1)) <= WELL, "everything is well again")
            seconds = time.monotonic() - ready_at
    assert set(running.counts) == {*WELL, "503"}, running.counts
    lines = [line for port in bed.ports for line in bed.log_of(port).read_text().splitlines()]
    assert all(json.loads(line)["level"] for line in lines), "the log stays what programs read"
    proves(
        f"R20 PostgreSQL stopped at once 3 times under 6 clients: {dict(running.counts)}, 0 × 500,"
        f" well again {seconds:.0f} s after it was ready"
    )


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a disk that can be filled; only root may."""
    home = Path(tempfile.mkdtemp(prefix="portal-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", _DISK, "none", str(home)], check=False, timeout=20
    )
    if mounted.returncode:
        home.rmdir()
        pytest.skip("no disk could be mounted here, so that none was filled")
    with afterwards('umount --lazy "$0"; rmdir "$0"', str(home)):
        yield home


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    free = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    return filler


def test_a_full_disk_refuses_what_writes_and_is_well_again_when_there_is_room(sandboxes, tmp_path, proves):
    with (
        small_disk() as disk,
        throw_away_server(below=disk) as server,
        production_bed(tmp_path, server, sandboxes) as bed,
    ):
        ada = bed.visitor()
        assert ada.sign_in(ADA, PASSWORD) == 303
        assert report(bed, 0) == 200
        filler = fill(disk)
        answers = []
        until(
            lambda: answers.append(report(bed, len(answers) + 1)) or answers[-1] != 200,
            "the disk is full",
            120,
        )
        answers += [report(bed, len(answers) + 1) for _ in range(5)]
        assert set(answers) <= {200, 503}, answers
        assert [ada.ask(path).status for path in ("/", "/billing/usage", "/account")] == [200] * 3
        filler.unlink()
        until(lambda: report(bed, 0) == 200, "it takes entries again")
        ada.close()
    proves(
        f"R20 PostgreSQL's disk is full: {answers.count(503)} deliveries refused, pages as ever, well again"
    )


def report(bed: Bed, batch: int) -> int:
    """Deliver another version of all hours of the month so far; nothing of a batch is there already."""
    now = dt.datetime.now(dt.UTC)
    entries = [
        {
            "subscription_id": bed.customer.subscription,
            "hour": f"{start_of_hour(hour):%Y-%m-%dT%H:%M:%SZ}",
            "quantity": str(batch + 1),
            "revision": batch + 1,
        }
        for hour in range(Month.of(now).start_hour, hour_of(now))
    ]
    headers = {"Authorization": f"Bearer {bed.customer.collector}", "Content_Type": "application/json"}
    visitor = bed.visitor()
    status = visitor.ask("/billing/usage", "POST", json.dumps(entries), **headers).status
    visitor.close()
    return status

"""`python -m tests.crash`: kills the run everywhere, and says what it proved; exit 1 if anything is wrong.

The tries run in two processes; each has a database and an EasyBill of its own.
"""

import argparse
import itertools
import logging
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from typing import Any

from tests.crash import scenarios
from tests.crash.backups import backed_up_while_written
from tests.crash.collecting import killed_after_answers
from tests.crash.databases import Database, Postgres, Sqlite, postgres_world, sqlite_world
from tests.tied import end_with_parent

_SECONDS_OF_A_RUN_MIN = 0.02
Try = Callable[[], list[str]]


@dataclass(frozen=True)
class Size:
    """How much is tried of each; `steps` are all where it is None."""

    steps: int | None
    memory_steps: int  # with the provider in memory
    moments: int
    disk_writes: int
    races: Sequence[tuple[int, bool]]  # how many processes, and whether their clocks are apart
    rounds: int
    deaths: int  # in races
    power_cuts: int
    fault_seeds: int
    fault_kills: int  # for each seed
    ingest_rounds: int
    backups: int  # on each database


FULL = Size(
    steps=None,
    memory_steps=60,
    moments=40,
    disk_writes=48,
    races=[(2, False), (2, True), (4, False), (4, True)],
    rounds=10,
    deaths=10,
    power_cuts=48,
    fault_seeds=3,
    fault_kills=4,
    ingest_rounds=20,
    backups=10,
)
SMALL = Size(
    steps=4,
    memory_steps=2,
    moments=0,
    disk_writes=0,
    races=[(2, True)],
    rounds=1,
    deaths=0,
    power_cuts=1,
    fault_seeds=1,
    fault_kills=1,
    ingest_rounds=2,
    backups=0,
)


@dataclass
class Scenario:
    """Tries of one sort on one database; each returns what is wrong."""

    name: str
    what: str
    tries: Sequence[Try] = field(default_factory=list)


def main() -> int:
    wanted = _parser().parse_args()
    size = SMALL if wanted.small else FULL
    logging.disable(logging.CRITICAL)  # what is killed complains
    started = time.monotonic()
    _say(f"seed {wanted.seed}")
    with ExitStack() as worlds:
        sqlite, _ = worlds.enter_context(sqlite_world())
        postgres, _ = worlds.enter_context(postgres_world())
        wrong = _prove_all(sqlite, postgres, size, wanted.seed, wanted.only)
    _say(f"{wrong} wrong in {time.monotonic() - started:.0f} s (seed {wanted.seed})")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["steps", "moments", "disk", "races", "faults", "stops", "ingest", "backup"],
    )
    parser.add_argument("--small", action="store_true", help="a little of everything but disk writes")
    return parser


def _prove_all(sqlite: Sqlite, postgres: Postgres, size: Size, seed: int, only: Sequence[str] | None) -> int:
    for database in (sqlite, postgres):
        scenarios.warm_up(database)
    expected, steps = scenarios.undisturbed(sqlite)
    on_postgres, postgres_steps = scenarios.undisturbed(postgres)
    if expected != on_postgres:
        _say("WRONG: the databases make different bills of the same world, undisturbed")
        return 1
    _say(f"an undisturbed run: {_size_of(expected)}; {len(steps)} steps, PostgreSQL {len(postgres_steps)}")
    elsewhere = replace(sqlite, name="SQLite with a provider in memory", has_memory_provider=True)
    at_memory, memory_steps = scenarios.undisturbed(elsewhere)
    if expected != at_memory:
        _say("WRONG: the invoicing providers make different bills of the same world, undisturbed")
        return 1
    wrong = 0
    with ProcessPoolExecutor(
        max_workers=os.cpu_count() or 2, mp_context=get_context("fork"), initializer=end_with_parent
    ) as pool:
        of_easybill = _scenarios(sqlite, steps, postgres, postgres_steps, expected, size, seed)
        of_memory = _scenarios_of_memory(elsewhere, memory_steps, expected, size, seed)
        for scenario in itertools.chain(of_easybill, of_memory):
            if scenario.tries and (only is None or scenario.name in only):
                wrong += _prove(scenario, pool)
    return wrong


def _size_of(snapshot: dict[str, Any]) -> str:
    invoices = [each for some in snapshot.values() if isinstance(some, dict) for each in some["invoices"]]
    lines = sum(len(each[7]) for each in invoices)
    return f"{len(invoices)} invoices with {lines} lines, {sum(len(each[8]) for each in invoices)} documents"


def _scenarios(
    sqlite: Sqlite,
    sqlite_steps: list[str],
    postgres: Postgres,
    postgres_steps: list[str],
    expected: scenarios.Snapshot,
    size: Size,
    seed: int,
) -> Iterator[Scenario]:
    for database, steps in ((sqlite, sqlite_steps), (postgres, postgres_steps)):
        yield _steps(database, steps, expected, size, seed)
        if size.moments:
            yield _moments(database, expected, size, seed)
    if size.disk_writes and shutil.which("strace"):
        yield _disk_writes(sqlite, expected, size, seed)
    for database, steps in ((sqlite, sqlite_steps), (postgres, postgres_steps)):
        for processes, has_clocks_apart in size.races:
            yield _races(database, expected, size.rounds, processes, has_clocks_apart=has_clocks_apart)
        yield _races_with_a_death(database, steps, expected, size, seed)
    for database, steps in ((sqlite, sqlite_steps), (postgres, postgres_steps)):
        yield _faults(database, steps, expected, size, seed)
    yield _power_cuts(postgres_steps, expected, size, seed)
    for database in (sqlite, postgres):
        backups = [partial(backed_up_while_written, database, each) for each in range(1, size.backups + 1)]
        yield Scenario("backup", f"{database.name}: backup under write load, restored, verified", backups)
    for kind in (Sqlite.name, Postgres.name):
        tries = [partial(_ingest, kind, seed + each, size.ingest_rounds // 2) for each in range(2)]
        yield Scenario("ingest", f"{kind}: acknowledged usage after kill -9, {len(tries)} portals", tries)


def _scenarios_of_memory(
    database: Sqlite, steps: list[str], expected: scenarios.Snapshot, size: Size, seed: int
) -> Iterator[Scenario]:
    """What the protocol of the provider promises must hold at one that is not EasyBill."""
    yield _steps(database, steps, expected, replace(size, steps=size.memory_steps), seed)
    for processes, has_clocks_apart in size.races:
        yield _races(database, expected, size.rounds, processes, has_clocks_apart=has_clocks_apart)


def _steps(
    database: Database, steps: list[str], expected: scenarios.Snapshot, size: Size, seed: int
) -> Scenario:
    numbers = scenarios.spread(seed, size.steps or len(steps), len(steps))
    tries = [
        partial(scenarios.killed_at_step, database, expected, number, steps[number - 1]) for number in numbers
    ]
    return Scenario("steps", f"{database.name}: kill -9 at a step ({len(numbers)} of {len(steps)})", tries)


def _moments(database: Database, expected: scenarios.Snapshot, size: Size, seed: int) -> Scenario:
    chance = random.Random(seed)
    longest = scenarios.seconds_of_a_run(database)
    seconds = [chance.uniform(_SECONDS_OF_A_RUN_MIN, longest) for _ in range(size.moments)]
    tries = [partial(scenarios.killed_at_moment, database, expected, each) for each in seconds]
    return Scenario("moments", f"{database.name}: kill -9 at a random moment", tries)


def _disk_writes(database: Sqlite, expected: scenarios.Snapshot, size: Size, seed: int) -> Scenario:
    writes = scenarios.disk_writes(database)
    numbers = scenarios.spread(seed, size.disk_writes, writes)
    tries = [partial(scenarios.killed_at_disk_write, database, expected, number) for number in numbers]
    return Scenario("disk", f"{database.name}: kill -9 at a disk write ({len(numbers)} of {writes})", tries)


def _races(
    database: Database, expected: scenarios.Snapshot, rounds: int, processes: int, *, has_clocks_apart: bool
) -> Scenario:
    one = partial(scenarios.raced, database, expected, processes, has_clocks_apart=has_clocks_apart)
    apart = ", each later one believing the others dead" if has_clocks_apart else ""
    return Scenario("races", f"{database.name}: {processes} processes at once{apart}", [one] * rounds)


def _races_with_a_death(
    database: Database, steps: list[str], expected: scenarios.Snapshot, size: Size, seed: int
) -> Scenario:
    numbers = scenarios.spread(seed, size.deaths, len(steps) // 2)  # the other one does part of the work
    one = partial(scenarios.raced, database, expected, 2, has_clocks_apart=True)
    tries = [partial(one, killed_step=number) for number in numbers]
    return Scenario("races", f"{database.name}: 2 processes at once, one of them killed", tries)


def _faults(
    database: Database, steps: list[str], expected: scenarios.Snapshot, size: Size, seed: int
) -> Scenario:
    """A fifth of EasyBill's answers is 429, a fifth 500, a fifth lost; each document is locked once."""
    tries: list[Try] = []
    for each in range(seed, seed + size.fault_seeds):
        kills = scenarios.spread(each, size.fault_kills, len(steps))
        tries += [partial(scenarios.killed_with_faults, database, expected, each, step) for step in kills]
        tries.append(partial(scenarios.raced_with_faults, database, expected, each, 2))
    return Scenario("faults", f"{database.name}: killed and raced with 429, 500, 409 and lost answers", tries)


def _power_cuts(steps: list[str], expected: scenarios.Snapshot, size: Size, seed: int) -> Scenario:
    cuts = scenarios.cuts_of(seed, size.power_cuts, steps)
    servers = [some for some in (cuts[::2], cuts[1::2]) if some]
    tries = [partial(scenarios.power_cuts, expected, some) for some in servers]
    name = f"PostgreSQL stopped at once during the run, {len(cuts)} times"
    return Scenario("stops", f"{name}, {len(tries)} servers", tries)


def _ingest(kind: str, seed: int, rounds: int) -> list[str]:
    batches, wrong = killed_after_answers(kind, seed, rounds)
    return wrong if batches else [*wrong, f"{kind}: not one batch was acknowledged"]


def _prove(scenario: Scenario, pool: ProcessPoolExecutor) -> int:
    started = time.monotonic()
    running = [pool.submit(each) for each in scenario.tries]
    wrong = [fault for each in running for fault in each.result()]
    seconds = time.monotonic() - started
    _say(f"{scenario.what}: {len(running)} tries, {len(wrong)} wrong, {seconds:.1f} s")
    for fault in wrong:
        _say(f"  WRONG {fault}")
    return len(wrong)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

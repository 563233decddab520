"""What is done to the run, and what must be true afterwards. Each try has a world and an EasyBill of its own.

A try returns sentences about what is wrong; none means that the next, undisturbed run left exactly what
a run without any disturbance leaves.
"""

import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash import remote_provider, victim
from tests.crash.children import SECONDS_MAX, Child, fork, in_child
from tests.crash.databases import Database, Sqlite, postgres_world
from tests.crash.victim import Place

Snapshot = dict[str, Any]
FAULTS = {"too_many": 20, "broken": 20, "lost": 20, "locked_once": True}  # percent of all calls
FAULTY_ROUNDS = 8
_MINUTES_APART = 10  # longer than a lease: each later process believes that the earlier ones are dead


class Cut(NamedTuple):
    """A step at which the server goes away; a run that is held there meets it gone, else it runs on."""

    step: int
    is_held: bool


@contextmanager
def somewhere(database: Database) -> Iterator[Place]:
    """A fresh world, and an invoicing provider that survives whatever happens to the run."""
    with database.fresh() as url:
        provider = fork(remote_provider.serve if database.has_memory_provider else victim.serve_easybill)
        try:
            port = provider.hear()
            if database.has_memory_provider:
                yield Place(url, memory_port=port)
            else:
                yield Place(url, f"http://127.0.0.1:{port}")
        finally:
            provider.kill()
            provider.end()


def warm_up(database: Database) -> None:
    with somewhere(database) as place:
        victim.warm_up(place)


def undisturbed(database: Database) -> tuple[Snapshot, list[str]]:
    """Return what a run leaves that nobody disturbs, and the names of its steps."""

    def labels() -> list[str]:
        found: list[str] = []
        victim.tick(place, on_step=lambda _, label: found.append(label))
        return found

    with somewhere(database) as place:
        steps = in_child(labels)
        found = in_child(lambda: victim.judge(place))
    if found["faults"]:
        raise RuntimeError(f"even an undisturbed run is wrong: {found['faults']}")
    return found["snapshot"], steps


def wrong_after(place: Place, expected: Snapshot, what: str) -> list[str]:
    """Run once more, and compare."""
    try:
        found = in_child(lambda: victim.judge(place))
    except RuntimeError as error:
        return [f"{what}: the next run failed: {error}"]
    return _differences(found, expected, what)


def _differences(found: dict[str, Any], expected: Snapshot, what: str) -> list[str]:
    wrong = [f"{what}: {fault}" for fault in found["faults"]]
    actual = found["snapshot"]
    return wrong + [
        f"{what}: {name} is {actual[name]}, undisturbed {expected[name]}"
        for name in expected
        if actual[name] != expected[name]
    ]


def killed_at_step(database: Database, expected: Snapshot, step: int, label: str) -> list[str]:
    what = f"{database.name}, kill -9 at step {step} ({label})"
    with somewhere(database) as place:
        run = fork(lambda *_: victim.tick(place, on_step=victim.kill_at(step)))
        told, was_killed = run.outcome()
        if not was_killed:
            return [f"{what}: it was not killed, but said {told}"]
        return wrong_after(place, expected, what)


def killed_at_moment(database: Database, expected: Snapshot, seconds: float) -> list[str]:
    """Kill wherever it happens to be: in a statement, in a commit, waiting for EasyBill."""
    with somewhere(database) as place:
        run = fork(lambda *_: victim.tick(place))
        time.sleep(seconds)
        run.kill()
        run.outcome()
        return wrong_after(place, expected, f"{database.name}, kill -9 after {seconds:.3f} s")


def killed_at_disk_write(database: Sqlite, expected: Snapshot, write: int) -> list[str]:
    what = f"{database.name}, kill -9 at disk write {write}"
    with somewhere(database) as place:
        told, was_killed = _traced(place, f"--inject=pwrite64:signal=KILL:when={write}")
        if not was_killed:
            return [f"{what}: it was not killed, but said {told}"]
        return wrong_after(place, expected, what)


def disk_writes(database: Sqlite) -> int:
    """Return how often an undisturbed run writes to the disk."""
    with somewhere(database) as place, tempfile.NamedTemporaryFile() as log:
        told, _ = _traced(place, "--output", log.name)
        if told is None or "error" in told:
            raise RuntimeError(f"the traced run failed: {told}")
        return Path(log.name).read_text().count("pwrite64(")


def _traced(place: Place, *options: str) -> tuple[Any, bool]:
    def run_once_traced(tell: object, wait: Any) -> str:
        wait()
        return victim.tick(place)

    run = fork(run_once_traced)
    command = ["strace", "-qq", "--trace=pwrite64", *options, "--attach", str(run.pid)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
        _wait_until_traced(run, strace)
        run.let_go()
        return run.outcome()


def _wait_until_traced(run: Child, strace: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + SECONDS_MAX
    while "TracerPid:\t0\n" in Path(f"/proc/{run.pid}/status").read_text():
        if strace.poll() is not None or time.monotonic() > ends_at:
            run.kill()
            raise RuntimeError("strace could not attach: is ptrace allowed here?")
        time.sleep(0.002)


def raced(
    database: Database, expected: Snapshot, processes: int, *, has_clocks_apart: bool, killed_step: int = 0
) -> list[str]:
    """Start several runs at once; with clocks apart each takes over what the earlier ones hold."""
    what = f"{database.name}, {processes} at once{', clocks apart' if has_clocks_apart else ''}"
    what += f", one killed at step {killed_step}" if killed_step else ""

    def runner(place: Place, number: int) -> Child:
        minutes_late = number * _MINUTES_APART * has_clocks_apart
        on_step = victim.kill_at(killed_step) if killed_step and number == 0 else None

        def run(tell: object, wait: Any) -> str:
            wait()
            return victim.tick(place, minutes_late=minutes_late, on_step=on_step)

        return fork(run)

    with somewhere(database) as place:
        runs = [runner(place, number) for number in range(processes)]
        for each in runs:
            each.let_go()
        wrong = []
        for number, each in enumerate(runs):
            told, was_killed = each.outcome()
            if not (was_killed and killed_step and number == 0) and "value" not in (told or {}):
                wrong.append(f"{what}: one crashed: {told}")
        return wrong + wrong_after(place, expected, what)


def killed_with_faults(database: Database, expected: Snapshot, seed: int, step: int) -> list[str]:
    """Kill a run at a step while EasyBill is out of order, and go on with the faults."""
    what = f"{database.name}, faults of seed {seed}, kill -9 at step {step}"
    with somewhere(database) as place:
        victim.rehearse(place, {**FAULTS, "seed": seed})
        fork(lambda *_: victim.tick_with_faults(place, on_step=victim.kill_at(step))).outcome()
        return _wrong_after_faults(place, expected, what)


def raced_with_faults(database: Database, expected: Snapshot, seed: int, processes: int) -> list[str]:
    """Let several run at once while EasyBill is out of order, each believing the earlier ones dead."""
    what = f"{database.name}, faults of seed {seed}, {processes} at once"
    with somewhere(database) as place:
        victim.rehearse(place, {**FAULTS, "seed": seed})

        def runner(number: int) -> Child:
            return fork(lambda *_: victim.tick_with_faults(place, minutes_late=number * _MINUTES_APART))

        outcomes = [each.outcome() for each in [runner(number) for number in range(processes)]]
        wrong = [f"{what}: one crashed: {told}" for told, _ in outcomes if "value" not in (told or {})]
        return wrong + _wrong_after_faults(place, expected, what)


def _wrong_after_faults(place: Place, expected: Snapshot, what: str) -> list[str]:
    try:
        found = in_child(lambda: victim.recover(place, FAULTY_ROUNDS))
    except RuntimeError as error:
        return [f"{what}: the recovery failed: {error}"]
    return _differences(found, expected, what)


def power_cuts(expected: Snapshot, cuts: list[Cut]) -> list[str]:
    """Stop a PostgreSQL of its own at once during the run, at these steps; start it and run again."""
    wrong = []
    with postgres_world() as (database, _):
        for step, is_held in cuts:
            with somewhere(database) as place:
                what = f"{database.name} stopped at once at step {step}"
                run = _paused_run(place, step)
                if run.hear() != "now":
                    wrong.append(f"{what}: the run was over before")
                if not is_held:
                    run.let_go()
                database.server.stop_at_once()
                if is_held:
                    run.let_go()
                told, _ = run.outcome()
                if told and "error" in told:
                    wrong.append(f"{what}: the clock died of it: {told['error']}")
                database.server.start()
                wrong += wrong_after(place, expected, what)
    return wrong


def _paused_run(place: Place, step: int) -> Child:
    return fork(lambda tell, wait: victim.tick_safely(place, victim.pause_at(step, tell, wait)))


def seconds_of_a_run(database: Database) -> float:
    with somewhere(database) as place:
        started = time.monotonic()
        in_child(lambda: victim.tick(place))
        return time.monotonic() - started


def cuts_of(seed: int, count: int, labels: list[str]) -> list[Cut]:
    """Return that many cuts: held ones first, one for each kind of step, then others."""
    steps = list(range(1, len(labels) + 1))
    random.Random(seed).shuffle(steps)
    kinds = {re.sub(r"\d+", "", labels[step - 1]): step for step in steps}
    held = [Cut(step, is_held=True) for step in kinds.values()]
    others = [Cut(step, is_held=False) for step in steps if step not in kinds.values()]
    return (held + others)[:count]


def spread(seed: int, count: int, last: int) -> list[int]:
    """Return that many different numbers from 1 to `last`, all of them where there are no more."""
    return sorted(random.Random(seed).sample(range(1, last + 1), min(count, last)))

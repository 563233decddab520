"""Proves that new code answers as old code does: `python -m tests.compare --old DIR`.

DIR is a checkout of the old code with an environment of its own, or a revision, which is checked out for the
time of the walk. The old code makes a database with everything in it (see `world`); the old code on that file
and the code of this tree on a copy that it has migrated answer the same walk (see `reads` and `writes`), each
in its own process, with the same stand-ins, under one clock. Where they differ (see `differ`) and
`expected.toml` gives no reason, it is said and the exit code is 1.

    python -m tests.compare --old f1d7525                 # from scratch: two to four minutes
    python -m tests.compare --old ../base --keep /tmp/walk  # the old side is played once, and kept

`--only REGEX` shows the differences of some steps alone; `--new DIR` compares another tree than this one.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.compare import differ
from tests.compare.commands import all_commands
from tests.compare.reads import STRANGE, Things, all_reads
from tests.compare.stage import HERE, Stage, stand_ins
from tests.compare.writes import all_writes

_SHOWN_LINES_MAX = 24
_SHOWN_STEPS_MAX = 60


def main() -> int:
    options = _options()
    with ExitStack() as cleanup:
        home = options.keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        old = cleanup.enter_context(_checkout(options.old))
        kept = home / f"old-{_digest(old)}"
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the old side is played once, whoever comes first
            if not (kept / "answers.json").exists():
                _play_old(old, kept)
        new_var = home / f"new-{options.new.resolve().name}"
        if not options.again:
            _play_new(old, options.new.resolve(), kept, new_var)
        return _compare(kept, new_var, options.only)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("--old", required=True, help="a checkout of the old code, or a revision")
    parser.add_argument("--new", type=Path, default=HERE.parents[1], help="default: this tree")
    parser.add_argument("--keep", type=Path, help="a folder in which the old side is kept for the next time")
    parser.add_argument("--again", action="store_true", help="compare the answers kept last, play nothing")
    parser.add_argument("--only", default="", help="show only the steps whose name has this pattern")
    return parser.parse_args()


@contextmanager
def _checkout(old: str) -> Iterator[Path]:
    if Path(old).is_dir():
        yield Path(old).resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve() / "old"
        git = ("git", "-C", str(HERE), "worktree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), old], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _digest(old: Path) -> str:
    """Name the old side: its revision, and the walk."""
    revision = subprocess.run(["git", "-C", str(old), "rev-parse", "HEAD"], capture_output=True, check=True)
    names = ("world.py", "player.py", "reads.py", "writes.py", "commands.py", "bodies.json", "stage.py")
    walk = b"".join((HERE / name).read_bytes() for name in names)
    return hashlib.sha256(revision.stdout + walk).hexdigest()[:12]


def _play_old(old: Path, kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    world = Stage(old, kept / "world")
    world.var.mkdir(parents=True)
    with stand_ins(old, world) as environment:
        world.run("world.py", str(world.var / "manifest.json"), environment=environment)
        world.run("player.py", "list", str(kept / "listing.json"), environment=environment)
    listing, things = json.loads((kept / "listing.json").read_text()), Things(world.var / "portal.sqlite")
    steps = [*all_reads(listing["rules"], things), *all_writes(things), *all_commands(listing["commands"])]
    (kept / "steps.json").write_text(json.dumps(steps))
    stage = world.copy(old, kept / "played")
    with stand_ins(old, stage) as environment:
        arguments = (str(kept / "steps.json"), str(kept / "unfinished.json"))
        stage.run("player.py", "play", *arguments, environment=environment)
    (kept / "unfinished.json").rename(kept / "answers.json")


def _play_new(old: Path, new: Path, kept: Path, var: Path) -> None:
    shutil.rmtree(var, ignore_errors=True)
    stage = Stage(old, kept / "world").copy(new, var / "played")
    with stand_ins(old, stage) as environment:
        stage.run("player.py", "migrate", environment=environment)
        stage.run("player.py", "list", str(var / "listing.json"), environment=environment)
        arguments = (str(kept / "steps.json"), str(var / "answers.json"))
        stage.run("player.py", "play", *arguments, environment=environment)


def _compare(kept: Path, var: Path, only: str) -> int:
    steps = _read(kept / "steps.json")
    known = _known(kept, json.dumps(steps))
    veils = differ.Veil(known), differ.Veil(known)
    rules = _read(HERE / "expected.toml")["expected"]
    unexpected, reasons = [], Counter[str]()
    route_lines = [_route_lines(folder / "listing.json") for folder in (kept, var)]
    found = [("routes", differ.differences(*route_lines))]
    answers = zip(steps, _read(kept / "answers.json"), _read(var / "answers.json"), strict=True)
    for number, (step, *both) in enumerate(answers):
        path = step.get("path", "").partition("?")[0]
        lines = [veil.lines(answer, number, path) for veil, answer in zip(veils, both, strict=True)]
        if lines[0] != lines[1]:
            found.append((f"{step['name']} ({number})", differ.differences(*lines)))
    for name, changed in found:
        reason = excuse(rules, name, changed)
        if reason is None:
            unexpected.append((name, changed))
        elif changed:
            reasons[reason] += 1
    _report(len(steps), [each for each in unexpected if re.search(only, each[0])], reasons)
    return 1 if unexpected else 0


def excuse(rules: Sequence[Mapping[str, str]], name: str, changed: Sequence[str]) -> str | None:
    """Return why a step may differ as it does; None unless there is a reason for each of its lines."""
    fitting = [rule for rule in rules if re.search(rule["step"], name)]
    reasons = []
    for line in changed:
        reason = next((rule["reason"] for rule in fitting if re.search(rule["line"], line)), None)
        if reason is None:
            return None
        reasons.append(reason)
    return reasons[0] if reasons else ""


def _known(kept: Path, steps: str) -> set[str]:
    tokens = _read(kept / "world/manifest.json")["tokens"].values()
    prefixes = {token[: len("bpk_") + 4] for token in tokens}
    known = {*Things(kept / "world/portal.sqlite").known_names(), STRANGE, *tokens, *prefixes}
    return known | set(re.findall(r"pm_\w+", steps))


def _route_lines(listing: Path) -> list[str]:
    return sorted(
        f"{method} {rule['rule']}" for rule in _read(listing)["rules"] for method in rule["methods"]
    )


def _read(path: Path) -> Any:
    return tomllib.loads(path.read_text()) if path.suffix == ".toml" else json.loads(path.read_text())


def _report(steps: int, unexpected: Sequence[tuple[str, Sequence[str]]], reasons: Mapping[str, int]) -> None:
    say = sys.stdout.write
    for name, changed in unexpected[:_SHOWN_STEPS_MAX]:
        say(f"\n== {name}\n")
        say("".join(f"{line[:600]}\n" for line in changed[:_SHOWN_LINES_MAX]))
        if len(changed) > _SHOWN_LINES_MAX:
            say(f"… and {len(changed) - _SHOWN_LINES_MAX} more lines\n")
    if len(unexpected) > _SHOWN_STEPS_MAX:
        say(f"\n… and {len(unexpected) - _SHOWN_STEPS_MAX} more steps; the commonest differences:\n")
        lines = Counter(line for _, changed in unexpected for line in changed[:_SHOWN_LINES_MAX])
        say("".join(f"{count:6} × {line[:300]}\n" for line, count in lines.most_common(20)))
    for reason, count in reasons.items():
        say(f"\nexpected, {count} steps: {reason}\n")
    say(f"\n{steps} steps walked, {len(unexpected)} differ without a reason\n")


if __name__ == "__main__":
    sys.exit(main())

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compare import differ
from tests.compare.commands import all_commands
from tests.compare.reads import STRANGE, all_reads
from tests.compare.stage import HERE, Stage, stand_ins
from tests.compare.things import Things
from tests.compare.writes import all_writes

_SHOWN_LINES_MAX = 24
_SHOWN_STEPS_MAX = 60
Difference = tuple[str, Sequence[str]]  # the name of a step, and the lines of one side alone


def main() -> int:
    options = _options()
    new = options.new.resolve()
    with ExitStack() as cleanup:
        home = options.keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        old = cleanup.enter_context(_checkout(options.old))
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the old side is played once, whoever comes first
            walk = _walk(old, home)
        if not options.again:
            _play_new(old, new, walk, home / f"new-{new.name}")
        return _compare(walk, home / f"new-{new.name}", options.only)


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


@dataclass(frozen=True)
class _Walk:
    """The old side: the folder of its world, and what it was asked and answered there."""

    kept: Path
    steps: Path
    answers: Path


def _walk(old: Path, home: Path) -> _Walk:
    """Make or find the world of the old code, the walk through it, and the old code's answers."""
    kept = home / f"old-{_name_of_world(old)}"
    if not (kept / "listing.json").exists():
        _make_world(old, kept)
    listing, things = _read(kept / "listing.json"), Things(kept / "world/portal.sqlite")
    steps = [*all_reads(listing["rules"], things), *all_writes(things), *all_commands(listing["commands"])]
    text = json.dumps(steps)
    name = _digest(text.encode())
    walk = _Walk(kept, kept / f"steps-{name}.json", kept / f"answers-{name}.json")
    if not walk.answers.exists():
        walk.steps.write_text(text)
        _play_old(old, walk)
    return walk


def _name_of_world(old: Path) -> str:
    revision = subprocess.run(["git", "-C", str(old), "rev-parse", "HEAD"], capture_output=True, check=True)
    scripts = [(HERE / name).read_bytes() for name in ("world.py", "player.py", "stage.py")]
    return _digest(revision.stdout, *scripts)


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()[:12]


def _make_world(old: Path, kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    world = Stage(old, kept / "world")
    world.var.mkdir(parents=True)
    with stand_ins(old, world) as environment:
        world.run("world.py", str(world.var / "manifest.json"), environment=environment)
        world.run("player.py", "list", str(kept / "unfinished.json"), environment=environment)
    (kept / "unfinished.json").rename(kept / "listing.json")


def _play_old(old: Path, walk: _Walk) -> None:
    stage = Stage(old, walk.kept / "world").copy(old, walk.kept / "played")
    unfinished = walk.kept / "unfinished.json"
    with stand_ins(old, stage) as environment:
        stage.run("player.py", "play", str(walk.steps), str(unfinished), environment=environment)
    unfinished.rename(walk.answers)


def _play_new(old: Path, new: Path, walk: _Walk, var: Path) -> None:
    shutil.rmtree(var, ignore_errors=True)
    stage = Stage(old, walk.kept / "world").copy(new, var / "played")
    with stand_ins(old, stage) as environment:
        stage.run("player.py", "migrate", environment=environment)
        stage.run("player.py", "list", str(var / "listing.json"), environment=environment)
        arguments = (str(walk.steps), str(var / "answers.json"))
        stage.run("player.py", "play", *arguments, environment=environment)


def _compare(walk: _Walk, var: Path, only: str) -> int:
    steps = _read(walk.steps)
    routes = differ.differences(_routes(walk.kept), _routes(var))
    differing = [("routes", routes), *_differing(walk, steps, _read(var / "answers.json"))]
    unexpected = _without_reason(differing)
    _show([each for each in unexpected if re.search(only, each[0])])
    _say(f"\n{len(steps)} steps walked, {len(unexpected)} differ without a reason\n")
    return int(bool(unexpected))


def _without_reason(differing: Sequence[Difference]) -> Sequence[Difference]:
    """Return the differences that nobody meant, and say how many of the others there are."""
    rules = _read(HERE / "expected.toml")["expected"]
    reasons = [excuse(rules, name, changed) for name, changed in differing]
    for reason, count in Counter(filter(None, reasons)).items():
        _say(f"expected, {count} steps: {reason}\n")
    return [each for each, reason in zip(differing, reasons, strict=True) if reason is None]


def _differing(walk: _Walk, steps: Sequence[Any], answers: Sequence[Any]) -> Iterator[Difference]:
    """Yield the name of each step whose answers differ, and the lines that do."""
    known = _known(walk)
    old_veil, new_veil = differ.Veil(known), differ.Veil(known)
    pairs = zip(steps, _read(walk.answers), answers, strict=True)
    for number, (step, old, new) in enumerate(pairs):
        path = step.get("path", "").partition("?")[0]
        old_lines, new_lines = old_veil.lines(old, number, path), new_veil.lines(new, number, path)
        if old_lines != new_lines:
            yield f"{step['name']} ({number})", differ.differences(old_lines, new_lines)


def excuse(rules: Sequence[Mapping[str, str]], name: str, changed: Sequence[str]) -> str | None:
    """Return why a step may differ as it does; None unless there is a reason for each of its lines."""
    fitting = [rule for rule in rules if re.search(rule["step"], name)]
    reasons = [_reason(fitting, line) for line in changed]
    return None if None in reasons else next(iter(reasons), "")


def _reason(rules: Sequence[Mapping[str, str]], line: str) -> str | None:
    return next((rule["reason"] for rule in rules if re.search(rule["line"], line)), None)


def _known(walk: _Walk) -> set[str]:
    """Return what was there before the walk, so that what it made can be told from it."""
    tokens = _read(walk.kept / "world/manifest.json")["tokens"].values()
    prefixes = {token[: len("bpk_") + 4] for token in tokens}
    asked_for = re.findall(r"pm_\w+", walk.steps.read_text())
    return {*Things(walk.kept / "world/portal.sqlite").known_names(), STRANGE, *tokens, *prefixes, *asked_for}


def _routes(folder: Path) -> list[str]:
    rules = _read(folder / "listing.json")["rules"]
    return sorted(f"{method} {rule['rule']}" for rule in rules for method in rule["methods"])


def _read(path: Path) -> Any:
    return tomllib.loads(path.read_text()) if path.suffix == ".toml" else json.loads(path.read_text())


def _show(unexpected: Sequence[Difference]) -> None:
    for name, changed in unexpected[:_SHOWN_STEPS_MAX]:
        _say(f"\n== {name}\n" + "".join(f"{line[:600]}\n" for line in changed[:_SHOWN_LINES_MAX]))
        _say_how_many_more(len(changed) - _SHOWN_LINES_MAX, "lines")
    lines = Counter(line for _, changed in unexpected[_SHOWN_STEPS_MAX:] for line in changed)
    _say_how_many_more(len(unexpected) - _SHOWN_STEPS_MAX, "steps; their commonest differences:")
    _say("".join(f"{count:6} × {line[:300]}\n" for line, count in lines.most_common(20)))


def _say_how_many_more(count: int, what: str) -> None:
    if count > 0:
        _say(f"… and {count} more {what}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())

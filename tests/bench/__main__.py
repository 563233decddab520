"""`python -m tests.bench`: measures the scale model, prints the bars, and writes them as JSON."""

import argparse
import dataclasses
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from tests.bench.bars import Bar, all_bars
from tests.bench.model import Model
from tests.bench.site import site
from tests.bench.yardsticks import Duck, duck
from tests.postgres import throw_away_server

DURABLE = (
    "-c fsync=on -c full_page_writes=on -c synchronous_commit=on -c shared_buffers=4GB -c max_wal_size=4GB"
)
_HEAD = ("bar", "database", "what", "ours", "yardstick", "unit", "ratio", "aim", "verdict")


def main(arguments: Sequence[str]) -> None:
    asked = _asked(arguments)
    model = Model(asked.organizations, asked.subscriptions, asked.days, asked.history)
    databases = ["sqlite", "postgresql"] if asked.database == "both" else [asked.database]
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as home:
        bars = list(measured(model, databases, Path(home)))
    facts = _facts(model)
    _say("\n".join(table(bars)))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    rows = [dataclasses.asdict(bar) | {"verdict": bar.verdict} for bar in bars]
    asked.json.write_text(json.dumps({**facts, "bars": rows}, indent=2, ensure_ascii=False) + "\n")
    _say(f"\n{facts}\nwritten to {asked.json}")


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--organizations", type=int, default=2_000)
    parser.add_argument("--subscriptions", type=int, default=41_000)
    parser.add_argument("--days", type=int, default=31, help="how many days of the month have usage")
    parser.add_argument("--history", type=int, default=0, help="earlier months, by day and invoiced")
    parser.add_argument("--database", choices=["postgresql", "sqlite", "both"], default="both")
    parser.add_argument("--json", type=Path, default=Path("var/bench.json"))
    return parser.parse_args(arguments)


def measured(model: Model, databases: Sequence[str], home: Path, settings: str = DURABLE) -> Iterator[Bar]:
    """Yield the bars of each database. What is made for it below `home` is the caller's to remove."""
    started = time.perf_counter()
    with duck(str(home / "hours.duckdb"), model) as yardstick:
        for name in databases:
            for bar in _of(name, model, yardstick, home, settings):
                _say(f"{time.perf_counter() - started:6.0f} s  {' | '.join(cells(bar))}", to=sys.stderr)
                yield bar


def _of(name: str, model: Model, yardstick: Duck, home: Path, settings: str) -> Iterator[Bar]:
    with _empty_database(name, home, settings) as url, site(url, model, home) as at:
        yield from all_bars(at, yardstick, home)


@contextmanager
def _empty_database(name: str, home: Path, settings: str) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{home / 'portal.sqlite'}"
    else:
        with throw_away_server(settings) as server:
            yield server.url


def table(bars: Sequence[Bar]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(_HEAD)} |"
    yield f"|{'---|' * len(_HEAD)}"
    for bar in sorted(bars, key=lambda bar: (bar.id, bar.database)):
        yield f"| {' | '.join(cells(bar))} |"


def cells(bar: Bar) -> tuple[str, ...]:
    yardstick = "" if bar.yardstick is None else f"{bar.yardstick:,.0f}"
    numbers = f"{bar.ours:,.0f}", yardstick, bar.unit, f"{bar.ratio:.2f}"
    return bar.id, bar.database, bar.what, *numbers, bar.aim_text, bar.verdict


def _facts(model: Model) -> dict[str, object]:
    packages = ("flask", "sqlalchemy", "psycopg", "duckdb")
    return {
        "model": dataclasses.asdict(model),
        "cores": os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30,
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in packages},
    }


def _say(words: str, to=None) -> None:
    (to or sys.stdout).write(f"{words}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

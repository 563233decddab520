"""The bars of PERFORMANCE.md: one function each, which measures ours beside its yardstick."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import func, insert, select, text

from portal.access import sessions
from portal.account import directory
from portal.closing.close import Closed
from portal.domain.access import Preset
from portal.domain.period import start_of_hour
from portal.domain.rating import quantity_of
from portal.ledger.entries import Written, deliver
from portal.metering.ingest import ingest
from portal.models import Account, Invoice, InvoiceItem, Organization, UsageHour
from portal.storage import db
from portal.tokens.actions import make_token
from tests.bench.model import MONTH, NOW, Model, invoice_row, uid_of
from tests.bench.site import Site, another_database, caller, cpu_seconds, seconds_of, site, wall_seconds
from tests.bench.yardsticks import Duck, RawCopy, bare_flask
from tests.months import close

_GRACE_DAYS = 3
_AGAIN = 3  # hours delivered a second time
_AT_THE_DOOR = 4  # hours that come as a collector sends them
_INVOICES = 50
_REQUESTS = 5


@dataclass(frozen=True)
class Bar:
    """What was measured. `ratio` is held against `aim`; without an aim it is told for comparison."""

    id: str
    database: str
    what: str
    ours: float
    yardstick: float | None
    unit: str
    ratio: float
    aim: float | None = None
    is_at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.aim is None:
            return ""
        return "met" if (self.ratio >= self.aim if self.is_at_least else self.ratio <= self.aim) else "missed"

    @property
    def aim_text(self) -> str:
        return "" if self.aim is None else f"{'≥' if self.is_at_least else '≤'} {self.aim:g}"


def all_bars(at: Site, duck: Duck, var: Path) -> Iterator[Bar]:
    """Measure everything, in the order of a month: usage comes, is looked at, is billed."""
    yield from p1_ingest(at)
    yield p7_bytes(at)
    yield p2_usage_json(at)
    yield p3_largest(at, duck)
    yield p4_usage_page(at)
    yield from p6_month_run(at, duck, var)
    yield from p5_invoices(at)


def p1_ingest(at: Site) -> Iterator[Bar]:
    """One hour of everybody, new rows, days kept, one commit; the last day of the model comes this way."""
    model, is_postgres = at.model, at.database == "postgresql"
    raw = RawCopy(at.url) if is_postgres else None
    copied, new, again, door = [], [], [], []
    with at.app.app_context():
        for hour in model.last_day[:-_AT_THE_DOOR]:
            entries = list(model.entries(hour))
            if raw:
                copied.append(seconds_of(partial(raw.write, entries)))
            new.append(seconds_of(partial(_deliver, entries)))
        for hour in model.last_day[:_AGAIN]:
            entries = list(model.entries(hour))
            again.append(seconds_of(partial(_deliver, entries)))
        for hour in model.last_day[-_AT_THE_DOOR:]:
            reports = _reports(model, hour)
            door.append(seconds_of(partial(_ingest, reports)))
    rows = model.subscriptions
    rate, again_rate, door_rate = (rows / statistics.median(some) for some in (new, again, door))
    if raw:
        raw.close()
        copy_rate = rows / statistics.median(copied)
        what = "ingest of an hour, beside raw binary COPY"
        yield Bar("P1", at.database, what, rate, copy_rate, "rows/s", rate / copy_rate, 0.25, True)
    else:
        what = "ingest of an hour, in thousands of rows/s"
        yield Bar("P1", at.database, what, rate, None, "rows/s", rate / 1000, 50, True)
    what = "the same hour delivered again, beside new"
    yield Bar("P1", at.database, what, again_rate, rate, "rows/s", again_rate / rate, 2, True)
    what = "from JSON on (checks and look-ups too), beside entries"
    yield Bar("P1", at.database, what, door_rate, rate, "rows/s", door_rate / rate)


def _deliver(entries: list) -> Written:
    written = deliver(entries, now=NOW)
    db.session.commit()
    return written


def _reports(model: Model, hour: int) -> list[dict[str, str]]:
    return [
        {
            "subscription_id": str(uid_of("subscription", owner, entry.subscription_id)),
            "hour": start_of_hour(hour).isoformat(),
            "quantity": f"{quantity_of(entry.quantity_nano):f}",
        }
        for owner, entry in model.entries(hour)
    ]


def _ingest(reports: list[dict[str, str]]) -> None:
    ingest(reports, now=NOW)
    db.session.commit()


def p7_bytes(at: Site) -> Bar:
    """Bytes of usage tables and indexes per hourly entry, loaded in the order of arrival."""
    with at.app.app_context():
        rows = db.session.scalar(select(func.count()).select_from(UsageHour))
        if at.database == "postgresql":
            sizes = "SELECT pg_total_relation_size('usage_hour') + pg_total_relation_size('usage_day')"
            size = db.session.scalar(text(sizes))
        else:
            size = _sqlite_bytes()
    aim = 130 if at.database == "postgresql" else 32
    what = "bytes per hourly entry, indexes and days included"
    return Bar("P7", at.database, what, size, rows, "bytes/rows", size / rows, aim)


def _sqlite_bytes() -> int:
    """Return the pages in use: nearly all are usage, and what else is there counts against it."""
    pages = "FROM pragma_page_size, pragma_page_count, pragma_freelist_count"
    return db.session.scalar(text(f"SELECT page_size * (page_count - freelist_count) {pages}"))


def p2_usage_json(at: Site) -> Bar:
    """The month of a typical organization as JSON, by token: CPU time in process."""
    hello = caller(bare_flask(), "/")
    ours, bare = cpu_seconds([_month(at, at.model.typical), hello], times=_REQUESTS)
    what = "usage JSON, typical organization, beside bare Flask"
    return Bar("P2", at.database, what, ours * 1e6, bare * 1e6, "µs CPU", ours / bare, 30)


def p3_largest(at: Site, duck: Duck) -> Bar:
    """The same for the largest organization, beside DuckDB's sum alone: time that passes."""
    owner = at.model.largest
    ours, theirs = wall_seconds([_month(at, owner), lambda: duck.month_of(owner)])
    what = "usage JSON, largest organization, beside DuckDB's sum"
    return Bar("P3", at.database, what, ours * 1e3, theirs * 1e3, "ms", ours / theirs, 4)


def p4_usage_page(at: Site) -> Bar:
    """The page with its chart, typical organization: CPU time in process."""
    hello = caller(bare_flask(), "/")
    page = caller(at.app, f"/billing/usage?month={MONTH}", Cookie=_cookie(at, at.model.typical))
    ours, bare = cpu_seconds([page, hello], times=_REQUESTS)
    what = "usage page with chart, typical organization"
    return Bar("P4", at.database, what, ours * 1e6, bare * 1e6, "µs CPU", ours / bare, 60)


def p5_invoices(at: Site) -> Iterator[Bar]:
    """Fifty invoices as JSON and HTML, signed in: CPU time in process. The rows are made here."""
    owner = at.model.typical
    with at.app.app_context():
        known = db.session.scalars(select(Invoice.period).where(Invoice.organization_id == owner)).all()
        place, month = 10_000, MONTH
        while len(known) < _INVOICES:
            month, place = month.shifted(-1), place + 1
            if str(month) not in known:
                db.session.execute(insert(Invoice), [invoice_row(owner, place, month, number=f"X-{place}")])
                known = [*known, str(month)]
        db.session.commit()
    path, cookie = f"/invoices?limit={_INVOICES}", _cookie(at, owner)
    calls = [
        caller(at.app, path, Cookie=cookie, Accept="application/json"),
        caller(at.app, path, Cookie=cookie),
        caller(bare_flask(), "/"),
    ]
    json, html, bare = cpu_seconds(calls, times=_REQUESTS)
    yield Bar("P5", at.database, "50 invoices, JSON", json * 1e6, bare * 1e6, "µs CPU", json / bare, 24)
    yield Bar("P5", at.database, "50 invoices, HTML", html * 1e6, bare * 1e6, "µs CPU", html / bare, 36)


def p6_month_run(at: Site, duck: Duck, var: Path) -> Iterator[Bar]:
    """Close the month of everybody, every row written; then that of a tenth, from days alone."""
    seconds, invoices, lines = _closed(at)
    theirs = statistics.median(seconds_of(duck.all_months) for _ in range(5))
    aim = 4 if at.database == "postgresql" else None
    what = f"month run, {invoices} invoices, {lines} lines, beside DuckDB's sums"
    yield Bar("P6", at.database, what, seconds * 1e3, theirs * 1e3, "ms", seconds / theirs, aim)
    model = at.model
    small = Model(max(1, model.organizations // 10), max(1, model.subscriptions // 10), model.days)
    with site(another_database(at.url, "tenth"), small, var, has_hours=False) as tenth:
        small_seconds, _, small_lines = _closed(tenth)
    ours, theirs = seconds / lines * 1e6, small_seconds / small_lines * 1e6
    what = "month run per line, beside that of a tenth"
    yield Bar("P6", at.database, what, ours, theirs, "µs a line", ours / theirs, 1.25)


def _closed(at: Site) -> tuple[float, int, int]:
    """Close the month; return the seconds it took, and what was written."""
    done: list[Closed] = []
    with at.app.app_context():
        seconds = seconds_of(lambda: done.append(close(now=NOW, grace_days=_GRACE_DAYS)))
        assert done[0] == Closed(made=at.model.organizations), done
        lines = db.session.scalar(select(func.count()).select_from(InvoiceItem))
        db.session.rollback()
    return seconds, done[0].made, lines


def _month(at: Site, owner: int) -> Callable[[], bytes]:
    """Return a request for an organization's month by a member's token."""
    with at.app.app_context():
        organization = db.session.get_one(Organization, owner)
        token = make_token(organization, _member(organization), "bench", now=NOW).token
        db.session.commit()
    return caller(at.app, f"/billing/usage?month={MONTH}", Authorization=f"Bearer {token}")


def _cookie(at: Site, owner: int) -> str:
    """Return the cookie of a member who is signed in."""
    with at.app.app_context():
        account = _member(db.session.get_one(Organization, owner))
        session_id = sessions.begin(account, now=NOW)
        db.session.commit()
        session = {"_user_id": session_id, "organization": str(uid_of("organization", owner))}
        serializer = SecureCookieSessionInterface().get_signing_serializer(at.app)
        return f"session={serializer.dumps(session)}"


def _member(organization: Organization) -> Account:
    login = f"member{organization.id}@example.org"
    known = db.session.scalar(select(Account).where(Account.login == login))
    if known is not None:
        return known
    account = Account(login=login, name="A member", password_hash="none", created_at=NOW)
    db.session.add(account)
    db.session.flush()
    directory.add_membership(organization, account, Preset.ADMIN, now=NOW)
    return account

"""The audit trail: append-only, chained, without secrets; whatever is done to it shows (SECURITY.md, R23)."""

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from portal.domain import tokens
from portal.ledger import audit, audit_chain
from portal.ledger.audit import Actor, Change
from portal.models import AuditEntry, Counter
from portal.storage import db
from tests.factories import NOW, make_organization


def trail(organization):
    query = select(AuditEntry).where(AuditEntry.organization_id == organization.id).order_by(AuditEntry.id)
    return db.session.scalars(query).all()


@pytest.fixture
def globex(app):
    return make_organization("Globex")


@pytest.fixture
def written(acme, globex):
    """Three changes of Acme's and one of Globex'."""
    for name in ("a", "b", "c"):
        audit.record(acme.id, "thing.changed", name, before={"is": 1}, after={"is": 2})
        db.session.commit()
    audit.record(globex.id, "thing.changed", "z")
    db.session.commit()


def test_each_organization_has_its_own_chain_of_audit_entries(written, acme, globex):
    ours, theirs = trail(acme), trail(globex)

    assert [entry.id for entry in ours] == [1, 2, 3]
    assert [entry.previous_sha256 for entry in ours] == ["0" * 64, ours[0].sha256, ours[1].sha256]
    assert [entry.id for entry in theirs] == [1]
    assert list(audit_chain.broken_chains()) == []


def test_concurrent_audit_entries_are_one_chain_per_organization(acme, globex):
    changes = [Change(owner.id, "thing.changed", str(n)) for n in range(4) for owner in (acme, globex)]
    audit.record_each(changes)
    db.session.commit()

    assert [entry.subject for entry in trail(acme)] == ["0", "1", "2", "3"]
    assert list(audit_chain.broken_chains()) == []


def test_an_audit_entry_says_who_when_and_in_which_request(acme):
    audit.act_as(Actor("ada@example.org", acme.uid, "request 1"), lambda: NOW)
    audit.record(acme.id, "thing.changed", "a", after={"price": Decimal("0.10"), "on": dt.date(2026, 1, 1)})
    db.session.commit()
    audit.act_as(audit.PORTAL)
    [entry] = trail(acme)

    assert (entry.actor, entry.account_uid, entry.request_id, entry.at) == (
        "ada@example.org",
        acme.uid,
        "request 1",
        NOW,
    )
    assert entry.after == {"price": "0.10", "on": "2026-01-01"}


def test_a_secret_is_hidden_in_an_audit_entry(acme):
    token = tokens.mint()
    audit.record(acme.id, "thing.changed", token, after={"deep": [{"card": "4242 4242 4242 4242"}]})
    db.session.commit()
    [entry] = trail(acme)

    assert entry.subject == "[hidden]"
    assert entry.after == {"deep": [{"card": "[hidden]"}]}


def test_a_change_that_is_rolled_back_leaves_no_audit_entry(acme):
    audit.record(acme.id, "thing.changed", "a")
    db.session.rollback()
    audit.record(acme.id, "thing.changed", "b")
    db.session.commit()

    assert [(entry.id, entry.subject) for entry in trail(acme)] == [(1, "b")]
    assert list(audit_chain.broken_chains()) == []


@pytest.mark.parametrize(
    "attack",
    [
        update(AuditEntry).values(subject="x"),
        delete(AuditEntry),
        text("INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry"),
        text("TRUNCATE audit_entry"),
    ],
    ids=["update", "delete", "replace", "truncate"],
)
def test_the_database_refuses_to_change_an_audit_entry(written, attack):
    with pytest.raises(DatabaseError):
        db.session.execute(attack)
    db.session.rollback()


@pytest.fixture
def unguarded(app):
    """Take the triggers away, as somebody could who owns the database."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    names = (
        ("audit_entry_no_update", "audit_entry_no_delete") if is_sqlite else ("audit_entry_is_not_changed",)
    )
    kept = []
    for name in names:
        if is_sqlite:
            query = text("SELECT sql FROM sqlite_master WHERE name = :name")
            kept.append(db.session.scalar(query, {"name": name}))
            db.session.execute(text(f"DROP TRIGGER {name}"))
        else:
            db.session.execute(text(f"ALTER TABLE audit_entry DISABLE TRIGGER {name}"))
    db.session.commit()
    yield
    db.session.rollback()
    for statement in kept:
        db.session.execute(text(statement))
    if not is_sqlite:
        db.session.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER ALL"))
    db.session.commit()


COLUMNS = {
    "actor": "somebody else",
    "action": "other.thing",
    "subject": "x",
    "before": {"is": 7},
    "after": None,
    "at": NOW + dt.timedelta(hours=1),
    "request_id": "x",
    "sha256": "1" * 64,
    "previous_sha256": "1" * 64,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_audit_entry_breaks_the_chain(written, unguarded, acme, column):
    one = update(AuditEntry).where(AuditEntry.organization_id == acme.id, AuditEntry.id == 2)
    db.session.execute(one.values({column: COLUMNS[column]}))
    db.session.commit()

    assert list(audit_chain.broken_chains()) == [
        f"organization {acme.number}: audit trail: entry 2 is not what was written"
    ]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_audit_entry_breaks_the_chain(written, unguarded, acme, number):
    db.session.execute(
        delete(AuditEntry).where(AuditEntry.organization_id == acme.id, AuditEntry.id == number)
    )
    db.session.commit()

    assert list(audit_chain.broken_chains()) == [
        f"organization {acme.number}: audit trail: entry {number} is missing"
    ]


def test_an_audit_trail_that_was_removed_whole_breaks_the_chain(written, unguarded, acme):
    db.session.execute(delete(AuditEntry).where(AuditEntry.organization_id == acme.id))
    db.session.commit()

    assert list(audit_chain.broken_chains()) == [
        f"organization {acme.number}: audit trail: entry 1 is missing"
    ]


def test_an_added_audit_entry_breaks_the_chain(written, unguarded, acme):
    last = trail(acme)[-1]
    fact = {column.name: getattr(last, column.name) for column in AuditEntry.__table__.columns}
    db.session.execute(insert(AuditEntry).values(fact | {"id": 4, "uid": acme.uid}))
    db.session.execute(
        update(Counter)
        .where(Counter.organization_id == acme.id, Counter.name == "audit_entry")
        .values(last=4)
    )
    db.session.commit()

    assert list(audit_chain.broken_chains()) == [
        f"organization {acme.number}: audit trail: entry 4 is not what was written"
    ]

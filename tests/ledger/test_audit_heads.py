"""The heads of audit trails, and who has the database but neither the key nor the log (findings F8)."""

import datetime as dt
import hashlib
import json
import logging

import pytest
from sqlalchemy import delete, select, update

from portal.ledger import audit, audit_chain, audit_heads
from portal.ledger.audit_heads import BrokenTrailError, SealedAlreadyError, UnreadableLogError
from portal.models import AuditEntry, AuditHead, Counter
from portal.storage import db
from portal.web.log import JsonLines
from tests.factories import NOW, make_organization

TOMORROW = NOW + dt.timedelta(days=1)


@pytest.fixture
def without_triggers(app):
    """Let the test act as the owner of the database, who may drop what refuses."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            found = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'"
            ).all()
            for name, _ in found:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            found = []
            connection.exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
    yield
    db.session.rollback()
    with db.engine.begin() as connection:
        for _, sql in found:
            connection.exec_driver_sql(sql)
        if not found:
            connection.exec_driver_sql("ALTER TABLE audit_entry ENABLE TRIGGER ALL")


@pytest.fixture
def log_lines():
    """Collect the lines that the log of heads writes."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(f"web1 portal: {JsonLines().format(record)}\n")

    kept = Kept()
    audit_heads.log.addHandler(kept)
    yield lines
    audit_heads.log.removeHandler(kept)


def write(organization, *names):
    for name in names:
        audit.record(organization.id, "thing.changed", name)
    db.session.commit()


def rewrite_without_key(organization):
    """Compute every hash of a trail anew, as anybody can who knows how the portal writes them."""
    previous = audit_chain.GENESIS
    table = AuditEntry.__table__
    query = select(table).where(table.c.organization_id == organization.id).order_by(table.c.id)
    for row in db.session.execute(query).mappings().all():
        facts = dict(row) | {"previous_sha256": previous}
        del facts["sha256"]
        previous = hashlib.sha256(audit_chain._text(facts).encode()).hexdigest()
        db.session.execute(
            update(table)
            .where(table.c.organization_id == organization.id, table.c.id == row["id"])
            .values(previous_sha256=facts["previous_sha256"], sha256=previous)
        )
    db.session.commit()


def cut_to(organization, number):
    owned = AuditEntry.organization_id == organization.id
    db.session.execute(delete(AuditEntry).where(owned, AuditEntry.id > number))
    counter = (Counter.organization_id == organization.id) & (Counter.name == "audit_entry")
    db.session.execute(update(Counter).where(counter).values(last=number))
    db.session.commit()


def faults(logged=None):
    found = list(audit_chain.broken_chains(logged))
    db.session.rollback()
    return found


def test_heads_are_written_once_a_day_for_the_trails_that_grew(acme, log_lines):
    other = make_organization("Globex")
    write(acme, "a", "b")
    assert audit_heads.write_daily(now=NOW) == 1
    write(other, "z")
    assert audit_heads.write_daily(now=NOW) == 0
    assert audit_heads.write_daily(now=TOMORROW) == 1
    assert [(each["organization"], each["entry"]) for each in map(_facts, log_lines)] == [
        (str(acme.uid), 2),
        (str(other.uid), 1),
    ]
    assert faults() == []


def _facts(line):
    return json.loads(line[line.index("{") :])


def test_a_trail_that_was_hashed_anew_without_the_key_is_found(acme, without_triggers):
    write(acme, "a", "b", "c")
    db.session.execute(update(AuditEntry).where(AuditEntry.id == 2).values(actor="somebody else"))
    rewrite_without_key(acme)
    assert faults() == [f"organization {acme.number}: audit trail: entry 1 was written without the key"]


def test_a_cut_trail_with_a_lowered_counter_is_found_by_its_head(acme, without_triggers):
    write(acme, "a", "b", "c")
    audit_heads.write_daily(now=NOW)
    cut_to(acme, 2)
    assert faults() == [
        f"organization {acme.number}: audit trail: entry 3, there on {NOW:%Y-%m-%d}, is missing"
    ]


def test_a_head_that_was_made_without_the_key_is_found(acme):
    write(acme, "a", "b")
    audit_heads.write_daily(now=NOW)
    db.session.execute(update(AuditHead).values(is_seal=True))
    db.session.commit()
    assert faults() == [
        f"organization {acme.number}: audit trail: the head of entry 2 is not what was written"
    ]


def test_a_head_that_was_put_off_is_found_and_stops_no_other(acme):
    write(acme, "a")
    audit_heads.write_daily(now=NOW)
    db.session.execute(update(AuditHead).values(at=NOW + dt.timedelta(days=9999)))
    write(acme, "b")
    assert faults()
    assert audit_heads.write_daily(now=TOMORROW) == 1


def test_a_line_that_only_names_a_head_is_none_and_one_that_is_cut_is_refused(acme, log_lines):
    write(acme, "a")
    audit_heads.write_daily(now=NOW)
    [line] = log_lines
    stranger = line.replace(f'"logger": "{audit_heads.__name__}"', '"logger": "portal.access"')
    nameless = 'web1{2}: {"message": "request", "logger": "portal.access", "path": "audit head"}'
    assert list(audit_heads.of_log([stranger, nameless, f"pod{{1}} {line}"])) == [str(acme.uid)]
    with pytest.raises(UnreadableLogError, match="Line 2 "):
        audit_heads.of_log([line, line[:-20]])


@pytest.mark.parametrize("is_organization_gone", [False, True])
def test_the_log_finds_what_was_cut_from_the_table_of_heads_too(
    acme, without_triggers, log_lines, is_organization_gone
):
    write(acme, "a", "b", "c")
    audit_heads.write_daily(now=NOW)
    db.session.execute(delete(AuditHead))
    cut_to(acme, 2)
    logged = audit_heads.of_log(["nothing of ours\n", *log_lines])
    if is_organization_gone:
        logged = {"a uid of before": logged[str(acme.uid)]}
    assert faults() == []
    assert len(faults(logged)) == 1


def test_the_log_agrees_with_a_trail_that_grew_on(acme, log_lines):
    write(acme, "a")
    audit_heads.write_daily(now=NOW)
    write(acme, "b")
    audit_heads.write_daily(now=TOMORROW)
    assert faults(audit_heads.of_log(log_lines)) == []


@pytest.fixture
def from_before_the_key(acme, without_triggers):
    write(acme, "a", "b")
    rewrite_without_key(acme)
    return acme


def test_entries_from_before_the_key_are_sealed_once(from_before_the_key):
    acme = from_before_the_key
    assert faults() == [f"organization {acme.number}: audit trail: entry 1 was written without the key"]
    assert audit_heads.seal(now=NOW, reason=None) == 1
    assert faults() == []
    assert audit_heads.seal(now=NOW, reason=None) == 0


def test_a_sealed_entry_cannot_be_hashed_anew(from_before_the_key):
    acme = from_before_the_key
    audit_heads.seal(now=NOW, reason=None)
    db.session.execute(update(AuditEntry).where(AuditEntry.id == 2).values(actor="somebody else"))
    rewrite_without_key(acme)
    assert faults()


def test_a_second_seal_needs_a_reason_and_leaves_it_in_the_trail(from_before_the_key):
    acme = from_before_the_key
    audit_heads.seal(now=NOW, reason=None)
    other = make_organization("Globex")
    write(other, "z")
    rewrite_without_key(other)
    with pytest.raises(SealedAlreadyError):
        audit_heads.seal(now=NOW, reason=None)
    assert audit_heads.seal(now=NOW, reason="back to the old release for an hour") == 1
    query = select(AuditEntry).where(AuditEntry.organization_id == other.id, AuditEntry.id == 2)
    assert db.session.scalars(query).one().after == {"reason": "back to the old release for an hour"}
    assert faults() == []
    assert acme.id != other.id


def test_a_broken_trail_is_not_sealed(from_before_the_key):
    db.session.execute(update(AuditEntry).where(AuditEntry.id == 1).values(actor="somebody else"))
    db.session.commit()
    with pytest.raises(BrokenTrailError):
        audit_heads.seal(now=NOW, reason=None)

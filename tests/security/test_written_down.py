"""Whatever changes money or access leaves exactly one entry in the trail of its organization (R23)."""

from collections import Counter

import pytest
from sqlalchemy import select

from portal.account import directory
from portal.domain.access import Preset
from portal.ledger import audit_chain
from portal.models import AuditEntry
from portal.storage import db
from tests.factories import NOW, PASSWORD, make_account
from tests.page import JSON
from tests.security.doors import doors
from tests.security.test_forgeries import entered

# What each door leaves; a door that is on neither list fails the test.
ENTRIES = {
    "account.password": "password.changed",
    "tokens.make": "token.made",
    "tokens.delete": "token.revoked",
    "tokens.remove": "token.revoked",
    "profile.change": "profile.changed",
    "profile.replace": "profile.changed",
    "payment_methods.delete": "payment_method.removed",
    "payment_methods.remove": "payment_method.removed",
}
# Bookkeeping of one person's own browser, and what is no change before it is settled.
NONE = {
    "account.index", "account.end", "account.end_others",
    "signing_in.sign_in", "signing_in.sign_out", "signing_in.confirm", "signing_in.forgot",
    "signing_in.reset",  # tests/signing_in/test_reset.py has the code that it needs
}  # fmt: skip
OF_MONEY = {  # tests/payment_methods has what each of these leaves
    "payment_methods.create_and_attach", "payment_methods.payment_intent", "payment_methods.set_default",
}  # fmt: skip


def trail(organization) -> Counter:
    query = select(AuditEntry.action).where(AuditEntry.organization_id == organization.id)
    return Counter(db.session.scalars(query).all())


def test_every_changing_endpoint_is_listed_with_its_audit_entries(app, tenants):
    ours, _ = tenants
    assert {door.endpoint for door in doors(app, ours)} == set(ENTRIES) | NONE | OF_MONEY


@pytest.mark.parametrize("endpoint", ENTRIES)
def test_a_change_leaves_one_audit_entry_with_its_actor(app, tenants, endpoint):
    ours, theirs = tenants
    [door] = [each for each in doors(app, ours) if each.endpoint == endpoint]
    client = entered(app, ours.admin)
    before, of_others = trail(ours.organization), trail(theirs.organization)
    headers = {"X-CSRFToken": client.csrf_token}
    body = {"json": door.body} if door.body is not None and not door.form else {"data": door.form}
    answer = client.open(door.path, method=door.method, headers=headers, **body)
    assert answer.status_code < 400, answer.text

    assert trail(ours.organization) - before == Counter([ENTRIES[endpoint]])
    assert trail(theirs.organization) == of_others
    latest = select(AuditEntry).where(AuditEntry.organization_id == ours.organization.id)
    entry = db.session.scalars(latest.order_by(AuditEntry.id.desc()).limit(1)).one()
    assert entry.account_uid == ours.admin.uid
    assert entry.request_id == answer.headers["X-Request-Id"]


def test_a_refused_change_leaves_no_audit_entry(app, tenants):
    ours, _ = tenants
    client = entered(app, ours.viewer)
    before = trail(ours.organization)
    for door in doors(app, ours):
        if door.endpoint.startswith("payment_methods."):
            headers = {"X-CSRFToken": client.csrf_token} | JSON
            assert client.open(door.path, method=door.method, headers=headers).status_code == 403
    client.submit("/account/password", current="wrong horse battery", new=PASSWORD)
    assert trail(ours.organization) == before


def test_every_change_of_a_membership_leaves_one_audit_entry(app, acme):
    grace = make_account()
    directory.add_membership(acme, grace, Preset.VIEWER, now=NOW)
    directory.add_membership(acme, grace, Preset.ADMIN, now=NOW)
    directory.add_membership(acme, grace, Preset.ADMIN, now=NOW)
    directory.remove_membership(acme, grace)
    db.session.commit()
    assert trail(acme) == Counter(["member.added", "member.changed", "member.removed"])
    assert list(audit_chain.broken_chains()) == []

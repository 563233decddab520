"""Fields that nobody asked for, in every form and every body: refused, and nothing is written (S8)."""

import itertools

import pytest

from tests.page import JSON, bearer
from tests.security.doors import doors
from tests.security.sizes import sized
from tests.security.test_forgeries import entered
from tests.security.world import checksum

EXTRA = (
    "organization_id", "role", "permissions", "is_admin", "account_id", "owner", "id", "uid", "status",
    "total", "total_cents", "paid_at", "paid_on", "currency", "is_default", "stripe_id",
    "stripe_customer_id", "invoicing_customer_id", "created_at", "password_hash",
)  # fmt: skip


def test_twenty_undeclared_fields_are_tried():
    assert len(set(EXTRA)) == 20


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["form", "json"])
def test_an_undeclared_field_is_refused_by_every_form_and_body(app, tenants, proves, kind):
    ours, theirs = tenants
    browser, program = entered(app, ours.admin), bearer(ours.token)
    before, wrong, sent = checksum(ours), [], 0
    every_door = doors(app, ours)
    names = itertools.cycle(EXTRA)
    for door in every_door:
        for name in sized([next(names), next(names)], EXTRA):
            value = str(theirs.uid) if name == "organization_id" else "1"
            if kind == "form":
                form = door.form | {name: value, "csrf_token": browser.csrf_token}
                answer = browser.open(door.path, method=door.method, data=form)
                refused = {422} if door.body is None or door.form else {415, 422}
            else:
                headers = JSON | ({"X-CSRFToken": browser.csrf_token} if door.is_of_people else program)
                body = (door.body or {}) | {name: value}
                answer = browser.open(door.path, method=door.method, json=body, headers=headers)
                refused = {406, 415, 422}
                if answer.status_code == 422:
                    assert name in answer.json["errors"][0]["meta"]["validation_errors"], (door, name)
            sent += 1
            if answer.status_code not in refused:
                wrong.append(f"{door} {name}: {answer.status_code}")
    assert wrong == []
    assert checksum(ours) == before
    proves(f"S8 {sent} extra fields as {kind} at {len(every_door)} doors: 0 accepted, 0 rows changed")

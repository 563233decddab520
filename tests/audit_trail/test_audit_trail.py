"""The audit trail as page and JSON, for admins and billing managers alone."""

import pytest

from portal.domain.access import Preset
from portal.ledger import audit
from portal.storage import db
from tests.factories import make_member, make_organization, make_token
from tests.page import bearer


@pytest.fixture
def address(acme):
    return f"/organizations/{acme.uid}/audit"


def test_the_audit_trail_shows_the_value_before_and_after_a_change(admin, acme, address):
    audit.record(acme.id, "price.set", "vm.medium", before={"unit_price": "1"}, after={"unit_price": "2"})
    db.session.commit()
    row = admin.page(address).select("tbody tr")[0]

    assert "Price set" in row.th.text
    assert (row.select_one("del").text, row.select_one("ins").text) == ("1", "2")


def test_an_entry_of_the_audit_trail_has_the_json_of_the_contract(admin, acme, address):
    audit.record(acme.id, "price.set", "vm.medium", after={"unit_price": "2"})
    db.session.commit()
    entry = admin.json(address)[0]

    assert list(entry) == [
        "id",
        "number",
        "at",
        "actor",
        "account_id",
        "action",
        "subject",
        "before",
        "after",
        "request_id",
        "previous_sha256",
        "sha256",
    ]
    assert (entry["actor"], entry["action"], entry["before"]) == ("portal", "price.set", None)


@pytest.mark.parametrize(
    ("preset", "status"),
    [
        (Preset.ADMIN, 200),
        (Preset.BILLING_MANAGER, 200),
        (Preset.DEVELOPER, 403),
        (Preset.VIEWER, 403),
        (Preset.OPERATOR, 403),
    ],
)
def test_admins_and_billing_managers_read_the_audit_trail_and_others_do_not(
    nobody, acme, address, preset, status
):
    token = make_token(acme, make_member(acme, preset))

    assert nobody.get(address, headers=bearer(token)).status_code == status


def test_the_audit_trail_of_another_organization_is_404(nobody, address):
    theirs = make_organization("Theirs")
    token = make_token(theirs, make_member(theirs, Preset.ADMIN))

    assert nobody.get(address, headers=bearer(token)).status_code == 404


def test_the_audit_trail_comes_in_slices(admin, acme, address):
    for place in range(5):
        audit.record(acme.id, "thing.changed", str(place))
    db.session.commit()
    first = admin.get(f"{address}?limit=2", headers={"Accept": "application/json"})
    link = first.headers["Link"].partition("<")[2].partition(">")[0]

    assert [entry["subject"] for entry in first.json] == ["4", "3"]
    assert [entry["subject"] for entry in admin.json(link)] == ["2", "1"]


def test_no_method_writes_to_the_audit_trail(admin, address):
    admin.page(address)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert admin.open(address, method=method).status_code == 405


def test_markup_in_an_entry_of_the_audit_trail_is_shown_as_text(admin, acme, address):
    audit.record(acme.id, "x.y", "<script>1</script>", after={"<b>": "<img src=x>"})
    db.session.commit()
    soup = admin.page(address)

    assert not soup.select("tbody script, tbody img, tbody b")

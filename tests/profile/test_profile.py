import json
from uuid import uuid4

import pytest

from portal.domain.errors import ValidationError
from portal.models import AuditEntry, Organization
from portal.profile import actions
from portal.storage import db
from tests.factories import make_member, make_token
from tests.page import JSON, bearer

ACME = {
    "name": "Acme SE",
    "street": "Ring 1",
    "postal_code": "1010",
    "city": "Wien",
    "country": "AT",
    "vat_id": "ATU13585627",
    "buyer_reference": "Abteilung 7",
    "order_number": "PO-4711",
    "emails": ["a@acme.example", "b@acme.example", "c@acme.example"],
    "language": "de",
}


@pytest.fixture
def url(acme):
    return f"/organizations/{acme.uid}/profile"


@pytest.fixture
def token(acme):
    return bearer(make_token(acme, make_member(acme)))


def put(client, url, body, token, status=200):
    response = client.put(url, json=body, headers=token)
    assert response.status_code == status, response.text
    return response.json


def problems(answer):
    return answer["errors"][0]["meta"]["validation_errors"]


def test_the_billing_profile_has_the_json_of_the_contract(viewer, acme, url):
    assert viewer.json(url) == {
        "name": "Acme GmbH",
        "street": "Musterstraße 1",
        "postal_code": "20095",
        "city": "Hamburg",
        "country": "DE",
        "vat_id": None,
        "buyer_reference": None,
        "order_number": None,
        "emails": acme.emails,
        "language": "en",
        "version": 1,
    }


def test_a_program_replaces_the_billing_profile(nobody, acme, url, token):
    assert put(nobody, url, ACME, token) == ACME | {"version": 2}
    assert (acme.name, acme.vat_id, acme.emails) == ("Acme SE", "ATU13585627", ACME["emails"])


def test_a_billing_profile_that_is_sent_back_as_it_was_read_changes_nothing(nobody, acme, url, token):
    body = nobody.get(url, headers=token).json
    assert put(nobody, url, body, token) == body
    assert acme.profile_version == 1


def test_a_change_of_the_profile_makes_easybills_customer_out_of_date(nobody, acme, url, token):
    acme.invoicing_profile_version = 1
    put(nobody, url, ACME, token)
    assert (acme.profile_version, acme.invoicing_profile_version) == (2, 1)


def test_a_change_made_from_an_old_version_of_the_profile_is_a_conflict(nobody, acme, url, token):
    put(nobody, url, ACME | {"version": 1}, token)
    answer = put(nobody, url, ACME | {"version": 1, "name": "Acme AG"}, token, status=409)
    assert answer["errors"][0]["code"] == "conflict"
    assert acme.name == "Acme SE"
    put(nobody, url, ACME | {"version": 2, "name": "Acme AG"}, token)
    assert acme.name == "Acme AG"


def test_a_change_of_the_profile_is_in_the_audit_trail_with_the_values_before(nobody, acme, url, token):
    put(nobody, url, ACME, token)
    put(nobody, url, ACME | {"city": "Graz"}, token)
    rows = db.session.scalars(
        db.select(AuditEntry).filter_by(action="profile.changed").order_by(AuditEntry.id)
    ).all()
    assert [row.subject for row in rows] == [str(acme.uid)] * 2
    assert (rows[1].before, rows[1].after) == ({"city": "Wien"}, {"city": "Graz"})
    assert (rows[0].before["vat_id"], rows[0].after["vat_id"]) == (None, "ATU13585627")
    assert rows[0].after["emails"] == ACME["emails"]
    assert rows[0].request_id


def test_the_same_change_of_the_profile_sent_twice_is_one_change(nobody, acme, url, token):
    put(nobody, url, ACME | {"version": 1}, token)
    assert put(nobody, url, ACME | {"version": 1}, token)["version"] == 2


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("vat_id", "ATU13585628", "has wrong check digits"),
        ("vat_id", "DE136695976", "is one of DE, but the address is in AT"),
        ("buyer_reference", "991-03730-20", "looks like a Leitweg-ID, but its check digits are wrong"),
        ("country", "XX", "is not an ISO 3166 code such as DE"),
        ("country", "at", "is not an ISO 3166 code such as DE"),
        ("language", "fr", "is not one of de, en"),
        ("name", "  ", "is missing"),
        ("name", "x" * 121, "has more than 120 characters"),
        ("name", "a\nb", "has characters that cannot be printed on one line"),
        ("city", "\u202eneiW", "has characters that cannot be printed on one line"),
        ("street", "%KUNDE.ANREDE%", "has a placeholder between % signs"),
        ("emails", ["a@b"], "has something that is no e-mail address: 'a@b'"),
        ("emails", [f"{each}@acme.example" for each in "abcd"], "are more than 3"),
        ("name", None, "is not a text"),
        ("name", 1, "is not a text"),
        ("vat_id", 1, "is neither a text nor null"),
        ("emails", "a@acme.example", "is not a list of texts"),
        ("emails", [1], "is not a list of texts"),
        ("version", True, "is not a version that a profile has had"),
        ("version", 0, "is not a version that a profile has had"),
        ("versions", 1, "is not known here"),
    ],
)
def test_an_unusable_field_of_the_profile_is_refused_by_its_name(
    nobody, acme, url, token, field, value, reason
):
    answer = put(nobody, url, ACME | {field: value}, token, status=422)
    assert problems(answer) == {field: [reason]}
    assert (acme.name, acme.profile_version) == ("Acme GmbH", 1)


@pytest.mark.parametrize("field", ACME)
def test_a_profile_without_a_required_field_is_refused(nobody, url, token, field):
    body = {name: value for name, value in ACME.items() if name != field}
    assert problems(put(nobody, url, body, token, status=422)) == {field: ["is missing"]}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ('{"name": "a", "name": "b"}', "application/json", 400),
        ('{"version": NaN}', "application/json", 400),
        ("[" * 60_000, "application/json", 400),
        ("[]", "application/json", 422),
        ("{}", "text/plain", 415),
        (json.dumps(ACME), "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_is_no_profile_is_refused(nobody, url, token, body, kind, status):
    response = nobody.put(url, data=body, content_type=kind, headers=token)
    assert response.status_code == status


def test_texts_of_the_profile_are_tidied(nobody, url, token):
    body = ACME | {"name": " Acme\N{NO-BREAK SPACE}  SE ", "vat_id": "U 13585627", "order_number": " "}
    found = put(nobody, url, body, token)
    assert (found["name"], found["vat_id"], found["order_number"]) == ("Acme SE", "ATU13585627", None)


def test_a_person_changes_the_billing_profile_with_the_form(admin, acme, url):
    page = admin.page(url)
    assert page.select_one("#name")["value"] == "Acme GmbH"
    fields = {name: value or "" for name, value in ACME.items() if name != "emails"}
    emails = {f"emails-{number}": each for number, each in enumerate(ACME["emails"])}
    version = page.select_one("#version")["value"]
    response = admin.submit(url, version=version, **fields, **emails)
    assert (response.status_code, response.location) == (303, url)
    assert acme.billing_profile.as_fields() == ACME
    assert "is saved" in admin.page(url).select_one("#notices").text


def test_a_rejected_form_of_the_profile_has_an_error_at_each_field_and_keeps_the_input(admin, acme, url):
    admin.page(url)
    response = admin.submit(url, version="1", name="Acme", country="AT", vat_id="ATU1", language="de")
    assert response.status_code == 422
    assert 'value="Acme"' in response.text
    for told in ("Is missing.", "Nothing was saved"):
        assert told in response.text
    assert acme.name == "Acme GmbH"


def test_a_profile_form_from_before_somebody_elses_change_is_refused(admin, acme, url):
    admin.page(url)
    actions.change(acme, _profile(acme, city="Bremen"), seen_version=1)
    db.session.commit()
    fields = {name: value or "" for name, value in ACME.items() if name != "emails"}
    assert admin.submit(url, version="1", **fields).status_code == 409
    assert acme.city == "Bremen"


@pytest.mark.parametrize("version", ["", "x", "²", "9" * 40, "-1"])
def test_a_profile_form_without_its_version_is_refused(admin, acme, url, version):
    admin.page(url)
    fields = {name: value or "" for name, value in ACME.items() if name != "emails"}
    assert admin.submit(url, version=version, **fields).status_code == 409


def test_a_viewer_sees_the_billing_profile_and_cannot_change_it(viewer, acme, url):
    page = viewer.page(url)
    assert "Germany" in page.select_one("dl").text
    assert not page.select("main form")
    assert viewer.submit(url, version="1", name="x").status_code == 403
    assert viewer.put(url, json=ACME, headers=JSON).status_code in {400, 403}


def test_an_operator_may_not_see_the_billing_profile(operator, url):
    operator.json(url, status=403)


def test_the_profile_of_another_organization_is_404(acme, mallory, sign_in, url):
    client = sign_in(mallory)
    client.json(url, status=404)
    client.get("/account")
    assert client.submit(url, version="1").status_code == 404
    client.json(f"/organizations/{uuid4()}/profile", status=404)


def test_markup_in_the_profile_is_shown_as_text(admin, viewer, acme, url, token, nobody):
    put(nobody, url, ACME | {"name": "<script>alert(1)</script>"}, token)
    for client in (admin, viewer):
        assert "<script>alert(1)" not in client.get(url).text


def test_two_writers_of_one_profile_wait_for_each_other(acme):
    actions.change(acme, _profile(acme, city="Bremen"), seen_version=1)
    with pytest.raises(actions.ProfileChangedError):
        actions.change(acme, _profile(acme, city="Kiel"), seen_version=1)


def test_a_refused_change_of_the_profile_changes_nothing(acme):
    with pytest.raises(ValidationError):
        actions.change(acme, _profile(acme, postal_code="1"), seen_version=1)
    db.session.rollback()
    assert db.session.get_one(Organization, acme.id).postal_code == "20095"


def _profile(organization, **changes):
    kind = type(organization.billing_profile)
    return kind(**organization.billing_profile.as_fields() | changes)

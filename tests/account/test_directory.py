"""Who exists, as an operator makes them."""

import dataclasses

import pytest

from portal.account import directory
from portal.domain import tokens
from portal.domain.access import Preset
from portal.domain.billing_profile import BillingProfile
from portal.domain.errors import ConflictError, NotFoundError, ValidationError
from portal.models import ApiToken, AuditEntry, Membership
from portal.storage import db
from tests.factories import NOW, PASSWORD, make_account, make_member, make_token

HAMBURG = BillingProfile(
    name="Acme", street="Musterstraße 1", postal_code="20095", city="Hamburg", country="DE"
)


def test_each_customer_has_its_own_number(app):
    made = [directory.add_organization(HAMBURG, currency="EUR", now=NOW) for _ in range(3)]
    numbers = [int(each.number) for each in made]

    assert numbers[0] == 10001
    assert numbers == sorted(set(numbers))


def test_an_organization_has_its_billing_profile_tidied_up(app):
    profile = dataclasses.replace(
        HAMBURG, name=" Acme  SE ", vat_id="de 136695976", emails=["a@b.example", " ", "a@b.example"]
    )
    made = directory.add_organization(profile, currency="EUR", now=NOW)

    assert (made.name, made.vat_id, made.emails) == ("Acme SE", "DE136695976", ["a@b.example"])


def test_a_vat_id_of_blanks_is_none(app):
    made = directory.add_organization(dataclasses.replace(HAMBURG, vat_id="  "), currency="EUR", now=NOW)

    assert made.vat_id is None


@pytest.mark.parametrize("currency", ["euro", "eur", "EU", "", "€€€", "EURO", "ZZZ", "XAU", "BOV", "XTS"])
def test_a_currency_is_one_of_iso_4217_that_somebody_pays_with(app, currency):
    with pytest.raises(ValidationError) as caught:
        directory.add_organization(HAMBURG, currency=currency, now=NOW)

    assert list(caught.value.fields) == ["currency"]


@pytest.mark.parametrize("country", ["Germany", "de", "D", "", "D3", "UK", "ZZ", "XX", "EU"])
def test_a_country_is_one_of_iso_3166(app, country):
    with pytest.raises(ValidationError) as caught:
        directory.add_organization(dataclasses.replace(HAMBURG, country=country), currency="EUR", now=NOW)

    assert caught.value.fields == {"country": ["is not an ISO 3166 code such as DE"]}


def test_all_errors_of_a_new_organization_are_said_at_once(app):
    profile = dataclasses.replace(HAMBURG, country="Germany", emails=["nomail"], name="")
    with pytest.raises(ValidationError) as caught:
        directory.add_organization(profile, currency="euro", now=NOW)

    assert set(caught.value.fields) == {"country", "currency", "emails", "name"}


@pytest.mark.parametrize(
    "login", ["", "nomail", "a@b", "no-mail\nX: y", "a@b.example\0", "Ada <a@b.example>", "a@b.example, c"]
)
def test_a_login_that_is_no_email_address_is_refused(app, login):
    with pytest.raises(ValidationError) as caught:
        directory.add_account(login, "Ada", PASSWORD, now=NOW)

    assert caught.value.fields == {"login": ["is no e-mail address"]}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (" ", "is missing"),
        ("Ada\x1b[31m", "has characters that cannot be printed on one line"),
        ("a" * 121, "has more than 120 characters"),
    ],
)
def test_the_name_of_an_account_and_of_a_collector_is_one_line(app, name, reason):
    with pytest.raises(ValidationError) as of_account:
        directory.add_account("ada@example.org", name, PASSWORD, now=NOW)
    with pytest.raises(ValidationError) as of_collector:
        directory.add_collector(name, now=NOW)

    assert of_account.value.fields == of_collector.value.fields == {"name": [reason]}


def test_all_errors_of_a_new_account_are_said_at_once(app):
    with pytest.raises(ValidationError) as caught:
        directory.add_account("nomail", "", "short", now=NOW)

    assert set(caught.value.fields) == {"login", "name", "password"}


def test_a_short_password_is_refused(app):
    with pytest.raises(ValidationError) as caught:
        directory.add_account("ada@example.org", "Ada", "short", now=NOW)

    assert caught.value.fields == {"password": ["has fewer than 12 characters"]}


def test_an_address_has_one_account_whatever_its_case(app):
    directory.add_account("ada@example.org", "Ada", PASSWORD, now=NOW)
    with pytest.raises(ConflictError, match=r"There is already an account ada@example\.org"):
        directory.add_account("ADA@example.org", "Ada", PASSWORD, now=NOW)


def test_a_password_is_kept_as_a_hash(app):
    account = directory.add_account("ada@example.org", "Ada", PASSWORD, now=NOW)

    assert account.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("preset", "may_read", "may_change"),
    [
        (Preset.ADMIN, True, True),
        (Preset.BILLING_MANAGER, True, True),
        (Preset.DEVELOPER, True, False),
        (Preset.VIEWER, True, False),
        (Preset.OPERATOR, False, False),
    ],
)
def test_a_preset_says_what_a_member_may_do(acme, preset, may_read, may_change):
    membership = directory.add_membership(acme, make_account(), preset, now=NOW)

    assert membership.allows("billing:read") is may_read
    assert membership.allows("billing:update") is may_change


def test_adding_a_member_again_only_changes_the_preset(acme):
    account = make_member(acme, Preset.ADMIN)
    membership = directory.add_membership(acme, account, Preset.OPERATOR, now=NOW)

    assert not membership.allows("billing:read")
    assert len(db.session.scalars(db.select(Membership)).all()) == 1


def test_somebody_who_is_removed_is_no_member_any_more(acme):
    account = make_member(acme, Preset.ADMIN)
    directory.remove_membership(acme, account)

    assert db.session.scalars(db.select(Membership)).all() == []


def test_only_a_member_can_be_removed(acme):
    with pytest.raises(NotFoundError, match="is no member of Acme"):
        directory.remove_membership(acme, make_account())


def test_a_member_who_comes_back_does_not_bring_the_tokens_of_an_earlier_membership(acme):
    account = make_member(acme, Preset.ADMIN)
    token = make_token(acme, account)
    directory.remove_membership(acme, account)
    make_member(acme, Preset.ADMIN, account)

    row = db.session.scalars(db.select(ApiToken)).one()
    assert row.token_sha256 == tokens.fingerprint(token)
    assert row.revoked_at == NOW


def test_every_change_of_a_membership_is_in_the_audit_trail(acme):
    account = make_member(acme, Preset.VIEWER)
    make_member(acme, Preset.VIEWER, account)
    make_member(acme, Preset.ADMIN, account)
    directory.remove_membership(acme, account)
    entries = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.id)).all()

    assert [entry.action for entry in entries] == ["member.added", "member.changed", "member.removed"]
    assert (entries[1].before["role"], entries[1].after["role"]) == ("member", "admin")


def test_an_organization_is_found_by_number_and_by_id(acme):
    assert directory.organization_by(acme.number) is acme
    assert directory.organization_by(str(acme.uid)) is acme


@pytest.mark.parametrize("key", ["99999", "550e8400-e29b-41d4-a716-446655440000"])
def test_an_unknown_organization_is_not_found(acme, key):
    with pytest.raises(NotFoundError, match=f"There is no organization {key}"):
        directory.organization_by(key)


def test_an_organization_is_not_found_by_its_name(acme):
    with pytest.raises(ValidationError):
        directory.organization_by("Acme GmbH")


def test_an_account_is_found_by_its_address_in_any_case(app):
    account = make_account("ada@example.org")

    assert directory.account_by(" ADA@example.org") is account


def test_an_unknown_account_is_not_found(app):
    with pytest.raises(NotFoundError, match=r"There is no account eve@example\.org"):
        directory.account_by("eve@example.org")

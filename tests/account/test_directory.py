"""Who exists, as an operator makes them."""

from __future__ import annotations

import pytest

from portal.account import directory
from portal.account.directory import Address
from portal.domain import tokens
from portal.domain.access import Preset
from portal.domain.errors import ConflictError, NotFoundError, ValidationError
from portal.models import ApiToken, AuditEntry, Membership
from portal.storage.database import db
from tests.factories import HAMBURG, NOW, PASSWORD, make_account, make_member, make_token


def test_each_customer_has_a_number_of_its_own(app):
    made = [directory.add_organization("Acme", HAMBURG, currency="EUR", now=NOW) for _ in range(3)]
    numbers = [int(each.number) for each in made]

    assert numbers[0] == 10001
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("currency", ["euro", "eur", "EU", "", "€€€", "EURO"])
def test_a_currency_is_three_capital_letters(app, currency):
    with pytest.raises(ValidationError) as caught:
        directory.add_organization("Acme", HAMBURG, currency=currency, now=NOW)

    assert list(caught.value.fields) == ["currency"]


@pytest.mark.parametrize("country", ["Germany", "de", "D", "", "D3"])
def test_a_country_is_two_capital_letters(app, country):
    with pytest.raises(ValidationError) as caught:
        directory.add_organization("Acme", Address("s", "1", "c", country), currency="EUR", now=NOW)

    assert list(caught.value.fields) == ["country"]


def test_all_that_is_wrong_is_said_at_once(app):
    with pytest.raises(ValidationError) as caught:
        directory.add_organization("Acme", Address("s", "1", "c", "Germany"), currency="euro", now=NOW)

    assert set(caught.value.fields) == {"country", "currency"}


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


def test_a_member_who_is_added_again_only_changes(acme):
    account = make_member(acme, Preset.ADMIN)
    membership = directory.add_membership(acme, account, Preset.OPERATOR, now=NOW)

    assert not membership.allows("billing:read")
    assert len(db.session.scalars(db.select(Membership)).all()) == 1


def test_who_is_removed_is_no_member_any_more(acme):
    account = make_member(acme, Preset.ADMIN)
    directory.remove_membership(acme, account)

    assert db.session.scalars(db.select(Membership)).all() == []


def test_only_a_member_can_be_removed(acme):
    with pytest.raises(NotFoundError, match="is no member of Acme"):
        directory.remove_membership(acme, make_account())


def test_who_comes_back_does_not_bring_the_tokens_of_an_earlier_time(acme):
    account = make_member(acme, Preset.ADMIN)
    token = make_token(acme, account)
    directory.remove_membership(acme, account)
    make_member(acme, Preset.ADMIN, account)

    row = db.session.scalars(db.select(ApiToken)).one()
    assert row.token_sha256 == tokens.fingerprint(token)
    assert row.revoked_at == NOW


def test_each_change_of_who_gets_in_is_written_down(acme):
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


def test_a_name_is_no_key_of_an_organization(acme):
    with pytest.raises(ValidationError):
        directory.organization_by("Acme GmbH")


def test_an_account_is_found_whatever_the_case(app):
    account = make_account("ada@example.org")

    assert directory.account_by(" ADA@example.org") is account


def test_an_unknown_account_is_not_found(app):
    with pytest.raises(NotFoundError, match=r"There is no account eve@example\.org"):
        directory.account_by("eve@example.org")

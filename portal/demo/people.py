"""The demo's organizations and people, and the file that tells how to sign in as each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from portal.account.directory import Address, add_account, add_membership, add_organization
from portal.config import Settings
from portal.domain import tokens
from portal.domain.access import Preset
from portal.models import Account, ApiToken, Membership, Organization
from portal.storage.database import db
from portal.tokens.actions import make_token

PASSWORD = "demo-portal-password"  # noqa: S105 -- printed by `make run`, and good for nothing else
_NAMES = {
    Preset.ADMIN: "Ada Admin",
    Preset.BILLING_MANAGER: "Bela Billing",
    Preset.DEVELOPER: "Dana Developer",
    Preset.VIEWER: "Vito Viewer",
    Preset.OPERATOR: "Olga Operator",
}


@dataclass(frozen=True, slots=True)
class Customer:
    """An organization of the demo. `domain` is where its people have their addresses."""

    domain: str
    name: str
    address: Address
    currency: str
    vat_id: str | None
    language: str = "en"


HANSE = Customer(
    "hanse.example",
    "Hanse Analytics GmbH",
    Address("Speicherstraße 12", "20457", "Hamburg", "DE"),
    "EUR",
    "DE136695976",
    "de",
)
ALPEN = Customer(
    "alpen.example",
    "Alpenblick Software GmbH",
    Address("Mariahilfer Straße 88", "1070", "Wien", "AT"),
    "EUR",
    "ATU13585627",
)
SAKURA = Customer(
    "sakura.example",
    "Sakura Robotics KK",
    Address("1-2-3 Marunouchi, Chiyoda-ku", "100-0005", "Tokyo", "JP"),
    "JPY",
    None,
)
REDWOOD = Customer(
    "redwood.example",
    "Redwood Imports Inc.",
    Address("548 Market Street", "94104", "San Francisco", "US"),
    "USD",
    None,
)
CUSTOMERS = (HANSE, ALPEN, SAKURA, REDWOOD)


def add_customer(customer: Customer, *, now: dt.datetime) -> Organization:
    """Make an organization of the demo with a member for each preset."""
    organization = add_organization(
        customer.name,
        customer.address,
        currency=customer.currency,
        now=now,
        vat_id=customer.vat_id,
        emails=[f"billing@{customer.domain}"],
        language=customer.language,
    )
    for preset in Preset:
        login = f"{preset.value.partition('_')[0]}@{customer.domain}"
        account = add_account(login, _NAMES[preset], PASSWORD, now=now)
        add_membership(organization, account, preset, now=now)
    return organization


def description(settings: Settings, known: Mapping[str, str], *, now: dt.datetime) -> dict[str, Any]:
    """Return what `var/demo.json` says. A token of `known` (login -> token) that still works is kept."""
    people = []
    query = select(Membership).order_by(Membership.organization_id, Membership.id)
    presets = list(Preset)
    for membership in db.session.scalars(query):
        account, organization = membership.account, membership.organization
        token = known.get(account.login)
        if token is None or not _works(organization, account, token):
            token = make_token(organization, account, "demo", now=now).token
        people.append(
            {
                "login": account.login,
                "password": PASSWORD,
                "preset": presets[(membership.id - 1) % len(presets)].value,
                "organization_id": str(organization.uid),
                "token": token,
            }
        )
    organizations = [
        {"id": str(each.uid), "name": each.name, "currency": each.currency}
        for each in db.session.scalars(select(Organization).order_by(Organization.id))
    ]
    db.session.commit()
    return {
        "url": settings.portal_url,
        "people": people,
        "organizations": organizations,
        "stripe_url": settings.stripe.api_base,
        "easybill_url": settings.easybill.api_base.removesuffix("/rest/v1"),
    }


def _works(organization: Organization, account: Account, token: str) -> bool:
    query = select(ApiToken.id).where(
        ApiToken.organization_id == organization.id,
        ApiToken.account_id == account.id,
        ApiToken.token_sha256 == tokens.fingerprint(token),
        ApiToken.revoked_at.is_(None),
    )
    return db.session.scalar(query) is not None


def known_tokens(description: Mapping[str, Any]) -> dict[str, str]:
    """Return {login: token} of an earlier description."""
    return {each["login"]: each["token"] for each in description.get("people", [])}

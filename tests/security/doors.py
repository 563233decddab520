"""Every way to change something: each unsafe route with an address of the caller's own and a good body."""

from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from portal.access.auth import COLLECTOR, PUBLIC, SIGNED_IN, WEBHOOK, policy_of
from tests.factories import PASSWORD
from tests.security.world import Tenant

_PROFILE = {
    "name": "Acme SE",
    "street": "Neue Straße 2",
    "postal_code": "20097",
    "city": "Hamburg",
    "country": "DE",
    "language": "de",
}
SAFE = {"GET", "HEAD", "OPTIONS"}
# What a person types there; a route that is not named here takes nothing.
FORMS: dict[str, dict[str, str]] = {
    "account.index": {"theme": "dark"},
    "account.password": {"current": PASSWORD, "new": "another long password"},
    "signing_in.sign_in": {"login": "somebody@example.org", "password": PASSWORD},
    "signing_in.confirm": {"password": PASSWORD},
    "signing_in.forgot": {"login": "somebody@example.org"},
    "signing_in.reset": {"code": "junk", "password": "another long password"},
    "tokens.make": {"name": "ci", "lasts": "30"},
    "profile.change": _PROFILE | {"version": "1", "emails-0": "new@acme.example"},
}
BODIES: dict[str, dict[str, Any]] = {
    "tokens.make": {"name": "ci"},
    "payment_methods.create_and_attach": {"payment_method_id": "pm_1"},
    "payment_methods.payment_intent": {},
    "profile.replace": _PROFILE
    | {"emails": ["new@acme.example"], "vat_id": None, "buyer_reference": None, "order_number": None},
}


@dataclass(frozen=True)
class Door:
    """One unsafe method of one route."""

    endpoint: str
    method: str
    path: str
    is_public: bool
    is_of_people: bool  # no token opens it
    form: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def doors(app: Flask, owner: Tenant) -> list[Door]:
    """Return every door that a browser could be led through, with things of the owner's own in its path."""
    found = []
    for rule in app.url_map.iter_rules():
        wanted = policy_of(app, rule.endpoint)
        if wanted in {COLLECTOR, WEBHOOK}:
            continue
        found += [
            Door(
                rule.endpoint,
                method,
                path_of(rule, owner),
                wanted == PUBLIC,
                wanted in {PUBLIC, SIGNED_IN},
                FORMS.get(rule.endpoint, {}),
                BODIES.get(rule.endpoint),
            )
            for method in sorted((rule.methods or set()) - SAFE)
        ]
    return sorted(found, key=str)


def path_of(rule: Rule, owner: Tenant) -> str:
    built = rule.build({name: owner.names[name] for name in rule.arguments})
    assert built is not None
    return built[1]

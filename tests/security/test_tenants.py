"""Everybody asks for everything of somebody else, in every way: nothing is shown, nothing changes (S1, S2).

The parameters of every rule are found by their names. A new name has to be added to the table below, or
the first tests fail: so no route is left out of the attack.
"""

import ast
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.routing import Rule, UUIDConverter
from werkzeug.test import TestResponse

from portal.access import sessions
from portal.access.auth import COLLECTOR, MEMBER, MONITOR, PUBLIC, SIGNED_IN, WEBHOOK, policy_of
from portal.account.directory import add_collector
from portal.config import ROOT
from portal.models import Account
from portal.storage import db
from tests.factories import NOW
from tests.page import JSON, CheckingClient, bearer, client_of
from tests.payment_methods.browser import at_stripe
from tests.security.sizes import IS_FULL, sized
from tests.security.world import Tenant, checksum

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
PATH = {"organization_id", "invoice_id", "subscription_id", "payment_method_id", "token_id", "session_id"}
OF_NOBODY = {"filename": "portal.css"}
# What a query may say: names of things, and what is no name of anything.
QUERY = (
    "organization_id",
    "project_id",
    "product_id",
    "billed_by",
    "setup_intent",
    "invoice_id",
    "new_default",
)
HARMLESS = {
    "month", "day", "from", "to", "by", "granularity", "unit_price", "limit", "cursor", "next",
}  # fmt: skip
REFUSED = {401, 403, 404, 405, 406}
BODY_FREE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class Asked:
    """One request about somebody else's things; `is_theirs` if its address itself names them."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    json: Any = None
    is_theirs: bool = False

    @property
    def said(self) -> str:
        return f"{self.path} {self.query} {self.form} {self.json} {urlencode(self.query)}"


@dataclass(frozen=True)
class Caller:
    """Somebody who attacks: how they come in, and what they are after."""

    name: str
    own: Tenant | None
    victim: Tenant
    headers: dict[str, str]
    account: Account | None = None

    def enter(self, app: Flask) -> CheckingClient:
        client = client_of(app)
        if self.account is not None:
            with client.session_transaction() as session:
                session["_user_id"] = sessions.begin(self.account, now=NOW)
            db.session.commit()
            client.get("/account")
        return client


def rules_of(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ())))


def named(rule: Rule, tenant: Tenant) -> dict[str, str]:
    """Return the path parameters of a rule, all of them somebody's."""
    names = tenant.names
    values = {}
    for name, converter in rule._converters.items():
        is_document = name == "invoice_id" and not isinstance(converter, UUIDConverter)
        values[name] = OF_NOBODY.get(name) or names["document_id" if is_document else name]
    return values


def addresses(app: Flask, rule: Rule, caller: Caller) -> Iterator[tuple[str, dict[str, str], bool]]:
    """Yield (path, query, whether the address itself names the victim's things)."""

    def path(**values: str) -> str:
        built = rule.build(values)
        assert built is not None, rule
        return built[1].partition("?")[0]

    victim = caller.victim
    theirs = named(rule, victim)
    in_query = {name: victim.names[name] for name in QUERY} | {"month": "2026-01"}
    in_query["invoice_id"] = victim.document
    is_guarded = policy_of(app, rule.endpoint) not in {PUBLIC, SIGNED_IN, WEBHOOK, COLLECTOR, MONITOR}
    if theirs:
        yield path(**theirs), {}, is_guarded
    if "organization_id" not in theirs:
        yield path(**theirs), {"organization_id": str(victim.uid)}, is_guarded
        yield path(**theirs), in_query, is_guarded
    if caller.own is not None and "organization_id" in theirs:
        mine = theirs | {"organization_id": str(caller.own.uid)}
        yield path(**mine), {}, is_guarded and len(theirs) > 1
        yield path(**mine), in_query, is_guarded and len(theirs) > 1
    without = {name: text for name, text in in_query.items() if name != "organization_id"}
    yield path(**theirs), without, is_guarded and "organization_id" in theirs


def requests(app: Flask, rule: Rule, caller: Caller) -> Iterator[Asked]:
    allowed = rule.methods or set()
    for method in METHODS:
        if method not in allowed and not IS_FULL:
            continue
        ways = list(addresses(app, rule, caller))
        for path, query, is_theirs in ways if method in allowed else ways[:1]:
            if method in BODY_FREE:
                yield Asked(method, path, query, is_theirs=is_theirs)
                continue
            body = caller.victim.names | {"payment_method_id": caller.victim.stripe_method}
            yield Asked(method, path, query, form={}, is_theirs=is_theirs)
            yield Asked(method, path, query, form=body, is_theirs=is_theirs)
            yield Asked(method, path, query, json=body, is_theirs=is_theirs)
            only = {"payment_method_id": caller.victim.stripe_method}
            yield Asked(method, path, query, json=only, is_theirs=is_theirs)


def some_of(asked: list[Asked], turn: int) -> list[Asked]:
    """Return all of a rule's requests; in the small form one of each method, in turns."""
    if IS_FULL:
        return asked
    by_method = [list(group) for _, group in itertools.groupby(asked, lambda each: each.method)]
    return [group[turn % len(group)] for group in by_method]


def send(client: CheckingClient, caller: Caller, asked: Asked, face: dict[str, str]) -> TestResponse:
    headers = face | caller.headers | {"X-CSRFToken": client.csrf_token}
    return client.open(
        asked.path,
        method=asked.method,
        query_string=asked.query,
        headers=headers,
        data=asked.form,
        json=asked.json,
    )


def complaint_about(caller: Caller, asked: Asked, answer: TestResponse) -> str:
    """Return what is wrong with an answer, or ''."""
    told = answer.get_data() + str(answer.headers).encode()
    answer.close()
    seen = [word for word in caller.victim.canaries if word.encode() in told and word not in asked.said]
    if seen:
        return f"shows {seen}"
    if answer.status_code >= 500:
        return f"is {answer.status_code}"
    if not asked.is_theirs or asked.method == "OPTIONS" or answer.status_code in REFUSED:
        return ""
    if (asked.form or asked.json) and answer.status_code in {400, 415, 422}:
        return ""  # a body that is no good says nothing about whom it was for
    is_led_away = answer.status_code == 303 and answer.location.startswith("/login?next=")
    return "" if is_led_away else f"is {answer.status_code}"


def attack(app: Flask, caller: Caller, turn: int) -> Iterator[tuple[Asked, str]]:
    """Send all that a caller can think of, and yield each request with what is wrong with its answer."""
    htmx = {"HX-Request": "true", "HX-Target": "usage"}
    faces = itertools.cycle(sized([JSON], [JSON, {"Accept": "text/html"}, JSON, htmx]))
    client = caller.enter(app)
    for number, rule in enumerate(rules_of(app), turn):
        wanted = policy_of(app, rule.endpoint)
        for asked in some_of(list(requests(app, rule, caller)), number):
            if caller.name == "collector" and (asked.method, asked.path) == ("POST", "/billing/usage"):
                continue  # it reports for every organization: that is what it is for
            face = next(faces)
            yield asked, complaint_about(caller, asked, send(client, caller, asked, face))
        if wanted in {PUBLIC, SIGNED_IN} and "POST" in rule.methods:
            client = caller.enter(app)  # it may have signed itself out


@pytest.fixture
def callers(tenants) -> list[Caller]:
    ours, theirs = tenants
    collector = add_collector("region one", now=NOW)
    db.session.commit()
    everybody = [
        Caller("nobody", None, theirs, {}),
        Caller("member", ours, theirs, {}, ours.viewer),
        Caller("admin", ours, theirs, {}, ours.admin),
        Caller("who was removed", None, theirs, {}, theirs.removed),
        Caller("read-only token", ours, theirs, bearer(ours.read_only_token)),
        Caller("token", ours, theirs, bearer(ours.token)),
        Caller("token of theirs, after ours", theirs, ours, bearer(theirs.token)),
        Caller("token of who was removed", None, theirs, bearer(theirs.removed_token)),
        Caller("collector", None, theirs, bearer(collector)),
    ]
    return sized(everybody[1:6], everybody)


def test_every_parameter_of_every_url_rule_is_attacked(app):
    unknown = {
        (rule.rule, name)
        for rule in rules_of(app)
        for name in rule.arguments
        if name not in PATH and name not in OF_NOBODY
    }
    assert unknown == set(), "say in this file whose such a thing is, and it is attacked"


def names_read_from_queries() -> set[str]:
    """Find what views read from a query string, by how they do it."""
    found = set()
    readers: dict[str, Callable[[ast.Call], bool]] = {
        "get": lambda call: ast.unparse(call.func) == "request.args.get",
        "uid": lambda call: ast.unparse(call.func) == "args.uid",
        "choice": lambda call: ast.unparse(call.func) == "args.choice",
        "argument": lambda call: ast.unparse(call.func) == "args.argument",
    }
    for file in (ROOT / "portal").rglob("*.py"):
        if "sandbox" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                reads = readers.get(node.func.attr)
                first = node.args[0]
                if reads and reads(node) and isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_every_name_of_a_query_parameter_is_attacked():
    assert {"project_id", "organization_id"} <= names_read_from_queries()
    assert names_read_from_queries() - set(QUERY) - HARMLESS == set()


def test_every_view_has_a_policy(app):
    words = {PUBLIC, SIGNED_IN, MEMBER, WEBHOOK, COLLECTOR, MONITOR}
    assert not [
        rule.rule
        for rule in rules_of(app)
        if (wanted := policy_of(app, rule.endpoint)) not in words and ":" not in (wanted or "")
    ]


def test_the_attacked_organization_sees_its_own_data(app, tenants):
    """Or the search below would find nothing whatever was shown."""
    _, theirs = tenants
    client = Caller("its admin", theirs, theirs, {}, theirs.admin).enter(app)
    home = f"/organizations/{theirs.uid}"
    for path in ("/", "/subscriptions", "/billing/usage?month=2026-01", f"/invoices/{theirs.invoice}"):
        assert theirs.word in client.page(path).text, path
    for path in ("/subscriptions", "/billing/usage?month=2026-03"):
        assert f"{theirs.word} backup" in client.page(path).text, path
    for path in (f"{home}/invoices", f"{home}/tokens", f"{home}/audit", "/account"):
        assert theirs.word in client.page(path).text, path
    pdf = client.get(f"{home}/invoices/download?invoice_id={theirs.document}")
    assert theirs.word in pdf.text


@pytest.mark.timeout(300)
def test_no_caller_sees_or_changes_anything_of_another_organization(app, tenants, callers, proves, sandboxes):
    before = {tenant.word: checksum(tenant) for tenant in tenants}
    count, wrong = 0, []
    for turn, caller in enumerate(callers):
        for asked, complaint in attack(app, caller, turn):
            count += 1
            wrong += [f"{caller.name}: {asked} {complaint}"] if complaint else []
        victim = caller.victim
        if checksum(victim) != before[victim.word]:
            wrong.append(f"{caller.name} changed something of {victim.word}")
        mine = caller.own
        if mine is not None:
            before[mine.word] = checksum(mine)  # its own things may have changed

    assert wrong[:20] == []
    for tenant in tenants:
        at = at_stripe(sandboxes.stripe_url, f"payment_methods/{tenant.stripe_method}")
        assert at["customer"] == tenant.organization.stripe_customer_id
    rules = len(rules_of(app))
    assert count >= rules * len(callers)
    proves(f"S1 {count} requests of {len(callers)} callers to {rules} rules: 0 foreign words, 0 rows changed")

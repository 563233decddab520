"""What the walk changes, in one order: forms, JSON, keys that are sent again, and everything that is refused.

The bodies that are not right, or just so, are in `bodies.json`.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.compare.reads import HTML, JSON, STRANGE, Step, step
from tests.compare.things import Things

ADMIN = "admin@hanse.example"
_PROGRAM = "token admin@hanse.example"
_OTHERS = ("nobody", "viewer@hanse.example", "token viewer@hanse.example", "token read only", "unconfirmed")
_PASSWORD = "demo-portal-password"
_BODY = {"Content-Type": "application/json"}
_HTMX = {"HX-Request": "true"}
_BODIES = json.loads((Path(__file__).parent / "bodies.json").read_text())
_PAGES = ("/profile", "/payment_methods", "/tokens", "/audit", "/audit?limit=3", "/invoices")
_PROFILE = {
    "name": "Hanse & Söhne",
    "street": "Kai 1",
    "postal_code": "20457",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE136695976",
    "buyer_reference": None,
    "order_number": "PO 7",
    "emails": ["a@hanse.example"],
    "language": "en",
}


def all_writes(things: Things) -> Iterator[Step]:
    """Yield the writes, and after each kind reads of what they changed."""
    home = f"/organizations/{things.of('hanse.example')['organization_id'][0]}"
    parts = (_profile(home), _tokens(home, things), _usage(things), _methods(home, things))
    for part in (*parts, _leaving(things), _account(), _sessions(), _doors(), _webhooks()):
        yield from part
        yield from _reads_of_changes(home)


def _reads_of_changes(home: str) -> Iterator[Step]:
    paths = ("/", *(home + page for page in _PAGES))
    for path, face in itertools.product(paths, (JSON, HTML)):
        yield step(ADMIN, "GET", path, headers=face)


def _profile(home: str) -> Iterator[Step]:
    path = f"{home}/profile"
    for who, changes in itertools.product((ADMIN, "token billing@hanse.example"), _BODIES["profile"]):
        yield _json(who, "PUT", path, _PROFILE | changes)
    for who, csrf in itertools.product((*_OTHERS, "token collector", ADMIN), (True, False)):
        yield _json(who, "PUT", path, _PROFILE, csrf=csrf)
    yield from _broken("PUT", path, "name")
    for key, city in itertools.product(("one", "one", "x" * 256, "", "ä", "two"), ("Kiel", "Kiel", "Emden")):
        yield _json(_PROGRAM, "PUT", path, _PROFILE | {"city": city}, {"Idempotency-Key": key})
    form = {name: value or "" for name, value in _PROFILE.items() if name != "emails"}
    form |= {"emails-0": "form@hanse.example", "emails-1": "", "emails-2": "", "version": "1"}
    for changes, headers in itertools.product(_BODIES["profile forms"], (HTML, _HTMX)):
        yield _form(ADMIN, path, form | changes, headers)
    yield from (_form(who, path, form) for who in _OTHERS)
    yield _form(ADMIN, path, form, csrf=False)
    yield step(ADMIN, "GET", path, headers=JSON, capture={"version": r'"version":(\d+)'})
    yield _form(ADMIN, path, form | {"version": "{version}", "city": "Lübeck"})
    yield _json(ADMIN, "PUT", path, _PROFILE)


def _tokens(home: str, things: Things) -> Iterator[Step]:
    path = f"{home}/tokens"
    for who, body in itertools.product(
        (ADMIN, "operator@hanse.example", _PROGRAM, *_OTHERS), _BODIES["tokens"]
    ):
        yield _json(who, "POST", path, body)
    yield from _broken("POST", path, "name")
    for form in _BODIES["token forms"]:
        yield _form(ADMIN, path, form)
        yield _form("viewer@hanse.example", path, form, _HTMX | {"HX-Target": "token_list"})
    capture = {"made": r'"id":"([^"]+)"', "made_token": r'"(bpk_[A-Za-z0-9]{36})"'}
    yield _json(ADMIN, "POST", path, {"name": "short"}, capture=capture)
    yield step("token {made_token}", "GET", "/invoices", headers=JSON)
    for who in (*_OTHERS, "admin@alpen.example", ADMIN, ADMIN):
        yield step(who, "DELETE", f"{path}/{{made}}", headers=JSON, csrf=True)
    yield step("token {made_token}", "GET", "/invoices", headers=JSON)
    theirs = things.of("alpen.example")["token_id"][0]
    for token in (*things.of("hanse.example")["token_id"][1:3], STRANGE, theirs):
        yield _form(ADMIN, f"{path}/{token}/remove", {"more": "1"}, _HTMX)
        yield _form(ADMIN, f"{path}/{token}/remove", {})


def _usage(things: Things) -> Iterator[Step]:
    who, path = "token collector", "/billing/usage"
    metered = things.of("hanse.example")["subscription_id"][4]
    theirs = things.of("alpen.example")["subscription_id"][3]
    entry = {"subscription_id": metered, "hour": "2026-03-09T07:00:00Z", "quantity": 7}
    changes = [*_BODIES["usage"], {"subscription_id": theirs}]
    yield from (_json(who, "POST", path, [entry | change]) for change in changes)
    texts = [*_BODIES["usage texts"], "[" * 2000, json.dumps([entry])[:-1]]
    texts += [json.dumps([entry | {"hour": "2026-03-08T01:00:00Z"}]).replace(": 7}", ": 0.12345678951}")]
    texts += [
        json.dumps([entry, entry | {"quantity": 70}]),
        json.dumps([entry | change for change in changes]),
    ]
    yield from (step(who, "POST", path, headers=_BODY, data=text) for text in texts)
    lines = (
        "\n".join(json.dumps(entry | {"hour": f"2026-03-07T0{hour}:00:00Z"}) for hour in range(9)) + "\n\n"
    )
    for kind in ("application/x-ndjson", "text/plain", "application/json; charset=latin-1"):
        yield step(who, "POST", path, headers={"Content-Type": kind}, data=lines)
    for packing in ("gzip", "br", "identity"):
        yield step(who, "POST", path, headers=_BODY | {"Content-Encoding": packing}, data="[]")
    for key, quantity in itertools.product(("a", "b", "", "x" * 256), (1, 1, 2)):
        body = [entry | {"hour": "2026-03-06T01:00:00Z", "quantity": quantity}]
        yield _json(who, "POST", path, body, {"Idempotency-Key": key})
    yield from (_json(other, "POST", path, [entry]) for other in (ADMIN, _PROGRAM, "token revoked", *_OTHERS))
    for query in ("/billing/usage?month=2026-03", "/billing/usage?month=2026-01", "/invoices?limit=3"):
        yield step(ADMIN, "GET", query, headers=JSON)


def _methods(home: str, things: Things) -> Iterator[Step]:
    path = f"{home}/payment_methods"
    card, bank = things.of("hanse.example")["payment_method_id"][:2]
    theirs = things.of("alpen.example")["payment_method_id"][0]
    for who in (ADMIN, "token billing@hanse.example", *_OTHERS):
        for method in (bank, theirs, STRANGE):
            yield step(who, "PUT", f"{path}/{method}/set_default", headers=JSON, csrf=True)
        yield _form(who, f"{path}/{card}/set_default", {})
        yield _json(who, "POST", f"{path}/payment_intent", {})
        yield _json(who, "POST", f"{path}/create_and_attach", {"payment_method_id": "pm_card_jcb"})
    yield _form(ADMIN, f"{path}/{card}/set_default", {"more": "1"}, _HTMX)
    yield from (
        _json(ADMIN, "POST", f"{path}/create_and_attach", body) for body in _BODIES["create_and_attach"]
    )
    yield from _broken("POST", f"{path}/create_and_attach", "payment_method_id")
    for key, who in itertools.product(("k", "k", "", "x" * 256, "ä"), (ADMIN, _PROGRAM)):
        headers = {"Idempotency-Key": key}
        yield _json(who, "POST", f"{path}/payment_intent", {}, headers)
        yield _json(
            who, "POST", f"{path}/create_and_attach", {"payment_method_id": "pm_card_unionpay"}, headers
        )
    yield _json(ADMIN, "POST", f"{path}/payment_intent", {"more": 1})
    capture = {"setup": r"(seti_[A-Za-z0-9]+)_secret"}
    yield _json(ADMIN, "POST", f"{path}/payment_intent", {}, capture=capture)
    for query in ("", "?setup_intent=x", "?setup_intent=seti_nothing", "?setup_intent={setup}"):
        yield step(ADMIN, "GET", f"{path}/return{query}", headers=HTML)
        yield step(ADMIN, "GET", path, headers=HTML)


def _leaving(things: Things) -> Iterator[Step]:
    """Remove payment methods: one that is the default, with and without another one to take its place."""
    names, who = things.of("alpen.example"), "admin@alpen.example"
    path = f"/organizations/{names['organization_id'][0]}/payment_methods"
    first, second = names["payment_method_id"][:2]
    foreign = things.of("hanse.example")["payment_method_id"][0]
    yield step(who, "DELETE", f"{path}/{first}", headers=JSON, csrf=True)
    for query in ("?new_default=x", f"?new_default={foreign}", f"?new_default={second}", ""):
        yield step(f"token {who}", "DELETE", f"{path}/{first}{query}", headers=JSON)
    for fields in ({"new_default": "x"}, {"more": "1"}, {}, {}):
        yield _form(who, f"{path}/{second}/remove", fields)
    for address, face in itertools.product((path, "/"), (JSON, HTML)):
        yield step(who, "GET", address, headers=face)


def _account() -> Iterator[Step]:
    who = "developer@hanse.example"
    for theme in ("dark", "light", "pink", ""):
        yield _form(who, "/account", {"theme": theme})
        yield step(who, "GET", "/account", headers=HTML)
    for old, new in (("wrong", "another good one"), (_PASSWORD, "short"), (_PASSWORD, _PASSWORD)):
        yield _form(who, "/account/password", {"current": old, "new": new})
    yield _form(who, "/account/password", {"current": _PASSWORD, "new": "another good one"})
    yield _form(who, "/account/password", {"current": _PASSWORD})


def _sessions() -> Iterator[Step]:
    who = "developer@hanse.example"
    capture = {"session": r"/account/sessions/([0-9a-f-]{36})/end"}
    yield step("unconfirmed", "GET", "/account", headers=HTML, capture=capture)
    yield _form("unconfirmed", "/account/sessions/{session}/end", {"more": "1"})
    yield _form("billing@hanse.example", "/account/sessions/{session}/end", {})
    yield _form("unconfirmed", "/account/sessions/{session}/end", {})
    yield _form(who, f"/account/sessions/{STRANGE}/end", {})
    yield _form("token developer@hanse.example", "/account", {"theme": "dark"})
    yield _form("both@walk.example", "/account/sessions/end_others", {})
    for other in ("unconfirmed", "both@walk.example", ADMIN):
        yield step(other, "GET", "/account", headers=HTML)


def _doors() -> Iterator[Step]:
    """Sign in and out, type the password again, forget it."""
    wrong = {"login": "billing@hanse.example", "password": "wrong"}
    right = {"login": "Billing@Hanse.example", "password": _PASSWORD}
    for fields, face in itertools.product(
        ({}, {"login": "x", "password": "y"}, wrong, {"more": "1"}), (HTML, JSON)
    ):
        yield _form("nobody", "/login", fields, face)
    yield _form("nobody", "/login", wrong, csrf=False)
    for address in ("", "/invoices%3Flimit%3D1", "//evil.example", "%5C%5Cevil", "https://evil.example"):
        yield _form("guest", f"/login?next={address}", right)
        yield step("guest", "GET", "/login?next=/account", headers=HTML)
    yield step("guest", "GET", "/account", headers=HTML)
    for password in ("wrong", _PASSWORD, ""):
        yield _form("guest", "/login/confirm?next=/account", {"password": password})
    yield from (_form("guest", "/logout", fields) for fields in ({"more": "1"}, {}))
    yield step("guest", "GET", "/account", headers=HTML)
    for _ in range(12):
        yield _form("nobody", "/login", {"login": "viewer@hanse.example", "password": "wrong"})
    for login in ("operator@hanse.example", "unknown@x.example", "", "no mail"):
        yield _form("nobody", "/login/forgot", {"login": login})
    for fields in ({}, {"code": "x", "password": "a very good password"}, {"code": "x"}):
        yield _form("nobody", "/login/reset", fields)


def _webhooks() -> Iterator[Step]:
    event: dict[str, Any] = {"id": "evt_walk", "object": "event", "type": "payment_method.detached"}
    event |= {"livemode": False, "created": 1, "api_version": "x"}
    event |= {"data": {"object": {"id": "pm_x", "object": "payment_method", "customer": "cus_x"}}}
    changes = (
        {},
        {},
        {"type": "charge.failed"},
        {"livemode": True},
        {"id": "evt_2", "type": "customer.updated"},
    )
    texts = [*(json.dumps(event | change) for change in changes), "x"]
    for text, signature in (*((text, "right") for text in texts), (texts[0], "wrong"), (texts[0], "")):
        yield step("nobody", "POST", "/webhooks/stripe", headers=_BODY, data=text, stripe=signature)


def _broken(method: str, path: str, name: str) -> Iterator[Step]:
    """Send what is no JSON, or no JSON that a body may be."""
    texts = [text.replace("NAME", f'"{name}"') for text in _BODIES["broken"]]
    for text in (*texts, "[" * 3000, f'{{"{name}": {"1" * 5000}}}', "x" * 70_000):
        yield step(_PROGRAM, method, path, headers=_BODY, data=text)
    for kind in ("text/plain", "application/json; charset=latin-1", "application/x-www-form-urlencoded"):
        yield step(_PROGRAM, method, path, headers={"Content-Type": kind} | JSON, data="{}")


def _json(
    who: str,
    method: str,
    path: str,
    body: Any,
    headers: Mapping[str, str] | None = None,
    *,
    csrf: bool = True,
    **more: Any,
) -> Step:
    faces = _BODY | JSON | dict(headers or {})
    return step(who, method, path, headers=faces, data=json.dumps(body), csrf=csrf, **more)


def _form(
    who: str, path: str, fields: Mapping[str, Any], headers: Mapping[str, str] = HTML, *, csrf: bool = True
) -> Step:
    return step(who, "POST", path, headers=headers, form=fields, csrf=csrf)

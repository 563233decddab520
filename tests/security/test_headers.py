"""What every kind of answer says; the cookie; whose address it is; where nobody is sent (S14-S17)."""

import re
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import select

from portal.access import sessions
from portal.app import create_app, real_providers
from portal.mailing.outbox import send_due
from portal.models import Throttle
from portal.signing_in.actions import PASSWORD_RESET
from portal.signing_in.steps import password_reset_mail
from portal.storage import db
from tests.factories import NOW, PASSWORD
from tests.page import JSON, bearer
from tests.settings import make_settings
from tests.signing_in.test_signing_in import HOSTILE

HTTPS = "https://portal.example"
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def secure(app, sandboxes, tmp_path) -> Flask:
    """The portal as customers reach it: over https, on the database of the test."""
    url = db.engine.url.render_as_string(hide_password=False)
    settings = make_settings(url, sandboxes, tmp_path, HTTPS)
    found = create_app(settings, providers=real_providers(settings), clock=lambda: NOW)
    found.add_url_rule("/healthz/broken", "broken", found.view_functions["health.healthz"])

    def broken() -> None:
        raise RuntimeError("our own mistake")

    broken.policy = found.view_functions["health.healthz"].policy
    found.view_functions["broken"] = broken
    yield found
    with found.app_context():
        db.session.remove()
        db.engine.dispose()


def browser_of(secure: Flask):
    return secure.test_client()


def signed_in(secure: Flask, account):
    client = browser_of(secure)
    session_id = sessions.begin(account, now=NOW)
    db.session.commit()
    with secure.test_request_context(base_url=HTTPS):
        value = secure.session_interface.get_signing_serializer(secure).dumps({"_user_id": session_id})
    client.set_cookie("__Host-session", value, domain="portal.example", secure=True)
    return client


def answers(secure: Flask, owner) -> dict[str, tuple]:
    """Ask for one answer of every kind: (status wanted, answer, whether it is customer data)."""
    home, token = f"/organizations/{owner.uid}", bearer(owner.token)
    nobody, admin = browser_of(secure), signed_in(secure, owner.admin)
    download = f"{home}/invoices/download?invoice_id={owner.document}"

    def ask(client, path, method="GET", **more):
        return client.open(path, method=method, base_url=HTTPS, **more)

    etag = ask(admin, download).headers["ETag"]
    htmx = {"HX-Request": "true", "HX-Target": "subscription_list"}
    return {
        "a page": (200, ask(admin, "/")),
        "a fragment": (200, ask(admin, "/subscriptions", headers=htmx)),
        "JSON": (200, ask(nobody, "/subscriptions", headers=token)),
        "a PDF": (200, ask(admin, download)),
        "a PDF that is known": (304, ask(admin, download, headers={"If-None-Match": etag})),
        "a static file": (200, ask(nobody, "/static/portal.css")),
        "a form": (200, ask(nobody, "/login")),
        "health": (200, ask(nobody, "/healthz")),
        "the way to sign in": (303, ask(nobody, "/")),
        "options": (200, ask(admin, "/subscriptions", "OPTIONS")),
        "no token": (400, ask(admin, "/account", "POST", data={"theme": "dark"})),
        "nobody": (401, ask(nobody, "/subscriptions", headers=JSON)),
        "read-only": (403, ask(nobody, f"{home}/tokens", "POST", headers=bearer(owner.read_only_token))),
        "nothing there": (404, ask(nobody, "/nowhere")),
        "no such file": (404, ask(nobody, "/static/nothing.css")),
        "another method": (405, ask(nobody, "/healthz", "POST")),
        "no such face": (406, ask(admin, "/account", headers=JSON)),
        "too much": (413, ask(nobody, f"{home}/tokens", "POST", json="x" * 70_000, headers=token)),
        "another type": (415, ask(nobody, f"{home}/tokens", "POST", headers=token | JSON, data=b"x")),
        "makes no sense": (422, ask(admin, "/billing/usage?month=x", headers=JSON)),
        "our mistake": (500, ask(nobody, "/healthz/broken")),
        "another host": (400, nobody.get("/login", base_url="https://evil.test")),
        "gone": (204, ask(nobody, f"{home}/tokens/{owner.token_uid}", "DELETE", headers=token)),
    }


def test_every_kind_of_answer_has_its_security_headers(secure, tenants, proves):
    ours, _ = tenants
    found = answers(secure, ours)
    for kind, (status, answer) in found.items():
        headers = answer.headers
        assert answer.status_code == status, (kind, answer.status_code, answer.text[:300])
        assert {name: headers.get(name) for name in EVERYWHERE} == EVERYWHERE, kind
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, kind
        assert "frame-ancestors 'none'" in policy, kind
        assert "base-uri 'none'" in policy, kind
        assert "unsafe" not in policy, kind
        age = re.match(r"max-age=(\d+)", headers["Strict-Transport-Security"])
        assert age, kind
        assert int(age[1]) >= 31_536_000, kind
        assert "Access-Control-Allow-Origin" not in headers, kind
        assert "Server" not in headers or "Werkzeug" not in headers["Server"], kind
        if answer.get_data() and status != 304:
            assert headers["Content-Type"], kind
            if headers["Content-Type"].startswith("text/"):
                assert "charset=utf-8" in headers["Content-Type"].lower(), kind
        answer.close()
    shown = [kind for kind in found if kind not in {"a static file", "a PDF", "a PDF that is known"}]
    for kind in shown:
        headers = found[kind][1].headers
        assert "no-store" in headers["Cache-Control"], kind
        assert {"Cookie", "Authorization"} <= {each.strip() for each in headers["Vary"].split(",")}, kind
    assert found["a PDF"][1].headers["Cache-Control"] == "private, max-age=0, must-revalidate"
    assert found["a PDF"][1].headers["Content-Disposition"].startswith("attachment;")
    proves(f"S14 {len(found)} kinds of answers, each with all its headers")


def test_stripes_script_is_allowed_on_the_page_of_the_element_alone(secure, tenants, sandboxes):
    ours, _ = tenants
    client = signed_in(secure, ours.admin)
    home = f"/organizations/{ours.uid}/payment_methods"
    with_stripe = client.get(f"{home}/new", base_url=HTTPS).headers["Content-Security-Policy"]
    without = client.get(home, base_url=HTTPS).headers["Content-Security-Policy"]
    assert sandboxes.stripe_url in with_stripe
    assert sandboxes.stripe_url not in without
    assert "unsafe" not in with_stripe


def test_a_single_cookie_is_set_for_this_host_over_https_alone(secure, tenants):
    ours, _ = tenants
    client = browser_of(secure)
    page = client.get("/login", base_url=HTTPS)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    data = {"csrf_token": token, "login": ours.admin.login, "password": PASSWORD}
    answer = client.post("/login", data=data, base_url=HTTPS, headers={"Referer": f"{HTTPS}/login"})
    assert answer.status_code == 303
    set_at = [*page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]
    assert len(set_at) == 2
    for cookie in set_at:
        name, _, rest = cookie.partition("=")
        facts = {each.strip().partition("=")[0].lower() for each in rest.split(";")[1:]}
        assert name == "__Host-session"
        assert {"secure", "httponly", "path", "samesite"} <= facts
        assert "domain" not in facts
        assert "SameSite=Lax" in cookie
        assert "Path=/;" in f"{cookie};"
        assert len(cookie) <= 4096


def test_a_form_over_https_needs_a_referrer_of_this_host(secure, tenants):
    ours, _ = tenants
    client = browser_of(secure)
    page = client.get("/login", base_url=HTTPS)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    data = {"csrf_token": token, "login": ours.admin.login, "password": PASSWORD}
    for referrer in ("https://evil.test/", "http://portal.example/", "https://portal.example.evil.test/", ""):
        answer = client.post("/login", data=data, base_url=HTTPS, headers={"Referer": referrer})
        assert answer.status_code == 400, referrer


# -- where somebody is sent (S16) -----------------------------------------------------------------------
@pytest.fixture
def confirming(tenants, sign_in):
    ours, _ = tenants
    client = sign_in(ours.admin)
    client.page("/login/confirm")
    return client


def test_confirming_the_password_never_leads_to_another_host(confirming, proves):
    for target in HOSTILE:
        data = {"csrf_token": confirming.csrf_token, "password": PASSWORD}
        db.session.query(Throttle).delete()
        answer = confirming.post("/login/confirm", query_string={"next": target}, data=data)
        assert (answer.status_code, answer.location) == (303, "/"), target
    proves(f"S16 {len(HOSTILE)} hostile addresses after /login/confirm and beside a page: 0 left the host")


def test_a_page_that_htmx_or_a_referrer_names_leads_to_no_other_host(admin, nobody):
    for target in HOSTILE:
        shown = (
            target.encode("ascii", "ignore").decode().replace("\r", "").replace("\n", "").replace("\0", "")
        )
        htmx = {"HX-Request": "true", "HX-Current-URL": shown}
        answer = nobody.get("/subscriptions", headers=htmx)
        place = answer.headers["HX-Redirect"]
        assert place.startswith("/login?next="), target
        referred = nobody.post("/account", headers={"Referer": shown})
        assert referred.location == "/login?next=/", target


def test_a_payment_method_set_up_leads_back_to_the_address_of_the_settings(tenants, sign_in):
    ours, _ = tenants
    client = sign_in(ours.admin)
    page = client.page(f"/organizations/{ours.uid}/payment_methods/new?return_url=https://evil.test")
    assert "evil.test" not in str(page)
    assert f"http://localhost/organizations/{ours.uid}/payment_methods/return" in str(page)


# -- whose address it is (S17) --------------------------------------------------------------------------
HOSTS = [
    "evil.test", "evil.test:443", "localhost.evil.test", "evil.test#localhost", "localhost@evil.test",
    "localhost:80@evil.test", "evil.test/localhost", "localhost, evil.test", "[::1]", "127.0.0.1.evil.test",
]  # fmt: skip


def test_a_request_for_another_host_name_is_refused(nobody):
    for host in HOSTS:
        answer = nobody.get("/login", headers={"Host": host})
        assert answer.status_code == 400, host
        assert "evil" not in answer.text, host


FORWARDED = [
    {"X-Forwarded-Host": "evil.test"},
    {"X-Forwarded-Server": "evil.test"},
    {"Forwarded": "host=evil.test;proto=https"},
    {"X-Host": "evil.test"},
    {"X-Original-URL": "/account"},
    {"X-Rewrite-URL": "/account"},
    {"X-Forwarded-Prefix": "/evil.test"},
    {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"},
]


def test_forwarded_headers_are_not_believed(nobody, admin):
    for headers in FORWARDED:
        assert nobody.get("/", headers=headers).location == "/login?next=/"
        page = admin.get("/subscriptions", headers=headers)
        assert page.status_code == 200
        assert "evil.test" not in page.text + str(page.headers)


def test_a_mail_leads_to_the_address_of_the_settings(tenants, nobody):
    ours, _ = tenants
    sent = []

    class Keeps:
        def send(self, mail) -> None:
            sent.append(mail)

    nobody.get("/login/forgot")
    data = {"csrf_token": nobody.csrf_token, "login": ours.admin.login}
    nobody.post("/login/forgot", data=data, headers={"X-Forwarded-Host": "evil.test"})
    composer = partial(password_reset_mail, portal_url="https://portal.example")
    send_due(Keeps(), {PASSWORD_RESET: composer}, now=NOW)
    assert "https://portal.example/login/reset#" in sent[0].text
    assert "evil" not in sent[0].text


def test_the_throttle_ignores_forwarded_addresses(nobody):
    for place in range(3):
        nobody.get("/login")
        data = {"csrf_token": nobody.csrf_token, "login": f"person{place}@example.org", "password": "x" * 12}
        nobody.post("/login", data=data, headers={"X-Forwarded-For": f"203.0.113.{place}"})
    keys = db.session.scalars(select(Throttle.key).where(Throttle.key.startswith("sign-in from"))).all()
    assert len(keys) == 1

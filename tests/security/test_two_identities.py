"""Many callers at once in one process, providers that do not answer: each is told their own things (S9)."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from portal.access import sessions
from portal.storage import db
from tests.factories import NOW
from tests.gateways.silence import silent_provider
from tests.page import JSON, client_of
from tests.security.serve import served
from tests.security.sizes import sized
from tests.security.world import Tenant
from tests.settings import Sandboxes


def cookie_of(app, tenant: Tenant) -> str:
    client = client_of(app)
    with client.session_transaction() as session:
        session["_user_id"] = sessions.begin(tenant.admin, now=NOW)
    db.session.commit()
    return client.get_cookie("session").value


def callers_of(app, tenant: Tenant) -> list[dict[str, str]]:
    """Who asks with a cookie, with a token, and with the cookie of one beside the token of the other."""
    cookie = {"Cookie": f"session={cookie_of(app, tenant)}"}
    return [cookie | JSON, {"Authorization": f"Bearer {tenant.token}"}, cookie | {"Accept": "text/html"}]


def paths_of(tenant: Tenant) -> list[str]:
    home = f"/organizations/{tenant.uid}"
    return [
        f"/subscriptions/{tenant.subscription}",
        "/billing/usage?month=2026-01",
        f"/invoices/{tenant.invoice}",
        f"{home}/invoices",
        f"{home}/tokens",
        f"{home}/payment_methods/return?setup_intent=seti_1",  # asks the provider, who does not answer
    ]


@pytest.mark.timeout(240)
def test_concurrent_requests_of_two_organizations_never_mix(app, tenants, sandboxes, tmp_path, proves):
    count = sized(200, 2000)
    url = db.engine.url.render_as_string(hide_password=False)
    asked = list(
        itertools.islice(
            itertools.cycle(
                (tenant, other, path, headers)
                for tenant, other in (tenants, tenants[::-1])
                for path, headers in itertools.product(paths_of(tenant), callers_of(app, tenant))
            ),
            count,
        )
    )
    local, silent = threading.local(), []

    def ask(what: tuple[Tenant, Tenant, str, dict[str, str]]) -> str:
        tenant, other, path, headers = what
        if not hasattr(local, "http"):
            local.http = requests.Session()
            silent.append(local.http)
        answer = local.http.get(address + path, headers=headers, timeout=30, allow_redirects=False)
        seen = answer.text + str(answer.headers)
        if any(word in seen for word in other.canaries):
            return f"{path} shows something of {other.word}"
        if "/return" in path:
            is_told = answer.status_code == 503 or str(tenant.uid) in answer.headers.get("Location", "")
            return "" if is_told else f"{path}: {answer.status_code}"
        is_right = answer.status_code == 200 and (tenant.word in seen or str(tenant.uid) in seen)
        return "" if is_right else f"{path}: {answer.status_code} without its own word"

    with (
        silent_provider() as provider,
        served(url, Sandboxes(provider, sandboxes.easybill_url), tmp_path) as [address],
        ThreadPoolExecutor(4) as pool,
    ):
        wrong = [each for each in pool.map(ask, asked) if each]
    for each in silent:
        each.close()
    assert wrong == []
    proves(f"S9 {count} requests, 4 at once, provider silent: each got its own, 0 of another's")

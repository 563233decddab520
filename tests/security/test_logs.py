"""What is logged, written down and shown when every part of a request is a secret (R22)."""

import datetime as dt
import itertools
import json
from uuid import UUID

import pytest
from sqlalchemy import select

from portal.domain import tokens
from portal.models import AuditEntry
from portal.storage import db
from tests.page import JSON, bearer
from tests.security.sizes import sized
from tests.security.test_at_rest import written
from tests.security.test_forgeries import entered

SECRETS = (
    tokens.mint(), "sk_live_51Hx2kLmNoPqRsTuVwXyZ012", "rk_test_51Hx2kLmNoPqRsTuVwXyZ012",
    "whsec_0123456789abcdefABCDEF", "seti_1Abc_secret_Def2Ghi3", "4242424242424242", "4000 0027 6000 3184",
    "5555-5555-5555-4444", "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "AT611904300234573201",
)  # fmt: skip
_LINE = '\r\n{"level": "forged"}\n'


_BREAKS = 6  # the way in which our own code fails


class LeakyError(Exception):
    """As a library would, it says what it was given."""


@pytest.mark.timeout(180)
def test_no_secret_of_any_request_is_logged(app, tenants, written, proves, monkeypatch):
    ours, _ = tenants
    client = entered(app, ours.admin)
    count = sized(100, 1000)
    written.truncate(0)
    written.seek(0)
    shown = []
    kinds = itertools.cycle(range(9))
    broken = app.view_functions["subscriptions.index"]
    for place in range(count):
        secret, kind = SECRETS[place % len(SECRETS)], next(kinds)
        if kind == _BREAKS:
            app.view_functions["subscriptions.index"] = raising(broken, secret)
        answer = ask(client, ours, kind, secret).text
        shown += [answer] if kind <= _BREAKS else []  # the others repeat to somebody what that one typed
        app.view_functions["subscriptions.index"] = broken
    lines = written.getvalue().splitlines()
    trail = repr([tuple(row) for row in db.session.execute(select(AuditEntry.__table__))])
    for secret in SECRETS:
        assert secret not in written.getvalue(), secret
        assert secret not in trail, secret
        assert not [each for each in shown if secret in each], secret
    requests = [found for each in lines if (found := json.loads(each))["logger"] == "portal.access"]
    assert len(requests) >= count
    for each in requests:
        assert UUID(each["request_id"])
        assert dt.datetime.fromisoformat(each["at"]).utcoffset() == dt.timedelta(0)
        assert {"organization", "account", "method", "path", "status"} <= set(each)
    known = [each for each in requests if each["organization"] == str(ours.uid)]
    assert known
    assert all(each["account"] == str(ours.admin.uid) for each in known)
    assert not [each for each in lines if json.loads(each)["level"] == "forged"]
    proves(f"R22 {count} requests made of secrets, {len(lines)} lines: 0 secrets, 0 forged lines")


def raising(view, secret):
    def broken(**_) -> None:
        raise LeakyError(f"could not send {secret} to https://api.example/?key={secret}{_LINE}")

    broken.policy = view.policy
    return broken


def ask(client, ours, kind: int, secret: str):
    """One request with a secret in one of its parts, and a line break where a line can be broken."""
    home, form = f"/organizations/{ours.uid}", {"X-CSRFToken": client.csrf_token} | JSON
    with_secret = {"User-Agent": f"x {secret}", "X-Request-Id": secret} | JSON
    signed = {"Stripe-Signature": secret}
    ways = (
        lambda: client.get("/subscriptions", headers=bearer(secret) | JSON),
        lambda: client.get("/invoices", headers=with_secret),
        lambda: client.get("/invoices", query_string={"cursor": secret + _LINE}, headers=JSON),
        lambda: client.get(f"/nowhere/{secret}/%0d%0a%7b%22level%22", headers=JSON),
        lambda: client.post("/webhooks/stripe", data=secret + _LINE, headers=signed),
        lambda: client.post(f"{home}/payment_methods/create_and_attach", json=secret, headers=form),
        lambda: client.get("/subscriptions", headers=JSON),
        lambda: client.post(f"{home}/tokens", json={"name": secret, secret: 1}, headers=form),
        lambda: client.post(f"{home}/tokens", json={"name": secret}, headers=form),
    )
    return ways[kind]()


__all__ = ["written"]

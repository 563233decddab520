"""Real answers are what the document says, to the last property."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from portal.account.directory import add_collector
from portal.domain import tokens
from portal.domain.access import Preset
from portal.domain.period import start_of_hour
from portal.models import Organization
from portal.storage import db
from tests.delivery.rows import Easybill, own_customer
from tests.factories import (
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_member,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
    use_all_hours,
)
from tests.months import close, deliver
from tests.openapi.contract import Contract, document, operations_of
from tests.page import JSON, CheckingClient, bearer
from tests.payment_methods.browser import ACCOUNT, CARD, DECLINED, make_method


@dataclass
class Program:
    """A program of Acme's admin, whose answers are all held against the document."""

    client: CheckingClient
    token: str
    organization: Organization
    contract: Contract

    @property
    def home(self) -> str:
        return f"/organizations/{self.organization.uid}"

    def get(self, url: str, status: int = 200):
        return self.contract.check(self.client.get(url, headers=bearer(self.token)), status)

    def send(self, method: str, url: str, status: int, body=None, **headers: str):
        response = self.client.open(
            url, method=method, json=body, headers=bearer(self.token) | headers, content_type=_kind(body)
        )
        if body is not None and status < 400:
            self.contract.check_body(response, body)
        return self.contract.check(response, status)


def _kind(body) -> str | None:
    return None if body is None else "application/json"


@pytest.fixture
def program(nobody, acme, contract) -> Program:
    own_customer(acme)
    token = make_token(acme, make_member(acme, Preset.ADMIN))
    return Program(nobody, token, acme, contract)


@pytest.fixture
def busy(acme, program):
    """January is invoiced, and then something came late; an hour of March is in."""
    server = make_subscription(acme, make_product("vm.medium", "0.00694"), make_project(acme))
    support = make_subscription(acme, make_product("support", "0.0685"))
    use_all_hours(server, JANUARY)
    use(support, {hour_at(JANUARY, 3): "2.5"})
    db.session.commit()
    close(now=NOW, grace_days=3)
    use(support, {hour_at(JANUARY, 4): 7})
    use(server, {MARCH.start_hour: 1})


@pytest.fixture
def delivered(busy, sandboxes):
    deliver(Easybill(f"{sandboxes.easybill_url}/rest/v1").gateway, now=NOW)


@pytest.fixture
def attach(program, sandboxes) -> Callable[..., dict]:
    """Attach a payment method that was made at Stripe."""

    def attach(method=CARD, status: int = 201):
        body = {"payment_method_id": make_method(sandboxes.stripe_url, method)}
        return program.send("POST", f"{program.home}/payment_methods/create_and_attach", status, body)

    return attach


# -- reading ------------------------------------------------------------------------------------------
def test_real_answers_about_subscriptions_match_the_openapi_document(program, busy):
    found = program.get("/subscriptions")

    assert {each["project_id"] is None for each in found} == {True, False}
    assert program.get(f"/subscriptions/{found[0]['id']}") == found[0]


@pytest.mark.parametrize("window", ["", "month=2026-01", "day=2026-01-04", "from=2026-01-01&to=2026-02-10"])
@pytest.mark.parametrize("granularity", ["", "&granularity=hour", "&granularity=day", "&granularity=month"])
def test_real_answers_about_usage_match_the_openapi_document(program, busy, window, granularity):
    found = program.get(f"/billing/usage?{window}{granularity}")
    products = [each for project in found["projects"] for each in project["products"]]

    assert products
    assert {"series" in each for each in products} == {bool(granularity)}


def test_real_answers_about_invoices_match_the_openapi_document(program, busy):
    found = program.get("/invoices")
    items = [item for each in found for item in program.get(f"/invoices/{each['id']}")["items"]]

    assert {each["status"] for each in found} == {"open", "final"}
    assert {each["kind"] for each in items} == {"usage", "correction"}
    assert {each["project"] is None for each in items} == {True, False}


def test_real_answers_about_legal_invoices_match_the_openapi_document(program, delivered):
    (found,) = program.get(f"{program.home}/invoices")
    one = program.get(f"{program.home}/invoices/{found['id']}")

    assert one.items() >= found.items()
    assert {line["project_name"] for each in one["positions"] for line in each["lines"]} == {
        "production",
        None,
    }


def test_the_file_of_a_legal_invoice_matches_the_openapi_document(program, delivered, contract):
    (found,) = program.get(f"{program.home}/invoices")
    first = program.client.get(found["pdf_url"], headers=bearer(program.token))
    known = {"If-None-Match": first.headers["ETag"]}
    again = program.client.get(found["pdf_url"], headers=bearer(program.token) | known)

    contract.check(first, 200)
    contract.check(again, 304)
    program.get(f"{program.home}/invoices/download?invoice_id=0", 404)
    program.get(f"{program.home}/invoices/download?invoice_id={found['id']}&format=xrechnung", 406)


def test_real_answers_about_payment_methods_match_the_openapi_document(program, attach):
    card, account = attach(CARD), attach(ACCOUNT)
    found = program.get(f"{program.home}/payment_methods")

    assert {each["id"] for each in found} == {card["id"], account["id"]}
    assert {each["iban"] is None for each in found} == {True, False}


def test_real_answers_about_tokens_match_the_openapi_document(program):
    assert program.get(f"{program.home}/tokens")[0]["last_used_at"]


def test_real_answers_about_the_audit_trail_match_the_openapi_document(program):
    program.send("POST", f"{program.home}/tokens", 201, {"name": "ci"})

    assert "token.made" in {each["action"] for each in program.get(f"{program.home}/audit")}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_real_answers_about_health_match_the_openapi_document(nobody, contract, path):
    assert contract.check(nobody.get(path), 200) == {"status": "ok"}


def test_real_answers_about_the_profile_match_the_openapi_document(program):
    url = f"{program.home}/profile"
    found = program.get(url)

    assert program.send("PUT", url, 200, found | {"city": "Kiel"})["city"] == "Kiel"
    program.send("PUT", url, 409, found | {"city": "Bonn"})
    program.send("PUT", url, 422, found | {"country": "Atlantis"})


@pytest.mark.parametrize("path", ["/subscriptions", "/invoices", "tokens", "audit"])
def test_the_link_of_a_list_to_its_next_slice_matches_the_openapi_document(program, busy, contract, path):
    make_token(program.organization, make_member(program.organization))
    url = path if path.startswith("/") else f"{program.home}/{path}"
    response = program.client.get(f"{url}?limit=1", headers=bearer(program.token))

    assert len(contract.check(response, 200)) == 1
    assert response.headers["Link"].endswith('>; rel="next"')


def test_every_read_of_the_openapi_document_is_compared_with_a_real_answer():
    reads = {each["operationId"] for method, _, each in operations_of(document()) if method == "GET"}
    assert reads == {
        "download_legal_invoice",
        "get_health",
        "get_invoice",
        "get_legal_invoice",
        "get_openapi",
        "get_profile",
        "get_readiness",
        "get_subscription",
        "get_usage",
        "list_audit_entries",
        "list_invoices",
        "list_legal_invoices",
        "list_payment_methods",
        "list_subscriptions",
        "list_tokens",
    }


# -- changing -----------------------------------------------------------------------------------------
def test_answers_to_changes_of_payment_methods_match_the_openapi_document(program, attach):
    url = f"{program.home}/payment_methods"
    first, second = attach(), attach(ACCOUNT)

    program.send("POST", f"{url}/payment_intent", 200, {})
    program.send("DELETE", f"{url}/{first['id']}", 409)
    assert program.send("PUT", f"{url}/{second['id']}/set_default", 200)["default"] is True
    assert program.send("POST", f"{url}/{first['id']}/set_default", 200)["default"] is True
    program.send("DELETE", f"{url}/{first['id']}?new_default={second['id']}", 204)
    attach(DECLINED, 402)


def test_answers_to_making_and_revoking_a_token_match_the_openapi_document(program):
    url = f"{program.home}/tokens"
    body = {"name": "ci", "expires_on": "2026-03-20", "read_only": True}
    made = program.send("POST", url, 201, body)

    program.send("DELETE", f"{url}/{made['id']}", 204)


def test_an_answer_that_is_repeated_has_the_header_of_the_openapi_document(program):
    url = f"{program.home}/tokens"
    made = program.send("POST", url, 201, {"name": "ci"})
    key = bearer(program.token) | {"Idempotency-Key": "once"}
    answers = [program.client.delete(f"{url}/{made['id']}", headers=key) for _ in range(2)]

    assert [program.contract.check(each, 204) for each in answers] == [None, None]
    assert [each.headers.get("Idempotent-Replayed") for each in answers] == [None, "true"]


@pytest.fixture
def report(nobody, contract):
    """Report usage as a collector, and hold what becomes of it against the document."""
    token = add_collector("region one", now=NOW)

    def report(body: bytes, kind: str = "application/json", status: int = 200, **headers: str):
        response = nobody.post(
            "/billing/usage",
            data=body,
            content_type=kind,
            headers=bearer(token) | JSON | {name.replace("_", "-"): text for name, text in headers.items()},
        )
        return contract.check(response, status)

    return report


@pytest.fixture
def entries(acme) -> list[dict]:
    subscription = make_subscription(acme, make_product())
    hours = [start_of_hour(JANUARY.start_hour + each) for each in range(2)]
    return [
        {"subscription_id": str(subscription.uid), "hour": f"{hour:%Y-%m-%dT%H:%M:%SZ}", "quantity": "1.5"}
        for hour in hours
    ]


def test_answers_to_reported_usage_match_the_openapi_document(report, entries, contract):
    entries[1] |= {"quantity": 2, "revision": 3}
    accepted = document()["paths"]["/billing/usage"]["post"]["requestBody"]["content"]
    contract.validate(entries, accepted["application/json"]["schema"])

    assert report(json.dumps(entries).encode())["new"] == 2


def test_answers_to_ndjson_and_gzip_match_the_openapi_document(report, entries):
    lines = "\n".join(json.dumps(each) for each in entries).encode()

    assert report(gzip.compress(lines), "application/x-ndjson", Content_Encoding="gzip")["new"] == 2


def test_answers_to_wrong_usage_match_the_openapi_document(report, entries):
    wrong = [*entries, entries[0] | {"quantity": "many"}]

    assert report(json.dumps(wrong).encode(), status=422)["errors"][0]["field"] == "entries[2]"
    report(b"[", status=400)
    report(b"[]", "text/csv", 415)
    report(b" " * (17 * 1024 * 1024), status=413)


def test_the_refusal_of_usage_reported_by_a_member_matches_the_openapi_document(program):
    program.send("POST", "/billing/usage", 403, [])


# -- refusals -----------------------------------------------------------------------------------------
def test_an_answer_401_matches_the_openapi_document(nobody, contract):
    response = nobody.get("/subscriptions", headers=JSON)

    contract.check(response, 401)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_answer_403_matches_the_openapi_document(operator, contract):
    contract.check(operator.get("/subscriptions", headers=JSON), 403)


def test_an_answer_404_matches_the_openapi_document(program):
    program.get(f"/subscriptions/{uuid4()}", 404)
    program.get(f"/organizations/{uuid4()}/invoices", 404)


def test_an_answer_405_matches_the_openapi_document(program, contract):
    response = program.client.delete("/invoices", headers=bearer(program.token))

    assert contract.check_refusal(response, 405)["errors"][0]["code"] == "method_not_allowed"
    assert "GET" in response.headers["Allow"]


def test_a_page_that_has_no_json_face_answers_406_as_the_openapi_document_says(viewer, contract):
    refused = contract.check_refusal(viewer.get("/account", headers=JSON), 406)

    assert refused["errors"][0]["code"] == "not_acceptable"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"a" * (65 * 1024), "application/json", 413),
        (b"a=b", "text/plain", 415),
        (b'{"payment_method_id": 1}', "application/json", 422),
        (b'{"payment_method_id": "pm_1", "more": 1}', "application/json", 422),
    ],
)
def test_refusals_of_bodies_match_the_openapi_document(program, contract, body, kind, status):
    url = f"{program.home}/payment_methods/create_and_attach"
    response = program.client.post(url, data=body, content_type=kind, headers=bearer(program.token))

    contract.check(response, status)


def test_an_answer_429_matches_the_openapi_document(nobody, contract, monkeypatch):
    monkeypatch.setattr("portal.access.identity._UNKNOWN_TOKENS_AN_HOUR", 0)
    response = nobody.get("/subscriptions", headers=bearer(tokens.mint()))

    contract.check(response, 429)
    assert int(response.headers["Retry-After"]) > 0


def test_an_answer_503_matches_the_openapi_document(nobody, contract, monkeypatch):
    monkeypatch.setattr("portal.health.readiness.is_behind", lambda *_: True)

    contract.check(nobody.get("/readyz", headers=JSON), 503)


# -- the check itself ---------------------------------------------------------------------------------
MONEY = {"$ref": "#/components/schemas/Money"}


@pytest.mark.parametrize(
    "value",
    [
        {"cents": 1},
        {"cents": "1", "currency_iso": "EUR"},
        {"cents": 1.5, "currency_iso": "EUR"},
        {"cents": 1, "currency_iso": "EUR", "more": 1},
    ],
)
def test_the_comparison_with_the_openapi_document_finds_an_undescribed_value(contract, value):
    with pytest.raises(Exception, match=r"required|not of type|were unexpected"):
        contract.validate(value, MONEY)


@pytest.mark.parametrize(
    ("format", "text"), [("uuid", "1"), ("date", "2026-02-30"), ("date-time", "2026-01-01")]
)
def test_the_comparison_with_the_openapi_document_checks_formats(contract, format, text):  # noqa: A002
    with pytest.raises(Exception, match="is not a"):
        contract.validate(text, {"type": "string", "format": format})

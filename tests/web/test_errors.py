"""Errors in three faces: the envelope of API.md to the letter, a page, and a notice for htmx."""

from uuid import uuid4

import pytest
from bs4 import BeautifulSoup
from sqlalchemy.exc import OperationalError

from portal.domain.access import Preset
from portal.usage import routes as usage_routes
from tests.factories import make_member, make_token
from tests.page import JSON, bearer, htmx

NOTHING = "There is nothing here, or it is not yours to see."


def envelope(response):
    """Return the only error of an answer, after a look at what surrounds it."""
    assert response.mimetype == "application/json"
    assert set(response.json) == {"request_id", "errors"}
    assert response.json["request_id"] == response.headers["X-Request-Id"]
    (error,) = response.json["errors"]
    return error


@pytest.fixture
def token(acme):
    return bearer(make_token(acme, make_member(acme, Preset.ADMIN)))


# -- the envelope -------------------------------------------------------------------------------------
def test_a_url_that_does_not_exist_is_404(nobody):
    response = nobody.get("/nowhere", headers=JSON)
    assert response.status_code == 404
    assert envelope(response) == {
        "code": "not_found",
        "message": NOTHING,
        "status": 404,
        "source": {"service": "billing", "operation": "unknown"},
    }


def test_an_object_that_does_not_exist_is_404_and_names_its_feature(admin):
    response = admin.get(f"/subscriptions/{uuid4()}", headers=JSON)
    assert response.status_code == 404
    assert envelope(response) == {
        "code": "not_found",
        "message": NOTHING,
        "status": 404,
        "source": {"service": "billing", "operation": "subscriptions"},
    }


def test_a_wrong_method_is_405_and_names_the_allowed_methods(admin):
    response = admin.delete("/subscriptions", headers=JSON)
    assert response.status_code == 405
    assert envelope(response) == {
        "code": "method_not_allowed",
        "message": "The method is not allowed for the requested URL.",
        "status": 405,
        "source": {"service": "billing", "operation": "unknown"},
    }
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_body_that_is_not_json_is_415(nobody, acme, token):
    url = f"/organizations/{acme.uid}/payment_methods/create_and_attach"
    response = nobody.post(url, headers=token, data={"payment_method_id": "pm_1"})
    assert response.status_code == 415
    assert envelope(response) == {
        "code": "unsupported_media_type",
        "message": "The body has to be application/json.",
        "status": 415,
        "source": {"service": "billing", "operation": "payment_methods"},
    }


def test_a_body_that_cannot_be_parsed_is_400(nobody, acme, token):
    url = f"/organizations/{acme.uid}/payment_methods/create_and_attach"
    response = nobody.post(url, headers=token, data="{", content_type="application/json")
    assert response.status_code == 400
    assert envelope(response) == {
        "code": "bad_request",
        "message": "The body is not valid JSON.",
        "status": 400,
        "source": {"service": "billing", "operation": "payment_methods"},
    }


def test_a_body_over_64_kib_is_413(nobody, acme, token):
    url = f"/organizations/{acme.uid}/payment_methods/create_and_attach"
    body = '{"payment_method_id": "' + "x" * 65 * 1024 + '"}'
    response = nobody.post(url, headers=token, data=body, content_type="application/json")
    assert response.status_code == 413
    assert envelope(response)["code"] == "payload_too_large"


def test_an_unusable_query_is_422_and_names_its_field(admin):
    response = admin.get("/billing/usage?from=yesterday", headers=JSON)
    assert response.status_code == 422
    assert envelope(response) == {
        "code": "validation_failed",
        "message": "Validation failed",
        "status": 422,
        "field": "from",
        "source": {"service": "billing", "operation": "usage"},
        "meta": {"validation_errors": {"from": ["is not an ISO 8601 time"]}},
    }


def test_a_request_without_credentials_is_401_and_names_the_way_to_sign_in(nobody):
    response = nobody.get("/subscriptions", headers=JSON)
    assert response.status_code == 401
    assert envelope(response) == {
        "code": "unauthorized",
        "message": "Sign in, or send a valid API token.",
        "status": 401,
        "source": {"service": "billing", "operation": "subscriptions"},
    }
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_member_without_the_permission_is_403(operator):
    response = operator.get("/subscriptions", headers=JSON)
    assert response.status_code == 403
    assert envelope(response) == {
        "code": "forbidden",
        "message": "Your role in this organization does not allow that.",
        "status": 403,
        "source": {"service": "billing", "operation": "subscriptions"},
    }


def test_a_page_without_a_json_face_is_406(admin):
    response = admin.get("/account", headers=JSON)
    assert response.status_code == 406
    assert envelope(response)["code"] == "not_acceptable"


def test_each_error_has_its_own_request_id(nobody):
    ids = {nobody.get("/nowhere", headers=JSON).json["request_id"] for _ in range(5)}
    assert len(ids) == 5


# -- what went wrong on our side ------------------------------------------------------------------------
@pytest.fixture
def broken(monkeypatch):
    """Let the usage page fail in a way that must not be told."""

    def fail(error):
        def usage_of(*_, **__):
            raise error

        monkeypatch.setattr(usage_routes.queries, "usage_of", usage_of)

    return fail


def test_a_bug_is_500_and_its_details_are_not_shown(admin, broken):
    broken(KeyError("SELECT secret FROM account"))
    response = admin.get("/billing/usage", headers=JSON)
    assert response.status_code == 500
    assert envelope(response) == {
        "code": "internal_error",
        "message": "This was logged. If it happens again, tell us the request id.",
        "status": 500,
        "source": {"service": "billing", "operation": "usage"},
    }


def test_a_bug_has_a_page_that_names_the_request(admin, broken):
    broken(KeyError("SELECT secret FROM account"))
    response = admin.get("/billing/usage")
    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in response.text
    assert "SELECT" not in response.text


def test_a_database_that_is_away_is_503_and_asks_to_come_again(admin, broken):
    broken(OperationalError("SELECT 1", {}, Exception("server closed the connection at 10.0.0.7")))
    response = admin.get("/billing/usage", headers=JSON)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "10"
    assert "10.0.0.7" not in response.text
    assert "SELECT" not in response.text


# -- the page -------------------------------------------------------------------------------------------
def test_a_browser_gets_an_error_page_with_the_navigation(admin):
    page = admin.page(f"/subscriptions/{uuid4()}", 404)
    assert page.h1.text == "Not found"
    assert NOTHING in page.text
    assert page.select_one("nav")


def test_a_visitor_gets_an_error_page_too(nobody):
    assert nobody.page("/nowhere", 404).h1.text == "Not found"


def test_an_error_page_names_the_field_that_is_wrong(admin):
    page = admin.page("/billing/usage?month=2026-13", 422)
    assert "is not a month such as 2026-01" in page.text
    assert page.select_one("code").text == "month"


def test_markup_in_a_refused_query_comes_back_escaped(admin):
    response = admin.get("/billing/usage?by=<script>alert(1)</script>")
    assert response.status_code == 422
    assert "<script>alert" not in response.text


def test_an_error_page_is_never_cached(nobody):
    assert nobody.get("/nowhere").headers["Cache-Control"] == "private, no-store"


# -- htmx -----------------------------------------------------------------------------------------------
def test_an_error_under_htmx_is_a_notice_and_leaves_the_target_alone(admin):
    response = admin.get(f"/subscriptions/{uuid4()}", headers=htmx("subscription_list"))
    assert response.status_code == 404
    assert response.headers["HX-Retarget"] == "#notices"
    assert response.headers["HX-Reswap"].startswith("innerHTML")
    soup = BeautifulSoup(response.text, "html.parser")
    assert not soup.html
    assert NOTHING in soup.text


def test_an_error_of_a_boosted_link_is_a_whole_page(admin):
    headers = {"HX-Request": "true", "HX-Boosted": "true"}
    response = admin.get(f"/subscriptions/{uuid4()}", headers=headers)
    assert response.status_code == 404
    assert "HX-Retarget" not in response.headers
    assert "<html" in response.text


def test_htmx_sends_a_visitor_to_sign_in_and_back_to_the_page_that_was_shown(nobody):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/billing/usage?month=2026-01"}
    response = nobody.get("/billing/usage?month=2026-02", headers=headers)
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/login?next=/billing/usage?month%3D2026-01"


def test_the_way_back_from_signing_in_never_leads_to_another_host(nobody):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.test/billing"}
    response = nobody.get("/billing/usage", headers=headers)
    assert "evil" not in response.headers["HX-Redirect"]


# -- addresses we do not answer to ----------------------------------------------------------------------
@pytest.mark.parametrize("accept", [{}, JSON], ids=["page", "json"])
def test_a_request_for_another_host_name_is_refused(nobody, accept):
    assert nobody.get("/login", headers={"Host": "evil.test"} | accept).status_code == 400

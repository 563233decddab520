"""The document is valid, and describes each JSON face as it is: no more, no less."""

import json
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from portal.access.auth import COLLECTOR, PUBLIC, policy_of
from portal.access.idempotency import KEY_CHARACTER, KEY_LENGTH_MAX
from portal.domain.slices import LIMIT_DEFAULT, LIMIT_MAX
from portal.openapi.common import common
from portal.openapi.document import _paths
from portal.openapi.faces import faces_of
from portal.usage.page import DAYS_MAX, DAYS_MAX_HOURLY
from portal.web.errors import CODE_OF
from tests.openapi.contract import document, operations_of, resolved, template_of

URL = "/openapi.json"
# Answers of these are for browsers or for Stripe; every other view that renders no page is for programs.
NOT_FOR_PROGRAMS = {
    "account.end",
    "account.end_others",
    "payment_methods.remove",
    "payment_methods.complete_setup",
    "signing_in.sign_out",
    "tokens.remove",
    "webhooks.stripe_event",
    "health.metrics",
}


def faces_for_programs(app):
    """Return {(method, path): endpoint} of every route that has a JSON face, or is for programs alone."""
    found = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in NOT_FOR_PROGRAMS | {"static"}:
            continue
        faces = getattr(app.view_functions[rule.endpoint], "faces", None)
        if faces is None or faces[1] is not None:
            found |= {(each, template_of(rule)): rule.endpoint for each in rule.methods - {"HEAD", "OPTIONS"}}
    return found


def described():
    return {(method, path): operation for method, path, operation in operations_of(document())}


def test_the_openapi_document_is_valid():
    assert document()["openapi"] == "3.1.0"
    validate(document(), cls=OpenAPIV31SpecValidator)


def test_every_route_for_programs_and_no_other_is_in_the_openapi_document(app):
    assert set(described()) == set(faces_for_programs(app))


def test_every_endpoint_listed_as_not_for_programs_exists(app):
    assert set(app.view_functions) >= NOT_FOR_PROGRAMS


def test_each_operation_names_the_permission_that_its_view_needs(app):
    endpoints = faces_for_programs(app)
    needed = {}
    for place in described():
        policy = policy_of(app, endpoints[place])
        special = {PUBLIC: [], COLLECTOR: [{"collector": []}]}
        needed[place] = special.get(policy, [{"bearer": [policy]}])

    assert {place: each["security"] for place, each in described().items()} == needed


def test_every_change_but_a_new_token_accepts_an_idempotency_key():
    key = {"$ref": "#/components/parameters/idempotency_key"}
    without = {
        operation["operationId"]
        for method, _, operation in operations_of(document())
        if method != "GET" and key not in operation["parameters"]
    }
    assert without == {"make_token"}


def test_no_read_of_the_openapi_document_accepts_an_idempotency_key_or_a_body():
    reads = [each for method, _, each in operations_of(document()) if method == "GET"]
    assert "idempotency_key" not in json.dumps([each.get("parameters") for each in reads])
    assert not [each["operationId"] for each in reads if "requestBody" in each]


def test_a_list_that_comes_in_slices_has_a_link_in_the_openapi_document():
    slicing = [{"$ref": f"#/components/parameters/{name}"} for name in ("limit", "cursor")]
    sliced = [
        each
        for _, _, each in operations_of(document())
        if any(each_ in each.get("parameters", []) for each_ in slicing)
    ]
    assert len(sliced) >= 5
    for operation in sliced:
        assert all(each in operation["parameters"] for each in slicing), operation["operationId"]
        assert "Link" in operation["responses"]["200"]["headers"], operation["operationId"]


def test_every_operation_of_the_openapi_document_has_an_own_name_a_tag_and_a_request_id():
    found = [each for _, _, each in operations_of(document())]
    names = [each["operationId"] for each in found]
    assert len(set(names)) == len(names)
    known = {each["name"] for each in document()["tags"]}
    for operation in found:
        assert set(operation["tags"]) <= known
        for answer in operation["responses"].values():
            assert "X-Request-Id" in resolved(document(), answer)["headers"], operation["operationId"]


def test_every_component_of_the_openapi_document_is_used():
    text = json.dumps(document())
    for kind in ("schemas", "responses", "parameters", "headers"):
        unused = [
            name for name in document()["components"][kind] if f'"#/components/{kind}/{name}"' not in text
        ]
        assert unused == [], kind


def test_every_reference_of_the_openapi_document_leads_somewhere():
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document())):
        assert resolved(document(), {"$ref": reference})


def test_every_http_status_has_the_error_code_of_the_contract():
    assert CODE_OF == {
        400: "bad_request",
        401: "unauthorized",
        402: "payment_failed",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        406: "not_acceptable",
        409: "conflict",
        413: "payload_too_large",
        415: "unsupported_media_type",
        422: "validation_failed",
        429: "rate_limited",
        500: "internal_error",
        502: "provider_unavailable",
        503: "provider_unavailable",
    }


def test_every_error_code_has_its_answer_in_the_openapi_document():
    described = {int(key) for key in common()["refusals"].keys() - {"default"}}
    assert described | {405} == set(CODE_OF)  # no operation answers 405: `default` does


def test_the_limits_of_the_openapi_document_are_the_limits_of_the_code():
    parameters = document()["components"]["parameters"]
    limit, key = (parameters[name]["schema"] for name in ("limit", "idempotency_key"))
    assert (limit["maximum"], limit["default"]) == (LIMIT_MAX, LIMIT_DEFAULT)
    window = described()["GET", "/billing/usage"]["description"]
    assert f"At most {DAYS_MAX} days, or {DAYS_MAX_HOURLY} with granularity=hour" in window
    assert (key["maxLength"], key["pattern"]) == (KEY_LENGTH_MAX, f"^{KEY_CHARACTER}+$")


def test_every_operation_has_its_words_and_no_words_lack_an_operation(app):
    assert {face.operation.name for face in faces_of(app)} == common()["operations"].keys()


def test_the_examples_of_refusals_in_the_openapi_document_are_valid(contract):
    for answer in document()["components"]["responses"].values():
        media = answer["content"]["application/json"]
        if "example" in media:
            contract.validate(media["example"], media["schema"])


def test_answers_of_the_openapi_document_may_grow_and_bodies_are_strict():
    schemas = document()["components"]["schemas"]
    strict = {name for name, each in schemas.items() if each.get("additionalProperties") is False}
    assert strict == {"PaymentMethodToAttach", "ProfileToSave", "TokenToMake", "UsageEntry"}


def test_a_method_of_a_path_that_is_described_twice_is_refused(app):
    (health,) = [face for face in faces_of(app) if face.operation.name == "get_health"]
    with pytest.raises(AssertionError, match="described twice"):
        _paths([health, health], {health.answer: {}})


# -- the answer ---------------------------------------------------------------------------------------
def test_everybody_may_read_the_openapi_document(nobody, contract):
    response = nobody.get(URL)

    assert contract.check(response, 200) == document()
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
def test_the_openapi_document_is_json_whatever_the_client_accepts(nobody, accept):
    assert nobody.get(URL, headers={"Accept": accept}).json == document()


def test_the_openapi_document_may_be_cached_and_has_an_etag(nobody, contract):
    first = nobody.get(URL)
    second = nobody.get(URL, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert not first.headers["ETag"].startswith("W/")
    assert "Set-Cookie" not in first.headers
    contract.check(second, 304)

"""Each query parameter that is described is one that its view reads."""

import re
from uuid import uuid4

import pytest

from portal.domain.access import Preset
from tests.factories import make_member, make_token
from tests.openapi.contract import document, operations_of, resolved
from tests.page import bearer

ANY_TEXT = {"invoice_id"}  # of another system: it is not found, never ill-formed
ASKED = [
    (method, path, parameter["name"])
    for method, path, operation in operations_of(document())
    for each in operation.get("parameters", [])
    if (parameter := resolved(document(), each))["in"] == "query" and parameter["name"] not in ANY_TEXT
]


@pytest.mark.parametrize(("method", "path", "name"), ASKED)
def test_a_parameter_with_an_unusable_value_is_refused_by_its_name(
    nobody, acme, contract, method, path, name
):
    token = make_token(acme, make_member(acme, Preset.ADMIN))
    url = re.sub(r"{\w+}", str(uuid4()), path.replace("{organization_id}", str(acme.uid)))
    query = {"invoice_id": "1", name: "!"}
    response = nobody.open(url, method=method, query_string=query, headers=bearer(token))
    (error,) = contract.check(response, 422)["errors"]

    assert error["field"] == name


def test_a_download_without_the_id_of_a_document_is_refused(nobody, acme, contract):
    token = make_token(acme, make_member(acme))
    response = nobody.get(f"/organizations/{acme.uid}/invoices/download", headers=bearer(token))

    assert contract.check(response, 422)["errors"][0]["field"] == "invoice_id"

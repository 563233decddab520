"""Programs: `requests` with nothing but a token of the demo walks every endpoint of the contract."""

import pytest
import requests

from portal.demo import people
from tests.e2e.conftest import NOW

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(portal):
    with portal.app.app_context():
        return people.description(portal.app.extensions["portal.settings"], {}, now=NOW)


def as_(demo, login: str) -> tuple[requests.Session, str]:
    person = next(each for each in demo["people"] if each["login"] == login)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {person['token']}"
    return session, person["organization_id"]


@pytest.mark.parametrize(
    "login",
    ["admin@hanse.example", "billing@alpen.example", "developer@sakura.example", "viewer@hanse.example"],
)
def test_a_token_that_may_read_reads_everything(portal, demo, login):
    session, organization_id = as_(demo, login)
    url = portal.url
    usage = session.get(f"{url}/billing/usage", params={"month": "2026-01", "granularity": "day"}).json()
    assert usage["organization_id"] == organization_id
    assert usage["total"]["cents"] == sum(each["total"]["cents"] for each in usage["projects"])
    for name in ("subscriptions", "invoices"):
        rows = session.get(f"{url}/{name}").json()
        assert rows
        one = session.get(f"{url}/{name}/{rows[-1]['id']}").json()
        assert rows[-1].items() <= one.items()
    invoice = session.get(f"{url}/invoices").json()[-1]
    base = f"{url}/organizations/{organization_id}"
    documents = session.get(f"{base}/invoices").json()
    document = session.get(f"{base}/invoices/{documents[-1]['id']}").json()
    assert document["internal_invoice_id"] == invoice["id"]
    assert document["total_net"] == invoice["total"]
    pdf = session.get(f"{base}/invoices/download", params={"invoice_id": document["id"]})
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert session.get(document["pdf_url"]).content == pdf.content
    assert session.get(f"{base}/payment_methods").status_code == 200


def test_a_token_that_may_write_adds_chooses_and_removes_payment_methods(portal, demo):
    session, organization_id = as_(demo, "billing@redwood.example")
    base = f"{portal.url}/organizations/{organization_id}/payment_methods"
    assert session.post(f"{base}/payment_intent").json()["client_secret"].startswith("seti_")
    made = [
        session.post(f"{base}/create_and_attach", json={"payment_method_id": token})
        for token in ("pm_card_visa", "pm_card_mastercard")
    ]
    assert [each.status_code for each in made] == [201, 201]
    first, second = (each.json() for each in made)
    chosen = session.put(f"{base}/{second['id']}/set_default").json()
    assert chosen["default"] is True
    assert session.delete(f"{base}/{first['id']}").status_code == 204
    assert [each["id"] for each in session.get(base).json()] == [second["id"]]
    assert session.delete(f"{base}/{second['id']}").status_code == 204


def test_a_viewer_may_not_write_and_an_operator_may_not_read(portal, demo):
    session, organization_id = as_(demo, "viewer@hanse.example")
    answer = session.post(f"{portal.url}/organizations/{organization_id}/payment_methods/payment_intent")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == "forbidden"
    session, _ = as_(demo, "operator@hanse.example")
    assert session.get(f"{portal.url}/billing/usage").status_code == 403


def test_every_amount_is_the_same_from_the_legal_document_down_to_the_hours(portal, demo):
    session, organization_id = as_(demo, "viewer@alpen.example")
    documents = session.get(f"{portal.url}/organizations/{organization_id}/invoices").json()
    for document in documents:
        invoice = session.get(f"{portal.url}/invoices/{document['internal_invoice_id']}").json()
        assert document["total_net"] == invoice["total"]
        assert sum(item["total"]["cents"] for item in invoice["items"]) == invoice["total"]["cents"]
        item = invoice["items"][0]
        usage = session.get(item["usage_url"]).json()
        (product,) = usage["projects"][0]["products"]
        assert product["total"] == item["total"]
        assert sum(each["total"]["cents"] for each in product["series"]) == item["total"]["cents"]

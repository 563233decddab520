"""The list: what a page and a program see of payment methods."""

import datetime as dt

import pytest

from portal.domain.access import Preset
from tests.factories import make_account, make_member, make_organization, make_token
from tests.page import bearer, htmx
from tests.payment_methods.browser import ACCOUNT, CARD


def test_payment_methods_have_the_json_of_the_contract(wallet):
    card, mandate = wallet.add(CARD), wallet.add(ACCOUNT)
    assert wallet.list() == [card, mandate]
    assert card == {
        "id": card["id"],
        "payment_type": "card",
        "default": True,
        "brand": "visa",
        "last4": "4242",
        "exp_month": 12,
        "exp_year": 2034,
        "iban": None,
    }
    assert mandate == {
        "id": mandate["id"],
        "payment_type": "sepa_debit",
        "default": False,
        "brand": None,
        "last4": "3000",
        "exp_month": None,
        "exp_year": None,
        "iban": "DE•• •••• 3000",
    }


def test_a_new_organization_is_invited_to_add_a_payment_method(admin, url):
    page = admin.page(url)
    assert page.select_one("#payment_method_list .empty h2").text == "No payment method yet"
    assert page.select_one(f'#payment_method_list a[href="{url}/new"]')
    assert admin.json(url) == []


def test_a_row_of_a_payment_method_shows_brand_digits_expiry_and_mandate(wallet, admin, url):
    wallet.add(CARD)
    wallet.add(ACCOUNT)
    card, mandate = admin.page(url).select(".methods li")
    text = " ".join(card.text.split())
    assert "Visa •••• ending in 4242 Default Expires 12/2034" in text
    text = " ".join(mandate.text.split())
    assert "SEPA Direct Debit •••• ending in 3000 DE•• •••• 3000 Mandate " in text
    assert "Default " not in text


def test_the_fragment_of_payment_methods_is_the_list_alone(wallet, admin, url):
    wallet.add()
    fragment = admin.page(url, headers=htmx("payment_method_list"))
    assert fragment.html is None
    assert fragment.find()["id"] == "payment_method_list"


def test_the_page_of_payment_methods_says_that_nothing_is_charged_and_how_to_pay(wallet, admin, url, acme):
    wallet.add()
    page = admin.page(url)
    assert "A payment method that you add here is kept for later" in " ".join(page.main.text.split())
    text = " ".join(page.select_one(".transfer").text.split())
    assert "DE89 3704 0044 0532 0130 00" in text
    assert f"your customer number {acme.number} for several at once" in text
    assert "nothing is charged" not in admin.page(url, headers=htmx("payment_method_list")).text


@pytest.mark.parametrize(
    ("at", "badge"),
    [((2034, 9), None), ((2034, 10), "Expires soon"), ((2034, 12), "Expires soon"), ((2035, 1), "Expired")],
)
def test_a_card_that_expires_soon_is_marked(wallet, admin, url, clock, at, badge):
    wallet.add()
    clock.at = dt.datetime(*at, 15, tzinfo=dt.UTC)
    badges = [each.text for each in admin.page(url).select(".methods .badge")]
    assert badges == ["Default", *([badge] if badge else [])]


def test_a_viewer_sees_the_payment_methods_without_buttons(wallet, viewer, url):
    wallet.add()
    page = viewer.page(url)
    assert "4242" in page.select_one(".methods").text
    assert not page.select("#main button, #main form, #main summary")
    assert not page.select(f'a[href="{url}/new"]')
    assert len(viewer.json(url)) == 1


def test_an_operator_may_not_see_payment_methods(operator, url):
    operator.page(url, status=403)
    operator.json(url, status=403)


def test_the_payment_methods_of_a_foreign_organization_are_404(
    sign_in, mallory, acme, wallet, wallet_of, url
):
    method = wallet.add()
    client = sign_in(mallory)
    client.json(url, status=404)
    client.page(f"{url}/new", status=404)
    stolen = wallet_of(client, acme).send("PUT", f"{method['id']}/set_default")
    assert stolen.status_code == 404
    assert wallet_of(client, acme).post("payment_intent").status_code == 404


def test_a_bearer_client_gets_payment_methods_as_json(acme, wallet, nobody, url):
    wallet.add()
    token = make_token(acme, make_member(acme, Preset.VIEWER))
    answer = nobody.get(url, headers=bearer(token))
    assert answer.json[0]["last4"] == "4242"
    assert "Set-Cookie" not in answer.headers


def test_two_organizations_of_one_person_have_separate_payment_methods(sign_in, acme, wallet_of):
    person = make_member(acme, Preset.ADMIN, make_account("both@example.org"))
    other = make_organization("Other AG")
    make_member(other, Preset.ADMIN, person)
    client = sign_in(person)
    method = wallet_of(client, acme).add()
    assert wallet_of(client, other).list() == []
    answer = wallet_of(client, other).send("PUT", f"{method['id']}/set_default")
    assert answer.status_code == 404

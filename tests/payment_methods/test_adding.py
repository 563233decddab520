"""Adding: through Stripe's element and the way back, or by attaching what was made at Stripe."""

import pytest
from sqlalchemy import select

from portal.domain.access import Preset
from portal.models import Organization, PaymentMethod
from portal.storage import db
from tests.factories import make_member, make_organization, make_token
from tests.page import JSON, bearer
from tests.payment_methods.browser import (
    ACCOUNT,
    ASKS_BANK,
    CARD,
    DECLINED,
    at_stripe,
    make_method,
    setup_id_of,
    type_in,
)


def come_back(wallet, client_secret: str, **more: str) -> str:
    """Come back from Stripe as a browser does, and return what the list then says."""
    answer = wallet.come_back(client_secret, **more)
    assert (answer.status_code, answer.location) == (303, wallet.url)
    return wallet.client.page(wallet.url).select_one("#notices").text.strip()


def test_the_client_secret_is_of_a_set_up_of_the_organizations_customer(wallet, acme, stripe_url):
    client_secret = wallet.begin()
    setup = at_stripe(stripe_url, f"setup_intents/{setup_id_of(client_secret)}")
    db.session.refresh(acme)
    assert setup["client_secret"] == client_secret
    assert setup["customer"] == acme.stripe_customer_id
    assert setup["usage"] == "off_session"
    assert setup["payment_method_types"] == ["card", "sepa_debit"]
    customer = at_stripe(stripe_url, f"customers/{acme.stripe_customer_id}")
    assert (customer["name"], customer["email"]) == (acme.name, acme.emails[0])
    assert customer["metadata"] == {"organization": str(acme.uid), "customer_number": acme.number}


def test_an_organization_is_a_single_customer_at_stripe(wallet, acme):
    wallet.begin()
    db.session.refresh(acme)
    first = acme.stripe_customer_id
    wallet.begin()
    db.session.refresh(acme)
    assert acme.stripe_customer_id == first


def test_a_stripe_customer_whose_id_was_lost_is_not_made_twice(wallet, acme):
    wallet.begin()
    db.session.refresh(acme)
    first, acme.stripe_customer_id = acme.stripe_customer_id, None
    db.session.commit()
    wallet.begin()
    db.session.refresh(acme)
    assert acme.stripe_customer_id == first


def test_a_new_stripe_customer_is_kept_even_if_attaching_a_method_fails(wallet, acme):
    assert wallet.post("create_and_attach", json={"payment_method_id": "pm_unknown"}).status_code == 404
    db.session.refresh(acme)
    assert acme.stripe_customer_id.startswith("cus_")


def test_the_same_idempotency_key_gives_the_same_client_secret(wallet):
    key = {"Idempotency-Key": "one click"}
    assert wallet.begin(**key) == wallet.begin(**key)
    assert wallet.begin(**key) != wallet.begin(**{"Idempotency-Key": "another click"})
    assert wallet.begin() != wallet.begin()


def test_an_idempotency_key_of_one_account_means_nothing_to_another(wallet, wallet_of, sign_in):
    other = make_organization("Other AG")
    theirs = wallet_of(sign_in(make_member(other, Preset.ADMIN)), other)
    key = {"Idempotency-Key": "the same"}
    assert wallet.begin(**key) != theirs.begin(**key)


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "a\tb"])
def test_an_idempotency_key_is_1_to_255_printable_ascii_characters(wallet, key):
    assert wallet.post("payment_intent", headers={"Idempotency-Key": key}).status_code == 422


def test_beginning_a_set_up_takes_no_fields(wallet):
    assert wallet.post("payment_intent", json={}).status_code == 200
    assert wallet.post("payment_intent", json={"amount": 1}).status_code == 422


def test_a_card_is_listed_when_the_browser_comes_back_from_stripe(wallet, acme):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    assert come_back(wallet, client_secret) == "Your payment method was added."
    (method,) = wallet.list()
    assert method["default"] is True
    row = db.session.scalar(select(PaymentMethod))
    assert wallet.default_at_stripe(acme) == row.stripe_id
    assert row.fingerprint


def test_a_second_payment_method_does_not_become_default(wallet, acme):
    first = wallet.add(CARD)
    second = wallet.add(ACCOUNT)
    assert [(each["id"], each["default"]) for each in wallet.list()] == [
        (first["id"], True),
        (second["id"], False),
    ]
    chosen = db.session.scalar(select(PaymentMethod.stripe_id).where(PaymentMethod.is_default))
    assert wallet.default_at_stripe(acme) == chosen


def test_a_mandate_keeps_its_reference(wallet):
    wallet.add(ACCOUNT)
    row = db.session.scalar(select(PaymentMethod))
    assert len(row.mandate_reference) == 16
    link = wallet.client.page(wallet.url).select_one(".methods li a")
    assert row.mandate_reference in link.text
    assert (link["href"], link["rel"]) == (row.mandate_url, ["noopener", "noreferrer"])


def test_a_viewer_does_not_get_the_link_to_a_mandate(wallet, viewer):
    wallet.add(ACCOUNT)
    row = viewer.page(wallet.url).select_one(".methods li")
    assert "Mandate" in row.text
    assert not row.select("a")


def test_returning_from_stripe_twice_changes_nothing(wallet):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    come_back(wallet, client_secret)
    once = wallet.list()
    come_back(wallet, client_secret)
    assert wallet.list() == once


def test_returning_from_stripe_does_not_bring_back_a_removed_payment_method(wallet):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    come_back(wallet, client_secret)
    (method,) = wallet.list()
    assert wallet.send("DELETE", method["id"]).status_code == 204
    come_back(wallet, client_secret)
    assert wallet.list() == []


def test_the_query_of_the_return_address_is_not_believed(wallet):
    client_secret = wallet.begin()
    assert "not finished" in come_back(wallet, client_secret, redirect_status="succeeded")
    assert wallet.list() == []


def test_the_same_card_added_again_is_one_payment_method_and_keeps_its_place(wallet, acme, stripe_url):
    first = wallet.add(CARD)
    old = db.session.scalar(select(PaymentMethod.stripe_id))
    client_secret = wallet.begin()
    type_in(stripe_url, client_secret, CARD | {"card[exp_year]": "2036"})
    come_back(wallet, client_secret)
    assert wallet.list() == [first | {"exp_year": 2036}]
    new = db.session.scalar(select(PaymentMethod.stripe_id))
    assert new != old
    assert wallet.default_at_stripe(acme) == new
    assert at_stripe(stripe_url, f"payment_methods/{old}")["customer"] is None


def test_a_card_that_is_attached_again_is_one_method(wallet):
    bodies = [{"payment_method_id": make_method(wallet.stripe_url)} for _ in range(2)]
    answers = [wallet.post("create_and_attach", json=each) for each in bodies]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert len(wallet.list()) == 1


def test_the_page_after_a_declined_card_says_that_it_was_declined(wallet):
    client_secret = wallet.begin()
    assert type_in(wallet.stripe_url, client_secret, DECLINED).status_code == 402
    assert come_back(wallet, client_secret) == "Your card was declined."
    assert wallet.list() == []


def test_a_card_that_the_bank_has_not_confirmed_is_not_added(wallet):
    client_secret = wallet.begin()
    type_in(wallet.stripe_url, client_secret, ASKS_BANK)
    assert "not finished" in come_back(wallet, client_secret)
    assert wallet.list() == []


def test_a_set_up_of_another_organization_is_not_found(wallet, wallet_of, sign_in, acme):
    other = make_organization("Other AG")
    theirs = wallet_of(sign_in(make_member(other, Preset.ADMIN)), other)
    client_secret = theirs.begin()
    type_in(wallet.stripe_url, client_secret, CARD)
    assert wallet.come_back(client_secret).status_code == 404
    wallet.begin()  # now a customer too
    assert wallet.come_back(client_secret).status_code == 404
    assert wallet.list() == []


@pytest.mark.parametrize("setup", ["", "seti_unknown", "seti_../customers", "pm_card_visa"])
def test_a_set_up_that_does_not_exist_is_not_found(wallet, url, setup):
    wallet.begin()
    wallet.client.page(f"{url}/return", status=404, query_string={"setup_intent": setup})


def test_a_payment_method_made_at_stripe_can_be_attached(wallet, acme):
    stripe_id = make_method(wallet.stripe_url)
    answer = wallet.post("create_and_attach", json={"payment_method_id": stripe_id})
    assert answer.status_code == 201
    assert answer.json == wallet.list()[0]
    assert answer.json["default"] is True
    assert wallet.default_at_stripe(acme) == stripe_id


def test_attaching_a_payment_method_twice_adds_it_once(wallet):
    body = {"payment_method_id": make_method(wallet.stripe_url)}
    first, second = (wallet.post("create_and_attach", json=body) for _ in range(2))
    assert first.json == second.json
    assert len(wallet.list()) == 1


def test_attaching_a_payment_method_that_the_element_has_set_up_only_stores_it(wallet):
    client_secret = wallet.begin()
    stripe_id = type_in(wallet.stripe_url, client_secret, ACCOUNT).json()["payment_method"]
    answer = wallet.post("create_and_attach", json={"payment_method_id": stripe_id})
    assert (answer.status_code, answer.json["iban"]) == (201, "DE•• •••• 3000")


def test_a_program_attaches_a_payment_method_with_its_token(acme, nobody, url, stripe_url):
    token = make_token(acme, make_member(acme, Preset.BILLING_MANAGER))
    body = {"payment_method_id": "pm_card_mastercard"}
    answer = nobody.post(f"{url}/create_and_attach", json=body, headers=bearer(token))
    assert (answer.status_code, answer.json["brand"]) == (201, "mastercard")


def test_a_declined_card_cannot_be_attached(wallet):
    answer = wallet.post("create_and_attach", json={"payment_method_id": "pm_card_chargeDeclined"})
    assert answer.status_code == 402
    assert answer.json["errors"][0]["code"] == "payment_failed"
    assert answer.json["errors"][0]["message"] == "Your card was declined."
    assert wallet.list() == []


def test_the_payment_method_of_another_customer_is_refused_like_an_unknown_one(wallet, wallet_of, sign_in):
    other = make_organization("Other AG")
    theirs = wallet_of(sign_in(make_member(other, Preset.ADMIN)), other)
    stripe_id = make_method(wallet.stripe_url)
    assert theirs.post("create_and_attach", json={"payment_method_id": stripe_id}).status_code == 201
    answer = wallet.post("create_and_attach", json={"payment_method_id": stripe_id})
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (404, "not_found")
    assert wallet.list() == []


def test_attaching_an_unknown_payment_method_is_404(wallet):
    answer = wallet.post("create_and_attach", json={"payment_method_id": "pm_unknown"})
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (404, "not_found")


def test_a_detached_method_cannot_be_attached_again(wallet):
    stripe_id = make_method(wallet.stripe_url)
    method = wallet.post("create_and_attach", json={"payment_method_id": stripe_id}).json
    wallet.send("DELETE", method["id"])
    answer = wallet.post("create_and_attach", json={"payment_method_id": stripe_id})
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (409, "conflict")
    assert "add it anew" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ('{"payment_method_id": "pm_1", "payment_method_id": "pm_2"}', "application/json", 400),
        ('{"payment_method_id": "pm_1"}', "text/plain", 415),
        ("[]", "application/json", 422),
        ("{}", "application/json", 422),
        ('{"payment_method_id": 1}', "application/json", 422),
        ('{"payment_method_id": "pm_1", "default": true}', "application/json", 422),
        ('{"payment_method_id": "pm_/../customers"}', "application/json", 422),
        ('{"payment_method_id": "4242424242424242"}', "application/json", 422),
    ],
)
def test_an_unusable_body_for_a_payment_method_is_refused_with_the_reason(wallet, body, content_type, status):
    answer = wallet.post("create_and_attach", data=body, content_type=content_type)
    assert answer.status_code == status
    assert "4242" not in str(answer.json["errors"])  # the id of the request may have these digits


def test_a_viewer_may_not_add_a_payment_method(viewer, acme, wallet_of, url):
    wallet = wallet_of(viewer, acme)
    assert wallet.post("payment_intent").status_code == 403
    assert wallet.post("create_and_attach", json={"payment_method_id": "pm_card_visa"}).status_code == 403
    viewer.page(f"{url}/new", status=403)
    viewer.page(f"{url}/return?setup_intent=seti_1", status=403)
    assert db.session.scalar(select(Organization.stripe_customer_id)) is None


@pytest.mark.parametrize("path", ["payment_intent", "create_and_attach"])
def test_adding_a_payment_method_without_csrf_token_is_refused(admin, url, path):
    answer = admin.post(f"{url}/{path}", json={}, headers=JSON)
    assert answer.status_code == 400
    assert db.session.scalar(select(Organization.stripe_customer_id)) is None


def test_the_page_of_the_element_runs_two_scripts(admin, url, stripe_url):
    answer = admin.get(f"{url}/new")
    page = admin.page(f"{url}/new")
    first, second = (script["src"] for script in page.select("script"))
    assert first == f"{stripe_url}/stripe.js"
    assert second.startswith("/static/payment.js?v=")
    policy = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == f"'self' {stripe_url}"
    assert policy["frame-src"] == stripe_url
    assert stripe_url not in admin.get(url).headers["Content-Security-Policy"]


def test_the_page_of_the_element_names_the_return_address_and_holds_no_secret(admin, url):
    form = admin.page(f"{url}/new").select_one("#payment-form")
    assert form["data-return-url"] == f"http://localhost{url}/return"
    assert form["data-key"] == "pk_test_sandbox"
    assert form["action"] == f"{url}/payment_intent"
    assert "_secret_" not in str(form)
    assert db.session.scalar(select(Organization.stripe_customer_id)) is None


def test_the_page_of_the_element_has_no_json_face(admin, url):
    admin.json(f"{url}/new", status=406)

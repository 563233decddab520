"""Choosing the default, and removing."""

import pytest
from sqlalchemy import select

from portal.models import PaymentMethod
from portal.storage import db
from tests.page import htmx
from tests.payment_methods.browser import ACCOUNT, CARD, at_stripe


@pytest.fixture
def two(wallet) -> tuple[dict, dict]:
    """A card, which is the default, and a mandate."""
    return wallet.add(CARD), wallet.add(ACCOUNT)


def stripe_id_of(method: dict) -> str:
    rows = db.session.scalars(select(PaymentMethod)).all()
    return next(row.stripe_id for row in rows if str(row.uid) == method["id"])


@pytest.mark.parametrize("verb", ["PUT", "POST"])
def test_a_program_chooses_the_default_payment_method_and_gets_it(wallet, two, acme, verb):
    card, mandate = two
    answer = wallet.send(verb, f"{mandate['id']}/set_default")
    assert answer.status_code == 200
    assert answer.json == mandate | {"default": True}
    assert wallet.list() == [mandate | {"default": True}, card | {"default": False}]
    assert wallet.default_at_stripe(acme) == stripe_id_of(mandate)


def test_choosing_the_default_payment_method_again_changes_nothing(wallet, two):
    card, _ = two
    before = wallet.list()
    assert wallet.send("PUT", f"{card['id']}/set_default").json == card
    assert wallet.list() == before


def test_a_browser_is_sent_to_the_list_after_changing_a_payment_method(wallet, two, admin, url):
    admin.page(url)
    answer = admin.submit(f"{url}/{two[1]['id']}/set_default")
    assert (answer.status_code, answer.location) == (303, url)
    row = admin.page(url).select_one(".methods li")
    assert "SEPA Direct Debit" in row.text
    assert row.select_one(".badge").text == "Default"


def test_htmx_is_led_to_the_list_after_changing_a_payment_method(wallet, two, admin, url):
    admin.page(url)
    headers = htmx("payment_method_list") | {"X-CSRFToken": admin.csrf_token}
    answer = admin.post(f"{url}/{two[1]['id']}/set_default", headers=headers)
    assert answer.status_code == 303
    shown = admin.page(answer.location, headers=htmx("payment_method_list"))
    assert shown.find()["id"] == "payment_method_list"


def test_the_buttons_beside_a_payment_method_choose_and_remove_it(wallet, two, admin, url):
    row = admin.page(url).select(".methods li")[1]
    default, removal = row.select("form")
    assert default["action"] == default["hx-post"] == f"{url}/{two[1]['id']}/set_default"
    assert removal["action"] == removal["hx-post"] == f"{url}/{two[1]['id']}/remove"
    token = removal.select_one("[name=csrf_token]")["value"]
    assert admin.post(removal["action"], data={"csrf_token": token}).status_code == 303
    assert wallet.list() == [two[0]]


def test_a_removed_payment_method_is_gone_in_the_portal_and_at_stripe(wallet, two, stripe_url):
    stripe_id = stripe_id_of(two[1])
    answer = wallet.send("DELETE", two[1]["id"])
    assert (answer.status_code, answer.data) == (204, b"")
    assert wallet.list() == [two[0]]
    assert at_stripe(stripe_url, f"payment_methods/{stripe_id}")["customer"] is None
    assert wallet.send("DELETE", two[1]["id"]).status_code == 404


def test_a_payment_method_that_is_gone_at_stripe_can_still_be_removed(wallet, two, stripe_url):
    stripe_id = stripe_id_of(two[1])
    assert (
        at_stripe(stripe_url, f"payment_methods/{stripe_id}/detach", **{"expand[]": "customer"})["id"]
        == stripe_id
    )
    assert wallet.send("DELETE", two[1]["id"]).status_code == 204
    assert wallet.list() == [two[0]]


def test_the_default_payment_method_cannot_be_removed_while_others_exist(wallet, two, admin, url, stripe_url):
    answer = wallet.send("DELETE", two[0]["id"])
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (409, "conflict")
    assert "Make another one the default first" in answer.json["errors"][0]["message"]
    assert len(wallet.list()) == 2
    assert at_stripe(stripe_url, f"payment_methods/{stripe_id_of(two[0])}")["customer"]


def test_the_default_payment_method_can_be_removed_once_its_successor_is_named(wallet, two, acme):
    answer = wallet.send("DELETE", f"{two[0]['id']}?new_default={two[1]['id']}")
    assert answer.status_code == 204
    assert wallet.list() == [two[1] | {"default": True}]
    assert wallet.default_at_stripe(acme) == stripe_id_of(two[1])


def test_removing_the_default_payment_method_on_the_page_needs_a_successor(wallet, two, admin, url):
    form = admin.page(url).select_one(".methods li form")
    assert "Which one comes first from now on?" in form.text
    (choice,) = form.select("[name=new_default]")
    answer = admin.submit(form["action"], new_default=choice["value"])
    assert (answer.status_code, answer.location) == (303, url)
    assert wallet.list() == [two[1] | {"default": True}]


@pytest.mark.parametrize("who", ["itself", "nobody", "nonsense"])
def test_the_successor_has_to_be_another_payment_method_of_the_organization(wallet, two, acme, who):
    successor, status = {"itself": (two[0]["id"], 409), "nobody": (acme.uid, 404), "nonsense": ("x", 422)}[
        who
    ]
    answer = wallet.send("DELETE", f"{two[0]['id']}?new_default={successor}")
    assert answer.status_code == status
    assert wallet.list() == list(two)


def test_removing_the_last_payment_method_promises_nothing_of_invoices(wallet, admin, url):
    wallet.add()
    form = admin.page(url).select_one(".methods details form")
    assert form.p.text == "Remove Visa •••• 4242? To use it again, you would have to add it anew."


def test_the_old_default_payment_method_can_be_removed_once_another_is_chosen(wallet, two):
    wallet.send("PUT", f"{two[1]['id']}/set_default")
    assert wallet.send("DELETE", two[0]["id"]).status_code == 204


def test_the_last_payment_method_can_be_removed(wallet, admin, url):
    method = wallet.add()
    assert wallet.send("DELETE", method["id"]).status_code == 204
    assert admin.page(url).select_one(".empty")
    assert wallet.add()["default"] is True


def test_a_viewer_may_not_change_payment_methods(two, viewer, acme, wallet, wallet_of):
    theirs = wallet_of(viewer, acme)
    answers = [
        theirs.send("PUT", f"{two[1]['id']}/set_default"),
        theirs.send("POST", f"{two[1]['id']}/set_default"),
        theirs.send("DELETE", two[1]["id"]),
        theirs.send("POST", f"{two[1]['id']}/remove"),
    ]
    assert [each.status_code for each in answers] == [403] * 4
    assert len(wallet.list()) == 2


def test_no_payment_method_changes_without_csrf_token(wallet, two, admin, url):
    for path in (f"{two[1]['id']}/set_default", f"{two[1]['id']}/remove"):
        assert admin.post(f"{url}/{path}").status_code == 400
    assert admin.delete(f"{url}/{two[1]['id']}").status_code == 400
    assert wallet.list() == list(two)


def test_changing_a_payment_method_that_does_not_exist_is_404(wallet, two, acme):
    assert wallet.send("PUT", f"{acme.uid}/set_default").status_code == 404
    assert wallet.send("DELETE", str(acme.uid)).status_code == 404
    assert wallet.send("DELETE", stripe_id_of(two[0])).status_code == 404

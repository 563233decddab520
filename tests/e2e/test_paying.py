"""How a person adds, chooses and removes a payment method, with Stripe's stand-in in its own frame."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in

pytestmark = pytest.mark.browser
CARD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
SECURE_CARD = "4000 0027 6000 3184"


def open_form(page: Page):
    page.get_by_role("link", name="Payment methods").first.click()
    page.get_by_role("link", name="Add payment method").first.click()
    frame = page.frame_locator('iframe[title="Secure payment input frame"]')
    expect(page.get_by_role("button", name="Save payment method")).to_be_enabled()
    return frame


def type_card(page: Page, frame, number: str) -> None:
    frame.get_by_label("Card number").fill(number)
    frame.get_by_label("Expiration date").fill("12 / 34")
    frame.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Save payment method").click()


def methods(page: Page):
    return page.locator("#payment_method_list ul.methods > li")


def test_cards_and_mandates_are_added_chosen_and_removed(page):
    sign_in(page, "admin@sakura.example")
    type_card(page, open_form(page), CARD)
    expect(methods(page)).to_have_count(1)
    expect(methods(page).first).to_contain_text("4242")
    expect(methods(page).first).to_contain_text("Default")
    assert "setup_intent" not in page.url

    frame = open_form(page)
    frame.get_by_label("SEPA Direct Debit").check(force=True)
    frame.get_by_label("IBAN").fill("DE89 3704 0044 0532 0130 00")
    frame.get_by_label("Full name").fill("Erika Muster")
    frame.get_by_label("Email").fill("erika@example.org")
    page.get_by_role("button", name="Save payment method").click()
    expect(methods(page)).to_have_count(2)
    sepa = methods(page).filter(has_text="SEPA")
    expect(sepa).to_contain_text("DE•• •••• 3000")

    sepa.get_by_role("button", name=re.compile("Make default")).click()
    expect(methods(page).filter(has_text="SEPA")).to_contain_text("Default")
    card = methods(page).filter(has_text="4242")
    expect(card).not_to_contain_text("Default")
    card.locator("summary").click()
    card.get_by_role("button", name=re.compile("Remove")).click()
    expect(methods(page)).to_have_count(1)


def test_a_declined_card_stays_on_the_form_and_says_why(page):
    sign_in(page, "billing@redwood.example")
    type_card(page, open_form(page), DECLINED)
    expect(page.get_by_role("alert").filter(has_text="declined")).to_be_visible()
    expect(page.get_by_role("button", name="Save payment method")).to_be_enabled()
    page.goto("/")
    page.get_by_role("link", name="Payment methods").first.click()
    expect(methods(page)).to_have_count(0)


def test_the_bank_asks_and_the_person_approves_or_refuses(page):
    sign_in(page, "admin@redwood.example")
    type_card(page, open_form(page), SECURE_CARD)
    page.get_by_role("button", name="Refuse").click()
    expect(page.locator("#notices")).not_to_be_empty()
    expect(methods(page)).to_have_count(0)
    type_card(page, open_form(page), SECURE_CARD)
    page.get_by_role("button", name="Approve").click()
    expect(methods(page)).to_have_count(1)


def test_the_card_number_goes_to_stripe_alone(page, portal):
    seen = []
    page.on("request", lambda request: seen.append((request.url, request.post_data or "")))
    sign_in(page, "billing@sakura.example")
    type_card(page, open_form(page), "5555 5555 5555 4444")
    expect(methods(page).filter(has_text="4444")).to_be_visible()
    with_number = [url for url, body in seen if "5555" in body.replace("+", "").replace("%20", "")]
    assert with_number
    assert not [url for url in with_number if url.startswith(portal.url)]


def test_a_viewer_sees_no_buttons_and_gets_403(page, portal):
    sign_in(page, "viewer@hanse.example")
    page.get_by_role("link", name="Payment methods").first.click()
    expect(methods(page)).to_have_count(1)
    expect(page.get_by_role("button", name=re.compile("default|Remove"))).to_have_count(0)
    expect(page.get_by_role("link", name="Add payment method")).to_have_count(0)
    page.expected_messages.append(
        "error: Failed to load resource: the server responded with a status of 403 (FORBIDDEN)"
    )
    answer = page.goto(page.url + "/new")
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not see this")

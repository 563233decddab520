"""How a person adds, chooses and removes a payment method, with Stripe's stand-in in its own frame."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in

pytestmark = pytest.mark.browser
CARD = "4242 4242 4242 4242"
UNREACHABLE = "error: Failed to load resource: net::ERR_FAILED"
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


def method(page: Page, text: str):
    """Return the row of a method; what another row offers to succeed it does not count."""
    return methods(page).filter(has=page.locator(".what", has_text=text))


def asked(page: Page, ending: str) -> list:
    """Collect the requests of a page whose address ends so."""
    found = []
    page.on("request", lambda request: found.append(request) if request.url.endswith(ending) else None)
    return found


def remove_all(page: Page) -> None:
    """Leave the person's organization as it was found."""
    while methods(page).count():
        before = methods(page).count()
        row = methods(page).last
        row.locator("summary").click()
        row.get_by_role("button", name=re.compile("^Remove")).click()
        expect(methods(page)).to_have_count(before - 1)


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
    sepa = method(page, "SEPA")
    expect(sepa).to_contain_text("DE•• •••• 3000")

    sepa.get_by_role("button", name=re.compile("Make default")).click()
    expect(method(page, "SEPA")).to_contain_text("Default")
    card = method(page, "4242")
    expect(card).not_to_contain_text("Default")
    card.locator("summary").click()
    card.get_by_role("button", name=re.compile("Remove")).click()
    expect(methods(page)).to_have_count(1)

    with page.context.expect_page() as opened:
        sepa.get_by_role("link", name=re.compile("Mandate")).click()
    expect(opened.value.get_by_role("heading", level=1)).to_contain_text("andate")
    opened.value.close()
    sepa.locator("summary").click()
    expect(sepa).to_contain_text("To use it again, you would have to add it anew.")
    sepa.get_by_role("button", name=re.compile("^Remove")).click()
    expect(page.get_by_role("heading", name="No payment method yet")).to_be_visible()


def test_the_default_payment_method_is_removed_by_naming_its_successor(page):
    sign_in(page, "admin@sakura.example")
    type_card(page, open_form(page), CARD)
    type_card(page, open_form(page), "5555 5555 5555 4444")
    expect(methods(page)).to_have_count(2)
    first = methods(page).first
    first.locator("summary").click()
    expect(first.get_by_role("radio", name=re.compile("4444"))).to_be_checked()
    first.get_by_role("button", name=re.compile("^Remove")).click()
    expect(methods(page)).to_have_count(1)
    expect(methods(page).first).to_contain_text("4444")
    expect(methods(page).first).to_contain_text("Default")
    remove_all(page)


def test_a_double_click_saves_a_payment_method_once(page):
    sign_in(page, "admin@sakura.example")
    begun = asked(page, "/payment_intent")
    frame = open_form(page)
    confirmed = asked(page, "/confirm")
    frame.get_by_label("Card number").fill(CARD)
    frame.get_by_label("Expiration date").fill("12 / 34")
    frame.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Save payment method").dblclick()
    expect(methods(page)).to_have_count(1)
    assert (len(begun), len(confirmed)) == (1, 1)
    remove_all(page)


def test_a_retry_after_a_lost_connection_begins_no_second_set_up(page):
    sign_in(page, "admin@sakura.example")
    begun = asked(page, "/payment_intent")
    page.route("**/payment_intent", lambda route: route.abort())
    page.expected_messages.append(UNREACHABLE)
    page.get_by_role("link", name="Payment methods").first.click()
    page.get_by_role("link", name="Add payment method").first.click()
    expect(page.get_by_role("alert").filter(has_text="connection was lost")).to_be_visible()
    page.unroute("**/payment_intent")
    page.get_by_role("button", name="Try again").click()
    frame = page.frame_locator('iframe[title="Secure payment input frame"]')
    expect(page.get_by_role("button", name="Save payment method")).to_be_enabled()
    expect(page.get_by_role("alert").filter(has_text="connection was lost")).to_have_count(0)
    assert len({request.headers["idempotency-key"] for request in begun}) == 1
    assert len(begun) == 2

    page.route("**/confirm", lambda route: route.abort())
    page.expected_messages.append(UNREACHABLE)
    type_card(page, frame, CARD)
    expect(page.get_by_role("alert").filter(has_text="connection was lost")).to_be_visible()
    page.unroute("**/confirm")
    page.get_by_role("button", name="Save payment method").click()
    expect(methods(page)).to_have_count(1)
    remove_all(page)


def test_a_set_up_whose_answer_was_lost_is_found_by_trying_again(page):
    sign_in(page, "admin@sakura.example")
    frame = open_form(page)

    def lose_the_answer(route) -> None:
        route.fetch()
        route.abort()

    page.route("**/confirm", lose_the_answer)
    page.expected_messages.append(UNREACHABLE)
    type_card(page, frame, CARD)
    expect(page.get_by_role("alert").filter(has_text="connection was lost")).to_be_visible()
    page.unroute("**/confirm")
    page.get_by_role("button", name="Save payment method").click()
    expect(methods(page)).to_have_count(1)
    expect(page.locator("#notices")).to_contain_text("was added")
    remove_all(page)


def test_a_card_is_added_by_keyboard_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(page, "admin@sakura.example")
    frame = open_form(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    frame.get_by_label("Card number").focus()
    for text in ("4242424242424242", "1234", "123"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Save payment method").focus()
    page.keyboard.press("Enter")
    expect(methods(page)).to_have_count(1)
    remove_all(page)


def test_the_payment_form_speaks_the_language_of_the_page(page):
    sign_in(page, "admin@sakura.example")

    page.add_init_script(
        "document.addEventListener('readystatechange', () => { document.documentElement.lang = 'de'; })"
    )
    frame = open_form(page)
    expect(frame.get_by_label("Kartennummer")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_payment_form_has_the_colours_of_the_portal_in_both_themes(page, scheme):
    page.emulate_media(color_scheme=scheme)
    sign_in(page, "admin@sakura.example")
    frame = open_form(page)
    text = "document.defaultView.getComputedStyle(document.querySelector('label')).color"
    ours = page.evaluate("getComputedStyle(document.body).color")
    assert frame.locator("body").evaluate(f"() => {text}") == ours
    other = {"light": "dark", "dark": "light"}[scheme]
    page.emulate_media(color_scheme=other)
    expect(page.locator("#payment-element iframe")).to_have_css("color-scheme", other)


def test_only_the_page_of_the_payment_form_loads_stripe_and_it_runs_two_scripts(page, portal):
    origins = set()
    page.on("request", lambda request: origins.add(request.url.split("/")[2]))
    sign_in(page, "admin@hanse.example")
    for path in ("/", "/billing/usage", "/invoices", "/subscriptions"):
        page.goto(path)
    page.get_by_role("link", name="Payment methods").first.click()
    expect(methods(page)).to_have_count(1)
    ours = portal.url.removeprefix("http://")
    assert origins == {ours}
    open_form(page)
    assert len(origins) == 2
    scripts = page.evaluate("[...document.scripts].map((each) => new URL(each.src).pathname)")
    assert sorted(scripts) == ["/static/payment.js", "/stripe.js"]


def test_a_declined_card_stays_on_the_payment_form_with_the_reason(page):
    sign_in(page, "billing@redwood.example")
    type_card(page, open_form(page), DECLINED)
    expect(page.get_by_role("alert").filter(has_text="declined")).to_be_visible()
    expect(page.get_by_role("button", name="Save payment method")).to_be_enabled()
    page.goto("/")
    page.get_by_role("link", name="Payment methods").first.click()
    expect(methods(page)).to_have_count(0)


def test_a_person_approves_or_refuses_a_card_when_its_bank_asks(page):
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
    expect(method(page, "4444")).to_be_visible()
    with_number = [url for url, body in seen if "5555" in body.replace("+", "").replace("%20", "")]
    assert with_number
    assert not [url for url in with_number if url.startswith(portal.url)]


def test_a_viewer_sees_no_buttons_for_payment_methods_and_gets_403(page, portal):
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

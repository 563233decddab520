"""What the sandbox serves to a browser keeps to the rules its pages set for themselves."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from portal.sandbox import stripe
from tests.sandbox.stripe_client import raw_call

STATIC = Path(stripe.__file__).parent / "static"


def fetched(sandbox, path):
    """Buffered, so that the file behind the answer is closed."""
    return sandbox.test_client().get(path, buffered=True)


@pytest.mark.parametrize("page", ["element.html", "controller.html"])
def test_the_frame_of_the_payment_element_allows_no_inline_script_or_style(sandbox, page):
    answer = fetched(sandbox, f"/{page}")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    document = BeautifulSoup(answer.text, "html.parser")
    assert all(script["src"] and not script.string for script in document.find_all("script"))
    assert not document.find_all("style")
    assert not [tag for tag in document.find_all(True) if "style" in tag.attrs]


def test_every_field_of_the_payment_element_is_labelled(sandbox):
    document = BeautifulSoup(fetched(sandbox, "/element.html").text, "html.parser")
    labels = {label.get("for"): label.get_text(strip=True) for label in document.find_all("label")}
    fields = [field["id"] for field in document.find_all("input") if field.get("type") != "radio"]
    assert [labels[field] for field in fields] == [
        "Card number",
        "Expiration date",
        "Security code",
        "IBAN",
        "Full name",
        "Email",
    ]
    tabs = [tab.get_text(strip=True) for tab in document.select("label.tab")]
    assert tabs == ["Card", "SEPA Direct Debit"]


def test_the_payment_element_of_the_sandbox_says_that_it_is_a_sandbox(sandbox):
    notice = BeautifulSoup(fetched(sandbox, "/element.html").text, "html.parser").select_one(".notice span")
    assert notice.text == "Sandbox: a stand-in for Stripe. Test numbers only, no real card or account."


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_script_of_the_stripe_sandbox_writes_to_the_console_or_to_any_origin(script):
    text = script.read_text(encoding="utf-8")
    assert not re.search(r"\bconsole\.[a-z]", text)
    assert "'*'" not in text
    assert "innerHTML" not in text


def test_no_other_origin_may_call_the_api_of_the_stripe_sandbox(sandbox):
    answer = sandbox.test_client().get("/v1/customers", headers={"Origin": "http://portal.test"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", ["/stripe.js", "/favicon.ico", "/assets/element.js", "/assets/element.css"])
def test_every_file_that_pages_of_the_stripe_sandbox_refer_to_exists(sandbox, path):
    assert fetched(sandbox, path).status_code == 200


def test_unlisted_pages_of_the_stripe_sandbox_may_load_nothing(sandbox):
    answer = fetched(sandbox, "/assets/element.html")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_start_page_of_the_stripe_sandbox_shows_numbers_events_and_faults(sandbox, api, customer):
    assert "No faults." in fetched(sandbox, "/").text
    raw_call(sandbox, "POST", "/v1/sandbox/faults", kind="lost", times=3)
    raw_call(sandbox, "POST", "/v1/sandbox/webhooks", delivery="held")
    page = BeautifulSoup(fetched(sandbox, "/").text, "html.parser")
    text = " ".join(page.get_text(" ").split())
    assert "lost for all calls to /v1/*, 3 more: it was done" in text
    assert "Webhooks: held, 0 waiting." in text
    rows = [[cell.get_text() for cell in row.find_all("td")] for row in page.select("tbody tr")]
    assert rows[0][1:] == ["customer.created", customer.id]
    assert ["4242 4242 4242 4242", "visa", "works"] in rows
    assert ["DE62 3704 0044 0532 0130 01", "SEPA debit", "works, and its mandate ends a minute later"] in rows
    policy = fetched(sandbox, "/").headers["Content-Security-Policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy

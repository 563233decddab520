"""Every page on a desk and on a phone, by day and by night: accessible, nothing cut off, a quiet console."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import sign_in

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # to describe every element that is right as well takes most of the time
}


def paths(portal) -> list[str]:
    organization = portal.organization_id("Hanse Analytics GmbH")
    return [
        "/",
        f"/organizations/{organization}/profile",
        "/account",
        "/login/confirm",
        f"/organizations/{organization}/tokens",
        f"/organizations/{organization}/audit",
        "/billing/usage",
        "/billing/usage?month=2026-01&by=project",
        "/billing/usage?day=2026-02-13",
        "/invoices",
        "/subscriptions",
        f"/organizations/{organization}/invoices",
        f"/organizations/{organization}/payment_methods",
    ]


@pytest.mark.parametrize(("width", "scheme"), list(itertools.product(WIDTHS, SCHEMES)))
def test_every_page_is_accessible_and_fits(chromium, portal, width, scheme):
    context = chromium.new_context(
        base_url=portal.url, viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-IE"
    )
    page = context.new_page()
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    problems = []
    for path in ("/demo/mails", "/login/forgot", "/login/reset", "/login"):
        page.goto(path)
        problems += look(page, path, width)
    sign_in(page, "admin@hanse.example")
    for path in paths(portal):
        page.goto(path)
        problems += look(page, path, width)
    for path, selector in (
        ("/invoices", "#invoice_list tbody tr:nth-child(2) a"),
        ("/subscriptions", "#subscription_list tbody a"),
        (paths(portal)[-2], "#legal_invoice_list tbody a"),
    ):
        page.goto(path)
        page.locator(selector).first.click()
        page.wait_for_load_state()
        problems += look(page, page.url, width)
    context.close()
    assert not problems
    assert not messages


def look(page, path: str, width: int) -> list[str]:
    found = []
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append(f"{path}: wider than {width}")
    for violation in Axe().run(page, options=RULES).response["violations"]:
        nodes = [node["html"][:160] for node in violation["nodes"][:3]]
        found.append(f"{path}: {violation['id']}: {nodes}")
    return found

"""What a person reads: usage down to an hour, invoices down to their hours, the legal document's PDF."""

import re

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from tests.e2e.conftest import sign_in

pytestmark = pytest.mark.browser


def cents(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def test_a_person_signs_in_and_out_again(page):
    page.goto("/invoices")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_label("E-mail address").fill("admin@hanse.example")
    page.get_by_label("Password").fill("wrong password")
    page.expected_messages.append(
        "error: Failed to load resource: the server responded with a status of 422 (UNPROCESSABLE ENTITY)"
    )
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="do not go together")).to_be_visible()
    page.get_by_label("Password").fill("demo-portal-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Invoices")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/invoices")
    expect(page).to_have_url(re.compile("/login"))


def test_the_chart_is_read_by_month_by_day_and_by_hour(page):
    sign_in(page, "viewer@hanse.example")
    page.get_by_role("link", name="Usage", exact=True).first.click()
    chart = page.locator("figure.chart")
    expect(chart.locator("svg a")).to_have_count(10)
    page.get_by_label("Month", exact=True).select_option("2026-02")
    expect(page).to_have_url(re.compile("month=2026-02"))
    expect(chart.locator("svg a")).to_have_count(28)
    page.get_by_role("link", name="By project").click()
    expect(chart.locator(".legend")).to_contain_text("web-shop")
    chart.get_by_role("link", name=re.compile("Fri 13 Feb")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Friday 13 February 2026")
    hours = page.locator("table.hours").first.locator("tbody tr")
    expect(hours).to_have_count(24)
    total = cents(page.locator(".stats dd").first.inner_text())
    amounts = page.locator("table.hours tbody tr td:last-child").all_inner_texts()
    assert sum(map(cents, amounts)) == total
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage")


def test_the_keyboard_walks_through_the_days_of_the_chart(page):
    sign_in(page, "viewer@hanse.example")
    page.goto("/billing/usage?month=2026-02")
    days = page.locator("figure.chart svg a")
    days.last.focus()
    page.keyboard.press("ArrowLeft")
    expect(days.nth(26)).to_be_focused()
    expect(page.locator(".tooltip")).to_contain_text("27 Feb")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Friday 27 February 2026")


def test_a_line_of_an_invoice_leads_to_hours_that_add_up_to_it(page):
    sign_in(page, "developer@hanse.example")
    page.goto("/invoices")
    page.get_by_role("link", name="January 2026").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("January 2026")
    line = page.locator("table.cost tbody tr").filter(has_text="Managed PostgreSQL").first
    amount = cents(line.locator("td").last.inner_text())
    line.get_by_role("link").click()
    hours = page.locator("table.hours tbody tr")
    expect(hours).to_have_count(744)
    assert sum(map(cents, hours.locator("td:last-child").all_inner_texts())) == amount
    assert cents(page.locator("table.hours tfoot td").last.inner_text()) == amount


def test_the_downloaded_legal_invoice_says_the_same_as_the_page(page):
    sign_in(page, "viewer@hanse.example")
    page.goto("/")
    page.get_by_role("link", name="Legal invoices").click()
    page.locator("#legal_invoice_list tbody tr a").first.click()
    number = page.get_by_role("heading", level=1).inner_text().split()[-1]
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("PDF")).first.click()
    document = PdfReader(download.value.path())
    text = "".join(sheet.extract_text() for sheet in document.pages)
    assert number in text


def test_every_reading_page_works_without_a_script(chromium, portal):
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, "viewer@hanse.example")
    page.goto("/billing/usage?month=2026-01")
    page.locator("figure.chart svg a").first.click(force=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Thursday 1 January 2026")
    page.goto("/billing/usage")
    page.get_by_label("Month", exact=True).select_option("2026-02")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("figure.chart svg a")).to_have_count(28)
    context.close()

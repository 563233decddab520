"""The page of usage: the same numbers as the JSON, for people; and its fragment."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup

from portal.domain.access import Preset
from portal.models import Metering
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
    use_all_hours,
)
from tests.page import bearer, htmx

URL = "/billing/usage"


def text_of(element):
    return " ".join(element.text.split())


def cents(text):
    return int(re.sub(r"[^\d]", "", text))


def cost_rows(soup):
    """Return (kind, name, amount) of each row of the table of costs."""
    rows = []
    for row in soup.select("table.cost tbody tr"):
        kind = "project" if "group" in row.get("class", []) else "product"
        rows.append((kind, text_of(row.th), text_of(row.select("td")[-1])))
    return rows


def stats(soup):
    return {text_of(each.dt): text_of(each.dd) for each in soup.select(".stats dl")}


@pytest.fixture
def january(viewer, history):
    return viewer.page(f"{URL}?month=2026-01")


def test_the_page_of_usage_shows_the_total_of_the_json(viewer, january):
    total = viewer.json(f"{URL}?month=2026-01")["total"]["cents"]

    assert cents(stats(january)["Cost"]) == total
    assert cents(text_of(january.select("table.cost tfoot td")[-1])) == total


def test_the_products_of_a_project_add_up_to_its_total_on_the_page(january):
    sums, shown, name = {}, {}, ""
    for kind, label, amount in cost_rows(january):
        if kind == "project":
            name, shown[label] = label, cents(amount)
        else:
            sums[name] = sums.get(name, 0) + cents(amount)

    assert set(shown) == {"production", "staging", "Organization"}
    assert sums == shown


def test_the_columns_of_the_chart_add_up_to_the_total_of_the_page(viewer, january):
    total = viewer.json(f"{URL}?month=2026-01")["total"]["cents"]
    days = [cents(text_of(row.select("td")[-1])) for row in january.select("details.values tbody tr")]

    assert (len(days), sum(days)) == (31, total)


def test_the_chart_by_project_stacks_projects(viewer, history):
    soup = viewer.page(f"{URL}?month=2026-01&by=project")

    assert {text_of(each) for each in soup.select(".legend li")} == {"production", "staging", "Organization"}
    assert text_of(soup.select_one(".segments [aria-current]")) == "By project"


def test_the_chart_by_product_stacks_products(january):
    assert {text_of(each) for each in january.select(".legend li")} == {"vm.medium", "storage", "support"}


def test_the_month_picker_offers_every_month_since_the_first_subscription(viewer, history):
    options = viewer.page(URL).select("#month option")

    assert [each["value"] for each in options] == ["2026-03", "2026-02", "2026-01"]
    assert [each["value"] for each in options if each.has_attr("selected")] == ["2026-03"]


def test_the_usage_of_the_previous_month_is_one_click_away(viewer, acme, history):
    href = viewer.page(URL).select_one('[aria-label="Previous month"]')["href"]

    assert parse_qs(urlsplit(href).query) == {
        "organization_id": [str(acme.uid)],
        "month": ["2026-02"],
        "by": ["product"],
    }
    assert viewer.page(href).select_one("#month [selected]")["value"] == "2026-02"


def test_the_first_month_has_no_previous_and_the_current_month_no_next_link(viewer, history):
    assert not viewer.page(f"{URL}?month=2026-01").select('[aria-label="Previous month"]')
    assert not viewer.page(URL).select('[aria-label="Next month"]')


def test_a_window_of_other_dates_selects_no_month_of_the_picker(viewer, history):
    soup = viewer.page(f"{URL}?from=2026-01-05&to=2026-01-20")

    assert text_of(soup.select_one("#month [selected]")) == "Other dates"


def test_each_column_of_the_chart_leads_to_its_day(viewer, january):
    links = january.select("svg a")

    assert len(links) == 31
    assert viewer.page(links[12]["href"]).h1.text == "Tuesday 13 January 2026"


def test_the_page_of_a_day_shows_hours_that_add_up(viewer, history):
    soup = viewer.page(f"{URL}?day=2026-01-13")
    total = viewer.json(f"{URL}?day=2026-01-13")["total"]["cents"]
    lines = []
    for table in soup.select("table.hours"):
        hours = [cents(text_of(row.select("td")[-1])) for row in table.select("tbody tr")]
        lines.append(cents(text_of(table.select("tfoot td")[-1])))
        assert sum(hours) == lines[-1]

    assert len(soup.select("table.hours")) == 4
    assert sum(lines) == total == cents(stats(soup)["Cost"])


def test_the_page_of_a_day_leads_to_the_days_beside_it(viewer, history):
    soup = viewer.page(f"{URL}?day=2026-01-01")

    assert "day=2025-12-31" in soup.select_one('[aria-label="Previous day"]')["href"]
    assert "day=2026-01-02" in soup.select_one('[aria-label="Next day"]')["href"]


def test_each_line_on_the_page_of_usage_leads_to_its_hours(viewer, history):
    soup = viewer.page(f"{URL}?month=2026-01")
    link = soup.select_one("table.cost tbody a")
    amount = text_of(link.find_parent("tr").select("td")[-1])
    hours = viewer.page(link["href"])

    assert hours.h1.text == "storage, production"
    assert text_of(hours.select("table.hours tfoot td")[-1]) == amount
    assert text_of(hours.select_one("table.hours tfoot th")) == "59 hours"


def test_a_long_window_of_usage_has_no_links_to_hours(viewer, history):
    soup = viewer.page(f"{URL}?from=2026-01-01&to=2026-03-20")

    assert {"vm.medium", "storage", "support"} <= {name for _, name, _ in cost_rows(soup)}
    assert not soup.select("table.cost tbody a")
    assert not soup.select('a[href="#"]')


def test_a_line_whose_usage_is_shown_by_day_says_so(viewer, history):
    soup = viewer.page(f"{URL}?month=2026-01&product_id={history.vm.uid}")

    assert text_of(soup.select_one("#hours")) == "Every day"
    assert text_of(soup.select_one("table.hours tfoot th")) == "31 days"


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("project", "production"),
        ("product", "storage"),
        ("both", "storage, production"),
        ("none", "Organization"),
    ],
)
def test_the_heading_of_the_page_of_usage_names_its_project_and_product(viewer, history, asked, title):
    only = {
        "project": {"project_id": history.production.uid},
        "product": {"product_id": history.storage.uid},
        "both": {"project_id": history.production.uid, "product_id": history.storage.uid},
        "none": {"project_id": "none"},
    }
    soup = viewer.page(URL, query_string={"month": "2026-01"} | only[asked])

    assert soup.h1.text == title


def test_the_page_of_a_line_without_usage_is_friendly(viewer, history):
    soup = viewer.page(f"{URL}?month=2026-02&granularity=hour&product_id={history.vm.uid}")

    assert "No usage in this time" in soup.main.text


def test_a_price_that_changes_shows_two_lines_on_the_page_of_usage(viewer, cheaper):
    rows = viewer.page(f"{URL}?month=2026-01").select("table.cost tbody tr:not(.group)")
    prices = [text_of(row.select_one(".wide-only")) for row in rows if text_of(row.th) == "vm.medium"]

    assert prices == ["€0.005", "€0.00694"]


def test_idle_projects_are_named_on_the_page_of_usage(viewer, acme, history):
    make_project(acme, "archive")

    assert "No usage in this time: archive." in text_of(viewer.page(f"{URL}?month=2026-01").main)


def test_the_page_of_usage_compares_a_month_with_the_month_before(viewer, history):
    use_all_hours(history.vm_subscription, FEBRUARY)
    soup = viewer.page(f"{URL}?month=2026-02&by=project")

    assert "−" in stats(soup)["Against January 2026"]


def test_the_running_month_is_compared_with_the_same_days_of_the_month_before(viewer, acme):
    subscription = make_subscription(acme, make_product("vm", "1"))
    first = FEBRUARY.start_hour
    use(subscription, {first: 10, first + 30: 99, MARCH.start_hour: 10, MARCH.start_hour + 9: 5})

    assert stats(viewer.page(URL))["Against February 2026"] == "+50.0%"


def test_htmx_gets_only_the_fragment_of_usage(viewer, history):
    response = viewer.get(f"{URL}?month=2026-01", headers=htmx("usage"))
    soup = BeautifulSoup(response.text, "html.parser")

    assert not soup.html
    assert soup.find(True)["id"] == "usage"
    assert len(soup.find_all(True, recursive=False)) == 1


@pytest.mark.parametrize("target", ["main", "usage2", "invoice_list", "", "content"])
def test_an_unknown_htmx_target_gets_the_whole_page_of_usage(viewer, history, target):
    response = viewer.get(URL, headers=htmx(target))

    assert BeautifulSoup(response.text, "html.parser").html


def test_a_history_restore_of_htmx_gets_the_whole_page_of_usage(viewer, history):
    headers = htmx("usage") | {"HX-History-Restore-Request": "true"}

    assert BeautifulSoup(viewer.get(URL, headers=headers).text, "html.parser").html


def test_the_fragment_of_usage_has_the_numbers_of_the_page(viewer, january):
    fragment = BeautifulSoup(viewer.get(f"{URL}?month=2026-01", headers=htmx("usage")).text, "html.parser")

    assert cost_rows(fragment) == cost_rows(january)


@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/html,application/json", ""])
def test_a_browser_gets_usage_as_a_page(viewer, history, accept):
    assert viewer.get(URL, headers={"Accept": accept}).mimetype == "text/html"


def test_a_bearer_client_gets_usage_as_json_and_no_cookie(acme, nobody):
    token = make_token(acme, make_member(acme, Preset.VIEWER))
    response = nobody.get(URL, headers=bearer(token) | {"Accept": "*/*"})

    assert response.mimetype == "application/json"
    assert "Set-Cookie" not in response.headers


def test_a_bearer_client_that_prefers_html_gets_the_page_of_usage(acme, nobody):
    token = make_token(acme, make_member(acme, Preset.VIEWER))

    assert nobody.get(URL, headers=bearer(token) | {"Accept": "text/html"}).mimetype == "text/html"


def test_an_answer_about_usage_varies_by_accept_cookie_and_htmx_headers(viewer):
    response = viewer.get(URL)

    assert {"Accept", "Authorization", "Cookie", "HX-Request", "HX-Target"} <= set(
        response.vary.as_set(preserve_casing=True)
    )
    assert response.headers["Cache-Control"] == "private, no-store"


def test_an_operator_is_told_on_a_page_that_usage_is_forbidden(operator):
    soup = operator.page(URL, 403)

    assert soup.h1.text == "You may not see this"
    assert "Your role in this organization does not allow that." in soup.main.text
    assert "permission to read billing" in soup.main.text


def test_the_page_of_usage_of_a_foreign_organization_is_404(acme, history, mallory, sign_in):
    soup = sign_in(mallory).page(f"{URL}?organization_id={acme.uid}", 404)

    assert "Acme" not in soup.text


def test_the_page_of_usage_sends_a_visitor_to_sign_in_and_back(nobody):
    response = nobody.get(f"{URL}?month=2026-01&by=project")
    parts = urlsplit(response.location)

    assert (response.status_code, parts.path) == (303, "/login")
    assert parse_qs(parts.query) == {"next": [f"{URL}?month=2026-01&by=project"]}


def test_the_fragment_of_usage_sends_a_visitor_to_sign_in(nobody):
    headers = htmx("usage") | {"HX-Current-URL": "http://localhost/billing/usage?month=2026-01"}
    response = nobody.get(URL, headers=headers)

    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/login?next=/billing/usage?month%3D2026-01"


def test_an_organization_without_anything_gets_a_friendly_page_of_usage(viewer, acme):
    soup = viewer.page(URL)

    assert "No usage in this time." in soup.main.text
    assert [each["value"] for each in soup.select("#month option")] == ["2026-03"]


def test_the_page_of_usage_of_an_empty_organization_has_its_currency(sign_in):
    soup = sign_in(make_member(make_organization("Tokyo KK", currency="JPY"))).page(URL)

    assert "¥" in soup.select_one("ol.axis-y").text
    assert "€" not in soup.main.text


def test_yen_have_no_decimals_on_the_page_of_usage(sign_in):
    tokyo = make_organization("Tokyo KK", currency="JPY")
    use_all_hours(make_subscription(tokyo, make_product("vm", "1234.5", currency="JPY")), JANUARY)
    soup = sign_in(make_member(tokyo)).page(f"{URL}?month=2026-01")

    assert stats(soup)["Cost"] == "JP¥918,468"
    assert "¥1,234.5" in soup.select_one("table.cost tbody").text


def test_missing_hours_are_shown_on_the_page_of_usage(viewer, acme):
    make_subscription(acme, make_product(metering=Metering.TIME), since=MARCH)

    assert stats(viewer.page(URL))["Missing hours"] == "228"


def test_an_unusable_month_is_explained_on_the_page_of_usage(viewer):
    soup = viewer.page(f"{URL}?month=2026-13", 422)

    assert "is not a month such as 2026-01" in soup.main.text


def test_an_unusable_month_is_explained_in_the_notices_under_htmx(viewer):
    response = viewer.get(f"{URL}?month=2026-13", headers=htmx("usage"))

    assert (response.status_code, response.headers["HX-Retarget"]) == (422, "#notices")


def test_markup_in_the_name_of_a_product_is_shown_as_text(viewer, acme):
    project = make_project(acme, "<script>alert(1)</script>")
    use(make_subscription(acme, make_product('vm"><b>'), project), {JANUARY.start_hour: 100})
    soup = viewer.page(f"{URL}?month=2026-01&by=project")

    assert not soup.select("script:not([src]), b:not(.who b)")
    assert "<script>alert(1)</script>" in soup.text


@pytest.mark.parametrize("query", ["endpoint=x", "_method=PUT", "_external=1&_scheme=http", "_anchor=x"])
def test_the_page_of_usage_links_to_no_other_host_whatever_the_query(viewer, query):
    soup = viewer.page(f"/billing/usage?{query}")

    assert not [each["href"] for each in soup.select("main a[href]") if each["href"].startswith("http")]

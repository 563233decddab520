"""Internal invoices as JSON: an open month is already the invoice it will become."""

import datetime as dt
import json
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from portal.domain.access import Preset
from portal.ledger import catalogue
from portal.models import Metering, Product, Project
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
    use_all_hours,
)
from tests.links import next_url, slices
from tests.months import close
from tests.page import JSON, bearer

URL = "/invoices"


def euros(cents):
    return {"cents": cents, "currency_iso": "EUR"}


def close_months(at=NOW):
    db.session.commit()
    made = close(now=at, grace_days=3).made
    db.session.expire_all()
    return made


@pytest.fixture
def january(acme):
    """A server, storage at two prices, and something of the organization's own."""
    production = make_project(acme)
    use_all_hours(make_subscription(acme, make_product("vm.medium", "0.00694"), production), JANUARY)
    storage = make_product("storage", "0.1", unit="GB")
    stored = {JANUARY.start_hour + each * 11: f"{each}.0333333" for each in range(60)}
    use(make_subscription(acme, storage, production), stored)
    catalogue.set_price(storage, "EUR", Decimal("0.0987"), start_day=JANUARY.start_day + 10)
    use_all_hours(make_subscription(acme, make_product("support", "0.0685")), JANUARY)
    db.session.commit()


@pytest.fixture
def months(acme):
    """Five months, four of which are over."""
    subscription = make_subscription(acme, make_product("vm", "1"), since=JANUARY.shifted(-2))
    for distance in range(-2, 3):
        use(subscription, {JANUARY.shifted(distance).start_hour: distance + 3})


def test_the_list_of_invoices_has_the_json_of_the_contract(viewer, acme):
    use_all_hours(make_subscription(acme, make_product("vm", "0.00694")), JANUARY)
    close_months()
    (invoice,) = viewer.json(URL)

    assert invoice == {
        "id": invoice["id"],
        "organization_id": str(acme.uid),
        "number": f"{acme.number}-0001",
        "status": "final",
        "period": "2026-01",
        "period_start": "2026-01-01T00:00:00Z",
        "period_end": "2026-02-01T00:00:00Z",
        "total": euros(516),
        "due": euros(614),
        "credit": euros(0),
        "metered_through": None,
        "missing_hours": 0,
    }


def test_an_invoice_has_the_json_of_the_contract(viewer, acme):
    project, product = make_project(acme), make_product("vm.medium", "0.00694")
    use_all_hours(make_subscription(acme, product, project), JANUARY)
    close_months()
    (head,) = viewer.json(URL)
    invoice = viewer.json(f"{URL}/{head['id']}")
    (item,) = invoice["items"]

    assert invoice == head | {"items": [item]}
    assert item == {
        "id": item["id"],
        "product": {"id": str(product.uid), "name": "vm.medium"},
        "project": {"id": str(project.uid), "name": "production"},
        "unit_price": euros(1),
        "unit_price_decimal": "0.00694",
        "unit": "hour",
        "quantity": "744",
        "total": euros(516),
        "kind": "usage",
        "corrects": None,
        "usage_url": "http://localhost/billing/usage?"
        f"organization_id={acme.uid}&month=2026-01&granularity=hour&project_id={project.uid}"
        f"&product_id={product.uid}&unit_price=0.00694&billed_by={head['id']}",
    }


def test_an_invoice_line_of_the_organization_itself_has_no_project(viewer, acme):
    use(make_subscription(acme, make_product()), {JANUARY.start_hour: 1000})
    (head,) = viewer.json(URL)

    assert viewer.json(f"{URL}/{head['id']}")["items"][0]["project"] is None


def test_the_invoice_of_an_open_month_has_no_number_yet(viewer, january):
    (invoice,) = viewer.json(URL)

    assert (invoice["status"], invoice["number"], invoice["period"]) == ("open", None, "2026-01")


def test_the_invoice_of_the_current_month_is_open_too(viewer, acme):
    use(make_subscription(acme, make_product("vm", "1")), {MARCH.start_hour: 5})

    assert [(each["period"], each["status"], each["total"]) for each in viewer.json(URL)] == [
        ("2026-03", "open", euros(500))
    ]


def test_an_open_month_is_the_invoice_that_it_becomes(viewer, january):
    (before,) = viewer.json(URL)
    open_invoice = viewer.json(f"{URL}/{before['id']}")
    close_months()
    final = viewer.json(f"{URL}/{before['id']}")

    assert len(final["items"]) == 4
    assert open_invoice["metered_through"] == "2026-01-31T23:00:00Z"
    closed = {"status": "final", "number": final["number"], "metered_through": None}
    assert final == open_invoice | closed


def test_the_lines_of_an_invoice_add_up_to_its_total(viewer, january):
    (head,) = viewer.json(URL)
    items = viewer.json(f"{URL}/{head['id']}")["items"]

    assert sum(item["total"]["cents"] for item in items) == head["total"]["cents"]


@pytest.mark.parametrize("is_final", [False, True])
def test_each_line_of_an_invoice_leads_to_hours_that_add_up_to_the_line(viewer, january, is_final):
    if is_final:
        close_months()
    (head,) = viewer.json(URL)
    for item in viewer.json(f"{URL}/{head['id']}")["items"]:
        parts = urlsplit(item["usage_url"])
        usage = viewer.json(f"{parts.path}?{parts.query}")
        (line,) = (line for project in usage["projects"] for line in project["products"])

        assert f"{parts.scheme}://{parts.netloc}" == "http://localhost"
        assert line["total"] == item["total"] == usage["total"]
        assert line["quantity"] == item["quantity"]
        assert sum(hour["total"]["cents"] for hour in line["series"]) == item["total"]["cents"]
        assert sum(Decimal(hour["quantity"]) for hour in line["series"]) == Decimal(item["quantity"])


def test_an_invoice_and_the_usage_of_its_month_have_the_same_total(viewer, january):
    (head,) = viewer.json(URL)

    assert viewer.json("/billing/usage?month=2026-01")["total"] == head["total"]


def test_a_final_invoice_keeps_the_names_of_its_projects_and_products(viewer, acme, january):
    close_months()
    (head,) = viewer.json(URL)
    before = viewer.json(f"{URL}/{head['id']}")
    for row in [*db.session.scalars(db.select(Project)), *db.session.scalars(db.select(Product))]:
        row.name = f"renamed {row.name}"
    db.session.commit()

    assert viewer.json(f"{URL}/{head['id']}") == before
    assert viewer.json("/billing/usage?month=2026-01")["projects"][0]["project_name"].startswith("renamed")


def test_the_invoice_of_an_open_month_has_the_names_of_today(viewer, acme, january):
    db.session.scalars(db.select(Project)).one().name = "live"
    db.session.commit()
    (head,) = viewer.json(URL)

    names = {
        each["project"]["name"] for each in viewer.json(f"{URL}/{head['id']}")["items"] if each["project"]
    }
    assert names == {"live"}


def test_the_newest_invoice_comes_first_and_open_months_are_in_their_place(viewer, months):
    close_months()

    assert [(each["period"], each["status"]) for each in viewer.json(URL)] == [
        ("2026-03", "open"),
        ("2026-02", "final"),
        ("2026-01", "final"),
        ("2025-12", "final"),
        ("2025-11", "final"),
    ]


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_slices_of_invoices_are_never_longer_than_the_limit_and_miss_nothing(
    viewer, months, limit, is_closed
):
    if is_closed:
        close_months()
    found = slices(viewer, f"{URL}?limit={limit}")

    assert [len(each) for each in found[:-1]] == [limit] * (len(found) - 1)
    assert [each["period"] for some in found for each in some] == [
        "2026-03",
        "2026-02",
        "2026-01",
        "2025-12",
        "2025-11",
    ]


def test_a_month_that_closes_between_two_slices_moves_no_invoice(viewer, months):
    first = viewer.get(f"{URL}?limit=2", headers=JSON)
    close_months()
    second = viewer.json(next_url(first))

    assert [each["period"] for each in first.json] == ["2026-03", "2026-02"]
    assert [each["period"] for each in second] == ["2026-01", "2025-12"]


def test_the_next_link_of_invoices_keeps_the_organization_and_the_limit(viewer, acme, months):
    url = next_url(viewer.get(f"{URL}?limit=2&organization_id={acme.uid}", headers=JSON))

    assert f"organization_id={acme.uid}" in url
    assert "limit=2" in url


def test_the_last_slice_of_invoices_has_no_link(viewer, months):
    assert next_url(viewer.get(f"{URL}?limit=5", headers=JSON)) is None


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "1.5", "٣"])
def test_the_limit_of_invoices_is_a_number_from_1_to_200(viewer, limit):
    (error,) = viewer.json(URL, 422, query_string={"limit": limit})["errors"]

    assert error["field"] == "limit"


@pytest.mark.parametrize("cursor", ["x", "WzFd", "!!!!", "W10", "bnVsbA", "WyIyMDI2LTAxIiwgMV0"])
def test_a_cursor_that_no_list_of_invoices_gave_out_is_refused(viewer, cursor):
    (error,) = viewer.json(URL, 422, query_string={"cursor": cursor})["errors"]

    assert error["field"] == "cursor"


def test_an_organization_without_usage_has_no_invoices(viewer):
    assert viewer.json(URL) == []


def test_a_month_of_zero_quantities_has_no_invoice(viewer, acme):
    use(make_subscription(acme, make_product()), {JANUARY.start_hour: 0})

    assert viewer.json(URL) == []


def test_a_free_line_of_an_invoice_is_listed_at_zero(viewer, acme):
    use(make_subscription(acme, make_product("free", "0")), {JANUARY.start_hour: 7})
    (head,) = viewer.json(URL)
    (item,) = viewer.json(f"{URL}/{head['id']}")["items"]

    assert (item["quantity"], item["total"]) == ("7", euros(0))


@pytest.mark.parametrize("is_final", [False, True])
def test_an_invoice_of_a_foreign_organization_is_404(viewer, january, mallory, sign_in, is_final):
    if is_final:
        close_months()
    (head,) = viewer.json(URL)
    stranger = sign_in(mallory)

    stranger.json(f"{URL}/{head['id']}", 404)
    assert stranger.json(URL) == []


def test_the_invoices_of_a_foreign_organization_are_404(viewer):
    viewer.json(f"{URL}?organization_id={make_organization('Other Ltd').uid}", 404)


def test_a_member_of_two_organizations_sees_the_invoices_of_the_named_organization(
    acme, january, mallory, sign_in
):
    make_member(acme, Preset.VIEWER, mallory)
    client = sign_in(mallory)
    (head,) = client.json(f"{URL}?organization_id={acme.uid}")

    client.json(f"{URL}/{head['id']}?organization_id={acme.uid}")
    client.json(f"{URL}/{head['id']}", 422)


@pytest.mark.parametrize(
    "invoice_id", ["1", "2026-01", "not-a-uuid", "%00", "550e8400-e29b-41d4-a716-446655440000"]
)
def test_an_id_of_no_invoice_is_404(viewer, january, invoice_id):
    viewer.json(f"{URL}/{invoice_id}", 404)


def test_an_operator_may_not_read_invoices(operator):
    operator.json(URL, 403)


def test_invoices_as_json_answer_a_visitor_with_401(nobody):
    nobody.json(URL, 401)


def test_a_bearer_client_gets_invoices_as_json(acme, january, nobody):
    token = make_token(acme, make_member(acme, Preset.VIEWER))

    assert nobody.get(URL, headers=bearer(token)).json[0]["period"] == "2026-01"


def test_no_number_of_an_invoice_is_a_float(viewer, january):
    def refuse(text):
        raise AssertionError(text)

    (head,) = viewer.json(URL)
    json.loads(viewer.get(f"{URL}/{head['id']}", headers=JSON).text, parse_float=refuse)


def test_the_invoice_of_a_month_is_final_after_its_grace(viewer, months):
    close_months(dt.datetime(2026, 3, 3, 23, 59, tzinfo=dt.UTC))
    assert viewer.json(URL)[1]["status"] == "open"

    close_months(dt.datetime(2026, 3, 4, tzinfo=dt.UTC))
    assert [(each["period"], each["status"]) for each in viewer.json(URL)][1] == (str(FEBRUARY), "final")


def test_the_invoice_of_an_open_month_says_which_hours_are_missing(viewer, acme):
    server = make_product("vm", "1", metering=Metering.TIME)
    make_subscription(acme, server, since=MARCH)
    use(make_subscription(acme, make_product("gb", "1"), since=MARCH), {MARCH.start_hour + 5: 1})
    (invoice,) = viewer.json(URL)

    assert invoice["metered_through"] == "2026-03-01T05:00:00Z"
    assert invoice["missing_hours"] == 9 * 24 + 12
    assert "228 hours are not in yet" in viewer.page(f"{URL}/{invoice['id']}").text

"""The JSON face of usage: every key is a promise, and everything adds up to the cent."""

import itertools
import json
from decimal import Decimal
from uuid import uuid4

import pytest

from portal.domain.access import Preset
from portal.ledger.entries import Entry, write_entries
from portal.metering.clock import meter_hours
from portal.models import Metering, Project, Subscription
from portal.storage import db
from tests.factories import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    hour_at,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
    use,
    use_all_hours,
)
from tests.page import JSON, bearer

URL = "/billing/usage"


def ask(client, status=200, **query):
    return client.json(URL, status, query_string=query)


def euros(cents):
    return {"cents": cents, "currency_iso": "EUR"}


def lines_of(answer):
    return [line for project in answer["projects"] for line in project["products"]]


def test_usage_has_the_json_of_the_contract(viewer, acme):
    project = make_project(acme)
    product = make_product("vm.medium", "0.00694")
    use_all_hours(make_subscription(acme, product, project), JANUARY)

    assert ask(viewer, month="2026-01") == {
        "organization_id": str(acme.uid),
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-31T23:59:59Z",
        "total": euros(516),
        "metered_through": "2026-01-31T23:00:00Z",
        "missing_hours": 0,
        "projects": [
            {
                "project_id": str(project.uid),
                "project_name": "production",
                "total": euros(516),
                "products": [
                    {
                        "product_id": str(product.uid),
                        "product_name": "vm.medium",
                        "unit": "hour",
                        "unit_price": euros(1),
                        "unit_price_decimal": "0.00694",
                        "quantity": "744",
                        "total": euros(516),
                    }
                ],
            }
        ],
    }


def test_a_series_of_usage_has_start_quantity_and_total(viewer, acme):
    subscription = make_subscription(acme, make_product("egress", "0.03", unit="GB"))
    use(subscription, {hour_at(JANUARY, 13, 7): "1.25", hour_at(JANUARY, 13, 9): 2})

    assert lines_of(ask(viewer, day="2026-01-13", granularity="hour"))[0]["series"] == [
        {"start": "2026-01-13T07:00:00Z", "quantity": "1.25", "total": euros(4)},
        {"start": "2026-01-13T09:00:00Z", "quantity": "2", "total": euros(6)},
    ]


def test_usage_of_the_organization_itself_has_no_project(viewer, acme):
    use(make_subscription(acme, make_product()), {hour_at(JANUARY, 1): 1000})
    (project,) = ask(viewer, month="2026-01")["projects"]

    assert (project["project_id"], project["project_name"]) == (None, None)


def test_an_organization_without_usage_has_no_projects_and_nothing_metered(viewer, acme):
    assert ask(viewer, month="2026-01") == {
        "organization_id": str(acme.uid),
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-31T23:59:59Z",
        "total": euros(0),
        "metered_through": None,
        "missing_hours": 0,
        "projects": [],
    }


def test_usage_is_of_the_month_so_far_by_default(viewer, acme):
    subscription = make_subscription(acme, make_product("vm", "1"))
    use(subscription, {MARCH.start_hour - 1: 100, MARCH.start_hour: 1, hour_at(MARCH, 10, 12): 2})
    answer = ask(viewer)

    assert (answer["from"], answer["to"]) == ("2026-03-01T00:00:00Z", "2026-03-10T12:30:00Z")
    assert answer["total"] == euros(300)
    assert answer["metered_through"] == "2026-03-10T12:00:00Z"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-31T23:59:59Z"),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("2026-01-01T00:00:00", "2026-02-01T00:00:00"),
        ("2026-01-01", "2026-02-01"),
        ("2026-01-01T01:00:00+01:00", "2026-01-31T19:00:00-05:00"),
        ("2026-01-01T01:00:00 01:00", "2026-01-31T23:59:59.999Z"),  # an unescaped + arrives as a space
        ("2025-12-31T23:00:01Z", "2026-01-31T23:00:01Z"),  # edges round up to whole hours
    ],
)
def test_every_way_to_write_the_window_of_a_month_means_its_hours(viewer, acme, start, end):
    subscription = make_subscription(acme, make_product("vm", "1"))
    first, last = JANUARY.start_hour, JANUARY.end_hour - 1
    use(subscription, {first - 1: 1000, first: 1, last: 2, last + 1: 1000})

    assert ask(viewer, **{"from": start, "to": end})["total"] == euros(300)


def test_from_and_to_are_repeated_as_instants_in_utc_in_the_answer(viewer):
    answer = ask(viewer, **{"from": "2026-01-05T09:15:00+02:00", "to": "2026-01-06"})

    assert (answer["from"], answer["to"]) == ("2026-01-05T07:15:00Z", "2026-01-06T00:00:00Z")


def test_a_window_of_from_alone_goes_until_now(viewer):
    assert ask(viewer, **{"from": "2026-01-05"})["to"] == "2026-03-10T12:30:00Z"


def test_a_window_of_to_alone_begins_with_the_month_of_to(viewer):
    assert ask(viewer, to="2026-01-15T08:00:00Z")["from"] == "2026-01-01T00:00:00Z"


def test_an_empty_window_has_no_usage(viewer, history):
    answer = ask(viewer, **{"from": "2026-01-05", "to": "2026-01-05"})

    assert (answer["total"], answer["projects"]) == (euros(0), [])


def test_the_usage_of_a_day_is_that_of_its_twenty_four_hours(viewer, history):
    answer = ask(viewer, day="2026-01-13")

    assert (answer["from"], answer["to"]) == ("2026-01-13T00:00:00Z", "2026-01-13T23:59:59Z")
    vm = next(line for line in lines_of(answer) if line["product_name"] == "vm.medium")
    assert vm["quantity"] == "24"


@pytest.mark.parametrize("granularity", ["hour", "day", "month"])
@pytest.mark.parametrize(
    ("start", "end"), [("2026-01-01", "2026-02-01"), ("2026-01-05T07:30:00Z", "2026-02-03T04:00:00Z")]
)
def test_series_of_usage_add_up_to_products_to_projects_to_the_total(
    viewer, cheaper, granularity, start, end
):
    answer = ask(viewer, granularity=granularity, **{"from": start, "to": end})

    assert len(lines_of(answer)) == 5
    for line in lines_of(answer):
        assert sum(point["total"]["cents"] for point in line["series"]) == line["total"]["cents"]
        assert sum(Decimal(point["quantity"]) for point in line["series"]) == Decimal(line["quantity"])
        starts = [point["start"] for point in line["series"]]
        assert starts == sorted(set(starts))
    for project in answer["projects"]:
        assert sum(line["total"]["cents"] for line in project["products"]) == project["total"]["cents"]
    assert sum(project["total"]["cents"] for project in answer["projects"]) == answer["total"]["cents"]


def test_every_granularity_of_usage_has_the_same_total(viewer, cheaper):
    window = {"from": "2026-01-05T07:30:00Z", "to": "2026-01-29T04:00:00Z"}
    totals = {
        step: ask(viewer, **window, **step_query)["total"]["cents"]
        for step, step_query in {
            None: {},
            **{each: {"granularity": each} for each in ("hour", "day", "month")},
        }.items()
    }

    assert len(set(totals.values())) == 1, totals


def test_the_usage_of_windows_that_tile_a_month_adds_up_to_the_month(viewer, cheaper):
    edges = ["2026-01-01", "2026-01-05T07:00:00Z", "2026-01-11", "2026-01-11T13:00:00Z", "2026-02-01"]
    parts = [
        ask(viewer, **{"from": start, "to": end})["total"]["cents"]
        for start, end in itertools.pairwise(edges)
    ]

    assert sum(parts) == ask(viewer, month="2026-01")["total"]["cents"]


def test_a_price_that_changes_gives_two_lines_of_usage(viewer, cheaper):
    vms = [
        (line["unit_price_decimal"], line["quantity"])
        for line in lines_of(ask(viewer, month="2026-01"))
        if line["product_name"] == "vm.medium"
    ]

    assert vms == [("0.005", "504"), ("0.00694", "240")]


def test_a_project_filter_shows_the_usage_of_that_project_alone(viewer, history):
    answer = ask(viewer, month="2026-01", project_id=history.staging.uid)

    assert [each["project_name"] for each in answer["projects"]] == ["staging"]
    assert answer["total"] == answer["projects"][0]["total"]


def test_the_project_filter_none_shows_the_usage_of_the_organization_itself(viewer, history):
    answer = ask(viewer, month="2026-01", project_id="none")

    assert [line["product_name"] for line in lines_of(answer)] == ["support"]


def test_a_product_filter_shows_the_product_in_every_project(viewer, history):
    answer = ask(viewer, month="2026-01", product_id=history.storage.uid)

    assert [each["project_name"] for each in answer["projects"]] == ["production", "staging"]
    assert {line["product_name"] for line in lines_of(answer)} == {"storage"}


@pytest.mark.parametrize("price", ["0.005", "0.00500", "5e-3"])
def test_a_price_filter_shows_one_of_two_lines_of_usage(viewer, cheaper, price):
    answer = ask(viewer, month="2026-01", product_id=cheaper.vm.uid, unit_price=price)

    assert [line["unit_price_decimal"] for line in lines_of(answer)] == ["0.005"]


def test_a_product_without_usage_in_the_window_is_an_empty_answer(viewer, history):
    answer = ask(viewer, month="2026-02", product_id=history.vm.uid)

    assert (answer["total"], answer["projects"]) == (euros(0), [])


@pytest.mark.parametrize("name", ["project_id", "product_id"])
def test_a_filter_of_usage_by_an_unknown_id_is_404(viewer, history, name):
    ask(viewer, 404, month="2026-01", **{name: uuid4()})


def test_the_usage_of_a_foreign_project_is_404(viewer, history):
    theirs = make_project(make_organization("Other Ltd"))
    ask(viewer, 404, month="2026-01", project_id=theirs.uid)


def test_the_usage_of_a_product_that_only_another_organization_uses_is_404(viewer, history):
    product = make_product("secret")
    make_subscription(make_organization("Other Ltd"), product)
    ask(viewer, 404, month="2026-01", product_id=product.uid)


def test_hours_that_the_clock_owes_are_missing_hours_of_usage(viewer, acme):
    product = make_product(metering=Metering.TIME)
    make_subscription(acme, product, since=FEBRUARY)
    make_subscription(acme, product, since=FEBRUARY, end_hour=FEBRUARY.start_hour + 10)

    assert ask(viewer, month="2026-02")["missing_hours"] == 28 * 24 + 10


def test_the_running_hour_of_usage_is_not_missing_yet(viewer, acme):
    make_subscription(acme, make_product(metering=Metering.TIME), since=MARCH)

    assert ask(viewer)["missing_hours"] == 9 * 24 + 12
    assert ask(viewer, month="2026-03")["missing_hours"] == 9 * 24 + 12


def test_no_hour_of_usage_is_missing_once_the_clock_ran(viewer, acme):
    make_subscription(acme, make_product(metering=Metering.TIME), since=MARCH)
    meter_hours(now=NOW)
    answer = ask(viewer)

    assert (answer["missing_hours"], answer["metered_through"]) == (0, "2026-03-10T11:00:00Z")


def test_metered_through_is_the_latest_hour_of_the_window(viewer, history):
    assert ask(viewer, day="2026-01-13")["metered_through"] == "2026-01-13T23:00:00Z"
    assert ask(viewer, month="2026-02")["metered_through"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"month": "2026-13"}, "month"),
        ({"month": "january"}, "month"),
        ({"month": "1969-12"}, "month"),
        ({"month": "9999-12"}, "month"),
        ({"day": "2026-02-30"}, "day"),
        ({"day": "1969-12-31"}, "day"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-05", "to": "1"}, "to"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"from": "2026-01-05", "to": "2026-01-04"}, "from"),
        ({"month": "2026-01", "from": "2026-01-05"}, "month"),
        ({"month": "2026-01", "to": "2026-01-05"}, "month"),
        ({"month": "2026-01", "day": "2026-01-05"}, "month"),
        ({"day": "2026-01-05", "to": "2026-01-07"}, "day"),
        ({"from": "2025-01-01", "to": "2026-02-05T00:00:01Z"}, "to"),
        ({"from": "2026-01-01", "to": "2026-03-04T00:00:01Z", "granularity": "hour"}, "to"),
        ({"granularity": "fortnight"}, "granularity"),
        ({"by": "weather"}, "by"),
        ({"organization_id": "acme"}, "organization_id"),
        ({"project_id": "production"}, "project_id"),
        ({"product_id": "vm.medium"}, "product_id"),
        ({"unit_price": "cheap"}, "unit_price"),
        ({"unit_price": "NaN"}, "unit_price"),
    ],
)
def test_an_unusable_query_of_usage_is_refused_by_its_name(viewer, query, field):
    (error,) = ask(viewer, 422, **query)["errors"]

    assert (error["code"], error["field"]) == ("validation_failed", field)
    assert error["source"] == {"service": "billing", "operation": "usage"}
    assert error["meta"]["validation_errors"][field]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2025-01-01", "to": "2026-02-05"},
        {"from": "2026-01-01", "to": "2026-03-04", "granularity": "hour"},
    ],
)
def test_a_window_of_usage_may_be_as_long_as_the_contract_says(viewer, query):
    ask(viewer, **query)


def test_the_usage_of_a_foreign_organization_is_404(viewer):
    ask(viewer, 404, organization_id=make_organization("Other Ltd").uid)


def test_the_usage_of_an_organization_that_does_not_exist_is_404(viewer):
    ask(viewer, 404, organization_id=uuid4())


def test_a_member_of_another_organization_gets_404_for_usage(mallory, acme, history, sign_in):
    ask(sign_in(mallory), 404, organization_id=acme.uid)


def test_a_member_of_several_organizations_must_name_one_for_usage(acme, mallory, sign_in):
    make_member(acme, Preset.VIEWER, mallory)
    (error,) = ask(sign_in(mallory), 422)["errors"]

    assert error["field"] == "organization_id"


def test_an_operator_may_not_read_usage(operator):
    assert ask(operator, 403)["errors"][0]["code"] == "forbidden"


def test_usage_as_json_answers_a_visitor_with_401(nobody):
    response = nobody.get(URL, headers=JSON)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_bearer_client_gets_usage_as_json_without_an_accept_header(acme, history, nobody):
    token = make_token(acme, make_member(acme, Preset.VIEWER))
    response = nobody.get(URL, query_string={"month": "2026-01"}, headers=bearer(token))

    assert response.mimetype == "application/json"
    assert response.json["organization_id"] == str(acme.uid)


def test_no_number_of_usage_is_a_float(viewer, cheaper):
    response = viewer.get(URL, query_string={"month": "2026-01", "granularity": "hour"}, headers=JSON)

    def refuse(text):
        raise AssertionError(text)

    json.loads(response.text, parse_float=refuse)


def test_a_quantity_of_usage_is_a_plain_decimal_without_trailing_zeros(viewer, acme):
    subscription = make_subscription(acme, make_product())
    use(subscription, {hour_at(JANUARY, 1): "0.000000001", hour_at(JANUARY, 2): "1200"})
    (line,) = lines_of(ask(viewer, month="2026-01", granularity="hour"))

    assert [point["quantity"] for point in line["series"]] == ["0.000000001", "1200"]
    assert line["quantity"] == "1200.000000001"


def test_usage_in_yen_has_no_decimals(sign_in):
    tokyo = make_organization("Tokyo KK", currency="JPY")
    use_all_hours(make_subscription(tokyo, make_product("vm", "1.1104", currency="JPY")), JANUARY)
    (line,) = lines_of(ask(sign_in(make_member(tokyo)), month="2026-01"))

    assert line["total"] == {"cents": 826, "currency_iso": "JPY"}
    assert line["unit_price"] == {"cents": 1, "currency_iso": "JPY"}


def test_usage_in_dinars_has_three_decimals(sign_in):
    kuwait = make_organization("Kuwait WLL", currency="KWD")
    use_all_hours(make_subscription(kuwait, make_product("vm", "0.00694", currency="KWD")), JANUARY)
    (line,) = lines_of(ask(sign_in(make_member(kuwait)), month="2026-01"))

    assert line["total"] == {"cents": 5163, "currency_iso": "KWD"}
    assert line["unit_price"] == {"cents": 7, "currency_iso": "KWD"}


def test_the_usage_of_two_projects_of_one_name_stays_separate(viewer, acme):
    product = make_product("vm", "1")
    for code in ("p1", "p2"):
        project = make_project(acme, code)
        db.session.get_one(Project, (acme.id, project.id)).name = "production"
        use(make_subscription(acme, product, project), {JANUARY.start_hour: 1})

    assert [each["total"]["cents"] for each in ask(viewer, month="2026-01")["projects"]] == [100, 100]


def test_more_subscriptions_than_a_database_can_sum_add_up(viewer, acme):
    """Two maximal subscription-months overflow 64 bits."""
    product = make_product("vm", "0.01")
    subscriptions = [make_subscription(acme, product) for _ in range(3)]
    days = range(JANUARY.start_hour, JANUARY.end_hour)
    entries = [Entry(hour, each.id, 10**7 * 10**9) for hour in days for each in subscriptions]
    write_entries(acme.id, entries, now=NOW)
    db.session.commit()

    assert lines_of(ask(viewer, month="2026-01"))[0]["quantity"] == str(3 * 744 * 10**7)


def test_the_usage_of_a_subscription_stays_when_another_begins(viewer, acme, history):
    before = ask(viewer, month="2026-01", product_id=history.vm.uid)
    db.session.add(
        Subscription(
            organization_id=acme.id,
            id=999,
            product_id=history.storage.id,
            start_hour=JANUARY.start_hour,
            metered_until_hour=JANUARY.start_hour,
        )
    )
    db.session.commit()

    assert ask(viewer, month="2026-01", product_id=history.vm.uid) == before

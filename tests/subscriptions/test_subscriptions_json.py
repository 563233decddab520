"""Subscriptions as JSON."""

import pytest

from portal.domain.access import Preset
from tests.factories import (
    FEBRUARY,
    JANUARY,
    hour_at,
    make_member,
    make_organization,
    make_product,
    make_project,
    make_subscription,
    make_token,
)
from tests.links import next_url, slices
from tests.page import JSON, bearer

URL = "/subscriptions"


@pytest.fixture
def five(acme):
    product = make_product()
    return [make_subscription(acme, product, since=JANUARY.shifted(months)) for months in range(5)]


def ids(some):
    return [str(each.uid) for each in some]


def test_a_subscription_has_the_json_of_the_contract(viewer, acme):
    project, product = make_project(acme), make_product()
    subscription = make_subscription(acme, product, project, end_hour=hour_at(FEBRUARY, 3, 4))

    assert viewer.json(f"{URL}/{subscription.uid}") == {
        "id": str(subscription.uid),
        "organization_id": str(acme.uid),
        "project_id": str(project.uid),
        "product_id": str(product.uid),
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-03T04:00:00Z",
    }


def test_an_active_subscription_of_the_organization_itself_has_nulls(viewer, acme):
    found = viewer.json(f"{URL}/{make_subscription(acme, make_product()).uid}")

    assert (found["project_id"], found["end_date"]) == (None, None)


def test_the_list_of_subscriptions_has_the_json_of_each_subscription(viewer, acme):
    subscription = make_subscription(acme, make_product(), make_project(acme))

    assert viewer.json(URL) == [viewer.json(f"{URL}/{subscription.uid}")]


def test_the_newest_subscription_comes_first(viewer, five):
    assert [each["id"] for each in viewer.json(URL)] == ids(reversed(five))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 200])
def test_slices_of_subscriptions_miss_nothing(viewer, five, limit):
    found = slices(viewer, f"{URL}?limit={limit}")

    assert [each["id"] for some in found for each in some] == ids(reversed(five))
    assert all(len(some) == limit for some in found[:-1])


def test_a_subscription_that_begins_between_two_slices_moves_nothing(viewer, acme, five):
    first = viewer.get(f"{URL}?limit=2", headers=JSON)
    make_subscription(acme, make_product())
    second = viewer.json(next_url(first))

    assert [each["id"] for each in [*first.json, *second]][:4] == ids(reversed(five))[:4]


def test_the_last_slice_of_subscriptions_has_no_link(viewer, five):
    assert next_url(viewer.get(f"{URL}?limit=5", headers=JSON)) is None


def test_fifty_subscriptions_are_listed_unless_the_limit_is_higher(viewer, acme):
    product = make_product()
    for _ in range(51):
        make_subscription(acme, product)

    assert [len(each) for each in slices(viewer, URL)] == [50, 1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WyJ4Il0"}, "cursor"),
    ],
)
def test_an_unusable_query_of_subscriptions_is_refused_by_its_name(viewer, query, field):
    assert viewer.json(URL, 422, query_string=query)["errors"][0]["field"] == field


def test_the_list_is_empty_without_subscriptions(viewer):
    assert viewer.json(URL) == []


def test_a_subscription_of_a_foreign_organization_is_404(five, mallory, sign_in):
    stranger = sign_in(mallory)

    stranger.json(f"{URL}/{five[0].uid}", 404)
    assert stranger.json(URL) == []


def test_the_list_of_subscriptions_of_a_foreign_organization_is_404(viewer):
    viewer.json(f"{URL}?organization_id={make_organization('Other Ltd').uid}", 404)


@pytest.mark.parametrize("subscription_id", ["1", "not-a-uuid", "550e8400-e29b-41d4-a716-446655440000"])
def test_an_id_of_no_subscription_is_404(viewer, five, subscription_id):
    viewer.json(f"{URL}/{subscription_id}", 404)


def test_an_operator_may_not_read_subscriptions(operator):
    operator.json(URL, 403)


def test_subscriptions_as_json_answer_a_visitor_with_401(nobody):
    nobody.json(URL, 401)


def test_a_token_sees_the_subscriptions_of_its_own_organization_alone(acme, five, nobody):
    owner = make_member(acme, Preset.VIEWER)
    other = make_organization("Other Ltd")
    make_member(other, Preset.VIEWER, owner)
    make_subscription(other, make_product())
    token = make_token(acme, owner)

    assert len(nobody.get(URL, headers=bearer(token)).json) == 5
    assert nobody.get(f"{URL}?organization_id={other.uid}", headers=bearer(token)).status_code == 404

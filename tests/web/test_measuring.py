"""Requests are counted by route, kind of method and status, and by nothing that a stranger chooses."""

import pytest

from portal import instruments


@pytest.fixture
def counted(app, monkeypatch):
    """Labels of each request that was counted."""
    labels: list[tuple[str, str, int]] = []

    def note(*, route, method, status, seconds):
        assert 0 <= seconds < 60
        labels.append((route, method, status))

    monkeypatch.setattr("portal.web.measuring.count_request", note)
    return labels


def test_a_request_is_counted_by_the_template_of_its_route(acme, viewer, counted):
    viewer.get(f"/organizations/{acme.uid}/invoices")
    viewer.get("/healthz")
    assert counted == [
        ("/organizations/<uuid:organization_id>/invoices", "read", 200),
        ("/healthz", "read", 200),
    ]


def test_addresses_and_methods_that_do_not_exist_share_one_number(nobody, counted):
    for path in ("/nothing/1", "/nothing/2"):
        nobody.get(path)
    nobody.open("/healthz", method="BREW")
    nobody.post("/login")
    assert counted == [("(none)", "read", 404)] * 2 + [("(none)", "write", 405), ("/login", "write", 400)]


def test_a_mistake_of_ours_is_counted_as_500(app, nobody, counted, monkeypatch):
    def broken():
        raise ZeroDivisionError

    broken.policy = app.view_functions["health.healthz"].policy
    monkeypatch.setitem(app.view_functions, "health.healthz", broken)
    nobody.get("/healthz")
    assert counted == [("/healthz", "read", 500)]


def test_every_label_of_the_numbers_has_few_values():
    names = {
        name for each in vars(instruments.Instruments()).values() for name in getattr(each, "_labelnames", ())
    }
    assert names == {"route", "method", "status", "provider", "operation", "outcome"}

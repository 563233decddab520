"""The faults that can be rehearsed: a share of calls, drawn from a seed, while the sandbox runs."""

import pytest

from portal.sandbox.easybill import Plan, create_app, faults
from tests.sandbox.test_easybill import ACME, Caller

CALLS = 400


def statuses(call, count=CALLS):
    return [call("GET", "/documents").status_code for _ in range(count)]


def test_an_easybill_sandbox_without_a_plan_of_faults_has_none():
    call = Caller(create_app())
    assert set(statuses(call, 20)) == {200}
    assert call.client.get("/faults", headers={"Authorization": "Bearer easybill-sandbox"}).json == {
        "spoiled": 0
    }


def test_the_shares_of_faults_are_those_of_the_plan_and_repeat_with_its_seed():
    plan = Plan(seed=7, too_many=20, broken=20)
    first, second = (statuses(Caller(create_app(faults=plan))) for _ in range(2))
    assert first == second
    assert statuses(Caller(create_app(faults=Plan(seed=8, too_many=20, broken=20)))) != first
    for status in (429, 500):
        assert 0.15 * CALLS < first.count(status) < 0.25 * CALLS


def test_a_rehearsed_rate_limit_of_easybill_says_when_to_come_back():
    call = Caller(create_app(faults=Plan(too_many=100, retry_after_seconds=7)))
    answer = call("GET", "/documents")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json == {"code": 429, "message": "Too Many Requests"}


def test_a_broken_call_to_easybill_has_done_nothing_and_a_lost_answer_everything():
    app = create_app(faults=Plan(broken=100))
    call = Caller(app)
    assert call("POST", "/customers", ACME).status_code == 500
    switch(app, {"lost": 100})
    answer = call("POST", "/customers", ACME)
    assert (answer.status_code, answer.data) == (500, b"")
    assert answer.headers["X-Sandbox"] == "easybill"
    switch(app, {})
    assert call("GET", "/customers").json["total"] == 1


def test_each_document_of_easybill_is_locked_once_by_the_fault():
    app = create_app()
    call = Caller(app)
    drafts = [call.draft()["id"] for _ in range(2)]
    assert switch(app, {"locked_once": True}).json == {"spoiled": 0}
    for draft in drafts:
        path = f"/documents/{draft}/done"
        assert [call("PUT", path).status_code for _ in range(3)] == [409, 200, 200]
    assert switch(app, {}).json == {"spoiled": 2}


def test_an_answer_of_the_easybill_sandbox_can_be_late(monkeypatch):
    slept = []
    monkeypatch.setattr(faults.time, "sleep", slept.append)
    call = Caller(create_app(faults=Plan(late=100, late_seconds=2)))
    assert call("GET", "/documents").status_code == 200
    assert slept == [2]


@pytest.mark.parametrize("plan", [{"too_many": 60, "broken": 60}, {"colour": "red"}])
def test_an_unusable_plan_of_easybill_faults_is_refused(plan):
    assert switch(create_app(), plan).status_code == 400


def test_easybill_faults_are_switched_with_the_key_even_while_every_call_fails():
    app = create_app(faults=Plan(broken=100))
    assert app.test_client().put("/faults", json={}).status_code == 401
    assert switch(app, {}).status_code == 200


def switch(app, plan):
    return app.test_client().put("/faults", json=plan, headers={"Authorization": "Bearer easybill-sandbox"})

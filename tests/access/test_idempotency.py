"""`Idempotency-Key`: one effect, equal answers, also at once and after a crash (SECURITY.md, R17)."""

import datetime as dt
import threading

import pytest
from sqlalchemy import event, func, select, update

from portal.access import idempotency, idempotency_records
from portal.domain.access import Preset
from portal.models import ApiToken, AuditEntry, IdempotencyRecord
from portal.storage import db
from tests.factories import NOW, make_member, make_organization, make_token
from tests.page import bearer, client_of


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN)


@pytest.fixture
def token(acme, ada):
    return make_token(acme, ada)


@pytest.fixture
def victim(acme, ada):
    """The address of a token that can be revoked once: a second time it is not found."""
    make_token(acme, ada)
    uid = db.session.scalars(select(ApiToken.uid).order_by(ApiToken.id.desc())).first()
    return f"/organizations/{acme.uid}/tokens/{uid}"


def with_key(token, key="key"):
    return bearer(token) | {"Idempotency-Key": key}


def effects():
    query = select(func.count()).where(AuditEntry.action == "token.revoked")
    return db.session.scalar(query)


def test_a_repeated_request_with_the_same_idempotency_key_gets_the_first_answer(nobody, token, victim):
    first = nobody.delete(victim, headers=with_key(token))
    second = nobody.delete(victim, headers=with_key(token))

    assert (first.status_code, second.status_code) == (204, 204)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert effects() == 1


def test_without_an_idempotency_key_a_repetition_is_a_second_request(nobody, token, victim):
    assert [nobody.delete(victim, headers=bearer(token)).status_code for _ in range(2)] == [204, 404]


def test_sixteen_requests_of_one_idempotency_key_at_once_have_one_effect_and_equal_answers(
    app, token, victim
):
    answers, gate = [], threading.Barrier(16)

    def send():
        with app.app_context():
            client = app.test_client()
            gate.wait()
            response = client.delete(victim, headers=with_key(token))
            answers.append((response.status_code, response.get_data()))

    client_of(app)
    db.session.commit()
    threads = [threading.Thread(target=send) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert answers == [(204, b"")] * 16
    assert effects() == 1


def test_an_idempotency_key_is_refused_for_another_request(nobody, acme, token, victim):
    nobody.delete(victim, headers=with_key(token))
    other = f"{victim.rpartition('/')[0]}/{acme.uid}"
    response = nobody.delete(other, headers=with_key(token))

    assert response.status_code == 422
    assert "Idempotency-Key" in response.json["errors"][0]["meta"]["validation_errors"]


def test_an_idempotency_key_is_refused_for_another_body(nobody, token, victim):
    nobody.delete(victim, headers=with_key(token))

    assert nobody.delete(victim, json={}, headers=with_key(token)).status_code == 422


def test_the_same_idempotency_key_of_another_token_is_another_key(nobody, app, token, victim):
    theirs = make_organization("Theirs")
    other = make_token(theirs, make_member(theirs, Preset.ADMIN))
    nobody.delete(victim, headers=with_key(token))

    assert nobody.delete(victim, headers=with_key(other)).status_code == 404


def test_a_refusal_is_not_kept_for_its_idempotency_key(nobody, token, victim):
    wrong = f"{victim}?organization_id=x"
    missing = victim[:-12] + "000000000000"
    assert nobody.delete(missing, headers=with_key(token)).status_code == 404
    assert db.session.scalars(select(IdempotencyRecord)).all() == []
    assert nobody.delete(victim, headers=with_key(token)).status_code == 204
    assert wrong


def test_an_answer_is_kept_for_its_idempotency_key_for_a_day(nobody, token, victim, clock):
    nobody.delete(victim, headers=with_key(token))
    clock.at = NOW + dt.timedelta(hours=24) - dt.timedelta(seconds=1)
    assert nobody.delete(victim, headers=with_key(token)).status_code == 204
    clock.at = NOW + dt.timedelta(hours=24)

    assert nobody.delete(victim, headers=with_key(token)).status_code == 404


def test_old_idempotency_records_are_forgotten(nobody, token, victim):
    nobody.delete(victim, headers=with_key(token))
    idempotency_records.forget_old(now=NOW + dt.timedelta(hours=24))
    db.session.commit()

    assert db.session.scalars(select(IdempotencyRecord)).all() == []


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_a_malformed_idempotency_key_is_refused(nobody, token, victim, key):
    assert nobody.delete(victim, headers=with_key(token, key)).status_code == 422
    assert effects() == 0


def test_a_crash_before_the_commit_leaves_no_idempotency_record_and_a_retry_works(nobody, app, token, victim):
    def crash(session):
        if any(True for _ in session.info.get("never", [])):
            return
        raise RuntimeError("the power went off")

    def on_commit(session):
        if (
            session.dirty
            or session.new
            or db.session.scalar(select(func.count()).select_from(IdempotencyRecord))
        ):
            crash(session)

    event.listen(db.session, "before_commit", on_commit)
    try:
        assert nobody.delete(victim, headers=with_key(token)).status_code == 500
    finally:
        event.remove(db.session, "before_commit", on_commit)
    assert effects() == 0

    assert nobody.delete(victim, headers=with_key(token)).status_code == 204
    assert effects() == 1


def test_an_unanswered_idempotency_key_is_waited_for_until_its_lease_is_over(
    nobody, token, victim, clock, monkeypatch
):
    nobody.delete(victim, headers=with_key(token))
    db.session.execute(update(IdempotencyRecord).values(status=None))
    db.session.commit()
    monkeypatch.setattr(idempotency, "_WAIT_SECONDS_MAX", 0.1)
    assert nobody.delete(victim, headers=with_key(token)).status_code == 409
    clock.at = NOW + dt.timedelta(seconds=30)

    assert nobody.delete(victim, headers=with_key(token)).status_code == 404  # worked on anew


def test_a_read_ignores_the_idempotency_key(nobody, token):
    for _ in range(2):
        assert nobody.get("/subscriptions", headers=with_key(token)).status_code == 200
    assert db.session.scalars(select(IdempotencyRecord)).all() == []

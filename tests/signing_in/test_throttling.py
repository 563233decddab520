"""Guessing passwords is counted in our own table, per account and per network (SECURITY.md, S10 and S11)."""

import datetime as dt
import threading

import pytest

from portal.access import credentials, passwords, throttle
from portal.access.throttle import Limit
from portal.domain.access import Preset
from portal.storage import db
from tests.factories import NOW, PASSWORD, make_member


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN)


@pytest.fixture
def hashes(monkeypatch):
    """Count how many passwords reach the hash."""
    compared = []

    def compare(password, stored):
        compared.append(password)
        return stored is not None and password == PASSWORD

    monkeypatch.setattr(passwords, "is_right", compare)
    return compared


def guess(login, password="wrong horse battery", *, address="192.0.2.1", at=NOW):
    found = credentials.recognise(login, password, address=address, now=at)
    db.session.commit()
    return found


def test_ten_wrong_passwords_an_hour_reach_the_hash(ada, hashes):
    for place in range(100):
        guess(ada.login, address=f"192.0.2.{place}")

    assert len(hashes) == 10


def test_the_right_password_is_refused_too_after_ten_guesses(ada, hashes):
    for _ in range(10):
        guess(ada.login)

    assert guess(ada.login, PASSWORD, address="198.51.100.9") is None


def test_the_right_password_signs_in_an_hour_after_too_many_guesses(ada, hashes):
    for _ in range(11):
        guess(ada.login)

    assert guess(ada.login, PASSWORD, at=NOW + dt.timedelta(minutes=59)) is None
    assert guess(ada.login, PASSWORD, at=NOW + dt.timedelta(hours=1)) == ada


def test_guesses_for_one_account_do_not_affect_another(ada, acme, hashes):
    grace = make_member(acme, Preset.VIEWER)
    for _ in range(15):
        guess(ada.login)

    assert guess(grace.login, PASSWORD) == grace


def test_guesses_for_an_unknown_address_are_counted_too(app, hashes):
    for _ in range(15):
        guess("eve@example.org")

    assert len(hashes) == 10


def test_twenty_guesses_an_hour_from_one_network_reach_the_hash(app, hashes):
    for place in range(40):
        guess(f"person{place}@example.org")

    assert len(hashes) == 20


def test_guesses_from_addresses_of_one_ipv6_network_are_counted_together(app, hashes):
    for place in range(40):
        guess(f"person{place}@example.org", address=f"2001:db8::{place:x}")

    assert len(hashes) == 20


def test_a_right_password_is_not_counted_as_a_guess(ada, hashes):
    for _ in range(60):
        assert guess(ada.login, PASSWORD) == ada


def test_a_right_password_begins_the_count_of_guesses_anew(ada, hashes):
    for _ in range(9):
        guess(ada.login)
    guess(ada.login, PASSWORD)
    for _ in range(9):
        guess(ada.login)

    assert guess(ada.login, PASSWORD) == ada


def test_concurrent_guesses_are_all_counted(app, ada, hashes):
    def from_elsewhere():
        with app.app_context():
            credentials.recognise("eve@example.org", "wrong", address="192.0.2.7", now=NOW)
            db.session.commit()
            db.session.remove()

    threads = [threading.Thread(target=from_elsewhere) for _ in range(24)]
    db.session.commit()
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(hashes) == 10


def test_the_table_of_guesses_names_nobody(app, hashes):
    guess("eve@example.org")
    rows = db.session.execute(db.text("SELECT key FROM throttle")).scalars().all()

    assert len(rows) == 2
    assert not [key for key in rows if "eve" in key or "192" in key]


def test_limits_that_are_over_are_forgotten(app):
    throttle.take(Limit("test", "a", 1), now=NOW)
    throttle.take(Limit("test", "b", 1), now=NOW + dt.timedelta(minutes=30))
    throttle.forget_over(now=NOW + dt.timedelta(hours=1))
    db.session.commit()

    assert throttle.take(Limit("test", "b", 1), now=NOW + dt.timedelta(hours=1)) == 1800


def test_the_sign_in_form_says_the_same_before_and_after_the_limit(nobody, ada):
    nobody.get("/login")
    texts = set()
    for place in range(12):
        data = {"csrf_token": nobody.csrf_token, "login": ada.login, "password": f"wrong {place}"}
        response = nobody.post("/login", data=data)
        texts.add((response.status_code, response.text.replace(nobody.csrf_token, "")))
    data |= {"password": PASSWORD}
    response = nobody.post("/login", data=data)
    texts.add((response.status_code, response.text.replace(nobody.csrf_token, "")))

    assert len(texts) == 1


def test_guesses_do_not_keep_a_signed_in_account_from_confirming_its_password(ada, hashes):
    for _ in range(15):
        guess(ada.login)
    found = credentials.recognise(
        ada.login, PASSWORD, address="192.0.2.9", now=NOW, purpose=credentials.CONFIRM
    )

    assert found == ada


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_guesses_from_an_address_are_counted_by_its_network(address, network):
    assert throttle.network_of(address) == network

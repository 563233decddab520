"""Another site makes a browser send something: every unsafe route, every known way (S6)."""

from collections.abc import Callable

import pytest

from portal.access import sessions
from portal.storage import db
from tests.factories import NOW
from tests.page import JSON, CheckingClient, client_of
from tests.security.doors import Door, doors
from tests.security.world import checksum

TEXT = "text/plain"
Forgery = Callable[[CheckingClient, Door, str], int]


def entered(app, account) -> CheckingClient:
    client = client_of(app)
    with client.session_transaction() as session:
        session["_user_id"] = sessions.begin(account, now=NOW)
    db.session.commit()
    client.get("/account")
    return client


def without_token(client, door, stranger):
    return client.open(door.path, method=door.method, data=door.form)


def with_a_strangers_token(client, door, stranger):
    return client.open(door.path, method=door.method, data=door.form | {"csrf_token": stranger})


def with_a_strangers_token_in_the_header(client, door, stranger):
    return client.open(
        door.path, method=door.method, data=door.form, headers={"X-CSRFToken": stranger, "HX-Request": "true"}
    )


def with_junk(client, door, stranger):
    return client.open(door.path, method=door.method, data=door.form | {"csrf_token": "junk"})


def with_an_empty_one(client, door, stranger):
    return client.open(door.path, method=door.method, data=door.form | {"csrf_token": ""})


def with_it_in_the_query(client, door, stranger):
    query = {"csrf_token": client.csrf_token}
    return client.open(door.path, method=door.method, data=door.form, query_string=query)


def as_json(client, door, stranger):
    return client.open(door.path, method=door.method, json=door.body or door.form, headers=JSON)


def as_text(client, door, stranger):
    text = "&".join(f"{name}={text}" for name, text in door.form.items())
    return client.open(
        door.path, method=door.method, data=f"{text}&csrf_token={client.csrf_token}", content_type=TEXT
    )


def as_json_in_text(client, door, stranger):
    return client.open(door.path, method=door.method, data='{"csrf_token": "x"}', content_type=TEXT)


def from_elsewhere(client, door, stranger):
    headers = {"Origin": "https://evil.test", "Referer": "https://evil.test/", "Sec-Fetch-Site": "cross-site"}
    return client.open(door.path, method=door.method, data=door.form, headers=headers)


def with_the_right_token_by_another_site(client, door, stranger):
    headers = {"X-CSRFToken": client.csrf_token, "Sec-Fetch-Site": "cross-site"}
    return client.open(door.path, method=door.method, data=door.form, headers=headers)


def with_the_right_token_by_a_neighbour(client, door, stranger):
    headers = {"X-CSRFToken": client.csrf_token, "Sec-Fetch-Site": "same-site"}
    return client.open(door.path, method=door.method, data=door.form, headers=headers)


def with_the_right_token_of_another_origin(client, door, stranger):
    headers = {"X-CSRFToken": client.csrf_token, "Origin": "https://evil.test"}
    return client.open(door.path, method=door.method, data=door.form, headers=headers)


def with_the_right_token_of_an_opaque_origin(client, door, stranger):
    headers = {"X-CSRFToken": client.csrf_token, "Origin": "null"}
    return client.open(door.path, method=door.method, data=door.form, headers=headers)


FORGERIES: tuple[Forgery, ...] = (
    without_token,
    with_a_strangers_token,
    with_a_strangers_token_in_the_header,
    with_junk,
    with_an_empty_one,
    with_it_in_the_query,
    as_json,
    as_text,
    as_json_in_text,
    from_elsewhere,
    with_the_right_token_by_another_site,
    with_the_right_token_by_a_neighbour,
    with_the_right_token_of_another_origin,
    with_the_right_token_of_an_opaque_origin,
)
OF_A_BROWSER = (
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {},
)


def test_no_forged_request_changes_anything(app, tenants, proves):
    ours, theirs = tenants
    stranger = entered(app, theirs.admin).csrf_token
    before, sent, wrong = checksum(ours), 0, []
    every_door = doors(app, ours)
    client = entered(app, ours.admin)
    anybody = client_of(app)
    anybody.get("/login")
    before = checksum(ours)
    for door in every_door:
        for forge in FORGERIES:
            answer = forge(anybody if door.is_public else client, door, stranger)
            sent += 1
            if answer.status_code != 400:
                wrong.append(f"{door}, {forge.__name__}: {answer.status_code}")
    assert wrong == []
    assert checksum(ours) == before
    assert client.get("/account").status_code == 200, "it is still signed in"
    assert len(every_door) >= 15
    proves(f"S6 {sent} forged requests at {len(every_door)} doors: all 400, 0 rows changed")


def test_a_csrf_token_of_the_previous_session_is_refused(app, tenants):
    ours, _ = tenants
    client = entered(app, ours.admin)
    old = client.csrf_token
    client.submit("/logout")
    after = client_of(app)
    with after.session_transaction() as session:
        session["_user_id"] = sessions.begin(ours.admin, now=NOW)
    db.session.commit()
    after.get("/account")
    before = checksum(ours)
    for door in doors(app, ours):
        if not door.is_public:
            answer = with_a_strangers_token(after, door, old)
            assert answer.status_code == 400, door
    assert checksum(ours) == before


@pytest.mark.parametrize("headers", OF_A_BROWSER)
def test_a_form_of_our_own_page_is_taken_from_every_browser(app, tenants, headers):
    ours, _ = tenants
    client = entered(app, ours.admin)
    form = {"csrf_token": client.csrf_token, "theme": "dark"}
    assert client.post("/account", data=form, headers=headers).status_code == 303


def test_a_get_that_claims_another_method_stays_a_get(app, tenants):
    ours, _ = tenants
    client = entered(app, ours.admin)
    before = checksum(ours)
    for door in doors(app, ours):
        if door.endpoint == "signing_in.sign_in":
            continue
        headers = {"X-HTTP-Method-Override": door.method, "X-Method-Override": door.method}
        query = door.form | {"_method": door.method, "csrf_token": client.csrf_token}
        answer = client.get(door.path, query_string=query, headers=headers)
        assert answer.status_code in {200, 303, 404, 405}, (door, answer.status_code)
    assert checksum(ours) == before


def test_the_requests_that_were_forged_work_from_their_own_page(app, tenants):
    """Or everything above would be refused for another reason."""
    ours, _ = tenants
    opened = set()
    for door in doors(app, ours):
        client = entered(app, ours.admin)
        if door.is_public:
            continue
        headers = {"X-CSRFToken": client.csrf_token} | (JSON if door.body is not None else {})
        if door.body is None:
            answer = client.open(door.path, method=door.method, data=door.form, headers=headers)
        else:
            answer = client.open(door.path, method=door.method, json=door.body, headers=headers)
        if answer.status_code != 400:
            opened.add(door.endpoint)
    assert opened >= {door.endpoint for door in doors(app, ours) if not door.is_public}

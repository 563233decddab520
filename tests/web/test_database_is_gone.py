"""The database goes away at any point of a request: the answer is what it was, or 503; never 500."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bs4 import BeautifulSoup
from flask import g
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.pool import Pool

from portal.access import sessions
from portal.domain.access import Preset
from portal.storage import db
from portal.web import log
from tests.factories import make_member, make_token
from tests.page import JSON, bearer, check_headers, htmx

SENTENCE = "Our database is not available right now. Please try again in a minute."
_STEPS_MAX = 60


class Gone:
    """A database that works for some steps of its driver, and then is gone: nothing reaches it any more."""

    def __init__(self, monkeypatch) -> None:
        self.steps, self.last, self.is_armed = 0, 0, False
        dialect = db.engine.dialect
        self._error = dialect.loaded_dbapi.OperationalError
        for name in ("do_commit", "do_rollback", "do_ping"):
            monkeypatch.setattr(dialect, name, self._counted(getattr(dialect, name)))
        is_disconnect = dialect.is_disconnect
        monkeypatch.setattr(
            dialect, "is_disconnect", lambda error, *rest: "gone" in str(error) or is_disconnect(error, *rest)
        )
        self._listened = [(db.engine, "do_connect", self._on_connect)]
        executions = ("do_execute", "do_executemany", "do_execute_no_params")
        self._listened += [(db.engine, name, self._on_execute) for name in executions]
        for listened in self._listened:
            event.listen(*listened)

    def forget(self) -> None:
        for listened in self._listened:
            event.remove(*listened)

    @contextmanager
    def after(self, steps: int) -> Iterator[None]:
        """Be gone after so many steps of what is inside."""
        self.steps, self.last, self.is_armed = 0, steps, True
        try:
            yield
        finally:
            self.is_armed = False

    def _step(self) -> None:
        if self.is_armed:
            self.steps += 1
            if self.steps > self.last:
                raise self._error("the server is gone")

    def _counted(self, work):
        def counted(*arguments):
            self._step()
            return work(*arguments)

        return counted

    def _on_connect(self, *_: object) -> None:
        self._step()

    def _on_execute(self, *_: object) -> None:
        self._step()


@pytest.fixture
def gone(app, monkeypatch) -> Iterator[Gone]:
    found = Gone(monkeypatch)
    yield found
    found.forget()
    db.session.remove()
    db.engine.dispose()


@pytest.fixture
def ada(acme):
    return make_member(acme, Preset.ADMIN)


@pytest.fixture
def browser(app, clock, ada):
    """A browser of Ada's that looks at nothing by itself."""
    client = FlaskClient(app, app.response_class)
    with client.session_transaction() as session:
        session["_user_id"] = sessions.begin(ada, now=clock.at)
    db.session.commit()
    return client


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the log would say, written as it is in production; a line that cannot be written is an error."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    written: list[str] = []
    handler = Lines()
    handler.setFormatter(log.JsonLines())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def answers(app, gone, ask) -> list:
    """Return the answers where the database is gone after 0, 1, 2 … steps, and the undisturbed one."""
    found = []
    for steps in range(_STEPS_MAX):
        db.session.remove()
        db.engine.dispose()
        with gone.after(steps), app.app_context():  # its end is part of what is tried
            found.append(ask())
        if gone.steps <= steps:
            return found
    raise AssertionError("it is never done")


def checked(app, gone, ask, *, good: set[int]) -> list:
    """Check that every answer is good or the sentence, and return those with the sentence."""
    found = answers(app, gone, ask)
    assert {answer.status_code for answer in found} <= good | {503}
    assert found[-1].status_code in good
    refused = [answer for answer in found if answer.status_code == 503]
    assert len(refused) > 2
    for answer in found:
        check_headers(answer)
    for answer in refused:
        assert answer.headers["Retry-After"] == "10"
        assert SENTENCE in answer.text
    return refused


def test_a_page_is_itself_or_says_that_the_database_is_away(app, gone, browser, lines):
    for answer in checked(app, gone, lambda: browser.get("/subscriptions"), good={200}):
        page = BeautifulSoup(answer.text, "html.parser")
        assert page.h1.text == "Not available right now"
        assert answer.headers["X-Request-Id"] in page.select_one(".note").text
        assert page.nav is None
    assert any("database unavailable" in line for line in lines)


def test_a_fragment_is_itself_or_a_notice_that_the_database_is_away(app, gone, browser):
    def ask():
        return browser.get("/subscriptions", headers=htmx("list"))

    for answer in checked(app, gone, ask, good={200}):
        assert answer.headers["HX-Retarget"] == "#notices"
        assert "<html" not in answer.text


def test_a_program_is_told_in_json_that_the_database_is_away(app, gone, acme, ada):
    token = bearer(make_token(acme, ada))
    client = FlaskClient(app, app.response_class)

    for answer in checked(app, gone, lambda: client.get("/subscriptions", headers=token | JSON), good={200}):
        assert answer.json["errors"][0]["code"] == "provider_unavailable"
        assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_a_page_that_does_not_exist_is_404_without_the_database_too(app, gone, browser):
    found = answers(app, gone, lambda: browser.get("/nowhere"))

    assert {answer.status_code for answer in found} == {404}
    assert "Back to the overview" not in found[0].text
    assert "Back to the overview" in found[-1].text


def test_a_write_is_done_or_says_that_the_database_is_away(app, gone, acme, ada):
    token, keys = bearer(make_token(acme, ada)), iter(range(_STEPS_MAX))
    client = FlaskClient(app, app.response_class)

    def write():
        headers = token | {"Idempotency-Key": f"key {next(keys)}"}
        return client.post(f"/organizations/{acme.uid}/tokens", json={"name": "ci"}, headers=headers)

    checked(app, gone, write, good={201})


def test_a_refused_write_is_refused_or_says_that_the_database_is_away(app, gone, acme, ada):
    token, keys = bearer(make_token(acme, ada)), iter(range(_STEPS_MAX))
    client = FlaskClient(app, app.response_class)

    def write():
        headers = token | {"Idempotency-Key": f"key {next(keys)}"}
        return client.post(f"/organizations/{acme.uid}/tokens", json={"name": ""}, headers=headers)

    checked(app, gone, write, good={422})


def test_a_form_is_taken_or_says_that_the_database_is_away(app, gone, browser):
    with app.app_context():
        page = BeautifulSoup(browser.get("/account").text, "html.parser")
    fields = {"csrf_token": page.select_one("[name=csrf_token]")["value"], "theme": "dark"}

    checked(app, gone, lambda: browser.post("/account", data=fields), good={303})


def test_a_pool_without_a_free_connection_is_503(app, browser, monkeypatch):
    pool: Pool = db.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.01, raising=False)
    if not hasattr(pool, "_max_overflow"):
        pytest.skip("this pool has no bound")
    db.session.remove()
    taken = [db.engine.raw_connection() for _ in range(pool.size() + pool._max_overflow)]
    with app.app_context():
        answer = browser.get("/subscriptions")
    for connection in taken:
        connection.close()

    assert answer.status_code == 503
    assert SENTENCE in answer.text


def test_a_mistake_of_ours_is_shown_without_asking_who_is_told(app, browser, monkeypatch):
    def mistake(*_: object, **__: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr("portal.subscriptions.routes.queries", mistake)
    with app.app_context():
        answer = browser.get("/subscriptions")

    assert answer.status_code == 500
    assert "<nav" not in answer.text


def test_a_log_line_names_the_organization_without_asking_the_database(app, gone, acme, ada, lines):
    with app.test_request_context("/"), gone.after(0):
        g.organization_uid = str(acme.uid)
        logging.getLogger("portal").error("database unavailable")

    assert str(acme.uid) in lines[-1]

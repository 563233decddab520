"""A client that reads every HTML answer it gets, and holds it against what every page owes."""

import uuid
from collections import Counter
from collections.abc import Callable

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.storage import db

JSON = {"Accept": "application/json"}


def htmx(target: str) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}


class CheckingClient(FlaskClient):
    """Checks each page, and sends the CSRF token of the last one with every form."""

    csrf_token = ""
    before_each: Callable[[], object] | None = None

    def open(self, *args, **kwargs) -> TestResponse:
        if self.before_each:
            self.before_each()
        db.session.commit()  # what the test wrote is there, and no lock of it is in the way
        with self.application.app_context():  # a request has its own session and its own `g`
            response = super().open(*args, **kwargs)
        db.session.expire_all()
        check_headers(response)
        if response.mimetype == "text/html" and response.text and not response.location:
            self._check(response)
        return response

    def _check(self, response: TestResponse) -> None:
        soup = BeautifulSoup(response.text, "html.parser")
        if soup.html:
            check_page(soup)
            self.csrf_token = soup.body["hx-headers"].partition('": "')[2].rstrip('"}')
        check_fragment(soup)

    def page(self, url: str, status: int = 200, **kwargs) -> BeautifulSoup:
        response = self.get(url, **kwargs)
        assert response.status_code == status, (response.status_code, response.text[:2000])
        return BeautifulSoup(response.text, "html.parser")

    def json(self, url: str, status: int = 200, **kwargs):
        response = self.get(url, headers=JSON | kwargs.pop("headers", {}), **kwargs)
        assert response.status_code == status, (response.status_code, response.text[:2000])
        return response.json

    def submit(self, url: str, **fields) -> TestResponse:
        """Send a form as a browser would, with its CSRF token."""
        if not self.csrf_token:
            self.get("/account")
        return self.post(url, data={"csrf_token": self.csrf_token} | fields)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def check_headers(response: TestResponse) -> None:
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert uuid.UUID(response.headers["X-Request-Id"])
    assert response.headers["Cache-Control"]
    if response.mimetype == "application/json" and response.status_code >= 400 and response.get_data():
        assert response.json["request_id"] == response.headers["X-Request-Id"]
        assert all(error["status"] == response.status_code for error in response.json["errors"])


def check_page(soup: BeautifulSoup) -> None:
    headings = soup.find_all("h1")
    assert len(headings) == 1, headings
    heading = " ".join(headings[0].text.split())
    assert " ".join(soup.title.text.split()).startswith(heading), (soup.title.text, heading)
    for field in soup.select("input:not([type=hidden]), select, textarea"):
        label = soup.select_one(f'label[for="{field.get("id")}"]')
        assert label or field.find_parent("label"), f"no label: {field}"


def check_fragment(soup: BeautifulSoup) -> None:
    ids = Counter(element["id"] for element in soup.select("[id]"))
    assert not [name for name, times in ids.items() if times > 1], ids
    assert not soup.select("[style], style, [onclick], [onload]"), "inline style or handler"
    assert not [script for script in soup.select("script") if not script.get("src")], "inline script"
    for form in soup.select("form"):
        if form.get("method") == "post":
            assert form.select_one('[name="csrf_token"]'), f"a form without CSRF token: {form}"


def client_of(app: Flask) -> CheckingClient:
    app.test_client_class = CheckingClient
    return app.test_client()

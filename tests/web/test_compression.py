"""Which answers are compressed, how, and which never: their length would tell a secret."""

import gzip

import brotli
import pytest
from flask.testing import FlaskClient

from portal.config import ROOT
from portal.domain.access import Preset
from portal.storage import db
from tests.factories import make_member, make_token
from tests.page import bearer

PACKED = {"Accept-Encoding": "gzip, deflate, br"}
UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}
OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = "/billing/usage"


def ask(client, path: str, method="GET", **more):
    """Ask past the checks of every page, which read text."""
    db.session.commit()
    with client.application.app_context():
        return FlaskClient.open(client, path, method=method, buffered=True, **more)


def unpacked(response) -> bytes:
    return UNPACK[response.headers.get("Content-Encoding")](response.data)


def varies_by(response) -> set[str]:
    return {each.strip() for each in response.headers["Vary"].split(",")}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("path", ["/static/portal.css", "/openapi.json", "/login"])
def test_the_encoding_is_one_that_the_client_unpacks(nobody, path, accepted, encoding):
    response = ask(nobody, path, headers={"Accept-Encoding": accepted})
    assert response.headers.get("Content-Encoding") == encoding
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert "Accept-Encoding" in varies_by(response), "a cache keeps each for its kind of client"
    plain = unpacked(response)
    assert plain.isascii() or plain.decode()


def test_a_static_file_is_sent_small_whole_and_with_a_weak_tag(nobody):
    plain = (ROOT / "static" / "vendor" / "htmx-2.0.11.min.js").read_bytes()
    first = ask(nobody, "/static/vendor/htmx-2.0.11.min.js", headers=PACKED)
    assert unpacked(first) == plain
    assert len(first.data) < len(plain) / 3
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    again = ask(nobody, "/static/vendor/htmx-2.0.11.min.js", headers=PACKED | {"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    part = ask(nobody, "/static/vendor/htmx-2.0.11.min.js", headers=PACKED | {"Range": "bytes=0-9"})
    assert (part.status_code, part.data) == (206, plain[:10])


def test_small_answers_and_packed_files_stay_as_they_are(nobody):
    assert "Content-Encoding" not in ask(nobody, "/healthz", headers=PACKED).headers
    font = ask(nobody, "/static/fonts/inter-latin.woff2", headers=PACKED)
    assert {"Content-Encoding", "Vary"}.isdisjoint(font.headers)


@pytest.mark.parametrize(
    ("asked_by", "is_packed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({}, False),
    ],
)
def test_a_page_with_a_cookie_is_compressed_only_where_no_other_site_asked_for_it(admin, asked_by, is_packed):
    response = ask(admin, PAGE, headers=PACKED | asked_by)
    assert ("Content-Encoding" in response.headers) is is_packed
    assert "X-CSRFToken" in unpacked(response).decode(), "the secret that its length would tell"
    assert {"Accept-Encoding", "Sec-Fetch-Site", "Cookie"} <= varies_by(response)


def test_a_program_with_a_token_gets_its_lists_compressed(nobody, acme):
    token = make_token(acme, make_member(acme, Preset.ADMIN))
    response = ask(nobody, f"{PAGE}?format=long", headers=PACKED | bearer(token) | {"Accept": "text/html"})
    assert response.headers["Content-Encoding"] == "br"


def test_an_answer_to_a_form_is_never_compressed(admin):
    """Such as the one that shows a new token, and that of Stripe's client secret."""
    form = {"csrf_token": "wrong", "name": "x" * 2000}
    response = ask(admin, "/account/password", "POST", data=form, headers=PACKED | OWN)
    assert len(response.data) > 1024
    assert "Content-Encoding" not in response.headers

"""What `requests` makes of a Link header, as an API client would read it."""

from urllib.parse import urlsplit

from requests.utils import parse_header_links
from werkzeug.test import TestResponse

from tests.page import JSON, CheckingClient


def next_url(response: TestResponse) -> str | None:
    """Return the path and query of the next slice, or None after the last one."""
    links = {each["rel"]: each["url"] for each in parse_header_links(response.headers.get("Link", ""))}
    if "next" not in links:
        return None
    parts = urlsplit(links["next"])
    assert f"{parts.scheme}://{parts.netloc}" == "http://localhost", "a link is whole"
    return f"{parts.path}?{parts.query}"


def slices(client: CheckingClient, url: str) -> list[list[dict]]:
    """Follow the links from slice to slice."""
    found = []
    following: str | None = url
    while following:
        response = client.get(following, headers=JSON)
        assert response.status_code == 200, response.text
        found.append(response.json)
        following = next_url(response)
    return found

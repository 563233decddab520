"""Browsers and programs that come from outside: by TLS through nginx, each from an address of its own."""

import http.client
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.production.front import HOST, Front

ORIGIN = f"https://{HOST}"
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_SECONDS_MAX = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self):
        return json.loads(self.text)


class _Connection(http.client.HTTPSConnection):
    def __init__(self, front: Front, address: str) -> None:
        super().__init__(HOST, timeout=_SECONDS_MAX, context=front.trust)
        self._front, self._address = front, address

    def connect(self) -> None:
        place = ("127.0.0.1", self._front.port)
        plain = socket.create_connection(place, _SECONDS_MAX, source_address=(self._address, 0))
        self.sock = self._front.trust.wrap_socket(plain, server_hostname=HOST)


class Visitor:
    """Somebody with cookies and one connection that is kept; all of 127.0.0.0/8 is there to come from."""

    def __init__(self, front: Front, address: str = "127.0.0.1") -> None:
        self.connection = _Connection(front, address)
        self.cookies: dict[str, str] = {}
        self.csrf_token = ""

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str | None) -> Answer:
        """Send a request; a header of None is left out."""
        given = {name.replace("_", "-"): text for name, text in headers.items() if text is not None}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        self.connection.request(method, path, body, given)
        response = self.connection.getresponse()
        answer = Answer(response.status, response.headers, response.read().decode())
        self._remember(answer)
        return answer

    def page(self, path: str) -> str:
        answer = self.ask(path)
        assert answer.status == 200, (answer.status, answer.text[:2000])
        return answer.text

    def submit(
        self,
        path: str,
        fields: Mapping[str, str],
        *,
        origin: str | None = ORIGIN,
        referer: str | None = f"{ORIGIN}/login",
        site: str | None = "same-origin",
        **headers: str,
    ) -> Answer:
        """Send a form as a browser would, from a page of ours unless said otherwise."""
        headers |= {"Content_Type": "application/x-www-form-urlencoded"}
        body = urlencode({"csrf_token": self.csrf_token, **fields})
        return self.ask(path, "POST", body, Origin=origin, Referer=referer, Sec_Fetch_Site=site, **headers)

    def sign_in(self, login: str, password: str, **headers: str) -> int:
        if not self.csrf_token:
            self.page("/login")
        return self.submit("/login", {"login": login, "password": password}, **headers).status

    def _remember(self, answer: Answer) -> None:
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, text = line.partition(";")[0].partition("=")
            self.cookies[name] = text
        token = _CSRF.search(answer.text)
        if token:
            self.csrf_token = token[1]

    def close(self) -> None:
        self.connection.close()

"""Plays the walk against one tree of code and writes down every answer; run by a path of its own.

`player.py list OUT` tells the addresses and commands of the tree; `player.py play STEPS ANSWERS` plays.
"""

import datetime as dt
import hashlib
import hmac
import json
import logging
import os
import re
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, os.environ["COMPARE_TREE"])

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import portal
from portal import config
from portal.app import create_app

_CSRF = (re.compile(r'"X-CSRFToken": ?"([^"]+)"'), re.compile(r'name="csrf_token"[^>]*value="([^"]+)"'))
_ODD_TOKENS = {"unknown": "bpk_" + "0" * 36, "malformed": "nothing"}


class Player:
    """One browser for each person, one clock for all."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self._noon = dt.datetime.fromisoformat(manifest["now"])
        self._now = self._noon
        self._cookies, self._tokens = manifest["people"], manifest["tokens"] | _ODD_TOKENS
        self.app = _app(lambda: self._now)
        self._clients: dict[str, FlaskClient] = {}
        self._captured: dict[str, str] = {}

    def play(self, step: dict[str, Any]) -> dict[str, Any]:
        if "stand_in" in step:
            return _at_stand_in(step["stand_in"])
        if "command" in step:
            return self._command(step["command"])
        self._now = self._noon + dt.timedelta(minutes=step.get("minutes", 0))
        who = self._filled(step["who"])
        response = self._open(who, step)
        for name, pattern in step.get("capture", {}).items():
            match = re.search(pattern, response.get_data(as_text=True))
            self._captured[name] = match[1] if match else f"no {name}"
        return _written(response)

    def _open(self, who: str, step: dict[str, Any]) -> TestResponse:
        client = self._client(who)
        headers = dict(step.get("headers", {}))
        if who.startswith("token "):
            headers["Authorization"] = f"Bearer {self._tokens.get(who[6:], who[6:])}"
        if who == "basic":
            headers["Authorization"] = "Basic YTpi"
        fields = (
            {name: self._filled(text) for name, text in step.get("form", {}).items()}
            if "form" in step
            else None
        )
        if step.get("csrf") and "Authorization" not in headers:
            token = self._csrf_token(client)
            if fields is None:
                headers["X-CSRFToken"] = token
            else:
                fields["csrf_token"] = token
        data: Any = fields if fields is not None else step.get("data")
        if "stripe" in step:
            headers["Stripe-Signature"] = _signature(step["data"], step["stripe"])
        return client.open(self._filled(step["path"]), method=step["method"], headers=headers, data=data)

    def _client(self, who: str) -> FlaskClient:
        if who not in self._clients:
            client = self.app.test_client()
            if who in self._cookies:
                with client.session_transaction(base_url="http://localhost") as session:
                    session["_user_id"] = self._cookies[who]
            self._clients[who] = client
        return self._clients[who]

    def _csrf_token(self, client: FlaskClient) -> str:
        page = client.get("/login/forgot", headers={"Accept": "text/html"}).get_data(as_text=True)
        return next((match[1] for match in (each.search(page) for each in _CSRF) if match), "")

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self._captured.get(match[1], match[0]), text)

    def _command(self, words: list[str]) -> dict[str, Any]:
        if "--now" in words:  # a command is told no time that is still to come
            with suppress(ValueError):
                self._now = dt.datetime.fromisoformat(words[words.index("--now") + 1])
        result = self.app.test_cli_runner().invoke(args=words)
        text = result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            text += f"\n{type(result.exception).__name__}: {result.exception}"
        return {"status": result.exit_code, "headers": [], "kind": "text/plain", "text": text}


def _app(clock: Callable[[], dt.datetime]) -> Flask:
    """Return the portal; the old code knew by itself what the demo chooses and shows."""
    if find_spec("portal.demo.settings") is None:
        return create_app(config.from_environment(), clock=clock)
    from portal.demo import settings as demo
    from portal.demo.mails import show_mails

    return show_mails(create_app(config.from_environment(demo=demo.defaults), clock=clock))


def _at_stand_in(path: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {os.environ['EASYBILL_API_KEY']}"}
    request = urllib.request.Request(os.environ["EASYBILL_API_BASE"] + path, headers=headers)
    with urllib.request.urlopen(request) as answer:
        text = re.sub(
            r'"(created_at|updated_at|edited_at|sent_at)": ?"[^"]*"', r'"\1": "then"', answer.read().decode()
        )
        return {"status": answer.status, "headers": [], "kind": "application/json", "text": text}


def _signature(body: str, kind: str) -> str:
    at = int(time.time())
    secret = os.environ["STRIPE_WEBHOOK_SECRET"]
    right = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={right if kind == 'right' else 'wrong'}" if kind else ""


def _written(response: TestResponse) -> dict[str, Any]:
    body = response.get_data()
    answer: dict[str, Any] = {
        "status": response.status_code,
        "headers": sorted(response.headers),
        "kind": response.mimetype,
    }
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return answer | {"bytes": hashlib.sha256(body).hexdigest() + f" ({len(body)} bytes)"}
    headers = [(name, _without_ports(value)) for name, value in answer["headers"]]
    return answer | {"headers": headers, "text": _without_ports(text)}


def _without_ports(text: str) -> str:
    """Name the stand-ins rather than their ports, which differ from walk to walk."""
    for name in ("STRIPE_API_BASE", "EASYBILL_API_BASE"):
        text = text.replace(os.environ[name], f"http://{name}")
    return text


def _listing(app: Flask) -> dict[str, Any]:
    faces = {name: getattr(view, "faces", None) for name, view in app.view_functions.items()}
    policies = {name: _policy(view) for name, view in app.view_functions.items()}
    rules = [
        {
            "rule": rule.rule,
            "endpoint": rule.endpoint,
            "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}),
            "is_public": policies[rule.endpoint] == "public",
            "fragments": sorted(faces[rule.endpoint][2]) if faces.get(rule.endpoint) else [],
        }
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    ]
    return {"rules": rules, "commands": _commands(app.cli, [])}


def _policy(view: Any) -> str:
    """Return who may call a view, as the old code declares it."""
    return str(getattr(getattr(view, "policy", None), "wanted", "public"))


def _commands(group: Any, words: list[str]) -> list[list[str]]:
    listed = [words]
    for name in sorted(getattr(group, "commands", {})):
        if words or name not in {"db", "run", "shell", "routes"}:
            listed += _commands(group.commands[name], [*words, name])
    return listed


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    tree = os.environ["COMPARE_TREE"]
    assert str(Path(portal.__file__).resolve()).startswith(tree), f"{portal.__file__} is not of {tree}"
    var = Path(os.environ["PORTAL_VAR"])
    player = Player(json.loads((var / "manifest.json").read_text()))
    if sys.argv[1] == "list":
        Path(sys.argv[2]).write_text(json.dumps(_listing(player.app)))
        return
    if sys.argv[1] == "migrate":
        import flask_migrate

        with player.app.app_context():
            flask_migrate.upgrade()
        return
    steps = json.loads(Path(sys.argv[2]).read_text())
    started = time.monotonic()
    answers = [player.play(step) for step in steps]
    Path(sys.argv[3]).write_text(json.dumps(answers))
    sys.stderr.write(f"{tree}: {len(steps)} steps in {time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main()

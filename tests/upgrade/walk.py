"""A walk that every release can make, run by its own code: `walk.py ROLE FACTS`.

FACTS is a file of JSON that the first walk writes and later ones read. A walk prints what it saw, as JSON. It
stands alone: of the portal it knows the commands, the addresses, and `wsgi.app`.
"""

import datetime as dt
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from wsgi import app

NOW = dt.datetime.now(dt.UTC)
MONTH = f"{(NOW.replace(day=1) - dt.timedelta(days=40)):%Y-%m}"  # over, and past its grace
PROFILE = {
    "name": "Acme GmbH",
    "street": "Musterstraße 1",
    "postal_code": "20095",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": None,
    "buyer_reference": None,
    "order_number": None,
    "emails": ["billing@acme.example"],
    "language": "en",
}


def command(*arguments: str) -> str:
    done = app.test_cli_runner().invoke(args=list(arguments))
    if done.exit_code:
        raise RuntimeError(f"{' '.join(arguments)}: {done.output}{done.exception or ''}")
    return done.output.strip().splitlines()[-1] if done.output.strip() else ""


def fill() -> Mapping[str, str]:
    """Make a customer with a subscription, somebody who may do all, and a collector."""
    address = ("--street", "Musterstraße 1", "--postal-code", "20095", "--city", "Hamburg", "--country", "DE")
    more = ("--currency", "EUR", "--email", "billing@acme.example")
    organization = command("directory", "add-organization", "Acme GmbH", *address, *more)
    login = "ada@acme.example"
    command("directory", "add-account", login, "--name", "Ada", "--password", "correct horse battery")
    command("directory", "add-member", login, "--organization", organization, "--preset", "admin")
    token = command("directory", "add-token", login, "--organization", organization, "--name", "walk")
    command("catalogue", "set-price", "vm", "--currency", "EUR", "--price", "0.5")
    since = ("--since", f"{MONTH}-01T00:00Z")
    subscription = command("catalogue", "subscribe", "vm", "--organization", organization, *since)
    collector = command("directory", "add-collector", "meter")
    return {
        "organization": organization,
        "token": token,
        "subscription": subscription,
        "collector": collector,
        "revision": "0",
    }


def read(facts: Mapping[str, str]) -> dict[str, int]:
    """Open every page that needs no more than an organization, and return its status by its address."""
    client = app.test_client()
    headers = {"Authorization": f"Bearer {facts['token']}", "Accept": "text/html"}
    seen = {}
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and rule.arguments <= {"organization_id"}:
            path = rule.rule.replace("<uuid:organization_id>", facts["organization"])
            answer = client.get(
                path, headers=headers, query_string={"organization_id": facts["organization"]}
            )
            seen[rule.rule] = answer.status_code
    return seen


def write(facts: dict[str, str]) -> dict[str, int]:
    """Report usage, save the profile, and run the clock."""
    client, bearer = app.test_client(), {"Authorization": f"Bearer {facts['token']}"}
    facts["revision"] = str(int(facts["revision"]) + 1)
    entry = {
        "subscription_id": facts["subscription"],
        "hour": f"{MONTH}-02T00:00:00Z",
        "quantity": facts["revision"],
        "revision": int(facts["revision"]),
    }
    collector = {"Authorization": f"Bearer {facts['collector']}"}
    profile = f"/organizations/{facts['organization']}/profile"
    version = client.get(profile, headers=bearer | {"Accept": "application/json"}).json["version"]
    seen = {
        "reported": client.post("/billing/usage", json=[entry], headers=collector).status_code,
        "saved": client.put(profile, json=PROFILE | {"version": version}, headers=bearer).status_code,
    }
    command("billing", "tick")
    return seen


def main() -> None:
    role, path = sys.argv[1], Path(sys.argv[2])
    if role == "fill":
        path.write_text(json.dumps(fill()))
        seen = {}
    else:
        facts = json.loads(path.read_text())
        seen = {"read": read, "write": write}[role](facts)
        path.write_text(json.dumps(facts))
    sys.stdout.write(f"\n{json.dumps(seen)}\n")


main()

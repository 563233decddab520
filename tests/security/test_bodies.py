"""Bodies that break parsers, at every door that takes one: the same refusal on both databases (S20)."""

import json

import pytest

from portal.account.directory import add_collector
from portal.storage import db
from tests.factories import NOW
from tests.page import JSON, bearer, client_of
from tests.security.doors import Door, doors
from tests.security.test_forgeries import entered
from tests.security.world import Tenant, checksum

# By the name of a field that the door knows; %s stands for it.
BODIES: dict[str, bytes] = {
    "NaN": b'{"%s": NaN}',
    "Infinity": b'{"%s": Infinity}',
    "a number too large for a float": b'{"%s": 1e400}',
    "a NUL": b'{"%s": "a\\u0000b"}',
    "a text that is too long": b'{"%s": "' + b"x" * 5000 + b'"}',
    "true for a number": b'{"%s": true}',
    "2 to the 63rd": b'{"%s": 9223372036854775808}',
    "a list": b'["%s"]',
    "a list in a list, often": b"[" * 60_000,
    "half a surrogate pair": b'{"%s": "\\ud83d"}',
    "a name twice": b'{"%s": "a", "%s": "b"}',
    "another type": b'{"%s": {"a": []}}',
    "nothing": b"",
    "a byte order mark": b'\xef\xbb\xbf{"%s": "a"}',
    "another charset": '{"%s": "ä"}'.encode("utf-16"),
    "text after it": b'{"%s": "a"} and more',
    "depth 1,000": b'{"%s": ' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}",
    "a megabyte": b'{"%s": "' + b"x" * 2**20 + b'"}',
    "bytes that are no UTF-8": b'{"%s": "\xff\xfe"}',
    "a number of 5,000 digits": b'{"%s": ' + b"9" * 5000 + b"}",
    "half of it": b'{"%s": "a',
    "null": b"null",
    "a key that is a NUL": b'{"\\u0000": "%s"}',
}
KINDS = ("application/json", "application/json; charset=utf-16", "application/x-ndjson", "text/json")
_told: dict[str, dict[str, int]] = {}


def name_at(door: Door) -> bytes:
    return next(iter({**(door.body or {}), **door.form}), "name").encode()


def every_json_door(app, owner: Tenant, collector: str) -> list[tuple[Door, dict[str, str]]]:
    """Return each door with the headers of who may open it."""
    client = entered(app, owner.admin)
    known = [
        (door, {"X-CSRFToken": client.csrf_token} if door.is_public else bearer(owner.token))
        for door in doors(app, owner)
    ]
    report = Door("metering.report", "POST", "/billing/usage", False, {}, {"subscription_id": ""})
    return [*known, (report, bearer(collector))]


@pytest.mark.timeout(180)
def test_a_body_that_breaks_parsers_is_refused_alike_by_every_endpoint(app, tenants, backend, proves):
    ours, _ = tenants
    collector = add_collector("region one", now=NOW)
    db.session.commit()
    client = entered(app, ours.admin)
    every_door = every_json_door(app, ours, collector)
    told, wrong = {}, []
    for door, who in every_door:
        for what, body in BODIES.items():
            for kind in KINDS if what in {"half of it", "another charset"} else KINDS[:1]:
                answer = client.open(
                    door.path,
                    method=door.method,
                    data=body.replace(b"%s", name_at(door)),
                    headers=JSON | who | {"X-CSRFToken": client.csrf_token, "Content-Type": kind},
                )
                told[f"{door}, {what}, {kind}"] = answer.status_code
                is_harmless = (not body and door.body is None) or door.endpoint.endswith("payment_intent")
                if answer.status_code >= 500 or (answer.status_code < 400 and not is_harmless):
                    wrong.append(f"{door}, {what}, {kind}: {answer.status_code} {answer.text[:200]}")
        if door.endpoint in {"payment_methods.payment_intent", "signing_in.sign_out"}:
            client = entered(app, ours.admin)
    assert wrong == []
    dialect = db.engine.dialect.name
    _told[dialect] = told
    assert len({tuple(sorted(each.items())) for each in _told.values()}) == 1
    proves(f"S20 {len(told)} hostile bodies at {len(every_door)} doors: 0 accepted, 0 answers of 500")


LINES = {
    "NaN": b'{"subscription_id": "%s", "hour": "%h", "quantity": NaN}',
    "an exponent": b'{"subscription_id": "%s", "hour": "%h", "quantity": 1e400}',
    "text": b'{"subscription_id": "%s", "hour": "%h", "quantity": "1e9"}',
    "negative": b'{"subscription_id": "%s", "hour": "%h", "quantity": "-1"}',
    "true": b'{"subscription_id": "%s", "hour": "%h", "quantity": true}',
    "a list": b'{"subscription_id": "%s", "hour": "%h", "quantity": [1]}',
    "2 to the 63rd": b'{"subscription_id": "%s", "hour": "%h", "quantity": 9223372036854775808}',
    "a revision that is text": (b'{"subscription_id": "%s", "hour": "%h", "quantity": 1, "revision": "1"}'),
    "a revision of 2 to the 63rd": (
        b'{"subscription_id": "%s", "hour": "%h", "quantity": 1, "revision": 9223372036854775808}'
    ),
    "an hour with a NUL": b'{"subscription_id": "%s", "hour": "2026\\u0000", "quantity": 1}',
    "an hour without a zone": b'{"subscription_id": "%s", "hour": "2026-03-02T05:00:00", "quantity": 1}',
    "an hour that is half": b'{"subscription_id": "%s", "hour": "2026-03-02T05:30:00Z", "quantity": 1}',
    "half a surrogate": b'{"subscription_id": "\\ud83d", "hour": "%h", "quantity": 1}',
    "an organization": (b'{"subscription_id": "%s", "hour": "%h", "quantity": 1, "organization_id": 1}'),
    "null": b"null",
    "nothing": b"{}",
}


def test_an_unusable_usage_entry_is_refused_and_its_batch_with_it(app, tenants):
    ours, _ = tenants
    token = add_collector("region one", now=NOW)
    db.session.commit()
    client, before = client_of(app), checksum(ours)
    good = {"subscription_id": str(ours.subscription), "hour": "2026-03-02T06:00:00Z", "quantity": 1}
    for what, line in LINES.items():
        bad = line.replace(b"%s", str(ours.subscription).encode()).replace(b"%h", b"%h")
        first = json.dumps(good).encode()
        bodies = {
            "application/json": b"[" + first + b"," + bad + b"]",
            "application/x-ndjson": first + b"\n" + bad,
        }
        for kind, body in bodies.items():
            answer = client.post("/billing/usage", data=body, headers=bearer(token), content_type=kind)
            assert answer.status_code in {400, 422}, (what, kind, answer.text)
    assert checksum(ours) == before

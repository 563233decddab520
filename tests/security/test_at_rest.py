"""Tokens are shown once: nothing that is kept, logged or shown has one (S12)."""

import io
import logging
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.domain import tokens
from portal.domain.access import Preset
from portal.models import ApiToken
from portal.storage import db
from portal.tokens import actions
from portal.web.log import JsonLines
from tests.factories import NOW, make_member
from tests.page import JSON, bearer, client_of
from tests.security.sizes import sized


@pytest.fixture
def written():
    """Everything that is logged, as it is written in production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def dump() -> str:
    """Return every value of every table as text; on SQLite the bytes of its files as well."""
    found = []
    for table in db.metadata.sorted_tables:
        found += [repr(tuple(row)) for row in db.session.execute(select(table))]
    if db.engine.dialect.name == "sqlite":
        path = Path(str(db.engine.url.database))
        found += [each.read_bytes().decode("latin-1") for each in path.parent.glob("portal.sqlite*")]
    return "\n".join(found)


@pytest.mark.timeout(180)
def test_a_token_is_nowhere_but_in_the_one_answer_that_showed_it(app, acme, written, proves):
    count = sized(100, 1000)
    people = [make_member(acme, Preset.ADMIN) for _ in range(count // 50)]  # each may have a hundred
    minted = [
        actions.make_token(acme, people[n % len(people)], f"token {n}", now=NOW).token for n in range(count)
    ]
    db.session.commit()
    client, shown = client_of(app), []
    for place, token in enumerate(minted):
        path = ("/subscriptions", f"/nowhere/{token}", f"/subscriptions?token={token}", "/login")[place % 4]
        shown.append(client.get(path, headers=bearer(token) | JSON).text)
        if place % 10 == 0:
            body = {"name": token, "unknown": token}
            answer = client.post(f"/organizations/{acme.uid}/tokens", json=body, headers=bearer(token))
            shown.append(answer.text)
            shown.append(client.post("/login", data={"login": token, "password": token}).text)
    everything = {"the database": dump(), "the log": written.getvalue(), "an answer": "\n".join(shown)}
    assert "token 7" in everything["the database"]
    assert "/nowhere" in everything["the log"]
    found = [(where, token) for where, text in everything.items() for token in minted if token in text]
    assert found == []
    assert len({tokens.fingerprint(each) for each in minted} & set(stored())) == count
    proves(f"S12 {count} tokens minted and used: 0 in the database, in {len(shown)} answers or in the log")


def stored() -> list[str]:
    return list(db.session.scalars(select(ApiToken.token_sha256)))

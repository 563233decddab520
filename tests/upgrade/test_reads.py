"""The new code on the previous release's schema shows what it showed, and is not ready."""

import flask_migrate
from sqlalchemy import inspect, select

from portal.domain.access import Preset
from portal.models import Organization
from portal.storage import db
from tests.factories import make_member, make_token
from tests.page import bearer
from tests.past_triggers import past_the_triggers
from tests.upgrade.filled import fill
from tests.upgrade.releases import releases

# What the previous release did not show: it may need what only the new schema has.
NEW = {"/metrics"}


def statuses(app, organization_id, token):
    """Return the status of each page that needs no more than an organization, by its rule."""
    seen = {}
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and rule.arguments <= {"organization_id"} and rule.rule not in NEW:
            path = rule.rule.replace("<uuid:organization_id>", organization_id)
            headers = bearer(token) | {"Accept": "text/html"}
            answer = app.test_client().get(
                path, headers=headers, query_string={"organization_id": organization_id}
            )
            seen[rule.rule] = answer.status_code
    return seen


def tables():
    with db.engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_the_new_code_on_the_old_schema_shows_what_was_shown_and_is_not_ready(fresh):
    flask_migrate.upgrade(revision=releases()[-1].head)
    released = tables()
    flask_migrate.upgrade()
    fill()
    organization = db.session.scalars(select(Organization)).one()
    token = make_token(organization, make_member(organization, Preset.ADMIN))
    organization_id = str(organization.uid)
    db.session.remove()
    expected = statuses(fresh, organization_id, token)
    assert expected["/readyz"] == 200
    assert expected["/billing/usage"] == 200

    # The previous release has no row in a new table, and a downgrade may refuse to lose one.
    past_the_triggers(*(f"DELETE FROM {table}" for table in tables() - released))
    flask_migrate.downgrade(revision=releases()[-1].head)
    assert statuses(fresh, organization_id, token) == expected | {"/readyz": 503}

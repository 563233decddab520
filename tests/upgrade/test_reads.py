"""The new code on the previous release's schema shows what it showed, and is not ready."""

import flask_migrate
from sqlalchemy import select

from portal.domain.access import Preset
from portal.models import Organization
from portal.storage import db
from tests.factories import make_member, make_token
from tests.page import bearer
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


def test_the_new_code_on_the_old_schema_shows_what_was_shown_and_is_not_ready(fresh):
    flask_migrate.upgrade()
    fill()
    organization = db.session.scalars(select(Organization)).one()
    token = make_token(organization, make_member(organization, Preset.ADMIN))
    organization_id = str(organization.uid)
    db.session.remove()
    expected = statuses(fresh, organization_id, token)
    assert expected["/readyz"] == 200
    assert expected["/billing/usage"] == 200

    flask_migrate.downgrade(revision=releases()[-1].head)
    assert statuses(fresh, organization_id, token) == expected | {"/readyz": 503}

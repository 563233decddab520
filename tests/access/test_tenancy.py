"""Whatever a request writes or asks belongs to its organization: the fences catch who forgets it."""

import pytest
from sqlalchemy import delete, select, update

from portal.access import tenancy
from portal.access.tenancy import ForeignRowError
from portal.domain.access import Preset
from portal.models import ApiToken, Invoice, Membership, Organization, Project, Subscription
from portal.storage import db
from tests.factories import make_member, make_organization, make_product, make_project, make_subscription
from tests.tenancy import UnscopedQueryError


@pytest.fixture
def theirs(app):
    organization = make_organization("Theirs")
    make_subscription(organization, make_product(), make_project(organization))
    make_member(organization, Preset.ADMIN)
    return organization


@pytest.fixture
def inside(acme, theirs):
    """As in a request of Acme's."""
    make_project(acme)
    tenancy.enter(acme.id)
    yield acme
    db.session.rollback()
    tenancy._leave(None)


def test_a_row_of_the_organization_of_the_request_is_written(inside):
    project = db.session.scalars(select(Project).where(Project.organization_id == inside.id)).one()
    project.name = "renamed"
    db.session.flush()


@pytest.mark.parametrize("how", ["change", "delete", "add"])
def test_a_row_of_an_organization_other_than_the_requests_is_not_written(acme, theirs, how):
    project = db.session.scalars(select(Project).where(Project.organization_id == theirs.id)).one()
    tenancy.enter(acme.id)
    if how == "change":
        project.name = "ours now"
    elif how == "delete":
        db.session.delete(project)
    else:
        db.session.add(Project(organization_id=theirs.id, id=99, code="x", name="x"))
    with pytest.raises(ForeignRowError):
        db.session.flush()
    db.session.rollback()
    tenancy._leave(None)


@pytest.mark.parametrize(
    "query",
    [
        select(Project),
        select(Project).where(Project.name == "production"),
        select(Subscription).join(Project, Project.id == Subscription.project_id),
        select(Invoice.id).where(Invoice.id.in_(select(ApiToken.id))),
        select(Subscription).join(Project, Project.organization_id == Subscription.organization_id),
        select(Organization).join(Membership, Membership.account_id == 1),
        update(Project).values(name="x"),
        delete(Project).where(Project.id == 1),
    ],
    ids=str,
)
def test_a_query_that_names_no_organization_is_refused(inside, query):
    with pytest.raises(UnscopedQueryError, match="without its organization"):
        db.session.execute(query)


def test_a_query_for_an_organization_other_than_the_requests_is_refused(inside, theirs):
    with pytest.raises(UnscopedQueryError, match="another organization"):
        db.session.execute(select(Project).where(Project.organization_id == theirs.id))


def test_a_query_for_the_requests_organization_and_another_is_refused(inside, theirs):
    with pytest.raises(UnscopedQueryError, match="another organization"):
        db.session.execute(select(Project).where(Project.organization_id.in_([inside.id, theirs.id])))


def test_a_join_that_carries_the_organization_is_allowed(inside):
    same = (Project.organization_id == Subscription.organization_id) & (Project.id == Subscription.project_id)
    query = select(Subscription).join(Project, same).where(Subscription.organization_id == inside.id)

    assert db.session.execute(query).all() == []


def test_tables_of_no_organization_are_queried_freely(inside):
    assert db.session.scalars(select(Organization)).all()

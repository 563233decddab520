"""The JSON contract of subscriptions. Add keys freely; never rename or retype one."""

from typing import Annotated
from uuid import UUID

from portal.subscriptions.queries import SubscriptionList, SubscriptionRow
from portal.web import shapes
from portal.web.shapes import Answer, doc


class Subscription(Answer, frozen=True):
    """A product that an organization uses, for a project or for itself."""

    id: UUID
    organization_id: UUID
    project_id: Annotated[UUID | None, doc("Null for what belongs to no project.")]
    product_id: UUID
    start_date: shapes.Instant
    end_date: Annotated[shapes.Instant | None, doc("Null while it is active.")]


def subscription_list(page: SubscriptionList) -> list[Subscription]:
    return [subscription(row) for row in page.subscriptions]


def subscription(row: SubscriptionRow) -> Subscription:
    return Subscription.of(
        row.subscription,
        id=row.subscription.uid,
        organization_id=row.organization.uid,
        project_id=row.subscription.project and row.subscription.project.uid,
        product_id=row.subscription.product.uid,
        start_date=row.starts_at,
        end_date=row.ends_at,
    )

"""The JSON contract of subscriptions. Add keys freely; never rename or retype one."""

from __future__ import annotations

from portal.subscriptions.queries import SubscriptionList, SubscriptionRow
from portal.web.json import JSON, instant


def subscription_list(page: SubscriptionList) -> list[JSON]:
    return [subscription(each) for each in page.subscriptions]


def subscription(page: SubscriptionRow) -> JSON:
    each = page.subscription
    return {
        "id": str(each.uid),
        "organization_id": str(page.organization.uid),
        "project_id": str(each.project.uid) if each.project else None,
        "product_id": str(each.product.uid),
        "start_date": instant(page.starts_at),
        "end_date": page.ends_at and instant(page.ends_at),
    }

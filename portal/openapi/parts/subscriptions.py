"""What an organization subscribes to."""

from __future__ import annotations

from portal.openapi.operations import ORGANIZATION, SLICE, Part, in_path, one, operation, slice_of
from portal.openapi.shapes import INSTANT, UID, answered, or_null, said

PART = Part(
    tag="Subscriptions",
    about="What an organization subscribes to, since when and until when.",
    paths={
        "/subscriptions": {
            "get": operation(
                "list_subscriptions",
                "The subscriptions of an organization",
                wanted="billing:read",
                parameters=[ORGANIZATION, *SLICE],
                answers={200: slice_of("Subscription")},
            ),
        },
        "/subscriptions/{subscription_id}": {
            "get": operation(
                "get_subscription",
                "One subscription",
                wanted="billing:read",
                parameters=[in_path("subscription_id", "Which one."), ORGANIZATION],
                answers={200: one("Subscription")},
            ),
        },
    },
    schemas={
        "Subscription": answered(
            "A product that an organization uses, for a project or for itself.",
            {
                "id": UID,
                "organization_id": UID,
                "project_id": said(or_null(UID), "Null for what belongs to no project."),
                "product_id": UID,
                "start_date": INSTANT,
                "end_date": said(or_null(INSTANT), "Null while it is active."),
            },
        ),
    },
)

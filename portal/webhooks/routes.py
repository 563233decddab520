"""The address that Stripe calls. Only its signature is believed, over the body as it came.

An event is stored and answered at once; the worker looks at its object later.
"""

from http import HTTPStatus

from flask import Blueprint, request
from werkzeug.exceptions import BadRequest

from portal.access.auth import WEBHOOK, Policy
from portal.payment_methods import queue
from portal.services import settings, stripe
from portal.web.clock import now
from portal.webhooks.steps import TYPES

bp = Blueprint("webhooks", __name__)


@bp.post("/webhooks/stripe")
@Policy(WEBHOOK)
def stripe_event() -> tuple[str, HTTPStatus]:
    signature = request.headers.get("Stripe-Signature", "")
    event = stripe().event_from(request.get_data(), signature, settings().stripe.webhook_secret)
    if event is None:
        raise BadRequest("The signature is not Stripe's, or this is no event.")
    if event.type in TYPES and event.is_live == stripe().is_live:
        queue.enqueue(event, now=now())
    return "", HTTPStatus.OK

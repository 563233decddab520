"""Delivers events, signed as Stripe signs them, and again later while an endpoint does not take them."""

import hashlib
import hmac
import json
import time
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from portal.sandbox.stripe.calls import Call, Route, send
from portal.sandbox.stripe.errors import invalid
from portal.sandbox.stripe.objects import new_webhook_endpoint
from portal.sandbox.stripe.parameters import web_address
from portal.sandbox.stripe.store import Object, Parcel, Store
from portal.sandbox.stripe.worker import Worker

TIMEOUT_SECONDS = 10
CONFIGURED_ENDPOINT = "we_configured"


class Delivery(StrEnum):
    """Whether events leave: at once, when they are let go, or never."""

    ON = "on"
    HELD = "held"
    DROPPED = "dropped"


class Courier(Worker):
    """One thread for all endpoints; open deliveries are in the store and survive a restart."""

    def __init__(self, store: Store, retry_delays: tuple[float, ...]) -> None:
        super().__init__("stripe-sandbox-webhooks")
        self._store = store
        self._retry_delays = retry_delays
        self._delivery = Delivery.ON

    def next_due_at(self) -> float | None:
        parcel = None if self._delivery is Delivery.HELD else self._store.next_delivery()
        return None if parcel is None else parcel.due_at

    def do_next(self) -> None:
        parcel = self._store.next_delivery()
        if parcel is None:
            return
        if self._delivery is Delivery.DROPPED:
            self._store.end_delivery(parcel.id)
        else:
            self._deliver(parcel)

    def routes(self) -> tuple[Route, ...]:
        """Not Stripe's: these calls hold events back, as if no endpoint had listened, and send one again."""
        return (
            Route("GET", "/v1/sandbox/webhooks", self._show),
            Route("POST", "/v1/sandbox/webhooks", self._switch, frozenset({"delivery"})),
            Route("POST", "/v1/sandbox/events/<event_id>/resend", self._resend),
        )

    def _show(self, _: Call) -> Object:
        return self.shown()

    def shown(self) -> Object:
        return {
            "object": "sandbox.webhooks",
            "delivery": self._delivery.value,
            "waiting": self._store.delivery_count(),
        }

    def _switch(self, call: Call) -> Object:
        delivery = call.parameters.get("delivery")
        if delivery not in set(Delivery):
            raise invalid(f"Invalid delivery: must be one of {', '.join(Delivery)}", "delivery")
        self._delivery = Delivery(delivery)
        return self._show(call)

    def _resend(self, call: Call, event_id: str) -> Object:
        event = call.find("event", event_id)
        send(call, event)
        return event

    def _deliver(self, delivery: Parcel) -> None:
        event = self._store.find("event", delivery.event_id)
        endpoint = self._store.find("webhook_endpoint", delivery.endpoint_id)
        is_last = delivery.attempt_count >= len(self._retry_delays)
        if event is None or endpoint is None or _is_taken(event, endpoint) or is_last:
            self._store.end_delivery(delivery.id)
        else:
            delay = self._retry_delays[delivery.attempt_count]
            self._store.retry_delivery(delivery.id, time.time() + delay)


def configure_endpoint(store: Store, url: str | None, secret: str | None) -> None:
    """The endpoint named at start-up takes the place of the one named at an earlier start."""
    with store.transaction():
        store.remove(CONFIGURED_ENDPOINT)
        if url and secret:
            endpoint = new_webhook_endpoint(
                created=int(time.time()), url=web_address(url, "url"), enabled_events=["*"], secret=secret
            )
            store.save(endpoint | {"id": CONFIGURED_ENDPOINT})


def signature_of(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header of a payload."""
    signed = str(timestamp).encode() + b"." + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def _is_taken(event: Object, endpoint: Object) -> bool:
    """Any answer but 2xx, a redirect too, counts as not taken."""
    payload = json.dumps(event, indent=2).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature_of(payload, endpoint["secret"], int(time.time())),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) sandbox",
    }
    address = urlsplit(endpoint["url"])
    connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    path = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
    try:
        connection.request("POST", path, payload, headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()

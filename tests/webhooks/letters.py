"""Events on their way to us, signed as Stripe signs them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from portal.sandbox.stripe.webhooks import signature_of
from tests.settings import WEBHOOK_SECRET


@dataclass(frozen=True)
class Letter:
    """An event on its way to us."""

    payload: bytes
    signature: str

    @staticmethod
    def of(event: dict, secret: str = WEBHOOK_SECRET, sent_at: float | None = None) -> Letter:
        payload = json.dumps(event, indent=2).encode()
        return Letter(payload, signature_of(payload, secret, int(sent_at or time.time())))

    def deliver(self, client):
        headers = {"Stripe-Signature": self.signature, "Content-Type": "application/json"}
        return client.post("/webhooks/stripe", data=self.payload, headers=headers)

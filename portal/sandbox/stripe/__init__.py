"""A stand-in for the part of Stripe that the portal uses, with its own origin and its own Stripe.js.

It is stateful, idempotent and strict: it refuses live keys, real card and account numbers, unknown
parameters, other API versions, and every operation the portal does not call. What it does not do:

- It moves no money: there are no payment intents, charges, refunds, invoices or subscriptions.
- Payment methods are cards and SEPA direct debits; no wallets, no Link, no bank redirects.
- A set-up intent never waits in `processing`; a SEPA account that fails when debited sets up well.
- 3-D Secure is always a redirect to the bank stand-in; there is no dialog within the page, and a
  card that asks for it needs a `return_url` even where Stripe would do without.
- Stripe.js has the payment element with a client secret and nothing else: no deferred intents, no
  other elements; the element heeds appearance, locale, business and default billing details only.
- There are no rate limits, no restricted keys, no Connect accounts; idempotency keys never expire.
- Events are retried within seconds, not days, one after another; endpoints are only created.
- A card is not asked for a country or postcode, and Radar looks at nothing.
- Shapes are held against stripe-python; where Stripe's wording of a message was not known, it is ours.
- Two levers under /v1/sandbox/ are not Stripe's: a card's renewal by its network, a mandate's end.
"""

from portal.sandbox.stripe.app import create_app

__all__ = ["create_app"]

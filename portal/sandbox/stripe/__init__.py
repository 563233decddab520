"""A stand-in for the part of Stripe that the portal uses, with its own origin and its own Stripe.js.

It is stateful, idempotent and strict: it refuses live keys, real card and account numbers, unknown
parameters, other API versions, and every operation the portal does not call. The tests hold every answer,
accepted request and event against Stripe's public document and stripe-python. It does not do everything:

- It moves no money: there are no payment intents, charges, refunds, invoices or subscriptions. So a SEPA
  account that fails when it is debited loses its mandate a minute after it was set up, and one that is
  late lets its set-up wait in `processing`, where Stripe would set both up at once.
- Payment methods are cards and SEPA direct debits; no wallets, no Link, no bank redirects.
- A set-up intent is created, listed, confirmed and canceled, not updated; its payment methods are those
  that are switched on, all or the allowed ones.
- 3-D Secure is always a redirect to the bank stand-in; there is no dialog within the page, and a
  card that asks for it needs a `return_url` even where Stripe would do without.
- Stripe.js has the payment element with a client secret and nothing else: no deferred intents, no
  other elements; the element heeds appearance, locale, business and default billing details only.
- There is one account: no Connect, no restricted keys, and every test key sees the same objects.
- There are no rate limits but rehearsed ones; idempotency keys and events are kept for ever.
- Events are retried within seconds, not days, one after another; endpoints are only created.
- A card is not asked for a country or postcode, and Radar looks at nothing.
- Where Stripe's wording of a message was not known, it is ours.
- What is under /v1/sandbox/ is not Stripe's but ours: faults, held-back events, an event again, a bank's
  late answer at once, a card's renewal, a mandate's end. docs/PAYMENTS.md says how each is used.
"""

from portal.sandbox.stripe.app import create_app

__all__ = ["create_app"]
